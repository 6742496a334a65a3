package upload

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"
)

// Compare parts each MANIFEST from an image that is not the one it describes: of another
// size, or, where digests is true and the name is one that a later capture can take again,
// of another SHA-256, which the server reads the whole image for. What this token may not
// see is not compared.
func (e *Endpoint) Compare(ctx context.Context, folder string, pairs []*Pair, digests bool) ([]*Pair, error) {
	work, inner := errgroup.WithContext(ctx)
	work.SetLimit(4)
	for _, k := range pairs {
		if k.Image == "" || k.Manifest == "" || k.Doubted || k.said.Size <= 0 {
			continue
		}
		work.Go(func() error {
			return e.Do(inner, func(int) (err error) {
				k.Differs, err = e.differs(inner, folder+"/"+k.Image, k, digests)
				return err
			})
		})
	}
	if err := work.Wait(); err != nil {
		return nil, err
	}
	for _, k := range pairs {
		if k.Differs == "" {
			continue
		}
		group, _, date, _ := Stamped(k.Manifest)
		m := lone(k.Manifest, group, date, k.said)
		m.Differs = k.Differs
		_, _, k.Date, _ = Stamped(k.Image)
		k.Manifest, k.Differs = "", "the MANIFEST beside it is not its own"
		pairs = append(pairs, m)
	}
	sortPairs(pairs)
	return pairs, nil
}

func (e *Endpoint) differs(ctx context.Context, image string, k *Pair, digests bool) (string, error) {
	size, err := e.client.Size(ctx, image)
	switch {
	case err != nil:
		return "", err
	case size >= 0 && size != k.said.Size:
		return "its image has another size", nil
	}
	// No other capture has this date and ident, so the name was not taken again.
	if _, tail, _, _ := Stamped(k.Image); !digests || tail != "" || !isSHA256(k.said.SHA256) {
		return "", nil
	}
	_, err = e.client.Confirm(ctx, image, k.said.SHA256)
	var remote *Error
	if errors.As(err, &remote) && remote.Status == 200 {
		return "its image has another SHA-256", nil
	}
	return "", err
}

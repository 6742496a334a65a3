package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"image-capture/compare"
	"image-capture/deploy"
	"image-capture/entry"
	"image-capture/manifest"
	"image-capture/upload"
)

// hooksArchive stores the archive that the Profile of a layer names where the layers cannot be
// unpacked without; see manifest.ProfileParams. The layers are read from the endpoint, where they have to be for the Profile as well.
func (r *run) hooksArchive(ctx context.Context) error {
	p := r.profile()
	name := p.HooksArchive()
	if name == "" {
		return nil
	}
	layers := append(slices.Clone(p.Under[1:]), manifest.Under{Path: p.Path, SHA256: p.SHA256, Size: r.facts.Size, Deleted: r.facts.Deleted})
	_, err := r.delivery.file(ctx, name, func(w io.Writer) error {
		var list []deploy.Layer
		for _, u := range layers {
			image := storedImage(ctx, r.opt.Endpoint, u)
			defer image.Close()
			list = append(list, deploy.Layer{Deleted: entry.Paths(u.Deleted), Tar: image, Size: u.Size})
		}
		return deploy.Tarball(w, list...)
	})
	if err != nil {
		return &HooksArchiveError{name, p.Layers(), err}
	}
	return nil
}

// ErrOtherLayer says that the endpoint has something else than the layer that a MANIFEST
// describes.
var ErrOtherLayer = errors.New("has another size or SHA-256 than the MANIFEST of the layer says")

// storedImage reads an image of the endpoint, and ends with ErrOtherLayer where it has another
// size or SHA-256.
func storedImage(ctx context.Context, end *upload.Endpoint, u manifest.Under) *compare.Whole {
	other := fmt.Errorf("%s on the endpoint %w", u.Path, ErrOtherLayer)
	open := func() (io.ReadCloser, error) {
		in, err := end.Fetch(ctx, u.Path)
		if err == nil && in.Size >= 0 && in.Size != u.Size {
			in.Close()
			return nil, other
		}
		return in, err
	}
	return &compare.Whole{Open: open, SHA256: u.SHA256, Other: other}
}

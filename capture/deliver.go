package capture

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"sync/atomic"

	"image-capture/manifest"
	"image-capture/upload"
)

// FilesURL is where an endpoint serves files to deployers: what is known, or what the
// endpoint says; empty where it may not be asked, or has an address that means another
// machine to each.
func FilesURL(ctx context.Context, end *upload.Endpoint, known, endpointURL string) string {
	if known != "" || (manifest.ProfileParams{Endpoint: endpointURL}).IsLoopback() {
		return known
	}
	u, err := end.FilesURL(ctx)
	if err != nil {
		return ""
	}
	return u
}

// Delivery stores an image and its MANIFEST on an endpoint: first the image, which is
// confirmed, then the MANIFEST, whose presence says that the image is whole, then the
// Profile.
type Delivery struct {
	Endpoint *upload.Endpoint
	Names    manifest.Names
	// Stored says that the endpoint took the image, Verified that it was seen to have
	// the same SHA-256.
	Stored, Verified bool
	// Overwrite says that files of these names may be there and are replaced. The old
	// MANIFEST is deleted before the new image goes out, where the token may: else it
	// would stand beside an image that it is not about, when anything fails after.
	Overwrite bool

	begun bool // an endpoint asked for the body, and the old MANIFEST was looked for
	stale bool // the old MANIFEST could not be deleted
	// awaited are the names whose files went out whole while no answer came: they may be
	// there.
	awaited []string
}

// Body is an image on its way.
type Body interface {
	io.Reader
	// Size is in bytes; -1 where it is not known before the end.
	Size() int64
	// Sum returns the SHA-256 in hex, once all of the image went out.
	Sum() (sum string, whole bool)
	// Wait waits for whatever makes the body, and returns what went wrong there.
	Wait() error
}

// Image sends the image, with as many attempts as the endpoint allows. open makes the
// body for each, and may change d.Names before.
func (d *Delivery) Image(ctx context.Context, open func(n int) (Body, error)) error {
	err := d.Endpoint.Do(ctx, func(n int) error {
		body, err := open(n)
		if err != nil {
			return err
		}
		if d.Overwrite {
			body = &replacing{Body: body, begin: func() { d.retire(ctx) }}
		}
		err = d.Endpoint.Store(ctx, d.Names.Image, body, body.Size())
		if made := body.Wait(); err != nil && made != nil && !errors.Is(made, errNotWanted) {
			return made // the tree or the local disk failed, not the endpoint
		}
		sum, whole := body.Sum()
		if err != nil && whole && d.Endpoint.Arrived(ctx, err, d.Names.Image, sum) {
			return nil
		}
		d.await(err != nil && whole, d.Names.Image)
		return err
	})
	d.Stored = err == nil
	if err != nil && d.Overwrite {
		d.settle(ctx)
	}
	if err != nil && d.stale {
		return &OutdatedError{d.Names.Manifest, err}
	}
	return err
}

// Confirm compares the image on the endpoint with its SHA-256 in hex.
func (d *Delivery) Confirm(ctx context.Context, sum string) error {
	var err error
	d.Verified, err = d.Endpoint.Confirm(ctx, d.Names.Image, sum)
	var other *upload.MismatchError
	if errors.As(err, &other) {
		d.Stored = false
	}
	return err
}

// Manifest sends the MANIFEST, which write writes, of an image with the given SHA-256.
// When it can be seen there and the image cannot, the image is looked for once more: it
// is not there, which without the claims could not be known before.
func (d *Delivery) Manifest(ctx context.Context, sum string, write func(io.Writer) error) error {
	seen, err := d.file(ctx, d.Names.Manifest, write)
	if err != nil || !seen || d.Verified {
		return err
	}
	if d.Verified, err = d.Endpoint.Seen(ctx, d.Names.Image, sum); err == nil && !d.Verified {
		d.Stored = false
		return &HiddenError{d.Names.Image, d.Names.Manifest}
	}
	return err
}

// file sends a file that write writes, and reports whether it was seen there.
func (d *Delivery) file(ctx context.Context, name string, write func(io.Writer) error) (seen bool, err error) {
	err = d.Endpoint.Do(ctx, func(int) error {
		body := newSource(write)
		digest := sha256.New()
		whole := &atomic.Bool{} // a read may still be under way when Store has returned
		err := d.Endpoint.Store(ctx, name, &atEnd{io.TeeReader(body, digest), body, whole}, -1)
		if made := body.Wait(); made != nil && !errors.Is(made, errNotWanted) {
			return made
		}
		got := hex.EncodeToString(digest.Sum(nil))
		if err != nil && !(whole.Load() && d.Endpoint.Arrived(ctx, err, name, got)) {
			d.await(whole.Load(), name)
			return err
		}
		d.await(false, name)
		seen, err = d.Endpoint.Once().Confirm(ctx, name, got)
		return err
	})
	return seen, err
}

// await notes whether a file may be on the endpoint though it did not say so.
func (d *Delivery) await(maybe bool, name string) {
	d.awaited = slices.DeleteFunc(d.awaited, func(s string) bool { return s == name })
	if maybe {
		d.awaited = append(d.awaited, name)
	}
}

// Interrupted makes an InterruptedError of what a signal ended, when anything may be
// left on the endpoint. Other errors, and those that say it already, stay as they are.
func (d *Delivery) Interrupted(ctx context.Context, err error) error {
	var unsent *UnsentError
	if err == nil || ctx.Err() == nil {
		return err
	}
	if errors.As(err, &unsent) && len(d.awaited) == 0 {
		return err
	}
	e := &InterruptedError{Maybe: d.awaited, err: err}
	if d.Stored {
		e.Stored = d.Names.Image
	}
	e.Old = d.old()
	if e.Stored == "" && e.Old == "" && len(e.Maybe) == 0 {
		return err
	}
	return e
}

// atEnd notes that a reader came to its end.
type atEnd struct {
	io.Reader
	io.Closer
	whole *atomic.Bool
}

func (r *atEnd) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err == io.EOF {
		r.whole.Store(true)
	}
	return n, err
}

// Profile stores the Profile that deploys the image, and returns it. It is the last step:
// without it nothing else is lost.
func (d *Delivery) Profile(ctx context.Context, p manifest.ProfileParams) (*manifest.Profile, error) {
	doc, err := manifest.NewProfile(p)
	if err == nil {
		err = d.Endpoint.SaveProfile(ctx, upload.Profile{Name: doc.Name, Meta: doc.Meta, Params: doc.Params, Obsolete: manifest.ImageParams(), Shared: manifest.Shared(), Deploys: manifest.Deployed})
	}
	if err != nil {
		return nil, &ProfileError{d.Names.Image, p.Name, err}
	}
	return doc, nil
}

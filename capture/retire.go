package capture

import (
	"context"
	"io"
	"sync"
	"time"

	"image-capture/upload"
)

// settleTime is how long an interrupted upload may take to look after the MANIFEST of the
// image that it was to replace.
const settleTime = 2 * time.Second

// replacing calls begin when the endpoint has agreed to take the body, and wants it.
type replacing struct {
	Body
	begin func()
	once  sync.Once
}

func (b *replacing) Read(p []byte) (int, error) {
	b.once.Do(b.begin)
	return b.Body.Read(p)
}

// Close is for upload.Client.Store.
func (b *replacing) Close() error {
	if c, ok := b.Body.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// retire deletes the MANIFEST of an image that is replaced.
func (d *Delivery) retire(ctx context.Context) {
	gone, err := d.Endpoint.Once().Retire(ctx, d.Names.Manifest)
	d.begun, d.stale = true, err != nil || !gone
}

// settle looks after the old MANIFEST when the image did not come through. The endpoint
// drops the old image with the new one, when a connection breaks, also before it asked
// for the body; a signal may have come before the MANIFEST could be deleted, and does not
// keep that from being done.
func (d *Delivery) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	if d.begun {
		if d.stale {
			d.retire(ctx)
		}
		return
	}
	if len(d.awaited) == 0 && !d.imageGone(ctx) {
		return
	}
	d.retire(ctx)
}

// imageGone reports whether the endpoint is seen not to have the image. It may need a
// moment to notice that a connection broke.
func (d *Delivery) imageGone(ctx context.Context) bool {
	for range 2 {
		found, err := d.Endpoint.Exists(ctx, d.Names.Image)
		if err != nil || found != upload.Present {
			return err == nil && found == upload.Absent
		}
		select {
		case <-time.After(settleTime / 8):
		case <-ctx.Done():
		}
	}
	return false
}

// old is the name of a MANIFEST that is on the endpoint and is not of the image there; "".
func (d *Delivery) old() string {
	if d.stale {
		return d.Names.Manifest
	}
	return ""
}

package cli

import (
	"context"
	"errors"
	"io"
	"os"

	"image-capture/bootcheck"
	"image-capture/compare"
	"image-capture/entry"
	"image-capture/image/index"
	"image-capture/manifest"
	"image-capture/upload"
)

// byIndex reads an image by the index of its MANIFEST, as a layer over what is kept already;
// nil where all of it has to be unpacked. All of the file is read for its SHA-256, which
// makes of what the MANIFEST says what the image holds; only what the rules read is unpacked.
func (c *checkJob) byIndex(ctx context.Context, client *upload.Client, img *chained, kept *bootcheck.Image) (*bootcheck.Image, error) {
	if img.index == nil || img.facts.SHA256 == "" || goesBy(img.name) || isURL(img.name) {
		return nil, nil
	}
	opt := c.opt
	if kept == nil {
		var err error
		if opt, err = c.boot.of(ctx, c.given, img.facts.Format); err != nil {
			return nil, err
		}
	}
	wanted := bootcheck.Contents(opt)
	if kept != nil {
		wanted = kept.Contents()
	}
	plan, err := index.MakeContentPlan(ctx, img.index.text.open, wanted)
	var broken *manifest.LineError
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.As(err, &broken):
		c.app.term.warn(manifestHint, "of MANIFEST %s only the SHA-256 of %s is taken: %v", img.manifest, img.name, err)
		return nil, nil
	case err != nil || plan.Usable() != "":
		return nil, nil // all of the image tells what is wrong
	}
	in, size, err := c.app.open(ctx, client, img.name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	file, ok := in.(*os.File)
	if !ok || size != img.facts.Size {
		return nil, nil
	}
	src := fileParts{file, size}
	if whole, err := plan.EndsAsListed(src); err != nil || !whole {
		return nil, err
	}
	c.opt = opt
	err = c.app.readBeside(ctx, img, src, c.progress, func(ctx context.Context) error {
		members, err := plan.All(ctx, src)
		if err != nil {
			return wrongManifest(img.name, img.manifest, err)
		}
		defer members.Close()
		if kept != nil {
			err = kept.Over(ctx, members, entry.Paths(img.facts.Deleted))
		} else {
			kept, err = bootcheck.ReadImage(ctx, members, opt)
		}
		return c.notAsListed(img, err)
	})
	if err != nil {
		return nil, err
	}
	c.app.term.say("%s has the SHA-256 that %s says: its entries are taken from that, and only the contents that the rules read from the image", entry.Printable(img.name), entry.Printable(img.manifest))
	return kept, nil
}

// notAsListed says what is wrong with image or MANIFEST.
func (c *checkJob) notAsListed(img *chained, err error) error {
	var wrong *index.WrongError
	var line *manifest.LineError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrong), errors.As(err, &line):
		return wrongManifest(img.name, img.manifest, err)
	}
	return c.unreadable(err)
}

// readBeside has parts of an image read by read while all of it goes by for its SHA-256.
func (a *App) readBeside(ctx context.Context, img *chained, file fileParts, progress string, read func(context.Context) error) error {
	source := compare.NewSource(file.File)
	bar := startProgress(a.term, progress, "read", func() (int64, int64) { return source.Size(), 0 }, file.Size)
	defer bar.stop()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan error, 1)
	go func() {
		err := readToEnd(ctx, source)
		if err != nil {
			cancel(err)
		}
		done <- err
	}()
	if err := read(ctx); err != nil {
		cancel(err)
		if failed := <-done; failed != nil && isSourceError(failed) {
			return failed
		}
		return err
	}
	if err := <-done; err != nil {
		return err
	}
	return img.is(source)
}

// readToEnd reads in pieces that take less time than their digest.
func readToEnd(ctx context.Context, r io.Reader) error {
	b := make([]byte, 1<<20)
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if _, err := r.Read(b); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

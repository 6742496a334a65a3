package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"image-capture/bootcheck"
	"image-capture/compress"
	"image-capture/entry"
	"image-capture/image"
	"image-capture/manifest"
	"image-capture/upload"
)

// image judges a file, stdin or a URL in one pass: what the rules read is kept as it
// goes by.
func (c *checkJob) image(ctx context.Context, name string) error {
	for _, flag := range c.given.changed() {
		switch flag {
		case "fix", "relabel":
			return usagef("capture again with --"+flag, "--%s is for a tree: a finished image is not edited", flag)
		case "deployer", "curtin", "firmware", "target", "base", "manifest", "ca-cert", "fingerprint", "insecure", "json", "quiet", "progress":
		default:
			return usagef("remove the flag: an image is checked as it is", "--%s is for a tree, and %s is an image", flag, name)
		}
	}
	c.what = name
	client, err := c.tls.client(ctx)
	if err != nil {
		return err
	}
	chain, err := c.app.chain(ctx, client, c.bases, name, c.manifest)
	if err != nil {
		return err
	}
	defer closeChain(chain)
	var kept *bootcheck.Image
	for i, img := range chain {
		if kept, err = c.read(ctx, client, img, kept); err != nil {
			return err
		}
		if i+1 < len(chain) && img.sha256 != chain[i+1].facts.BaseSHA256 {
			return notTheBase(img.name, chain[i+1].name, *chain[i+1].facts)
		}
	}
	if len(chain) == 1 {
		c.app.sayUnknown(chain[0])
	}
	if n := kept.Forgotten(); n > 0 {
		c.app.term.warn("", "the image has %d more names than the check can keep in memory; findings say which files they could not judge", n)
	}
	c.report, err = kept.Check(ctx)
	return err
}

// read reads one image, as a layer over what is kept already.
func (c *checkJob) read(ctx context.Context, client *upload.Client, img *chained, kept *bootcheck.Image) (*bootcheck.Image, error) {
	if above, err := c.byIndex(ctx, client, img, kept); above != nil || err != nil {
		return above, err
	}
	err := c.app.readWhole(ctx, client, img, c.progress, func(in io.Reader) (err error) {
		kept, err = c.readImage(ctx, in, img, kept)
		return err
	})
	return kept, err
}

// readImage reads an image, or a layer over what is kept already.
func (c *checkJob) readImage(ctx context.Context, in io.Reader, img *chained, kept *bootcheck.Image) (*bootcheck.Image, error) {
	r, err := image.NewIndexedReader(in, img.frames())
	if err != nil {
		return nil, c.unreadable(err)
	}
	defer r.Close()
	if kept != nil {
		err = kept.Over(ctx, r, entry.Paths(img.facts.Deleted))
	} else if c.opt, err = c.boot.of(ctx, c.given, formatOf(r.Codec())); err != nil {
		return nil, err
	} else {
		kept, err = bootcheck.ReadImage(ctx, r, c.opt)
	}
	if err != nil {
		return nil, c.unreadable(err)
	}
	img.codec, img.sums = r.Codec(), r.Checksums()
	return kept, nil
}

// unreadable tells an error of the source, such as a connection, from an image that
// is broken.
func (c *checkJob) unreadable(err error) error {
	if isSourceError(err) {
		return err
	}
	hint := "nothing was checked: the image must be complete"
	if wrong := (*compress.FrameError)(nil); errors.As(err, &wrong) {
		hint = "nothing was checked: the MANIFEST is of another image, or was changed; image-capture verify says more"
	}
	if wrong := (*image.DiskError)(nil); errors.As(err, &wrong) {
		hint = "mount it, and capture what is in it, such as by mount -o loop,ro FILE /mnt; image-capture /mnt"
	}
	if wrong := (*image.AbsoluteError)(nil); errors.As(err, &wrong) {
		hint = "make it again without tar -P, by image-capture ROOT or tar -C ROOT -c . : names from the root are unpacked into the system that runs by who unpacks with -P"
	}
	return &failure{ExitVerify, fmt.Errorf("%s: %w", c.what, err), hint}
}

// formatOf is the format of an image by its codec, as far as it says who takes it:
// image-deploy takes gzip, and Eikon all others too.
func formatOf(codec compress.Codec) manifest.Format {
	switch codec {
	case compress.Gzip:
		return manifest.TGZ
	case compress.Zstd:
		return manifest.TarZst
	}
	return manifest.Tar
}

// countReader counts what was read.
type countReader struct {
	r io.Reader
	n atomic.Int64
}

func (c *countReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}

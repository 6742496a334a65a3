package cli

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"

	"image-capture/bootcheck"
	"image-capture/compress"
	"image-capture/image"
	"image-capture/manifest"
)

// image judges a file, stdin or a URL in one pass: what the rules read is kept as it
// goes by.
func (c *checkJob) image(ctx context.Context, name string) error {
	for _, flag := range c.given.changed() {
		switch flag {
		case "fix", "relabel":
			return usagef("capture again with --"+flag, "--%s is for a tree: a finished image is not edited", flag)
		case "deployer", "curtin", "firmware", "target", "ca-cert", "fingerprint", "insecure", "json", "quiet", "progress":
		default:
			return usagef("remove the flag: an image is checked as it is", "--%s is for a tree, and %s is an image", flag, name)
		}
	}
	c.what = name
	client, err := c.tls.client(ctx)
	if err != nil {
		return err
	}
	in, size, err := c.app.open(ctx, client, name)
	if err != nil {
		return err
	}
	defer in.Close()
	counted := &countReader{r: in}
	bar := startProgress(c.app.term, c.progress, "read", func() (int64, int64) { return counted.n.Load(), 0 }, func() int64 { return size })
	err = c.readImage(ctx, counted)
	bar.stop()
	return err
}

// readImage reads the image and judges it.
func (c *checkJob) readImage(ctx context.Context, in io.Reader) error {
	r, err := image.NewReader(in)
	if err != nil {
		return c.unreadable(err)
	}
	defer r.Close()
	if c.opt, err = c.boot.of(ctx, c.given, formatOf(r.Codec())); err != nil {
		return err
	}
	kept, err := bootcheck.ReadImage(ctx, r, c.opt)
	if err != nil {
		return c.unreadable(err)
	}
	if n := kept.Forgotten(); n > 0 {
		c.app.term.warn("", "the image has %d more names than the check can keep in memory; findings say which files they could not judge", n)
	}
	c.report, err = kept.Check(ctx)
	return err
}

// unreadable tells an error of the source, such as a connection, from an image that
// is broken.
func (c *checkJob) unreadable(err error) error {
	if isSourceError(err) {
		return err
	}
	return &failure{ExitVerify, fmt.Errorf("%s: %w", c.what, err), "nothing was checked: the image must be complete"}
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

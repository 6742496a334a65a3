package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"sync/atomic"

	"image-capture/archive"
	"image-capture/archive/imagefs"
	"image-capture/bootcheck"
	"image-capture/bootcheck/hardware"
	"image-capture/bootcheck/initramfs"
	"image-capture/entry"
	"image-capture/manifest"
	"image-capture/rootfs"
)

// image judges a file, stdin or a URL in one pass: what the rules read is kept as it
// goes by.
func (c *checkJob) image(ctx context.Context, name string) error {
	for _, flag := range c.given.changed() {
		switch flag {
		case "fix", "relabel":
			return usagef("capture again with --"+flag, "--%s is for a tree: a finished image is not edited", flag)
		case "deployer", "firmware", "target", "ca-cert", "fingerprint", "insecure", "json", "quiet", "progress":
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
	r, err := archive.NewReader(in)
	if err != nil {
		return c.unreadable(err)
	}
	defer r.Close()
	if c.opt, err = c.boot.of(ctx, c.given, formatOf(r.Codec())); err != nil {
		return err
	}
	w := &watcher{modules: c.opt.Target != nil, linked: map[string]bootcheck.Wanted{}}
	image, err := imagefs.Read(ctx, r, imagefs.Options{Interest: w.interest, Xattrs: []string{bootcheck.LabelAttr}})
	if err != nil {
		return c.unreadable(err)
	}
	if n := image.Forgotten(); n > 0 {
		c.app.term.warn("", "the image has %d more names than the check can keep in memory; findings say which files they could not judge", n)
	}
	c.report, err = bootcheck.Check(ctx, rootfs.Follow(digestedFS{image}), c.opt)
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
func formatOf(codec archive.Codec) manifest.Format {
	switch codec {
	case archive.Gzip:
		return manifest.TGZ
	case archive.Zstd:
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

// watcher says what is kept of the members of an image.
type watcher struct {
	modules    bool // whether what kernel modules ask for is wanted
	initramfs  int  // how many were read
	linked     map[string]bootcheck.Wanted
	linkedSize int
	kept       int // bytes of what was made of contents
}

const (
	// mostInitramfs is how many are unpacked, a few more than Check reads.
	mostInitramfs = 20
	// mostKept bounds what is made of contents, in bytes.
	mostKept = 64 << 20
	// mostLinked bounds the names to which links lead, in bytes.
	mostLinked = 1 << 20
)

// interest is for imagefs.Options.
func (w *watcher) interest(name string, m *archive.Member) imagefs.Interest {
	want := bootcheck.Wants(name)
	if more, ok := w.linked[name]; ok && want.Content == 0 {
		want.Content, want.Attributes = more.Content, true
		want.Initramfs = want.Initramfs || more.Initramfs
	}
	if m.Type == entry.Symlink {
		w.link(name, m.Link, want)
	}
	in := imagefs.Interest{Meta: want.Attributes, Content: want.Content}
	switch {
	case m.Type != entry.File || m.Size == 0 || m.HardLink != "":
	case want.Initramfs && w.initramfs < mostInitramfs:
		w.initramfs++
		in.Sink = newDigest(func(r io.Reader) (any, error) {
			c, err := initramfs.Read(r)
			return w.keep(c, err, c.Modules(), c.Firmware)
		})
	case want.Module && w.modules:
		in.Sink = newDigest(func(r io.Reader) (any, error) {
			names, err := hardware.ReadFirmware(r)
			return w.keep(names, err, names)
		})
	}
	return in
}

// keep counts the names that were made of a content, of which there is one under way
// at a time. What would be too much is let go, and not an error: nothing is wrong with
// the file. It is then one that was not kept, which a finding tells.
func (w *watcher) keep(made any, err error, lists ...[]string) (any, error) {
	for _, list := range lists {
		for _, name := range list {
			w.kept += len(name) + 64
		}
	}
	if w.kept > mostKept {
		made = nil
	}
	return made, err
}

// link has what a link leads to wanted as the link itself is. It helps where the link
// comes first, and leads to its target at once.
func (w *watcher) link(name, target string, want bootcheck.Wanted) {
	if want.Content == 0 && !want.Initramfs {
		return
	}
	if !path.IsAbs(target) {
		target = path.Join("/", path.Dir(name), target)
	}
	if target = strings.TrimPrefix(path.Clean(target), "/"); w.linkedSize+len(target) > mostLinked {
		return
	}
	w.linkedSize += len(target)
	w.linked[target] = want
}

// digest is made of a file's content while it goes by.
type digest struct {
	w    *io.PipeWriter
	done chan struct{}
	made any // or an error; nil when it was too much
}

// newDigest starts to read. What makes may end before the content does.
func newDigest(makes func(io.Reader) (any, error)) *digest {
	r, w := io.Pipe()
	d := &digest{w: w, done: make(chan struct{})}
	go func() { // CloseWithError waits for it
		defer close(d.done)
		made, err := makes(r)
		if d.made = made; err != nil {
			d.made = err // and what was made is let go
		}
		r.Close()
	}()
	return d
}

func (d *digest) Write(p []byte) (int, error) { return d.w.Write(p) }

// CloseWithError ends the content. Waiting here bounds the memory: there is one at a
// time.
func (d *digest) CloseWithError(err error) error {
	d.w.CloseWithError(err)
	<-d.done
	return nil
}

// digestedFS is an image whose files tell what was made of their contents.
type digestedFS struct{ *imagefs.FS }

func (f digestedFS) Lstat(name string) (fs.FileInfo, error) {
	info, err := f.FS.Lstat(name)
	if err != nil {
		return nil, err
	}
	s, err := f.Sink(name)
	if errors.Is(err, fs.ErrNotExist) {
		return info, nil
	}
	if d, ok := s.(*digest); ok && d.made != nil {
		return digestedInfo{info, d}, nil
	}
	return info, err
}

func (f digestedFS) Stat(name string) (fs.FileInfo, error) { return f.Lstat(name) }

type digestedInfo struct {
	fs.FileInfo
	d *digest
}

func (i digestedInfo) Sys() any { return i }

// Digest is for bootcheck.Digested.
func (i digestedInfo) Digest() any { return i.d.made }

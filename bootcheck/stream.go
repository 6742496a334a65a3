package bootcheck

import (
	"context"
	"io"
	"maps"
	"path"
	"strings"

	"image-capture/bootcheck/hardware"
	"image-capture/bootcheck/initramfs"
	"image-capture/entry"
	"image-capture/image"
	"image-capture/image/imagefs"
)

// Image is what the rules want of an image, kept while it went by.
type Image struct {
	fs      *imagefs.FS
	entries *Entries
	opt     Options
	want    imagefs.Options
	watcher *watcher
}

// Members are those of an image, with their contents. *image.Reader is one.
type Members interface {
	imagefs.Members
	Content() io.Reader
	Padding() int64 // see image.Reader
}

// ReadImage reads an image to its end, in one pass, and keeps what Check with the same
// options looks at. The reader is a new one; its errors, and what of the image has no
// place in a tree, are returned: only a whole image is judged.
func ReadImage(ctx context.Context, r Members, opt Options) (*Image, error) {
	w := newWatcher(opt)
	return w.read(ctx, r, opt, w.interest)
}

// ReadImageBeside is ReadImage for who looks at the members too, in the same pass: beside
// is called with each before its content is read, and may return what reads that.
func ReadImageBeside(ctx context.Context, r *image.Reader, opt Options, beside func(m *entry.Member) func(io.Reader)) (*Image, error) {
	w := newWatcher(opt)
	return w.read(ctx, r, opt, withBeside(w.interest, beside))
}

type interest = func(name string, m *entry.Member) imagefs.Interest

func withBeside(own interest, beside func(m *entry.Member) func(io.Reader)) interest {
	return func(name string, m *entry.Member) imagefs.Interest {
		in, read := own(name, m), beside(m)
		if in.Make == nil && read != nil {
			in.Make = func(content io.Reader) any { read(content); return nil }
		}
		return in
	}
}

func newWatcher(opt Options) *watcher {
	return &watcher{modules: opt.Target != nil, linked: map[string]Wanted{}}
}

func (w *watcher) read(ctx context.Context, r Members, opt Options, look interest) (*Image, error) {
	want := imagefs.Options{Interest: w.interest, Xattrs: []string{LabelAttr}}
	first := want
	first.Interest = look
	kept, err := imagefs.Read(ctx, r, first)
	if err != nil {
		return nil, err
	}
	w.entries.padding = r.Padding()
	return &Image{kept, &w.entries, opt, want, w}, nil
}

// Contents returns what says of each member of an image, in its order, whether ReadImage
// with these options reads its content.
func Contents(opt Options) func(m *entry.Member) bool { return newWatcher(opt).contents() }

// Contents says it of a layer that Over is going to read.
func (i *Image) Contents() func(m *entry.Member) bool {
	w := *i.watcher
	w.linked, w.entries = maps.Clone(w.linked), Entries{}
	return w.contents()
}

func (w *watcher) contents() func(m *entry.Member) bool {
	return func(m *entry.Member) bool {
		in := w.interest(strings.TrimPrefix(m.Path, "./"), m)
		return m.Type == entry.File && m.Size > 0 && (in.Content > 0 || in.Make != nil)
	}
}

// Over reads a layer over the image, as ReadImage reads that. The deleted names, as an
// image has them, are gone before.
func (i *Image) Over(ctx context.Context, r Members, deleted []string) error {
	return i.fs.Over(ctx, r, deleted, i.want)
}

// OverBeside is Over as ReadImageBeside is ReadImage.
func (i *Image) OverBeside(ctx context.Context, r *image.Reader, deleted []string, beside func(m *entry.Member) func(io.Reader)) error {
	want := i.want
	want.Interest = withBeside(want.Interest, beside)
	return i.fs.Over(ctx, r, deleted, want)
}

// Forgotten returns how many names were not remembered, for want of room. A finding
// may say so of one that a rule asked for.
func (i *Image) Forgotten() int64 { return i.fs.Forgotten() }

// Check judges the image as [Check] does a tree.
func (i *Image) Check(ctx context.Context) (Report, error) {
	opt := i.opt
	opt.Image = true
	opt.Entries = i.entries
	return Check(ctx, i.fs.Follow(), opt)
}

// watcher says what is kept of the members of an image.
type watcher struct {
	modules    bool // whether what kernel modules ask for is wanted
	initramfs  int  // how many were read
	unified    int  // how many unified kernel images were read
	linked     map[string]Wanted
	linkedSize int
	kept       int // bytes of what was made of contents
	entries    Entries
}

const (
	// mostInitramfs is how many are unpacked, a few more than Check reads.
	mostInitramfs = 20
	// mostUnified is how many unified kernel images are read.
	mostUnified = 64
	// mostKept bounds what is made of contents, in bytes.
	mostKept = 64 << 20
	// mostLinked bounds the names to which links lead, in bytes.
	mostLinked = 1 << 20
)

// interest is for imagefs.Options.
func (w *watcher) interest(name string, m *entry.Member) imagefs.Interest {
	w.entries.Add(m)
	want := Wants(name)
	if more, ok := w.linked[name]; ok && want.Content == 0 {
		want.Content, want.Attributes = more.Content, true
		want.Initramfs = want.Initramfs || more.Initramfs
	}
	if m.Type == entry.Symlink {
		w.link(name, m.Link, want)
	}
	in := imagefs.Interest{Meta: want.Attributes, Content: want.Content}
	switch {
	case m.Type != entry.File || m.Size == 0:
	case want.Initramfs && w.initramfs < mostInitramfs:
		w.initramfs++
		in.Make = func(r io.Reader) any {
			c, err := initramfs.Read(r)
			return w.keep(c, err, c.Modules(), c.Firmware)
		}
	case want.Unified && w.unified < mostUnified:
		w.unified++
		in.Make = func(r io.Reader) any {
			u, err := readUnified(r)
			if err != nil {
				return err
			}
			return u
		}
	case want.Module && w.modules:
		in.Make = func(r io.Reader) any {
			names, err := hardware.ReadFirmware(r)
			return w.keep(names, err, names)
		}
	}
	return in
}

// keep counts the names that were made of a content, and returns what is kept: what was
// made, or the error in place of it. What would be too much is let go, and not an
// error: nothing is wrong with the file. It is then one that was not kept, which a
// finding tells.
func (w *watcher) keep(made any, err error, lists ...[]string) any {
	for _, list := range lists {
		for _, name := range list {
			w.kept += len(name) + 64
		}
	}
	switch {
	case err != nil:
		return err
	case w.kept > mostKept:
		return nil
	}
	return made
}

// link has what a link leads to wanted as the link itself is. It helps where the link
// comes first, and leads to its target at once.
func (w *watcher) link(name, target string, want Wanted) {
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

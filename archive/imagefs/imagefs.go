// Package imagefs makes a file system of an image without unpacking it: one pass over
// the tar keeps what somebody asks about, in bounded memory.
//
// What it shows is what extraction would make. A later member of a name takes the
// place of an earlier one; a directory that comes again keeps what it holds. A hard
// link has the attributes and the content that its first name had when the link
// came. A directory that only follows from a name below it exists too, with the mode
// 0755. Of what tars make different things, reading ends with an error: names below
// something that is no directory (a link to one too: some tars follow it), something
// else in place of a directory that is not empty, and hard links to what is not
// there or is a directory.
//
// # What is kept
//
// Type, permissions, size and link target of all members, about 70 bytes each, up to
// Options.Names bytes. From then on only members of interest are remembered, up to
// twice as many bytes; more of them are an error. The others are forgotten: FS counts
// them, and asked about such a name it says ErrForgotten and not that the name does
// not exist. (It knows them by a filter of 4 MiB, so with millions of them it may say
// so of names that never were.) ReadDir lists what is remembered.
//
// Of extended attributes, those in Options.Xattrs; equal values are kept once. Of the
// content of files, what Interest asks for, up to Options.Contents bytes in all.
// Owners, times and device numbers are not kept, and devices, FIFOs and links have
// no content.
//
// Names are bytes, written "a/b" as in io/fs. No link is followed: rootfs.Follow does
// that on top.
package imagefs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"image-capture/archive"
	"image-capture/entry"
	"image-capture/rootfs"
)

// ErrForgotten says that a name may be in the image, but was not remembered.
var ErrForgotten = errors.New("not remembered for want of room")

// Interest says what is to be kept of a member. The zero value is nothing but its
// attributes, while there is room.
type Interest struct {
	// Meta keeps the attributes whatever room there is. Content and Sink do too.
	Meta bool
	// Content is how many of the first bytes of a regular file to keep. A file that
	// is longer can be opened, and reading it ends with an error after them.
	Content int64
	// Sink, if not nil, takes the content of a regular file as it comes.
	Sink Sink
}

// Sink takes the content of one file, once and in order, for what is too big to be
// kept. *io.PipeWriter is one.
//
// Write gets holes as zeros, and there may be exabytes of them: it needs a bound, at
// which it returns archive.ErrEnough, or io.ErrClosedPipe as a pipe does that nobody
// reads any more. Other errors of either method end Read.
//
// CloseWithError is called once: with nil when the content is whole (or was enough),
// else with the reason why it is not, such as an image that is cut off, or that the
// member is no regular file, or a hard link, whose content came with its first name.
type Sink interface {
	io.Writer
	CloseWithError(err error) error
}

// Options are the bounds and what is asked. The zero value keeps no contents.
type Options struct {
	// Interest is called once with each member, before its content is read. The name
	// is "." or "a/b". Nil means that nobody is interested.
	Interest func(name string, m *entry.Member) Interest
	// Xattrs are the names of the extended attributes to keep, at most 8, with values
	// of at most 4096 bytes; of longer ones it is known only that they are there.
	Xattrs []string
	// Names bounds the memory for names and attributes, in bytes, and Contents that for
	// content; 0 means 64 MiB each.
	Names, Contents int64
}

const defaultBudget = 64 << 20

// FS is an image as a file system: rootfs.NoFollowFS, with Stat, and Xattr. It may be
// used by several goroutines.
type FS struct {
	tree     tree
	xattrs   xattrs
	contents contents
}

var _ rootfs.NoFollowFS = (*FS)(nil)

// Read reads all of an image, of which nothing may have been read. It leaves out the
// digests of files. With an error, which is not nil when the image is not whole, the
// file system has what came before. Read does not close r.
func Read(ctx context.Context, r *archive.Reader, opt Options) (*FS, error) {
	if opt.Names == 0 {
		opt.Names = defaultBudget
	}
	if opt.Contents == 0 {
		opt.Contents = defaultBudget
	}
	f := &FS{tree: newTree(opt.Names), contents: contents{left: opt.Contents, most: opt.Contents}}
	var err error
	if f.xattrs, err = newXattrs(opt.Xattrs); err != nil {
		return f, err
	}
	p := &pass{ctx: ctx, fs: f, opt: opt}
	r.SkipDigests()
	r.Tee(p.file)
	for {
		if err := ctx.Err(); err != nil {
			return f, err
		}
		m, err := r.Next()
		if err != nil {
			_ = p.closeSink(err) // that of a file in the middle, which is told already
			if err == io.EOF {
				err = nil
			}
			return f, err
		}
		if err := p.member(m); err != nil {
			return f, fmt.Errorf("read image: %s: %w", m.Path, err)
		}
	}
}

// Forgotten returns how many members of no interest were not remembered.
func (f *FS) Forgotten() int64 { return f.tree.forgotten }

// Entries returns how many names are remembered, the root and directories that
// follow from other names included.
func (f *FS) Entries() int64 { return f.tree.count }

// Sink returns the sink that took the content of a file, by any of its names that are
// hard links. Without one the error is fs.ErrNotExist.
func (f *FS) Sink(name string) (Sink, error) {
	n, err := f.lookup("sink", name)
	if err != nil {
		return nil, err
	}
	if m := f.tree.meta(n); m.mode.IsRegular() && m.ref != 0 && f.contents.list[m.ref-1].sink != nil {
		return f.contents.list[m.ref-1].sink, nil
	}
	return nil, &fs.PathError{Op: "sink", Path: name, Err: fs.ErrNotExist}
}

// pass is the reading of an image.
type pass struct {
	ctx context.Context
	fs  *FS
	opt Options
	// Of the member that is read:
	asked  bool // whether interest is its
	in     Interest
	keeper *content
	open   Sink // until it is closed
}

// ask returns the interest in a member.
func (p *pass) ask(name string, m *entry.Member) Interest {
	if p.opt.Interest == nil {
		return Interest{}
	}
	in := p.opt.Interest(name, m)
	p.open = in.Sink
	return in
}

// file is called before the content of a regular file is read.
func (p *pass) file(m *entry.Member) io.Writer {
	p.in, p.asked, p.keeper = p.ask(viewName(m.Path), m), true, nil
	if p.in.Content <= 0 && p.in.Sink == nil {
		return nil
	}
	p.keeper = p.fs.contents.begin(m.Size, p.in)
	return &feed{p.ctx, p.keeper, p.in.Sink}
}

var errNoContent = errors.New("not a regular file")

// member takes a member whose content was read.
func (p *pass) member(m *entry.Member) error {
	name := viewName(m.Path)
	if !p.asked {
		p.in, p.keeper = p.ask(name, m), nil
	}
	p.asked = false
	var why error
	switch {
	case m.HardLink != "":
		why = fmt.Errorf("hard link to %s, with which the content came", m.HardLink)
	case m.Type != entry.File:
		why = errNoContent
	}
	if err := p.closeSink(why); err != nil {
		return fmt.Errorf("close the sink of its content: %w", err)
	}
	return p.fs.add(name, m, p.in, p.keeper)
}

func (p *pass) closeSink(err error) error {
	if p.open == nil {
		return nil
	}
	s := p.open
	p.open = nil
	return s.CloseWithError(err)
}

// viewName is the name in io/fs of a path in an archive.
func viewName(path string) string { return strings.TrimPrefix(path, "./") }

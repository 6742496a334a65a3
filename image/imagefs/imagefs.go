// Package imagefs makes a file system of an image without unpacking it: one pass over
// the tar keeps what somebody asks about, in bounded memory.
//
// What it shows is what extraction would make. A later member of a name takes the
// place of an earlier one; a directory that comes again keeps what it holds. A hard
// link has the attributes and the content that its first name had when the link
// came. A directory that only follows from a name below it exists too, with the mode
// 0755. Of what tars make different things, reading ends with an error: names below
// something that is not a directory (a link to one too: some tars follow it), something
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
	"strings"

	"image-capture/entry"
	"image-capture/rootfs"
)

// ErrForgotten says that a name may be in the image, but was not remembered.
var ErrForgotten = errors.New("not remembered for want of room")

// Interest says what is to be kept of a member. The zero value is nothing but its
// attributes, while there is room.
type Interest struct {
	// Meta keeps the attributes whatever room there is. Content and Make do too.
	Meta bool
	// Content is how many of the first bytes of a regular file to keep. A file that
	// is longer can be opened, and reading it ends with an error after them.
	Content int64
	// Make, if not nil, makes something of the content of a regular file that is too
	// big to be kept. It is called with the content as it is read, holes as zeros, of
	// which there may be exabytes: so it needs a bound, and may return before the end.
	// It is not called for a hard link, whose content comes with its first name. What
	// it returns is kept, nil for nothing, and comes by fs.FileInfo: its Sys then has a
	// method Digest() any. How big that is, Make has to look after.
	Make func(content io.Reader) any
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

// Members are those of an image in order, io.EOF after the last. *image.Reader is one.
// What has no method Content, as that has it, has none that Interest may ask for.
type Members interface {
	Next() (*entry.Member, error)
}

// Read reads all of an image, of which nothing may have been read. With an error, which is not nil when the image is not whole, the
// file system has what came before. Read does not close r.
func Read(ctx context.Context, r Members, opt Options) (*FS, error) {
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
	return f, f.Over(ctx, r, nil, opt)
}

// Over reads another image over what is there, as a layer is unpacked over its base: first
// the deleted names, as members have their paths, are gone with all that is below them. Of
// the options the bounds stay as they are.
func (f *FS) Over(ctx context.Context, r Members, deleted []string, opt Options) error {
	for _, path := range deleted {
		f.remove(viewName(path))
	}
	contents, _ := r.(interface{ Content() io.Reader })
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		m, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		name, in := viewName(m.Path), Interest{}
		if opt.Interest != nil {
			in = opt.Interest(name, m)
		}
		var k *content
		if contents != nil && m.Type == entry.File && (in.Content > 0 || in.Make != nil) {
			k = f.contents.begin(m.Size, in)
			if err := k.take(&watched{ctx: ctx, r: contents.Content()}, in.Make); err != nil {
				return err
			}
		}
		if err := f.add(name, m, in, k); err != nil {
			return fmt.Errorf("read image: %s: %w", entry.Escape(m.Path), err)
		}
	}
}

// Forgotten returns how many members of no interest were not remembered.
func (f *FS) Forgotten() int64 { return f.tree.forgotten }

// Entries returns how many names are remembered, the root and directories that
// follow from other names included.
func (f *FS) Entries() int64 { return f.tree.count }

// Follow returns the image with its links followed inside of it, as rootfs.Follow does.
func (f *FS) Follow() *rootfs.Resolved { return rootfs.Follow(f) }

// viewName is the name in io/fs of a path in an archive.
func viewName(path string) string { return strings.TrimPrefix(path, "./") }

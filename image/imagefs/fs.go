package imagefs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"image-capture/rootfs"
)

// lookup returns the entry of a name, each part of which but the last is a directory.
func (f *FS) lookup(op, name string) (uint32, error) {
	fail := func(err error) (uint32, error) { return 0, &fs.PathError{Op: op, Path: name, Err: err} }
	if !rootfs.ValidName(name) {
		return fail(fs.ErrInvalid)
	}
	n, at, err := f.tree.walk(name)
	var other *notDir
	switch {
	case errors.As(err, &other) && other.mode&fs.ModeSymlink != 0:
		return fail(rootfs.ErrLink)
	case err != nil:
		return fail(unix.ENOTDIR)
	case at >= 0 && f.tree.wasForgotten(name, at), f.tree.meta(n).flags&lost != 0:
		return fail(ErrForgotten)
	case at >= 0:
		return fail(fs.ErrNotExist)
	}
	return n, nil
}

// Lstat describes a name. Its time is the zero one.
func (f *FS) Lstat(name string) (fs.FileInfo, error) {
	n, err := f.lookup("lstat", name)
	if err != nil {
		return nil, err
	}
	return f.info(n), nil
}

// Stat is Lstat: this file system follows no link.
func (f *FS) Stat(name string) (fs.FileInfo, error) { return f.Lstat(name) }

// ReadLink returns the target of a link.
func (f *FS) ReadLink(name string) (string, error) {
	n, err := f.lookup("readlink", name)
	if err != nil {
		return "", err
	}
	m := f.tree.meta(n)
	if m.mode&fs.ModeSymlink == 0 {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
	}
	return string(f.tree.string(m.ref)), nil
}

// Xattr returns the value of one of the attributes in Options.Xattrs. It is
// fs.ErrNotExist when the file has none of that name, errors.ErrUnsupported for
// attributes that were not asked for, and ErrForgotten for one that is there but was
// too much to keep.
func (f *FS) Xattr(name, attr string) ([]byte, error) {
	op := "read xattr " + attr
	n, err := f.lookup(op, name)
	if err != nil {
		return nil, err
	}
	i := slices.Index(f.xattrs.names, attr)
	if i < 0 {
		return nil, &fs.PathError{Op: op, Path: name, Err: errors.ErrUnsupported}
	}
	state, value := f.xattrs.value(f.tree.meta(n).xattrs, i)
	switch state {
	case present:
		return []byte(value), nil
	case dropped:
		return nil, &fs.PathError{Op: op, Path: name, Err: errValue}
	}
	return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
}

var errValue = fmt.Errorf("its value: %w", ErrForgotten)

// Open opens a directory, or a regular file whose content was kept or is empty. The
// error ErrNotKept is that of one whose content was not, and says why.
func (f *FS) Open(name string) (fs.File, error) {
	n, err := f.lookup("open", name)
	if err != nil {
		return nil, err
	}
	fail := func(err error) (fs.File, error) { return nil, &fs.PathError{Op: "open", Path: name, Err: err} }
	m := f.tree.meta(n)
	switch {
	case m.mode.IsDir():
		return &dir{fs: f, n: n, path: name}, nil
	case m.mode&fs.ModeSymlink != 0:
		return fail(rootfs.ErrLink)
	case !m.mode.IsRegular():
		return fail(fmt.Errorf("is not a regular file: %w", fs.ErrInvalid))
	}
	k := &content{err: fmt.Errorf("%w: it was not asked for", ErrNotKept)}
	if m.ref != 0 {
		k = f.contents.list[m.ref-1]
	}
	if k.err != nil && m.size > 0 {
		if e := f.tree.at(n); e.flags&isLinked != 0 && f.tree.linked[e.ref].first != n {
			return fail(fmt.Errorf("hard link to %s: %w", f.path(f.tree.linked[e.ref].first), k.err))
		}
		return fail(k.err)
	}
	return &file{name: name, info: f.info(n), data: bytes.NewReader(k.data)}, nil
}

// ReadFile returns the content of a file, and with ErrNotKept what was kept of it. It
// takes no memory for a size that only the header tells, as fs.ReadFile does with
// other files.
func (f *FS) ReadFile(name string) ([]byte, error) {
	o, err := f.Open(name)
	if err != nil {
		return nil, err
	}
	r, ok := o.(*file)
	if !ok {
		return nil, &fs.PathError{Op: "read", Path: name, Err: unix.EISDIR}
	}
	b := make([]byte, r.data.Len())
	_, _ = r.data.Read(b) // all of it
	if err := r.end(io.EOF); err != io.EOF {
		return b, err
	}
	return b, nil
}

// path returns the path of an entry in the archive.
func (f *FS) path(n uint32) string {
	var parts []string
	for ; n != 0; n = f.tree.at(n).parent {
		parts = append(parts, string(f.tree.string(f.tree.at(n).name)))
	}
	slices.Reverse(parts)
	return "./" + strings.Join(parts, "/")
}

// ReadDir lists what is remembered of a directory, sorted by bytes.
func (f *FS) ReadDir(name string) ([]fs.DirEntry, error) {
	n, err := f.lookup("readdir", name)
	if err != nil {
		return nil, err
	}
	switch m := f.tree.meta(n); {
	case m.mode&fs.ModeSymlink != 0:
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: rootfs.ErrLink}
	case !m.mode.IsDir():
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: unix.ENOTDIR}
	}
	return f.list(n), nil
}

func (f *FS) list(n uint32) []fs.DirEntry {
	var out []fs.DirEntry
	for c := f.tree.at(n).child; c != 0; c = f.tree.at(c).next {
		if f.tree.meta(c).flags&lost == 0 {
			out = append(out, fs.FileInfoToDirEntry(f.info(c)))
		}
	}
	slices.SortFunc(out, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return out
}

// info is an fs.FileInfo.
type info struct {
	name string
	size int64
	mode fs.FileMode
	made any
}

func (f *FS) info(n uint32) *info {
	m := f.tree.meta(n)
	name := "."
	if n != 0 {
		name = string(f.tree.string(f.tree.at(n).name))
	}
	i := &info{name: name, size: m.size, mode: m.mode}
	if m.mode.IsRegular() && m.ref != 0 {
		i.made = f.contents.list[m.ref-1].made
	}
	return i
}

func (i *info) Name() string       { return i.name }
func (i *info) Size() int64        { return i.size }
func (i *info) Mode() fs.FileMode  { return i.mode }
func (i *info) IsDir() bool        { return i.mode.IsDir() }
func (i *info) ModTime() time.Time { return time.Time{} }

// Sys is nil, or has a method Digest that returns what Interest.Make made.
func (i *info) Sys() any {
	if i.made == nil {
		return nil
	}
	return i
}

func (i *info) Digest() any { return i.made }

// file is an open regular file.
type file struct {
	name string
	info *info
	data *bytes.Reader
}

func (f *file) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *file) Close() error               { return nil }

func (f *file) Read(p []byte) (int, error) {
	n, err := f.data.Read(p)
	return n, f.end(err)
}

func (f *file) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.data.ReadAt(p, off)
	return n, f.end(err)
}

// end tells the end of what was kept from that of the file.
func (f *file) end(err error) error {
	if err == io.EOF && f.data.Size() < f.info.size {
		err = &fs.PathError{Op: "read", Path: f.name, Err: fmt.Errorf("%w: only the first %d bytes of %d are", ErrNotKept, f.data.Size(), f.info.size)}
	}
	return err
}

// dir is an open directory.
type dir struct {
	fs     *FS
	n      uint32
	path   string
	listed bool
	rest   []fs.DirEntry
}

func (d *dir) Stat() (fs.FileInfo, error) { return d.fs.info(d.n), nil }
func (d *dir) Close() error               { return nil }

func (d *dir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.path, Err: unix.EISDIR}
}

// ReadDir is that of fs.ReadDirFile.
func (d *dir) ReadDir(n int) ([]fs.DirEntry, error) {
	if !d.listed {
		d.rest, d.listed = d.fs.list(d.n), true
	}
	return rootfs.NextEntries(&d.rest, n)
}

package rootfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"image-capture/entry"
)

// View is the tree as an fs.FS without links followed: every part of a name must
// be a directory, and Open and Stat of a link are about the link. Names are written
// "a/b" as in io/fs, but are bytes, not UTF-8. See Follow for the view that
// resolves links.
type View struct{ root *Root }

// FS returns the view of the tree.
func (r *Root) FS() *View { return &View{r} }

// ErrLink says that a link stands where one is not followed.
var ErrLink = errors.New("is a symbolic link")

// parent opens the directory that a name is in and returns the last part of the
// name: "." for the top of a place, which is given itself.
func (v *View) parent(op, name string) (dirfd int, last string, err error) {
	if !ValidName(name) {
		return -1, "", &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	top, rest := v.root.nearest(pathOf(name))
	parts := strings.Split(rest, "/")
	if top.file != "" && rest == "." {
		fd, err := unix.Dup(top.dir.fd)
		return fd, top.file, err
	}
	fd, err := top.open()
	for _, part := range parts[:len(parts)-1] {
		if err != nil {
			break
		}
		up := fd
		fd, err = unix.Openat(up, part, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err == unix.ENOTDIR {
			var e entry.Entry
			if _, serr := statName(up, part, &e); serr == nil && e.Type == entry.Symlink {
				err = ErrLink
			}
		}
		unix.Close(up)
	}
	if err != nil {
		return -1, "", &fs.PathError{Op: op, Path: name, Err: err}
	}
	return fd, parts[len(parts)-1], nil
}

// Lstat describes a name. The Sys method of the result gives an *Entry without
// path, link and xattrs.
func (v *View) Lstat(name string) (fs.FileInfo, error) {
	fd, last, err := v.parent("lstat", name)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var e entry.Entry
	if err := peek(fd, last, &e); err != nil {
		return nil, &fs.PathError{Op: "lstat", Path: name, Err: err}
	}
	return &info{base(name), e}, nil
}

// Stat is Lstat: this view follows no link.
func (v *View) Stat(name string) (fs.FileInfo, error) { return v.Lstat(name) }

// ReadLink returns the target of a link.
func (v *View) ReadLink(name string) (string, error) {
	fd, last, err := v.parent("readlink", name)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	target, err := readLink(fd, last)
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: err}
	}
	return target, nil
}

// Xattr returns an extended attribute of a name, of a link its own. The error is
// fs.ErrNotExist also when the name has no such attribute, or is on a filesystem
// that has none.
func (v *View) Xattr(name, attr string) ([]byte, error) {
	fd, last, err := v.parent("getxattr", name)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	value, err := growing(make([]byte, 256), func(b []byte) (int, error) {
		return xattrsOfName(fd, last).get(attr, b)
	})
	switch {
	case errors.Is(err, unix.ENODATA), errors.Is(err, unix.ENOTSUP):
		err = fmt.Errorf("no xattr %s: %w", attr, fs.ErrNotExist)
	case err != nil:
		err = fmt.Errorf("xattr %s: %w", attr, err)
	}
	if err != nil {
		return nil, &fs.PathError{Op: "getxattr", Path: name, Err: err}
	}
	return value, nil
}

// Open opens a regular file or a directory. Nothing else is opened: a FIFO may
// block, a device may act.
func (v *View) Open(name string) (fs.File, error) {
	fd, last, err := v.parent("open", name)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var e entry.Entry
	if err := peek(fd, last, &e); err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	flags := 0
	switch e.Type {
	case entry.File:
	case entry.Dir:
		flags = unix.O_DIRECTORY
	case entry.Symlink:
		return nil, &fs.PathError{Op: "open", Path: name, Err: ErrLink}
	default:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fmt.Errorf("is a %s: %w", e.Type, fs.ErrInvalid)}
	}
	ffd, err := openAt(fd, last, flags)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	if _, err := statFD(ffd, &e); err != nil {
		unix.Close(ffd)
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	switch e.Type {
	case entry.File:
		v.root.remember(ffd, &e, maxRemembered)
		return &file{os.NewFile(uintptr(ffd), name), info{base(name), e}}, nil
	case entry.Dir:
		return &dirFile{root: v.root, fd: ffd, name: name, info: info{base(name), e}}, nil
	}
	unix.Close(ffd)
	return nil, &fs.PathError{Op: "open", Path: name, Err: fmt.Errorf("is a %s: %w", e.Type, fs.ErrInvalid)}
}

// ReadDir lists a directory, sorted by bytes.
func (v *View) ReadDir(name string) ([]fs.DirEntry, error) {
	f, err := v.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	d, ok := f.(*dirFile)
	if !ok {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: unix.ENOTDIR}
	}
	return d.ReadDir(-1)
}

// ValidName is fs.ValidPath without its demand for UTF-8.
func ValidName(name string) bool {
	if name == "." {
		return true
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part == "." || part == ".." || strings.IndexByte(part, 0) >= 0 {
			return false
		}
	}
	return true
}

// pathOf is the path in tar's way of a name in io/fs's.
func pathOf(name string) string {
	if name == "." {
		return name
	}
	return "./" + name
}

func base(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// NextEntries takes the next n entries off the rest of a directory's list, as
// fs.ReadDirFile has it: all of them when n is not positive, else io.EOF at the end.
func NextEntries(rest *[]fs.DirEntry, n int) ([]fs.DirEntry, error) {
	if n > 0 && len(*rest) == 0 {
		return nil, io.EOF
	}
	if n <= 0 || n > len(*rest) {
		n = len(*rest)
	}
	out := (*rest)[:n:n]
	*rest = (*rest)[n:]
	return out, nil
}

// info is an Entry as an fs.FileInfo.
type info struct {
	name  string
	entry entry.Entry
}

func (i *info) Name() string       { return i.name }
func (i *info) Size() int64        { return i.entry.Size }
func (i *info) IsDir() bool        { return i.entry.Type == entry.Dir }
func (i *info) Sys() any           { return &i.entry }
func (i *info) ModTime() time.Time { return time.Unix(i.entry.Mtime.Sec, int64(i.entry.Mtime.Nsec)) }

func (i *info) Mode() fs.FileMode {
	mode := fs.FileMode(i.entry.Perm & 0o777)
	for _, b := range []struct {
		bit  uint32
		mode fs.FileMode
	}{{unix.S_ISUID, fs.ModeSetuid}, {unix.S_ISGID, fs.ModeSetgid}, {unix.S_ISVTX, fs.ModeSticky}} {
		if i.entry.Perm&b.bit != 0 {
			mode |= b.mode
		}
	}
	return mode | modeOf(i.entry.Type)
}

// modeOf returns the type bits of the type.
func modeOf(t entry.Type) fs.FileMode {
	switch t {
	case entry.Dir:
		return fs.ModeDir
	case entry.Symlink:
		return fs.ModeSymlink
	case entry.CharDevice:
		return fs.ModeDevice | fs.ModeCharDevice
	case entry.BlockDevice:
		return fs.ModeDevice
	case entry.FIFO:
		return fs.ModeNamedPipe
	case entry.Socket:
		return fs.ModeSocket
	case entry.File:
		return 0
	}
	return fs.ModeIrregular
}

// file is an open regular file. Only the reading methods of *os.File are let
// through: its others work on path names.
type file struct {
	f    *os.File
	info info
}

func (f *file) Stat() (fs.FileInfo, error)              { return &f.info, nil }
func (f *file) Read(p []byte) (int, error)              { return f.f.Read(p) }
func (f *file) ReadAt(p []byte, off int64) (int, error) { return f.f.ReadAt(p, off) }
func (f *file) Close() error                            { return f.f.Close() }

// dirFile is an open directory.
type dirFile struct {
	root   *Root
	fd     int
	name   string
	info   info
	listed bool
	rest   []fs.DirEntry
}

func (d *dirFile) Stat() (fs.FileInfo, error) { return &d.info, nil }
func (d *dirFile) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.name, Err: unix.EISDIR}
}

// Close closes the directory. A second time it only says so: by then the
// descriptor may be another file's.
func (d *dirFile) Close() error {
	if d.fd < 0 {
		return &fs.PathError{Op: "close", Path: d.name, Err: fs.ErrClosed}
	}
	fd := d.fd
	d.fd = -1
	return unix.Close(fd)
}

// ReadDir is that of fs.ReadDirFile. A name that vanishes meanwhile is left out.
func (d *dirFile) ReadDir(n int) ([]fs.DirEntry, error) {
	if !d.listed {
		l := listing{most: 1 << 20} // nobody could end it, and who looks wants a few
		if err := l.read(context.Background(), d.fd, make([]byte, 32<<10)); err != nil && (err != unix.ENOENT || !removed(d.fd)) {
			return nil, &fs.PathError{Op: "readdir", Path: d.name, Err: err}
		}
		for _, item := range l.items {
			name := string(l.name(item))
			var e entry.Entry
			var err error
			if p := d.root.byPath[pathOf(d.name)+"/"+name]; p != nil {
				err = p.stat(&e)
			} else {
				err = peek(d.fd, name, &e)
			}
			if err != nil {
				continue
			}
			d.rest = append(d.rest, fs.FileInfoToDirEntry(&info{name, e}))
		}
		d.listed = true
	}
	return NextEntries(&d.rest, n)
}

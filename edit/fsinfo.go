package edit

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"syscall"
	"time"

	"image-capture/entry"
)

// content returns what is planned for the content of a name, nil for nothing.
func (v *View) content(name string) *content {
	if len(v.plan.contents.order) == 0 {
		return nil
	}
	return v.plan.contents.byPath["./"+name]
}

// read returns what becomes of the content of an open file.
func (c *content) read(f fs.File) ([]byte, error) {
	if c.empty {
		return nil, nil
	}
	old, err := io.ReadAll(io.LimitReader(f, MaxRewrite+1))
	if err != nil {
		return nil, err
	}
	return c.rewrite(old)
}

// Xattr returns the value of an extended attribute of a name, which is not followed
// if it is a link. The error wraps fs.ErrNotExist when the name or the attribute is
// not there, and errors.ErrUnsupported when base has no such method. What is added
// has no attributes.
func (v *View) Xattr(name, attr string) ([]byte, error) {
	added, err := v.find("getxattr", name)
	if err != nil {
		return nil, err
	}
	base, ok := v.base.(interface {
		Xattr(name, attr string) ([]byte, error)
	})
	switch {
	case added != nil:
		return nil, &fs.PathError{Op: "getxattr", Path: name, Err: fs.ErrNotExist}
	case !ok:
		return nil, &fs.PathError{Op: "getxattr", Path: name, Err: errors.ErrUnsupported}
	}
	return base.Xattr(name, attr)
}

// fileInfo describes what is not in the tree, or not so.
type fileInfo struct {
	name  string
	size  int64
	mode  fs.FileMode
	mtime time.Time
	sys   any
}

func (i *fileInfo) Name() string       { return i.name }
func (i *fileInfo) Size() int64        { return i.size }
func (i *fileInfo) Mode() fs.FileMode  { return i.mode }
func (i *fileInfo) ModTime() time.Time { return i.mtime }
func (i *fileInfo) IsDir() bool        { return i.mode.IsDir() }
func (i *fileInfo) Sys() any           { return i.sys }

// setBits are the bits of a mode above 0777, as inode(7) and io/fs have them.
var setBits = [...]struct {
	bit  uint32
	mode fs.FileMode
}{{syscall.S_ISUID, fs.ModeSetuid}, {syscall.S_ISGID, fs.ModeSetgid}, {syscall.S_ISVTX, fs.ModeSticky}}

// addedInfo describes what is added, with the time that it will have.
func (p *Plan) addedInfo(path string, parent fs.FileInfo) *fileInfo {
	_, name := splitPath(path)
	e := p.entry(path)
	mode := fs.FileMode(e.Perm & 0o777)
	if e.Type == entry.Dir {
		mode |= fs.ModeDir
	}
	for _, b := range setBits {
		if e.Perm&b.bit != 0 {
			mode |= b.mode
		}
	}
	return &fileInfo{name, e.Size, mode, parent.ModTime(), &e}
}

// editedInfo describes a file of the tree whose content is another.
func editedInfo(info fs.FileInfo, size int64) *fileInfo {
	i := &fileInfo{info.Name(), size, info.Mode(), info.ModTime(), info.Sys()}
	if e, ok := i.sys.(*entry.Entry); ok {
		// As archive writes it: a file of its own.
		own := *e
		own.Size, own.Blocks, own.Nlink = size, (size+511)/512, 1
		i.sys = &own
	}
	return i
}

// addedDir is an open directory that is not in the tree. The view lists what is added in it.
type addedDir struct {
	name string
	info *fileInfo
}

func (d addedDir) Stat() (fs.FileInfo, error)         { return d.info, nil }
func (d addedDir) Close() error                       { return nil }
func (d addedDir) ReadDir(int) ([]fs.DirEntry, error) { return nil, nil }
func (d addedDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.name, Err: syscall.EISDIR}
}

// contentFile is an open file whose content is not that of the tree.
type contentFile struct {
	info    *fileInfo
	content *bytes.Reader
}

func newContentFile(info *fileInfo, content []byte) *contentFile {
	return &contentFile{info, bytes.NewReader(content)}
}

func (f *contentFile) Stat() (fs.FileInfo, error)              { return f.info, nil }
func (f *contentFile) Read(p []byte) (int, error)              { return f.content.Read(p) }
func (f *contentFile) ReadAt(p []byte, off int64) (int, error) { return f.content.ReadAt(p, off) }
func (f *contentFile) Close() error                            { return nil }

// contentEntry is such a file in the list of a directory. What is not a regular file
// is described as it is.
type contentEntry struct {
	entry fs.DirEntry
	view  *View
	name  string
}

func (d *contentEntry) Name() string               { return d.entry.Name() }
func (d *contentEntry) IsDir() bool                { return d.entry.IsDir() }
func (d *contentEntry) Type() fs.FileMode          { return d.entry.Type() }
func (d *contentEntry) Info() (fs.FileInfo, error) { return d.view.Lstat(d.name) }

package edit

import (
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"time"

	"image-capture/rootfs"
)

// View is a file system as it will be in the image. Names are written "a/b" as in
// io/fs, but are bytes, not UTF-8. It follows no link, given that what it shows
// follows none.
type View struct {
	plan *Plan
	base fs.FS
}

// FS returns base with the edits of the plan: what is dropped does not exist, and
// what is added does. It counts nothing, and the plan must be built.
//
// base must follow no link: each part of a name but the last is a directory, and
// Open of a link is an error. It should have the Lstat and ReadLink of
// fs.ReadLinkFS; its names are bytes too.
func (p *Plan) FS(base fs.FS) *View { return &View{p, base} }

// find says who has a name: the plan, with the result not nil, or the base.
func (v *View) find(op, name string) (*dirInfo, error) {
	if !validName(name) {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	if name == "." {
		return nil, nil
	}
	path := "./" + name
	hidden := v.plan.Hidden(path)
	if v.plan.added.byPath[path] == nil {
		if hidden {
			return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
		}
		return nil, nil
	}
	if !hidden {
		if _, err := fs.Lstat(v.base, name); !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	above, _ := splitPath(path)
	if v.plan.Hidden(above) {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	}
	parent, err := fs.Lstat(v.base, viewName(above))
	if err == nil && !parent.IsDir() {
		err = &fs.PathError{Op: op, Path: name, Err: syscall.ENOTDIR}
	}
	if err != nil {
		return nil, err
	}
	return v.plan.dirInfo(path, parent), nil
}

// Lstat describes a name. The Sys method of what it returns for an added directory
// gives a *rootfs.Entry.
func (v *View) Lstat(name string) (fs.FileInfo, error) {
	added, err := v.find("lstat", name)
	switch {
	case err != nil:
		return nil, err
	case added != nil:
		return added, nil
	}
	return fs.Lstat(v.base, name)
}

// Stat is Lstat: this view follows no link.
func (v *View) Stat(name string) (fs.FileInfo, error) { return v.Lstat(name) }

// ReadLink returns the target of a link.
func (v *View) ReadLink(name string) (string, error) {
	added, err := v.find("readlink", name)
	switch {
	case err != nil:
		return "", err
	case added != nil:
		return "", &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
	}
	return fs.ReadLink(v.base, name)
}

// Open opens what base opens, or an added directory.
func (v *View) Open(name string) (fs.File, error) {
	added, err := v.find("open", name)
	switch {
	case err != nil:
		return nil, err
	case added != nil:
		return &dirFile{view: v, name: name, File: addedDir{name, added}}, nil
	}
	f, err := v.base.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	if info.IsDir() {
		return &dirFile{view: v, name: name, File: f}, nil
	}
	return f, nil
}

// ReadDir lists a directory, sorted by bytes.
func (v *View) ReadDir(name string) ([]fs.DirEntry, error) {
	added, err := v.find("readdir", name)
	if err != nil || added != nil {
		return nil, err
	}
	list, err := fs.ReadDir(v.base, name)
	if err != nil {
		return nil, err
	}
	return v.edit(name, list)
}

// edit makes the list of the base that of the image.
func (v *View) edit(name string, list []fs.DirEntry) ([]fs.DirEntry, error) {
	dir := "."
	if name != "." {
		dir = "./" + name
	}
	list = slices.DeleteFunc(list, func(d fs.DirEntry) bool { return v.plan.Hidden(dir + "/" + d.Name()) })
	add := v.plan.addedIn(dir)
	if len(add) == 0 {
		return list, nil
	}
	parent, err := fs.Lstat(v.base, name)
	if err != nil {
		return nil, err
	}
	for _, path := range add {
		info := v.plan.dirInfo(path, parent)
		if !slices.ContainsFunc(list, func(d fs.DirEntry) bool { return d.Name() == info.Name() }) {
			list = append(list, fs.FileInfoToDirEntry(info))
		}
	}
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return list, nil
}

// dirFile is an open directory.
type dirFile struct {
	fs.File
	view   *View
	name   string
	listed bool
	rest   []fs.DirEntry
}

// ReadDir is that of fs.ReadDirFile.
func (d *dirFile) ReadDir(n int) ([]fs.DirEntry, error) {
	if !d.listed {
		f, ok := d.File.(fs.ReadDirFile)
		if !ok {
			return nil, &fs.PathError{Op: "readdir", Path: d.name, Err: errors.ErrUnsupported}
		}
		list, err := f.ReadDir(-1)
		if err == nil {
			list, err = d.view.edit(d.name, list)
		}
		if err != nil {
			return nil, err
		}
		d.listed, d.rest = true, list
	}
	if n > 0 && len(d.rest) == 0 {
		return nil, io.EOF
	}
	if n <= 0 || n > len(d.rest) {
		n = len(d.rest)
	}
	out := d.rest[:n:n]
	d.rest = d.rest[n:]
	return out, nil
}

// addedDir is an open directory that is not in the tree.
type addedDir struct {
	name string
	info *dirInfo
}

func (d addedDir) Stat() (fs.FileInfo, error)         { return d.info, nil }
func (d addedDir) Close() error                       { return nil }
func (d addedDir) ReadDir(int) ([]fs.DirEntry, error) { return nil, nil }
func (d addedDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.name, Err: syscall.EISDIR}
}

// dirInfo describes an added directory.
type dirInfo struct {
	name  string
	entry rootfs.Entry
	mtime time.Time
}

// dirInfo describes the added directory, with the time that it will have.
func (p *Plan) dirInfo(path string, parent fs.FileInfo) *dirInfo {
	_, name := splitPath(path)
	return &dirInfo{name, p.entry(path), parent.ModTime()}
}

func (i *dirInfo) Name() string       { return i.name }
func (i *dirInfo) Size() int64        { return 0 }
func (i *dirInfo) IsDir() bool        { return true }
func (i *dirInfo) Sys() any           { return &i.entry }
func (i *dirInfo) ModTime() time.Time { return i.mtime }

func (i *dirInfo) Mode() fs.FileMode {
	mode := fs.ModeDir | fs.FileMode(i.entry.Perm&0o777)
	for bit, b := range map[uint32]fs.FileMode{
		syscall.S_ISUID: fs.ModeSetuid, syscall.S_ISGID: fs.ModeSetgid, syscall.S_ISVTX: fs.ModeSticky,
	} {
		if i.entry.Perm&bit != 0 {
			mode |= b
		}
	}
	return mode
}

// validName is fs.ValidPath without its demand for UTF-8.
func validName(name string) bool {
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

// viewName is the name in io/fs's way of a path in tar's.
func viewName(path string) string {
	if path == "." {
		return path
	}
	return path[len("./"):]
}

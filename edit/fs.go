package edit

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"syscall"

	"image-capture/rootfs"
)

// View is a file system as it will be in the image, but for owners, bits and xattrs at
// ./boot/efi, which are those of the tree. Names are written "a/b" as in
// io/fs, but are bytes, not UTF-8. It follows no link, given that what it shows
// follows none.
type View struct {
	plan *Plan
	base fs.FS
}

// FS returns base with the edits of the plan: what is dropped does not exist, what
// is added does, and files have the sizes and contents that they get. It counts
// nothing, and the plan must be built. To describe or open a file that is rewritten
// takes reading it, and fails when the edit cannot be made.
//
// base must follow no link: each part of a name but the last is a directory, and
// Open of a link is an error. It should have the Lstat and ReadLink of
// fs.ReadLinkFS; its names are bytes too. Where it has a method Xattr like View's,
// that is passed through.
func (p *Plan) FS(base fs.FS) *View { return &View{p, base} }

// find says who has a name: the plan, with the result not nil, or the base.
func (v *View) find(op, name string) (*fileInfo, error) {
	if !rootfs.ValidName(name) {
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
	if v.plan.Hidden(above) && v.plan.added.byPath[above] == nil {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	}
	parent, err := v.Lstat(viewName(above))
	if err == nil && !parent.IsDir() {
		err = &fs.PathError{Op: op, Path: name, Err: syscall.ENOTDIR}
	}
	if err != nil {
		return nil, err
	}
	return v.plan.addedInfo(path, parent), nil
}

// Lstat describes a name. The Sys method of what it returns for what is added gives
// a *rootfs.Entry, and so does that of a file with another content when base's does.
func (v *View) Lstat(name string) (fs.FileInfo, error) {
	added, err := v.find("lstat", name)
	switch {
	case err != nil:
		return nil, err
	case added != nil:
		return added, nil
	}
	info, err := fs.Lstat(v.base, name)
	c := v.content(name)
	if c == nil || err != nil || !info.Mode().IsRegular() {
		return info, err
	}
	if c.empty {
		return editedInfo(info, 0), nil
	}
	f, err := v.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Stat()
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

// Open opens what base opens, or what is added.
func (v *View) Open(name string) (fs.File, error) {
	added, err := v.find("open", name)
	switch {
	case err != nil:
		return nil, err
	case added != nil && added.IsDir():
		return &dirFile{view: v, name: name, File: addedDir{name, added}}, nil
	case added != nil:
		return newContentFile(added, v.plan.added.byPath["./"+name].content), nil
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
	if c := v.content(name); c != nil && info.Mode().IsRegular() {
		defer f.Close()
		b, err := c.read(f)
		if err != nil {
			return nil, &fs.PathError{Op: "open", Path: name, Err: err}
		}
		return newContentFile(editedInfo(info, int64(len(b))), b), nil
	}
	return f, nil
}

// ReadDir lists a directory, sorted by bytes.
func (v *View) ReadDir(name string) ([]fs.DirEntry, error) {
	added, err := v.find("readdir", name)
	switch {
	case err != nil:
		return nil, err
	case added != nil && !added.IsDir():
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: syscall.ENOTDIR}
	case added != nil:
		return v.edit(name, nil)
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
	if len(v.plan.contents.order) > 0 {
		for i, d := range list {
			if v.plan.contents.byPath[dir+"/"+d.Name()] != nil {
				list[i] = &contentEntry{d, v, viewName(dir + "/" + d.Name())}
			}
		}
	}
	add := v.plan.addedIn(dir)
	if len(add) == 0 {
		return list, nil
	}
	parent, err := v.Lstat(name)
	if err != nil {
		return nil, err
	}
	for _, path := range add {
		info := v.plan.addedInfo(path, parent)
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
	return rootfs.NextEntries(&d.rest, n)
}

// viewName is the name in io/fs's way of a path in tar's.
func viewName(path string) string {
	if path == "." {
		return path
	}
	return path[len("./"):]
}

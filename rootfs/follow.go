package rootfs

import (
	"errors"
	"io/fs"
	"strings"

	"golang.org/x/sys/unix"
)

// NoFollowFS is a file system that follows no link, like View: the ground on which
// links can be resolved inside the root.
type NoFollowFS interface {
	fs.ReadLinkFS
	fs.ReadDirFS
}

// maxLinks is how many links one name may lead through, as in the kernel.
const maxLinks = 40

// Resolved is an fs.FS whose names are resolved inside the root, part by part, as
// if it were the root of the running system: an absolute link starts at the root
// again, and ".." stops there.
type Resolved struct{ base NoFollowFS }

// Follow returns the view of base in which links are followed.
func Follow(base NoFollowFS) *Resolved { return &Resolved{base} }

// Open opens what the name leads to.
func (r *Resolved) Open(name string) (fs.File, error) {
	real, err := r.resolve("open", name, true)
	if err != nil {
		return nil, err
	}
	return r.base.Open(real)
}

// Stat describes what the name leads to.
func (r *Resolved) Stat(name string) (fs.FileInfo, error) {
	real, err := r.resolve("stat", name, true)
	if err != nil {
		return nil, err
	}
	return r.base.Lstat(real)
}

// Lstat describes the name itself; links on the way to it are followed.
func (r *Resolved) Lstat(name string) (fs.FileInfo, error) {
	real, err := r.resolve("lstat", name, false)
	if err != nil {
		return nil, err
	}
	return r.base.Lstat(real)
}

// ReadLink returns the target of the link that the name is.
func (r *Resolved) ReadLink(name string) (string, error) {
	real, err := r.resolve("readlink", name, false)
	if err != nil {
		return "", err
	}
	return r.base.ReadLink(real)
}

// ReadDir lists the directory that the name leads to.
func (r *Resolved) ReadDir(name string) ([]fs.DirEntry, error) {
	real, err := r.resolve("readdir", name, true)
	if err != nil {
		return nil, err
	}
	return r.base.ReadDir(real)
}

// Real returns the name without links that the name leads to.
func (r *Resolved) Real(name string) (string, error) { return r.resolve("open", name, true) }

// Xattr returns an extended attribute of the name itself; links on the way to it
// are followed. The error is fs.ErrNotExist when there is no such attribute, and
// errors.ErrUnsupported when the base has no method of this name.
func (r *Resolved) Xattr(name, attr string) ([]byte, error) {
	base, ok := r.base.(interface {
		Xattr(name, attr string) ([]byte, error)
	})
	if !ok {
		return nil, &fs.PathError{Op: "getxattr", Path: name, Err: errors.ErrUnsupported}
	}
	real, err := r.resolve("getxattr", name, false)
	if err != nil {
		return nil, err
	}
	return base.Xattr(real, attr)
}

// resolve returns the name without links that a name leads to.
func (r *Resolved) resolve(op, name string, last bool) (string, error) {
	if !ValidName(name) {
		return "", &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	var done []string
	todo := strings.Split(name, "/")
	for links := 0; len(todo) > 0; {
		part := todo[0]
		todo = todo[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			if len(done) > 0 {
				done = done[:len(done)-1]
			}
			continue
		}
		here := strings.Join(append(done, part), "/")
		if len(todo) == 0 && !last {
			return here, nil
		}
		info, err := r.base.Lstat(here)
		if err != nil {
			var pe *fs.PathError
			if errors.As(err, &pe) {
				err = pe.Err
			}
			return "", &fs.PathError{Op: op, Path: name, Err: err}
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			if len(todo) > 0 && !info.IsDir() {
				return "", &fs.PathError{Op: op, Path: name, Err: unix.ENOTDIR}
			}
			done = append(done, part)
			continue
		}
		if links++; links > maxLinks {
			return "", &fs.PathError{Op: op, Path: name, Err: unix.ELOOP}
		}
		target, err := r.base.ReadLink(here)
		if err != nil {
			return "", err
		}
		if strings.HasPrefix(target, "/") {
			done = nil
		}
		todo = append(strings.Split(target, "/"), todo...)
	}
	if len(done) == 0 {
		return ".", nil
	}
	return strings.Join(done, "/"), nil
}

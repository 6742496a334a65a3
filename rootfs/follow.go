package rootfs

import (
	"errors"
	"io/fs"
	"strings"
	"sync"

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
//
// What it has seen to be a directory, or a link, on the way to a name it goes by from then
// on. Where the tree changes meanwhile, names are found as they were or not at all, and none
// leads out of it: the base follows no link.
type Resolved struct {
	base NoFollowFS
	mu   sync.Mutex
	ways map[string]string // the targets of links, empty for directories
}

// The bounds of what is remembered: a Debian root has 2000 directories.
const (
	mostWays   = 8192
	longestWay = 1024 // bytes
)

// Follow returns the view of base in which links are followed.
func Follow(base NoFollowFS) *Resolved { return &Resolved{base: base, ways: map[string]string{}} }

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
	real, info, err := r.walk("stat", name, true)
	if err != nil || info != nil {
		return info, err
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
	real, _, err := r.walk(op, name, last)
	return real, err
}

// way returns what is remembered of a name.
func (r *Resolved) way(name string) (target string, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	target, known = r.ways[name]
	return target, known
}

func (r *Resolved) remember(name, target string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.ways) < mostWays && len(name)+len(target) <= longestWay {
		r.ways[name] = target
	}
}

// walk is resolve that also returns what is known of the result, if it was looked at.
func (r *Resolved) walk(op, name string, last bool) (real string, info fs.FileInfo, err error) {
	if !ValidName(name) {
		return "", nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
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
			info = nil
			continue
		}
		here := strings.Join(append(done, part), "/")
		if len(todo) == 0 && !last {
			return here, nil, nil
		}
		target, known := r.way(here)
		if known && target == "" && len(todo) > 0 {
			done, info = append(done, part), nil
			continue
		}
		if !known || target == "" {
			info, err = r.base.Lstat(here)
			if err != nil {
				var pe *fs.PathError
				if errors.As(err, &pe) {
					err = pe.Err
				}
				return "", nil, &fs.PathError{Op: op, Path: name, Err: err}
			}
			if info.Mode()&fs.ModeSymlink == 0 {
				if len(todo) > 0 && !info.IsDir() {
					return "", nil, &fs.PathError{Op: op, Path: name, Err: unix.ENOTDIR}
				}
				if len(todo) > 0 {
					r.remember(here, "")
				}
				done = append(done, part)
				continue
			}
			if target, err = r.base.ReadLink(here); err != nil {
				return "", nil, err
			}
			if target != "" { // as no system has it
				r.remember(here, target)
			}
		}
		info = nil // of a link
		if links++; links > maxLinks {
			return "", nil, &fs.PathError{Op: op, Path: name, Err: unix.ELOOP}
		}
		if strings.HasPrefix(target, "/") {
			done = nil
		}
		todo = append(strings.Split(target, "/"), todo...)
	}
	if len(done) == 0 {
		return ".", nil, nil
	}
	return strings.Join(done, "/"), info, nil
}

// Package rootfs shows a mounted Linux root as a safe, read-only tree: it walks
// it, opens files, lists extended attributes, holes and mount points, and gives
// an fs.FS view whose paths are resolved inside the root.
//
// The source is never touched. Files and directories are opened read-only, with
// O_NOATIME where the kernel grants it, and only regular files and directories
// are opened at all: opening a FIFO may block for ever, opening a device may
// rewind a tape. The one trace is the access time of symbolic links, which
// readlink(2) sets on a mount without noatime: Root.Enter looks through a copy of the
// mount that has it, where that is allowed. The page cache is left as it was found, as far
// as the kernel tells what was in it; see pagecache.go.
//
// Every look-up is relative to a directory descriptor and follows no symbolic
// link (openat(2), O_NOFOLLOW), so that no link in the tree can lead out of it, no
// path is too long, and a directory that is swapped under the walk is noticed.
//
// Not supported: sockets have no content and cannot be archived, they are
// reported as what they are; project quota ids and birth times are not read.
package rootfs

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// Root is a directory opened as the root of a tree. It may be used from several
// goroutines.
type Root struct {
	dir  *dir // of places[0]
	path string
	// alone says that it is seen in what MountAlone mounted.
	alone bool
	// places are the root and what Enter opened.
	places []*place
	byPath map[string]*place
	// noXattr remembers the devices whose filesystem has no extended attributes,
	// which saves a system call a file there.
	noXattr sync.Map
	// noDontCache remembers those that do not take RWF_DONTCACHE.
	noDontCache sync.Map
	// cold is what was found of files by FileID.
	cold sync.Map
	// ext remembers of devices whether their filesystem is of the ext family.
	ext sync.Map
}

// Open opens the directory at path, which may be a symbolic link to one, as a
// root. The error is a GoneError when the directory was deleted, such as a snapshot that is
// still mounted.
func Open(path string) (*Root, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open root", Path: path, Err: err}
	}
	// The kernel's own name of the directory: absolute, without links, as
	// mountinfo writes it.
	real, err := os.Readlink(procPath(fd, ""))
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("cannot name the root %s: /proc is needed and is not mounted: %w", path, err)
	}
	top, err := newPlace(fd, ".", false)
	var gone *GoneError
	switch {
	case errors.As(err, &gone):
		return nil, &GoneError{Path: path}
	case err != nil:
		return nil, &os.PathError{Op: "stat root", Path: path, Err: errors.Unwrap(err)}
	}
	return &Root{path: real, dir: top.dir, places: []*place{top}, byPath: map[string]*place{}}, nil
}

// Path returns the absolute path of the root, free of symbolic links.
func (r *Root) Path() string { return r.path }

// Close closes the root. No walk may be under way.
func (r *Root) Close() error {
	for _, p := range r.places {
		if p.dir != nil {
			p.dir.release()
		}
	}
	return nil
}

// procPath names what fd refers to, or name below it, for the system calls that
// have no variant on descriptors. The link in /proc is followed by the kernel to
// the very inode, whatever its path is now.
func procPath(fd int, name string) string {
	p := "/proc/self/fd/" + strconv.Itoa(fd)
	if name != "" {
		p += "/" + name
	}
	return p
}

package rootfs

import (
	"errors"
	"slices"
	"sort"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"image-capture/entry"
)

// Cloner clones files before they are read: what is read is then the file at one moment,
// whatever is written to it meanwhile. A clone shares the blocks of its file (FICLONE, see
// ioctl_ficlonerange(2)) and has no name (O_TMPFILE, see open(2)), so that nothing is left
// of it when it is closed, or when the process is killed. It may be used from several
// goroutines.
//
// It writes to the filesystem of the file: data of the file that is not on the disk yet,
// and the inode of the clone.
type Cloner struct {
	places []clonePlace // the longest path first
	first  func(path string) bool

	mu     sync.Mutex
	failed []CloneFailure
}

type clonePlace struct {
	path string
	fd   int
}

// CloneFailure are files below a place that could not be cloned, and are read as they are.
type CloneFailure struct {
	Place string // "." or "./home"
	First string // the path of the first one
	Files int
	Err   error // of the first one
}

// NewCloner makes one that clones below each of the places: by their paths in the tree, a
// directory of the same mount, where it may write. It returns those where files cannot be
// cloned, and why. first names the files that should be cloned whatever their size; nil:
// none.
func NewCloner(places map[string]string, first func(path string) bool) (*Cloner, map[string]error) {
	c := &Cloner{first: first}
	failed := map[string]error{}
	for path, dir := range places {
		fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err == nil {
			if err = tryClone(fd); err != nil {
				unix.Close(fd)
			}
		}
		if err != nil {
			failed[path] = err
			continue
		}
		c.places = append(c.places, clonePlace{path, fd})
	}
	sort.Slice(c.places, func(i, j int) bool { return len(c.places[j].path) < len(c.places[i].path) })
	return c, failed
}

// tryClone clones an empty file, which the filesystems that cannot clone refuse too.
func tryClone(dir int) error {
	a, err := unnamed(dir)
	if err != nil {
		return err
	}
	defer unix.Close(a)
	b, err := unnamed(dir)
	if err != nil {
		return err
	}
	defer unix.Close(b)
	return retry(func() error { return unix.IoctlFileClone(b, a) })
}

func unnamed(dir int) (fd int, err error) {
	err = retry(func() error {
		fd, err = unix.Openat(dir, ".", unix.O_TMPFILE|unix.O_RDWR|unix.O_EXCL|unix.O_CLOEXEC, 0o600)
		return err
	})
	return fd, err
}

// Close lets go of the places.
func (c *Cloner) Close() {
	for _, p := range c.places {
		unix.Close(p.fd)
	}
}

// First says whether a file should be cloned whatever its size.
func (c *Cloner) First(path string) bool { return c.first != nil && c.first(path) }

// Failures are those so far. Files that no place is for are not among them.
func (c *Cloner) Failures() []CloneFailure {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.failed)
}

// cloneTries is how often a file is cloned that was changed meanwhile.
const cloneTries = 3

// Clone puts a clone in the place of an open file, and size and blocks of the clone into
// e. The times of e are those of the file at the clone's moment, or from shortly before
// where it never held still. It is false when the file is read as it is.
func (c *Cloner) Clone(f *Content, e *entry.Entry) bool {
	at := slices.IndexFunc(c.places, func(p clonePlace) bool { return p.path == "." || within(p.path, f.path) })
	if at < 0 {
		return false
	}
	place := c.places[at]
	for try := 1; ; try++ {
		clone, err := cloneOf(f.fd, place.fd)
		if err != nil {
			c.fail(place.path, f.path, err)
			return false
		}
		var now, is entry.Entry
		_, err = statFD(f.fd, &now)
		if err == nil {
			_, err = statFD(clone, &is)
		}
		if err != nil {
			unix.Close(clone)
			c.fail(place.path, f.path, err)
			return false
		}
		if try < cloneTries && (now.Mtime != e.Mtime || now.Ctime != e.Ctime) {
			unix.Close(clone)
			e.Mtime, e.Ctime, e.Perm, e.UID, e.GID = now.Mtime, now.Ctime, now.Perm, now.UID, now.GID
			continue
		}
		unix.Close(f.fd)
		f.fd = clone
		e.Size, e.Blocks = is.Size, is.Blocks
		return true
	}
}

// cloneOf clones a file into one without a name.
func cloneOf(file, dir int) (int, error) {
	clone, err := unnamed(dir)
	if err != nil {
		return -1, err
	}
	// A file of btrfs without checksums (chattr +C) can be cloned into another such only;
	// see btrfs(5), "nodatacow".
	const noCow = 0x00800000 // FS_NOCOW_FL
	if flags, err := unix.IoctlGetUint32(file, unix.FS_IOC_GETFLAGS); err == nil && flags&noCow != 0 {
		if now, err := unix.IoctlGetUint32(clone, unix.FS_IOC_GETFLAGS); err == nil {
			_ = unix.IoctlSetPointerInt(clone, unix.FS_IOC_SETFLAGS, int(now|noCow)) // cloning tells
		}
	}
	if err := retry(func() error { return unix.IoctlFileClone(clone, file) }); err != nil {
		unix.Close(clone)
		return -1, err
	}
	return clone, nil
}

func (c *Cloner) fail(place, path string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.failed {
		if f := &c.failed[i]; f.Place == place && errors.Is(err, f.Err) {
			f.Files++
			return
		}
	}
	c.failed = append(c.failed, CloneFailure{Place: place, First: strings.Clone(path), Files: 1, Err: err})
}

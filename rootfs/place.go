package rootfs

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"golang.org/x/sys/unix"

	"image-capture/entry"
)

// place is the top of a filesystem that is captured: the root, or what is mounted in it.
// It is open until the root is closed.
type place struct {
	path string // "." or "./boot"
	dir  *dir
	// filled says that it held something when it was opened.
	filled bool
	// file is the name of a file that is mounted on another, in dir; "" for a directory.
	file string
	// err says why what is mounted there cannot be opened; dir is nil then.
	err error
}

// newPlace takes over fd, an open directory; bare is that of dir.
func newPlace(fd int, path string, bare bool) (*place, error) {
	var e entry.Entry
	_, err := statFD(fd, &e)
	switch {
	case err != nil:
		err = fmt.Errorf("stat %s: %w", entry.Escape(path), err)
	case e.Nlink == 0:
		err = &GoneError{Path: path}
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	p := &place{path: path, dir: newDir(fd, path, e.ID, bare)}
	if p.filled, err = p.holds(); err == unix.ENOENT {
		p.dir.release()
		return nil, &GoneError{Path: path}
	}
	return p, nil // what cannot be listed is the walk's to tell
}

// holds says whether the directory lists a name.
func (p *place) holds() (bool, error) {
	// A descriptor of its own, since the position in a directory belongs to that.
	fd, err := openAt(p.dir.fd, ".", unix.O_DIRECTORY)
	if err != nil {
		return false, err
	}
	defer unix.Close(fd)
	l := &listing{}
	buf := make([]byte, 4<<10)
	for len(l.items) == 0 {
		var n int
		err := retry(func() (err error) { n, err = unix.Getdents(fd, buf); return })
		if err != nil || n == 0 {
			return false, err
		}
		l.parse(buf[:n])
	}
	return true, nil
}

// present says whether the directory is still there. The number of its links is not
// enough: that of a btrfs subvolume stays 1 when the subvolume is deleted, and look-ups
// go on finding the names that the kernel has cached. But it lists none any more.
func (p *place) present() error {
	var e entry.Entry
	_, err := statFD(p.dir.fd, &e)
	if err == nil && e.Nlink > 0 {
		var filled bool
		filled, err = p.holds()
		if err == nil && (filled || !p.filled) || errors.Is(err, fs.ErrPermission) {
			return nil
		}
	}
	if err == unix.ENOENT {
		err = nil // that is what is said already
	}
	return &GoneError{p.path, err}
}

// GoneError says that the root, or what is mounted in it, is not there any more. What was
// read of it may be a part.
type GoneError struct {
	Path string // of the root as Root.Path has it, else "./home"
	Err  error  // what the kernel says, if anything
}

func (e *GoneError) Error() string {
	s := e.Path + " is gone: it was deleted, or what is mounted there was taken away"
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns what the kernel says.
func (e *GoneError) Unwrap() error { return e.Err }

// Present says whether the root is still there, and so each filesystem that Enter opened;
// the error is a GoneError. Who has read a tree asks it: a directory that was deleted
// looks like one that is empty, and a snapshot vanishes under its reader without a sign.
func (r *Root) Present() error {
	for _, p := range r.places {
		if p.err != nil || p.file != "" {
			continue
		}
		if err := p.present(); err != nil {
			var gone *GoneError
			if errors.As(err, &gone) && p.path == "." {
				gone.Path = r.path
			}
			return err
		}
	}
	return nil
}

// nearest returns the place that a path lies in, and the path from there; "." is its top.
func (r *Root) nearest(path string) (*place, string) {
	if len(r.byPath) > 0 {
		for end := len(path); end > 0; end = strings.LastIndexByte(path[:end], '/') {
			if p := r.byPath[path[:end]]; p != nil {
				if end == len(path) {
					return p, "."
				}
				return p, path[end+1:]
			}
		}
	}
	return r.places[0], strings.TrimPrefix(path, "./")
}

// stat describes the top itself.
func (p *place) stat(e *entry.Entry) error {
	var err error
	switch {
	case p.err != nil:
		err = p.err
	case p.file != "":
		err = peek(p.dir.fd, p.file, e)
	default:
		_, err = statFD(p.dir.fd, e)
	}
	return err
}

// open opens the directory.
func (p *place) open() (int, error) {
	switch {
	case p.err != nil:
		return -1, p.err
	case p.file != "":
		return -1, unix.ENOTDIR
	}
	return openAt(p.dir.fd, ".", unix.O_DIRECTORY)
}

// openDir opens a directory by its path, from place to place as the walk goes.
func (r *Root) openDir(path string) (int, error) {
	top, rest := r.nearest(path)
	fd, err := top.open()
	for name := range strings.SplitSeq(rest, "/") {
		if err != nil {
			break
		}
		up := fd
		fd, err = openAt(up, name, unix.O_DIRECTORY)
		unix.Close(up)
	}
	return fd, err
}

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
}

// newPlace takes over fd, an open directory.
func newPlace(fd int, path string) (*place, error) {
	var e entry.Entry
	_, err := statFD(fd, &e)
	switch {
	case err != nil:
		err = fmt.Errorf("stat %s: %w", path, err)
	case e.Nlink == 0:
		err = &GoneError{Path: path}
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	p := &place{path: path, dir: newDir(fd, path, e.ID)}
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

// Enter opens what the decisions capture, each at its place, for the walk and the views to
// go on in: by then a mount may be gone, or another over it. What cannot be opened is left
// for the walk to tell. It is called once, before anything else is done with the root; the
// error is a GoneError.
func (r *Root) Enter(m *Mounts) error {
	for _, d := range m.List() {
		if !d.Captured {
			continue
		}
		fd, err := r.openMount(&d)
		if err != nil {
			continue
		}
		p, err := newPlace(fd, d.Path)
		var gone *GoneError
		if errors.As(err, &gone) {
			return err
		}
		if err != nil {
			continue
		}
		r.places = append(r.places, p)
		r.byPath[d.Path] = p
	}
	return nil
}

// openMount opens the directory at the top of a mount.
func (r *Root) openMount(d *Mount) (int, error) {
	if d.From != "" {
		return openAt(unix.AT_FDCWD, d.From, unix.O_DIRECTORY)
	}
	return r.openDir(d.Path)
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

// openDir opens a directory by its path, from place to place as the walk goes.
func (r *Root) openDir(path string) (int, error) {
	top, rest := r.nearest(path)
	fd, err := openAt(top.dir.fd, ".", unix.O_DIRECTORY)
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

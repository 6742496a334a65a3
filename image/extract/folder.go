package extract

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"image-capture/entry"
)

// maxOpen bounds the descriptors of the directories on the way to a member.
const maxOpen = 64

const dirFlags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC

// nowhere stands for no descriptor.
const nowhere = -1

// folder is an open directory that is written to.
type folder struct {
	path string
	fd   int // nowhere while it is closed to save descriptors
	id   [2]uint64
	refs atomic.Int32 // the stack's, and one for each file to be written
	// member is what the directory gets when nobody writes to it any more; nil keeps its
	// own attributes.
	member *entry.Member
	times  [2]unix.Timespec // its own
	fresh  bool             // it was empty
	// inherits says that what is made there gets an ACL from it.
	inherits bool
}

// open opens the directory that is extracted to.
func (x *extraction) open() error {
	err := os.Mkdir(x.opt.Dir, 0o755)
	x.made = err == nil
	if err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	fd, err := unix.Open(x.opt.Dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: x.opt.Dir, Err: err}
	}
	f, err := newFolder(fd, ".")
	if err != nil {
		return &os.PathError{Op: "stat", Path: x.opt.Dir, Err: err}
	}
	if f.fresh = x.made || isEmpty(fd); !f.fresh {
		x.sweep(f)
	}
	x.stack = []*folder{f}
	return nil
}

// newFolder takes over a descriptor.
func newFolder(fd int, path string) (*folder, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return nil, err
	}
	f := &folder{path: path, fd: fd, id: [2]uint64{st.Dev, st.Ino}, times: [2]unix.Timespec{{Nsec: unix.UTIME_OMIT}, st.Mtim}}
	n, err := unix.Fgetxattr(fd, aclDefault, nil)
	f.inherits = err == nil && n > 0
	f.refs.Store(1)
	return f, nil
}

// isEmpty says whether a directory holds nothing but what a new filesystem has.
func isEmpty(fd int) bool {
	again, err := unix.Openat(fd, ".", dirFlags, 0)
	if err != nil {
		return false
	}
	d := os.NewFile(uintptr(again), "")
	defer d.Close()
	names, _ := d.Readdirnames(2)
	return len(names) == 0 || len(names) == 1 && names[0] == "lost+found"
}

// enter makes a directory the one at the top of the stack, and those on the way that are
// missing.
func (x *extraction) enter(path string) (*folder, error) {
	n := len(x.stack)
	for n > 1 && x.stack[n-1].path != path && !entry.IsBelow(path, x.stack[n-1].path) {
		n--
	}
	if err := x.leave(n); err != nil {
		return nil, err
	}
	top := x.stack[len(x.stack)-1]
	for top.path != path {
		next := top.path + "/" + firstPart(path[len(top.path)+1:])
		x.waitFor(next)
		_, name := split(next)
		fd, err := unix.Openat(top.fd, name, dirFlags, 0)
		switch {
		case errors.Is(err, unix.ENOENT):
			if err := x.missing(top, name, next); err != nil {
				return nil, err
			}
		case errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENOTDIR):
			return nil, fmt.Errorf("%s is not a directory", entry.Escape(next))
		case err != nil:
			return nil, fmt.Errorf("open directory %s: %w", entry.Escape(next), err)
		default:
			if _, err := x.push(fd, next); err != nil {
				return nil, err
			}
		}
		top = x.stack[len(x.stack)-1]
	}
	return top, nil
}

// missing makes a directory above a member, as the image had it if it did.
func (x *extraction) missing(in *folder, name, path string) error {
	if err := unix.Mkdirat(in.fd, name, 0o700); err != nil {
		return fmt.Errorf("make directory %s: %w", entry.Escape(path), err)
	}
	f, err := x.pushMade(in, name, path)
	if err != nil {
		return err
	}
	for _, m := range x.above {
		if m.Path == path {
			f.member = m.Member
			x.header(m)
			return nil
		}
	}
	x.implicit[path] = true
	return unix.Fchmod(f.fd, 0o755)
}

// dir makes a directory that the image names, and goes into it.
func (x *extraction) dir(in *folder, name string, m *entry.Member) error {
	err := unix.Mkdirat(in.fd, name, 0o700)
	made := err == nil
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return err
	}
	if !made && x.replaces(m.Path) {
		// A file, or a link to a directory, has to go; a directory stays.
		if err := unix.Unlinkat(in.fd, name, 0); err == nil {
			if err := unix.Mkdirat(in.fd, name, 0o700); err != nil {
				return err
			}
			made = true
		}
	}
	var f *folder
	if made {
		f, err = x.pushMade(in, name, m.Path)
	} else {
		f, err = x.pushNamed(in, name, m.Path)
		if err == nil {
			x.sweep(f)
		}
	}
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENOTDIR) {
		return unix.EEXIST
	}
	if err != nil {
		return err
	}
	if made || x.implicit[m.Path] || x.replaces(m.Path) {
		delete(x.implicit, m.Path)
		f.member = m
	} else {
		x.problem(Merged, m.Path, nil)
	}
	return nil
}

// pushMade is pushNamed for a directory that was just made: what it inherited is taken away.
func (x *extraction) pushMade(in *folder, name, path string) (*folder, error) {
	f, err := x.pushNamed(in, name, path)
	if err == nil && in.inherits {
		x.dropInherited(f.fd, path, aclAccess, aclDefault)
		f.inherits = false
	}
	return f, err
}

func (x *extraction) pushNamed(in *folder, name, path string) (*folder, error) {
	fd, err := unix.Openat(in.fd, name, dirFlags, 0)
	if err != nil {
		return nil, fmt.Errorf("open directory %s: %w", entry.Escape(path), err)
	}
	return x.push(fd, path)
}

// push takes over a descriptor.
func (x *extraction) push(fd int, path string) (*folder, error) {
	f, err := newFolder(fd, path)
	if err != nil {
		return nil, fmt.Errorf("stat %s: %w", entry.Escape(path), err)
	}
	x.stack = append(x.stack, f)
	if i := len(x.stack) - maxOpen; i > 0 {
		// A file that waits to be written there keeps it open.
		if far := x.stack[i]; far.fd != nowhere && far.refs.Load() == 1 {
			unix.Close(far.fd)
			far.fd = nowhere
		}
	}
	return f, nil
}

// leave takes all but the first n from the stack.
func (x *extraction) leave(n int) error {
	for len(x.stack) > n {
		f := x.stack[len(x.stack)-1]
		x.stack = x.stack[:len(x.stack)-1]
		if len(x.stack) > 0 {
			if err := x.stack[len(x.stack)-1].reopen(f.fd); err != nil {
				x.release(f)
				return err
			}
		}
		x.release(f)
	}
	return nil
}

// reopen opens a directory that was closed to save descriptors from one in it, and makes
// sure that it is the same.
func (f *folder) reopen(below int) error {
	if f.fd != nowhere {
		return nil
	}
	fd, err := unix.Openat(below, "..", dirFlags, 0)
	if err != nil {
		return fmt.Errorf("open directory %s again: %w", entry.Escape(f.path), err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || f.id != [2]uint64{st.Dev, st.Ino} {
		unix.Close(fd)
		return fmt.Errorf("directory %s was moved meanwhile", entry.Escape(f.path))
	}
	f.fd = fd
	return nil
}

// release lets go of a directory. The last one gives it its attributes, as nothing in it
// changes any more. It may be called from any goroutine.
func (x *extraction) release(f *folder) {
	if f.refs.Add(-1) > 0 {
		return
	}
	if f.fd == nowhere {
		return // after an error on the way back
	}
	if f.member != nil {
		x.dress(f.fd, f, ".", f.member)
	} else if !f.fresh {
		// What the directory was before does not change because something is put there.
		_ = setTimes(f.fd, f.fd, ".", &f.times) // only its owner may
	}
	unix.Close(f.fd)
}

// reach opens a directory that is there, off the stack where it is on it.
func (x *extraction) reach(path string) (fd int, done func(), err error) {
	at := 0
	for i, f := range x.stack {
		if f.fd != nowhere && (f.path == path || f.path == "." || entry.IsBelow(path, f.path)) {
			at = i
		}
	}
	fd, rest := x.stack[at].fd, ""
	if path != x.stack[at].path {
		rest = path[len(x.stack[at].path)+1:]
	}
	fd, err = descend(fd, rest)
	if err != nil {
		return nowhere, nil, err
	}
	return fd, func() { unix.Close(fd) }, nil
}

// descend opens a directory some parts below another.
func descend(from int, path string) (int, error) {
	fd, err := unix.Openat(from, ".", dirFlags, 0)
	for err == nil && path != "" {
		part := firstPart(path)
		path = strings.TrimPrefix(path[len(part):], "/")
		var next int
		next, err = unix.Openat(fd, part, dirFlags, 0)
		unix.Close(fd)
		fd = next
	}
	return fd, err
}

func firstPart(path string) string {
	part, _, _ := strings.Cut(path, "/")
	return part
}

// split cuts a path below "." into the directory and the name there.
func split(path string) (parent, name string) {
	i := strings.LastIndexByte(path, '/')
	return path[:i], path[i+1:]
}

var temps atomic.Uint64

// tempName is for a file that gets another name when it is complete.
func tempName() string {
	return "." + strconv.Itoa(os.Getpid()) + "." + strconv.FormatUint(temps.Add(1), 10) + entry.TempSuffix
}

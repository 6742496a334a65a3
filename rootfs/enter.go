package rootfs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"image-capture/entry"
)

// ErrMountsChanged says that something was mounted or unmounted below the root while it
// was looked at: decide again.
var ErrMountsChanged = errors.New("the mounts changed while they were looked at")

// Enter opens the root and each mount that the decisions capture, at its place, for all
// that is done with the root from then on. Each is seen through a copy of that mount,
// which belongs to this process alone, shows in no list of mounts, is read-only, and ends
// with the process: so no other mount is in the way, those that are left out are never
// touched, and what lies under them is in the tree (Mount.Beneath). The filesystems stay
// in use, though nobody can see by whom, until the root is closed.
//
// That takes CAP_SYS_ADMIN, and Linux 5.2 or a mount namespace. Without, the mounts are
// opened as they are, and the reasons of the decisions say what may be hidden. What cannot
// be opened is the walk's to tell.
//
// It is called once, by itself, before anything else is done with the root. The error is a
// GoneError, or wraps ErrMountsChanged: then nothing was done yet.
func (r *Root) Enter(m *Mounts) error {
	list, err := r.entrances(m)
	defer func() {
		for _, e := range list {
			e.close()
		}
	}()
	if err != nil {
		return err
	}
	why := copyMounts(list)
	for _, e := range list {
		p, err := e.place()
		if err != nil {
			return err
		}
		if e.path == "." {
			if p.err != nil {
				return fmt.Errorf("%s: %w", entry.Escape(r.path), p.err) // a mount that cannot be read is told; without the root there is nothing
			}
			p.filled = p.filled || r.places[0].filled
			r.places[0].dir.release()
			r.places[0], r.dir = p, p.dir
			continue
		}
		r.places = append(r.places, p)
		r.byPath[e.path] = p
	}
	for _, d := range m.List() {
		r.lookUnder(m, d, why)
	}
	return nil
}

// entrance is what is mounted somewhere, on its way to be a place.
type entrance struct {
	path, host string // in the tree; on this machine
	fd         int    // with O_PATH; -1 where err is not nil
	dir        bool
	alone      bool // MountAlone mounted it
	id         entry.FileID
	above      int // of a file: the directory that it is in, with O_PATH
	copied     int // the directory in a copy of the mount; -1 without
	err        error
}

func (e *entrance) close() {
	for _, fd := range []int{e.fd, e.above, e.copied} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

// entrances opens the root and the mounts, without waking what they are of.
func (r *Root) entrances(m *Mounts) ([]*entrance, error) {
	fd, err := unix.FcntlInt(uintptr(r.dir.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	list := []*entrance{{path: ".", host: r.path, fd: fd, dir: true, alone: r.alone, id: r.dir.id, above: -1, copied: -1}}
	for _, d := range m.List() {
		if !d.Captured {
			continue
		}
		e := &entrance{path: d.Path, host: d.From, alone: isAlone(d.From), above: -1, copied: -1}
		if d.From != "" {
			e.fd, e.err = unix.Open(d.From, unix.O_PATH|unix.O_CLOEXEC, 0)
		} else {
			e.host = join(r.path, d.Path[1:])
			e.fd, e.above, e.err = openPath(r.dir.fd, d.Path[2:])
		}
		list = append(list, e)
		if e.err == nil {
			if id, ok := mountID(e.fd); ok && d.id != 0 && id != d.id {
				return list, fmt.Errorf("%s: %w", e.host, ErrMountsChanged)
			}
			var st entry.Entry
			_, e.err = statAt(e.fd, "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC, &st)
			e.dir, e.id = st.Type == entry.Dir, st.ID
		}
		if e.err != nil {
			e.err = fmt.Errorf("open %s: %w", entry.Escape(d.Path), e.err)
		}
	}
	return list, nil
}

// openPath opens a path below a directory for nothing but its place, and the directory
// that it is in. No link is followed, and the last part not touched: neither a server that
// hangs nor an automount notices.
func openPath(dirfd int, path string) (fd, above int, err error) {
	open := func(at int, name string) (int, error) {
		return unix.Openat(at, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	}
	if fd, err = open(dirfd, "."); err != nil {
		return -1, -1, err
	}
	above = -1
	for name := range strings.SplitSeq(path, "/") {
		if above >= 0 {
			unix.Close(above)
		}
		above = fd
		if fd, err = open(above, name); err != nil {
			unix.Close(above)
			return -1, -1, err
		}
	}
	return fd, above, nil
}

// mountID tells on which mount of the kernel's list an open file is; see proc(5), Linux
// 3.15.
func mountID(fd int) (int, bool) {
	text, err := os.ReadFile("/proc/self/fdinfo/" + strconv.Itoa(fd))
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "mnt_id:"); ok {
			id, err := strconv.Atoi(strings.TrimSpace(value))
			return id, err == nil
		}
	}
	return 0, false
}

// place makes the place, and takes over what it needs. The error is a GoneError.
func (e *entrance) place() (*place, error) {
	broken := func(err error) (*place, error) {
		return &place{path: e.path, err: err}, nil
	}
	if e.err != nil {
		return broken(e.err)
	}
	if !e.dir {
		var above entry.Entry
		if _, err := statFD(e.above, &above); err != nil {
			return broken(err)
		}
		fd := e.above
		e.above = -1
		return &place{path: e.path, dir: newDir(fd, e.path, above.ID, false), file: e.path[strings.LastIndexByte(e.path, '/')+1:]}, nil
	}
	fd, bare := e.copied, e.copied >= 0
	e.copied = -1
	if !bare {
		var err error
		if fd, err = openAt(e.fd, ".", unix.O_DIRECTORY); err != nil {
			return broken(fmt.Errorf("open %s: %w", entry.Escape(e.path), err))
		}
	}
	p, err := newPlace(fd, e.path, bare)
	var gone *GoneError
	if err != nil && !errors.As(err, &gone) {
		return broken(err)
	}
	return p, err
}

// lookUnder completes a decision by what lies under the mount, or by why that cannot be
// seen.
func (r *Root) lookUnder(m *Mounts, d Mount, why error) {
	above, _ := r.nearest(d.Path[:strings.LastIndexByte(d.Path, '/')])
	switch {
	case above.dir == nil:
	case !above.dir.bare:
		if d.id != 0 && why != nil {
			m.change(d.Path, func(d *Mount) { d.Reason += "; what lies under it is not seen: " + why.Error() })
		}
	case d.Captured:
		if name := r.under(above, d.Path); name != "" {
			m.change(d.Path, func(d *Mount) { d.Reason += "; it hides what is not in the image, such as " + name })
		}
	default:
		seen := !d.dropped && r.under(above, d.Path) != ""
		m.change(d.Path, func(d *Mount) {
			if d.Beneath = true; seen {
				d.Reason += ButNotUnder
			}
		})
	}
}

// ButNotUnder ends the reason of a mount that is left out and hides something, which is in
// the tree.
const ButNotUnder = ", but not what lies under it"

// under returns a path that lies under a mount, in the place above it; "" without.
func (r *Root) under(above *place, path string) string {
	at, up, err := openPath(above.dir.fd, path[len(above.path)+1:])
	if err != nil {
		return ""
	}
	defer unix.Close(up)
	defer unix.Close(at)
	fd, err := openAt(at, ".", unix.O_DIRECTORY)
	if err != nil {
		return "" // a file
	}
	defer unix.Close(fd)
	var e entry.Entry
	_, err = statFD(fd, &e)
	if top := r.byPath[path]; err != nil || top != nil && top.dir != nil && top.dir.id == e.ID {
		return "" // it is mounted on itself
	}
	l := listing{most: 1000} // one is enough
	_ = l.read(context.Background(), fd, make([]byte, 8<<10))
	for _, i := range l.items {
		if name := string(l.name(i)); name != "lost+found" {
			return path + "/" + name
		}
	}
	return ""
}

package snapshot

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Snapshots of btrfs have names that only the program gives, and that no image has in it,
// since temp files have such; see package durable.
const (
	namePrefix = ".snapshot-"
	nameSuffix = ".image-capture.tmp"
)

// Graft is a place of the tree that is read from elsewhere.
type Graft struct {
	Path string // in the tree
	From string // a directory of this host
}

// btrfsTop is the inode number at the top of each subvolume (BTRFS_FIRST_FREE_OBJECTID).
const btrfsTop = 256

// topOf is the top of the subvolume that a place lies in; "" when that is not in its mount.
func topOf(p Place) string {
	for dir := p.Dir; ; dir = filepath.Dir(dir) {
		var st unix.Stat_t
		if unix.Lstat(dir, &st) != nil {
			return ""
		}
		if st.Ino == btrfsTop {
			return dir
		}
		if dir == p.Mount || dir == "/" {
			return ""
		}
	}
}

func (h Host) canBtrfs(p Place) (what, why string) {
	switch top := ""; {
	case p.FSType != "btrfs":
		return "", "it is " + p.FSType
	case !hasProgram("btrfs"):
		return "", "the program btrfs is not installed"
	case p.MountReadOnly:
		return "", "mounted read-only here, so that no snapshot can be made"
	default:
		if top = topOf(p); top == "" {
			return "", "the directory that is mounted is a part of a subvolume"
		}
		return "read-only snapshots of its subvolumes are made in " + top + ", and deleted after the capture", ""
	}
}

// Btrfs makes the snapshots of a choice: of the subvolume that it lies in, and of those
// below that wanted names, by their paths in the tree. A subvolume below that cannot be
// snapshotted since a swap file in it is in use is read as it is, which live is told.
func (g *Guard) Btrfs(ctx context.Context, c Choice, wanted func(path string) bool, live func(path, why string)) ([]Graft, error) {
	top := topOf(c.Place)
	if top == "" {
		return nil, fmt.Errorf("%s is no directory of a subvolume any more", c.Dir)
	}
	s := &series{guard: g, top: top, id: newID()}
	from, err := s.make(ctx, top)
	if err != nil {
		return nil, err
	}
	grafts := []Graft{{c.Path, filepath.Join(from, strings.TrimPrefix(c.Dir, top))}}
	nested, err := g.host.nested(ctx, c.Place)
	if err != nil {
		return nil, err
	}
	for _, dir := range nested {
		path := c.Path + strings.TrimPrefix(dir, strings.TrimSuffix(c.Dir, "/"))
		if !wanted(path) {
			continue
		}
		from, err := s.make(ctx, dir)
		var tool *ToolError
		if errors.As(err, &tool) && strings.Contains(tool.Text, "Text file busy") {
			live(path, "a swap file in it is in use")
			from, err = dir, nil
		}
		if err != nil {
			return nil, err
		}
		grafts = append(grafts, Graft{path, from})
	}
	return grafts, nil
}

// nested are the subvolumes below a place, by their directories, each after those that it
// is in.
func (h Host) nested(ctx context.Context, p Place) ([]string, error) {
	// Paths of subvolumes below the one that dir lies in are relative to that, those of
	// others to the top of the filesystem: what is no subvolume there is none of these.
	top := topOf(p)
	out, err := h.tool(ctx, nil, "btrfs", "subvolume", "list", top)
	if err != nil {
		return nil, err
	}
	var dirs []string
	for line := range strings.Lines(out) {
		_, path, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " path ")
		dir := filepath.Join(top, path)
		if ok && strings.HasPrefix(dir, strings.TrimSuffix(p.Dir, "/")+"/") && isSubvolume(dir) {
			dirs = append(dirs, dir)
		}
	}
	slices.Sort(dirs)
	return slices.Compact(dirs), nil
}

// isSubvolume says whether a subvolume begins at a directory.
func isSubvolume(dir string) bool {
	var st, above unix.Stat_t
	return unix.Lstat(dir, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR && st.Ino == btrfsTop &&
		unix.Lstat(filepath.Dir(dir), &above) == nil && st.Dev != above.Dev
}

func newID() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// series are the snapshots of one place. They lie in the subvolume at the top.
type series struct {
	guard *Guard
	top   string
	id    string
	n     int
}

// make makes a read-only snapshot of a subvolume, and locks it: whoever finds it by name
// sees by that whether the capture lives.
func (s *series) make(ctx context.Context, subvolume string) (string, error) {
	unlock, err := lockDir(s.top)
	if err != nil {
		return "", err
	}
	defer unlock()
	s.n++
	path := filepath.Join(s.top, fmt.Sprintf("%s%s-%d%s", namePrefix, s.id, s.n, nameSuffix))
	id, err := s.guard.promise(Undo{Subvolume: path})
	if err != nil {
		return "", err
	}
	if err := s.guard.tool(ctx, "btrfs", "subvolume", "snapshot", "-r", subvolume, path); err != nil {
		if _, gone := os.Lstat(path); gone != nil {
			s.guard.forget(id)
		}
		return "", err
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", &os.PathError{Op: "open", Path: path, Err: err}
	}
	s.guard.hold(fd)
	return path, unix.Flock(fd, unix.LOCK_SH|unix.LOCK_NB)
}

// lockDir keeps captures from looking for what others left while a snapshot is made and
// not locked yet.
func lockDir(dir string) (unlock func(), err error) {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: dir, Err: err}
	}
	_ = lockOpen(fd) // a filesystem without locks has none to wait for
	return func() { unix.Close(fd) }, nil
}

// lockOpen locks an open file for this capture alone.
func lockOpen(fd int) (err error) {
	for range 100 {
		err = unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
		if err != unix.EWOULDBLOCK && err != unix.EINTR {
			break
		}
		time.Sleep(50 * time.Millisecond) // another capture makes its own, which takes a moment
	}
	return err
}

// SweepBtrfs deletes the snapshots of captures that were killed, and their watchers too,
// in the subvolume of a place; removed is told of each. What it cannot delete is the
// error, a LeftError.
func (h Host) SweepBtrfs(ctx context.Context, p Place, removed func(Undo)) error {
	top := topOf(p)
	if top == "" {
		return nil
	}
	unlock, err := lockDir(top)
	if err != nil {
		return err
	}
	defer unlock()
	names, err := filepath.Glob(strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(top) + "/" + namePrefix + "*" + nameSuffix)
	if err != nil {
		return err
	}
	for _, path := range names {
		if !isSubvolume(path) || inUse(path) {
			continue
		}
		u := Undo{Subvolume: path}
		if err := u.do(ctx, h); err != nil {
			return &LeftError{u, err}
		}
		removed(u)
	}
	return nil
}

// inUse says whether a capture reads a snapshot.
func inUse(path string) bool {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) == unix.EWOULDBLOCK
}

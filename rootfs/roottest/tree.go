package roottest

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Tree is what a directory holds, by path from there: Tree{"etc/hostname": File("vm"),
// "etc/again": Same("etc/hostname")}. Directories above a path need no line of their
// own; they are as Dir() is. "." is the directory itself, if it matters.
type Tree map[string]Node

// Node is one name of a Tree. File, Dir, Link, Same and Device make one; the methods
// give it more than the defaults: mode 0644 (directories 0755), the test's own owner, no
// xattrs, and whatever time it is.
type Node struct {
	kind, text       string
	mode             uint32
	uid, gid         int
	owned, timed     bool
	sec, nsec        int64
	xattrs           map[string]string
	hole             int64
	major, minor, of uint32
}

// File is a file with a content.
func File(content string) Node { return Node{kind: "file", text: content, mode: 0o644} }

// Dir is a directory.
func Dir() Node { return Node{kind: "dir", mode: 0o755} }

// Link is a symbolic link.
func Link(target string) Node { return Node{kind: "link", text: target, mode: 0o777} }

// Same is one more name of what another path of the tree names.
func Same(path string) Node { return Node{kind: "same", text: path} }

// Device is a device or a FIFO: unix.S_IFCHR, S_IFBLK or S_IFIFO.
func Device(of, major, minor uint32) Node {
	return Node{kind: "device", of: of, major: major, minor: minor, mode: 0o644}
}

// Mode gives it permissions, set-id bits included.
func (n Node) Mode(mode uint32) Node { n.mode = mode; return n }

// Owner gives it to somebody.
func (n Node) Owner(uid, gid int) Node { n.uid, n.gid, n.owned = uid, gid, true; return n }

// Mtime gives it a time.
func (n Node) Mtime(sec, nsec int64) Node { n.sec, n.nsec, n.timed = sec, nsec, true; return n }

// Hole lets the file go on as a hole up to a size.
func (n Node) Hole(size int64) Node { n.hole = size; return n }

// Xattr gives it an xattr more.
func (n Node) Xattr(name, value string) Node {
	all := maps.Clone(n.xattrs)
	if all == nil {
		all = map[string]string{}
	}
	all[name] = value
	n.xattrs = all
	return n
}

// Make makes the tree in a new directory, and returns that.
func (tree Tree) Make(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	tree.MakeIn(t, dir)
	return dir
}

// MakeIn makes the tree in a directory.
func (tree Tree) MakeIn(t testing.TB, dir string) {
	t.Helper()
	var dirs []string
	var same [][2]string
	for _, path := range slices.Sorted(maps.Keys(tree)) {
		n, full := tree[path], filepath.Join(dir, path)
		above := full
		if n.kind != "dir" {
			above = filepath.Dir(full)
		}
		require.NoError(t, os.MkdirAll(above, 0o755))
		switch n.kind {
		case "file":
			require.NoError(t, os.WriteFile(full, []byte(n.text), 0o600))
			if n.hole > 0 {
				require.NoError(t, os.Truncate(full, n.hole))
			}
		case "link":
			require.NoError(t, os.Symlink(n.text, full))
		case "device":
			require.NoError(t, unix.Mknod(full, n.of|0o600, int(unix.Mkdev(n.major, n.minor))), path)
		case "dir":
			dirs = append(dirs, path)
			continue
		case "same":
			same = append(same, [2]string{n.text, path})
			continue
		default:
			require.Fail(t, "a tree with a node of no kind", path)
		}
		n.dress(t, full)
	}
	for _, s := range same {
		require.NoError(t, os.Link(filepath.Join(dir, s[0]), filepath.Join(dir, s[1])))
	}
	// The deepest first, as each name that is made changes the time of what is above it.
	for _, path := range slices.Backward(dirs) {
		tree[path].dress(t, filepath.Join(dir, path))
	}
}

// dress gives a name all but its content. The owner comes first: it takes away set-id
// bits and capabilities.
func (n Node) dress(t testing.TB, full string) {
	t.Helper()
	if n.owned {
		require.NoError(t, os.Lchown(full, n.uid, n.gid))
	}
	if n.kind != "link" {
		require.NoError(t, unix.Chmod(full, n.mode))
	}
	for name, value := range n.xattrs {
		require.NoError(t, unix.Lsetxattr(full, name, []byte(value), 0), "%s %s", full, name)
	}
	if n.timed {
		ts := []unix.Timespec{{Sec: n.sec, Nsec: n.nsec}, {Sec: n.sec, Nsec: n.nsec}}
		require.NoError(t, unix.UtimesNanoAt(unix.AT_FDCWD, full, ts, unix.AT_SYMLINK_NOFOLLOW), full)
	}
}

// Holds wants that a directory holds the tree, and nothing else: names, types, contents,
// link targets, which names are one file, modes, xattrs, and owners and times where the
// tree gives them.
func Holds(t testing.TB, dir string, tree Tree) {
	t.Helper()
	want := map[string]string{}
	for path, n := range tree {
		for above := filepath.Dir(path); above != "."; above = filepath.Dir(above) {
			if _, given := tree[above]; !given {
				want[above] = Dir().line()
			}
		}
		for n.kind == "same" {
			n = tree[n.text]
		}
		want[path] = n.line()
	}
	got, first := map[string]string{}, map[[2]uint64]string{}
	require.NoError(t, filepath.WalkDir(dir, func(full string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		path, err := filepath.Rel(dir, full)
		if err != nil {
			return err
		}
		like, given := tree[path]
		for like.kind == "same" {
			like = tree[like.text]
		}
		if path == "." && !given {
			return nil
		}
		n, id, err := found(full, like)
		if err != nil {
			return err
		}
		got[path] = n.line()
		if n.kind != "dir" {
			if other, seen := first[id]; seen && origin(tree, path) != origin(tree, other) {
				got[path] += " the same file as " + other
			} else if !seen {
				first[id] = path
			}
		}
		return nil
	}))
	for path := range tree {
		if p := origin(tree, path); p != path && got[p] != "" && got[path] != "" && inode(t, filepath.Join(dir, p)) != inode(t, filepath.Join(dir, path)) {
			got[path] += " another file than " + p
		}
	}
	require.Equal(t, want, got)
}

// origin is the path that Same names, over any number of them.
func origin(tree Tree, path string) string {
	for tree[path].kind == "same" {
		path = tree[path].text
	}
	return path
}

func inode(t testing.TB, full string) [2]uint64 {
	t.Helper()
	var st unix.Stat_t
	require.NoError(t, unix.Lstat(full, &st))
	return [2]uint64{uint64(st.Dev), st.Ino}
}

// found is what lies under a name, with the owner and the time where like has them.
func found(full string, like Node) (n Node, id [2]uint64, err error) {
	var st unix.Stat_t
	if err := unix.Lstat(full, &st); err != nil {
		return n, id, err
	}
	n.mode = st.Mode & 0o7777
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		n.kind = "dir"
	case unix.S_IFLNK:
		n.kind, n.mode = "link", 0o777
		if n.text, err = os.Readlink(full); err != nil {
			return n, id, err
		}
	case unix.S_IFREG:
		b, err := os.ReadFile(full)
		if err != nil {
			return n, id, err
		}
		n.kind, n.text, n.hole = "file", string(b), like.hole
		if like.hole > 0 {
			n.text = strings.TrimRight(n.text, "\x00")
			if int64(len(b)) != like.hole || st.Blocks*512 >= like.hole {
				n.hole = -1
			}
		}
	default:
		n.kind, n.of = "device", st.Mode&unix.S_IFMT
		n.major, n.minor = unix.Major(uint64(st.Rdev)), unix.Minor(uint64(st.Rdev))
	}
	if like.owned {
		n = n.Owner(int(st.Uid), int(st.Gid))
	}
	if like.timed {
		n = n.Mtime(st.Mtim.Unix())
	}
	buf := make([]byte, 1<<16)
	size, err := unix.Llistxattr(full, buf)
	if err != nil && !errors.Is(err, unix.ENOTSUP) {
		return n, id, err
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(buf[:max(size, 0)]), "\x00"), "\x00") {
		// A label that a machine with SELinux gives to every file is nobody's wish.
		if _, wanted := like.xattrs[name]; name == "" || name == "security.selinux" && !wanted {
			continue
		}
		value := make([]byte, 1<<16)
		size, err := unix.Lgetxattr(full, name, value)
		if err != nil {
			return n, id, err
		}
		n = n.Xattr(name, string(value[:size]))
	}
	return n, [2]uint64{uint64(st.Dev), st.Ino}, nil
}

// line is all of a node in words.
func (n Node) line() string {
	s := fmt.Sprintf("%s %04o", n.kind, n.mode)
	if n.kind == "device" {
		s += fmt.Sprintf(" %o %d:%d", n.of, n.major, n.minor)
	}
	if n.text != "" {
		s += fmt.Sprintf(" %q", n.text)
	}
	if n.hole != 0 {
		s += fmt.Sprintf(" hole to %d", n.hole)
	}
	if n.owned {
		s += fmt.Sprintf(" owner %d:%d", n.uid, n.gid)
	}
	if n.timed {
		s += fmt.Sprintf(" time %d.%09d", n.sec, n.nsec)
	}
	for _, name := range slices.Sorted(maps.Keys(n.xattrs)) {
		s += fmt.Sprintf(" %s=%q", name, n.xattrs[name])
	}
	return s
}

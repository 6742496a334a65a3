package rootfs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"image-capture/entry"
	"image-capture/rootfs/roottest"
)

// found is the order that Walk promises, made by find(1) and a sort of its own.
func found(t *testing.T, dir string) []string {
	t.Helper()
	_, err := exec.LookPath("find")
	roottest.Need(t, err == nil, "find")
	cmd := exec.Command("find", ".", "-print0")
	cmd.Dir = dir
	out, err := cmd.Output()
	require.NoError(t, err)
	list := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	slices.SortFunc(list, func(a, b string) int {
		return slices.Compare(strings.Split(a, "/"), strings.Split(b, "/"))
	})
	return list
}

func TestWalkOrder(t *testing.T) {
	dir := made(t, "a/z", "a-b/y", "a.b", "a/a/a", "A", "é", "e\u0301", "new\nline", "\xff\xfe", "\x01", "empty/", "a b", "a!/x", "~", strings.Repeat("n", 255))
	r := open(t, dir)
	got := names(t, r, WalkOptions{})
	require.Equal(t, found(t, dir), got)
	// "/" does not sort as a byte of the name: "./a" and what it holds come before "./a-b".
	require.Less(t, slices.Index(got, "./a/z"), slices.Index(got, "./a b"))
	require.Less(t, slices.Index(got, "./a/a/a"), slices.Index(got, "./a/z"))
}

func TestWalkHostile(t *testing.T) {
	dir := roottest.Hostile(t)
	r := open(t, dir)
	before := openDescriptors(t)
	order, all := walk(t, r, WalkOptions{})
	require.Equal(t, before, openDescriptors(t), "descriptors leaked")
	require.Equal(t, found(t, dir), order)
	for path, s := range all {
		require.NoError(t, s.err, "%q", path)
		require.NoError(t, s.lost, "%q", path)
		require.Equal(t, path, s.entry.Path)

		var st unix.Stat_t
		require.NoError(t, unix.Lstat(filepath.Join(dir, path), &st))
		want := entry.Entry{
			Path: path, Perm: st.Mode & 0o7777, UID: st.Uid, GID: st.Gid, Nlink: uint64(st.Nlink),
			Mtime: entry.Time{Sec: st.Mtim.Sec, Nsec: uint32(st.Mtim.Nsec)}, Ctime: entry.Time{Sec: st.Ctim.Sec, Nsec: uint32(st.Ctim.Nsec)},
			ID: entry.FileID{Dev: st.Dev, Ino: st.Ino},
		}
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFREG:
			want.Type, want.Size, want.Blocks = entry.File, st.Size, st.Blocks
		case unix.S_IFDIR:
			want.Type = entry.Dir
		case unix.S_IFLNK:
			want.Type = entry.Symlink
			var err error
			want.Link, err = os.Readlink(filepath.Join(dir, path))
			require.NoError(t, err)
		case unix.S_IFCHR:
			want.Type, want.Major, want.Minor = entry.CharDevice, unix.Major(st.Rdev), unix.Minor(st.Rdev)
		case unix.S_IFBLK:
			want.Type, want.Major, want.Minor = entry.BlockDevice, unix.Major(st.Rdev), unix.Minor(st.Rdev)
		case unix.S_IFIFO:
			want.Type = entry.FIFO
		}
		got := s.entry
		got.Xattrs = nil // see TestXattrs
		require.Equal(t, want, got)
		if want.Type == entry.File && want.Size <= 1<<20 {
			b, err := os.ReadFile(filepath.Join(dir, path))
			require.NoError(t, err)
			require.True(t, string(b) == s.content, "content of %q", path)
		}
	}
}

// The same without statx, as on Linux before 4.11.
func TestStatWithoutStatx(t *testing.T) {
	dir := made(t, "plain", "d/x")
	require.NoError(t, os.Symlink("plain", dir+"/link"))
	require.NoError(t, unix.Mkfifo(dir+"/fifo", 0o600))
	r := open(t, dir)
	_, with := walk(t, r, WalkOptions{})
	statxMissing.Store(true)
	defer statxMissing.Store(false)
	_, without := walk(t, r, WalkOptions{})
	require.Len(t, without, len(with))
	for path := range with {
		require.Equal(t, with[path].entry, without[path].entry)
	}
}

func TestInodeFlags(t *testing.T) {
	roottest.NeedRoot(t)
	_, err := exec.LookPath("chattr")
	roottest.Need(t, err == nil, "chattr")
	dir := made(t, "plain", "immutable", "append", "nodump", "all", "dir/", "sealed/")
	for name, bits := range map[string]string{"immutable": "i", "append": "a", "nodump": "d", "all": "iad", "sealed": "i"} {
		if exec.Command("chattr", "+"+bits, dir+"/"+name).Run() != nil {
			roottest.Need(t, false, "a filesystem with chattr flags below TMPDIR")
		}
		t.Cleanup(func() { _ = exec.Command("chattr", "-"+bits, dir+"/"+name).Run() })
	}
	r := open(t, dir)
	for _, missing := range []bool{false, true} {
		statxMissing.Store(missing)
		defer statxMissing.Store(false)
		_, all := walk(t, r, WalkOptions{})
		for name, want := range map[string]entry.Flags{
			"plain": 0, "dir": 0, "immutable": entry.Immutable, "append": entry.AppendOnly, "nodump": entry.NoDump,
			"all": entry.Immutable | entry.AppendOnly | entry.NoDump, "sealed": entry.Immutable,
		} {
			require.Equal(t, want, all["./"+name].entry.Flags, "%s, statx missing: %v", name, missing)
		}
	}
}

// Filesystems that leave the kind of a name open in the listing.
func TestWalkUnknownKind(t *testing.T) {
	dir := made(t, "file", "dir/below")
	require.NoError(t, os.Symlink("dir", dir+"/link"))
	r := open(t, dir)
	w := &walker{ctx: context.Background(), root: r}
	f := &frame{d: r.dir, path: ".", id: r.dir.id}
	for name, want := range map[string]bool{"file": false, "dir": true, "link": false, "absent": false} {
		require.Equal(t, want, w.isDir(f, name, unix.DT_UNKNOWN), name)
	}
	for name, want := range map[string]entry.Type{"file": entry.File, "link": entry.Symlink} {
		n := Node{Path: "./" + name, root: r, at: r.dir.retain(), name: name, kind: unix.DT_UNKNOWN}
		var e entry.Entry
		c, lost, err := n.Read(&e)
		require.NoError(t, err)
		require.NoError(t, lost)
		require.Equal(t, want, e.Type)
		require.Equal(t, want == entry.File, c != nil)
		if c != nil {
			c.Close()
		}
		n.Release()
	}
}

func TestWalkManyNames(t *testing.T) {
	const count = 100_000
	dir := made(t, "zz")
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	require.NoError(t, err)
	defer unix.Close(fd)
	want := []string{".", "./zz"}
	for i := range count {
		name := fmt.Sprintf("%x", i*7919)
		// FIFOs need no inode of the disk's data and no descriptor.
		require.NoError(t, unix.Mknodat(fd, name, unix.S_IFIFO|0o600, 0))
		want = append(want, "./"+name)
	}
	slices.Sort(want)
	require.True(t, slices.Equal(want, names(t, open(t, dir), WalkOptions{})))
}

// deep makes a path of a number of levels, each a directory "d", and a file "f"
// beside the next on every level and at the end.
func deep(t *testing.T, levels int) string {
	t.Helper()
	dir := made(t)
	t.Cleanup(func() { _ = exec.Command("rm", "-rf", dir).Run() }) // before that of TempDir
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	require.NoError(t, err)
	for range levels {
		require.NoError(t, unix.Mkdirat(fd, "d", 0o755))
		require.NoError(t, unix.Mknodat(fd, "f", unix.S_IFREG|0o644, 0))
		next, err := unix.Openat(fd, "d", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		require.NoError(t, err)
		unix.Close(fd)
		fd = next
	}
	unix.Close(fd)
	return dir
}

func TestWalkDeep(t *testing.T) {
	const levels = 3000
	dir := deep(t, levels)
	r := open(t, dir)
	var limit unix.Rlimit
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
	low := limit
	low.Cur = 256
	before := openDescriptors(t)
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &low))
	defer func() { require.NoError(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)) }()

	order, all := walk(t, r, WalkOptions{})
	require.Len(t, order, 1+2*levels)
	for _, path := range order {
		require.NoError(t, all[path].err)
		require.NoError(t, all[path].node.Err)
	}
	at := "."
	for i := range levels {
		require.Equal(t, at, order[i])
		require.Equal(t, at+"/f", order[len(order)-1-i])
		at += "/d"
	}
	require.Equal(t, before, openDescriptors(t))
}

// TestWalkNoWayBack: that a directory far up cannot be opened again ends the walk, and
// the error says why.
func TestWalkNoWayBack(t *testing.T) {
	const levels = maxOpenDirs + 20
	r := open(t, deep(t, levels))
	var limit unix.Rlimit
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
	none := limit
	none.Cur = 0
	defer func() { require.NoError(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)) }()
	before := openDescriptors(t)
	last := ""
	err := r.Walk(context.Background(), WalkOptions{}, func(n Node) error {
		defer n.Release()
		if last = n.Path; strings.Count(last, "/d") == levels {
			return unix.Setrlimit(unix.RLIMIT_NOFILE, &none)
		}
		return nil
	})
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &limit))
	require.ErrorIs(t, err, unix.EMFILE)
	above := "." + strings.Repeat("/d", strings.Count(last, "/d")-1)
	require.Equal(t, "list "+above+": come back to it: too many open files", err.Error())
	require.Equal(t, before, openDescriptors(t))
}

func TestWalkAgainAndAtOnce(t *testing.T) {
	dir := made(t, "a/b/c", "d")
	r := open(t, dir)
	want := found(t, dir)
	require.Equal(t, want, names(t, r, WalkOptions{}))
	// A walk within a walk shares nothing with it, not even the position in the root.
	require.NoError(t, r.Walk(context.Background(), WalkOptions{}, func(n Node) error {
		defer n.Release()
		require.Equal(t, want, names(t, r, WalkOptions{}))
		return nil
	}))
}

func TestWalkEndsWithVisitAndContext(t *testing.T) {
	r := open(t, made(t, "a/b/c", "a/d", "e"))
	before := openDescriptors(t)
	stop := errors.New("stop")
	for _, at := range []string{".", "./a/b", "./a/b/c", "./e"} {
		err := r.Walk(context.Background(), WalkOptions{}, func(n Node) error {
			defer n.Release()
			if n.Path == at {
				return stop
			}
			return nil
		})
		require.ErrorIs(t, err, stop)
	}
	ctx, cancel := context.WithCancel(context.Background())
	visited := 0
	err := r.Walk(ctx, WalkOptions{}, func(n Node) error {
		defer n.Release()
		visited++
		cancel()
		return nil
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 1, visited)
	require.Equal(t, before, openDescriptors(t))
}

func TestWalkUnreadableDirectory(t *testing.T) {
	dir := made(t, "open/x", "shut/x", "blind/x", "z")
	require.NoError(t, os.Chmod(filepath.Dir(filepath.Dir(dir)), 0o755))
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
	require.NoError(t, os.Chmod(dir+"/shut", 0o000))
	require.NoError(t, os.Chmod(dir+"/blind", 0o444)) // names can be listed, and no more
	require.NoError(t, os.Chmod(dir+"/z", 0o000))
	t.Cleanup(func() { _ = os.Chmod(dir+"/shut", 0o755); _ = os.Chmod(dir+"/blind", 0o755) })
	asNobody(t)
	order, all := walk(t, open(t, dir), WalkOptions{})
	require.Equal(t, []string{".", "./blind", "./blind/x", "./open", "./open/x", "./shut", "./z"}, order)
	require.ErrorIs(t, all["./shut"].node.Err, fs.ErrPermission)
	require.ErrorContains(t, all["./shut"].node.Err, "open ./shut: ")
	require.NoError(t, all["./shut"].err, "the directory itself may be read")
	require.Equal(t, entry.Dir, all["./shut"].entry.Type)
	require.ErrorIs(t, all["./z"].err, fs.ErrPermission)
	require.NotErrorIs(t, all["./z"].err, fs.ErrNotExist)
	require.ErrorIs(t, all["./blind/x"].err, fs.ErrPermission)
	require.NoError(t, all["./open/x"].err)
}

func TestDrop(t *testing.T) {
	dir := made(t, "a/x", "b", "c/y", "d")
	var asked []string
	order, all := walk(t, open(t, dir), WalkOptions{
		Drop: func(path string, dir bool) bool {
			asked = append(asked, fmt.Sprint(path, " ", dir))
			return path == "./a" || path == "./b"
		},
	})
	require.Equal(t, []string{".", "./c", "./c/y", "./d"}, order)
	require.Equal(t, []string{"./a true", "./b false", "./c true", "./c/y false", "./d false"}, asked)
	require.True(t, all["./c"].entered)
	require.False(t, all["./d"].entered)
}

// A listing that fails half way is used as far as it goes.
func TestListingBroken(t *testing.T) {
	var l listing
	dir := made(t, "b", "a")
	fd, err := unix.Open(dir+"/a", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	require.NoError(t, err)
	defer unix.Close(fd)
	require.ErrorIs(t, l.read(t.Context(), fd, make([]byte, 4096)), unix.ENOTDIR)
	require.Empty(t, l.items)
	// A buffer that holds one name of 24 bytes at a time, however it is aligned.
	dfd, err := unix.Open(dir, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	require.NoError(t, err)
	defer unix.Close(dfd)
	require.NoError(t, l.read(t.Context(), dfd, make([]byte, 31)))
	require.True(t, bytes.Equal([]byte("a"), l.name(l.items[0])))
	require.Len(t, l.items, 2)
	// One that never ends is cut, and says so; a signal ends the listing.
	l.most = 1
	require.ErrorContains(t, l.read(t.Context(), dfd, make([]byte, 31)), "more than 1 names")
	require.Len(t, l.items, 1)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, (&listing{}).read(ended, dfd, make([]byte, 31)), context.Canceled)
}

// TestListingGone: only a directory that is really gone holds nothing, and is said to have
// changed. Of the root it is an error.
func TestListingGone(t *testing.T) {
	dir := made(t, "d/f")
	fd, err := unix.Open(dir+"/d", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	require.NoError(t, err)
	defer unix.Close(fd)
	require.NoError(t, os.RemoveAll(dir+"/d"))
	l := &listing{}
	require.ErrorIs(t, l.read(t.Context(), fd, make([]byte, 4096)), unix.ENOENT)
	settled, err := l.settle(t.Context(), fd, make([]byte, 4096))
	require.NoError(t, err)
	require.False(t, settled)
	require.Empty(t, l.items)

	root, err := Open(dir)
	require.NoError(t, err)
	defer root.Close()
	require.NoError(t, os.RemoveAll(dir))
	err = root.Walk(t.Context(), WalkOptions{}, func(n Node) error {
		defer n.Release()
		return n.Err
	})
	require.ErrorIs(t, err, unix.ENOENT)
}

package rootfs

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"image-capture/entry"
	"image-capture/rootfs/roottest"
)

// symlinks makes links, given as "name -> target".
func symlinks(t testing.TB, dir string, links ...string) {
	t.Helper()
	for _, l := range links {
		name, target, _ := strings.Cut(l, " -> ")
		require.NoError(t, os.Symlink(target, dir+"/"+name))
	}
}

func TestFollow(t *testing.T) {
	dir := made(t, "etc/passwd", "usr/lib/os-release", "usr/bin/sh", "a/b/c/file", "plain", "la\xfftin")
	symlinks(t, dir,
		"lib -> usr/lib", "etc/os-release -> ../usr/lib/os-release", "bin -> /usr/bin", "etc/abs -> /etc/passwd", "etc/up -> ../../../../etc/passwd",
		"here -> .", "top -> /", "a/b/back -> ..", "a/chain -> /a/b/back/b/c/../c/file", "loop -> loop", "ping -> pong", "pong -> ping", "dangling -> /nowhere/x",
		"into-file -> plain/x", "dot-file -> plain/.", "slash-file -> plain/", "slash-dir -> a/", "slashes -> //usr///bin//", "odd -> la\xfftin", "o\xffdd -> plain")
	view := Follow(open(t, dir).FS())
	for name, want := range map[string]string{
		"plain": "plain", "etc/os-release": "usr/lib/os-release", "lib/os-release": "usr/lib/os-release", "bin/sh": "usr/bin/sh", "etc/abs": "etc/passwd", "etc/up": "etc/passwd",
		"here/here/plain": "plain", "top/top/etc/passwd": "etc/passwd", "a/b/back/b/back/chain": "a/b/c/file", "slash-dir/b/c/file": "a/b/c/file", "slashes/sh": "usr/bin/sh",
		"odd": "la\xfftin", "o\xffdd": "plain",
	} {
		got, err := fs.ReadFile(view, name)
		require.NoError(t, err, name)
		require.Equal(t, want, string(got))
		info, err := view.Stat(name)
		require.NoError(t, err)
		require.True(t, info.Mode().IsRegular())
		require.Equal(t, entry.File, info.Sys().(*entry.Entry).Type)
	}
	for name, want := range map[string]error{
		"loop": unix.ELOOP, "ping": unix.ELOOP, "loop/x": unix.ELOOP, "dangling": fs.ErrNotExist, "absent/x": fs.ErrNotExist, "into-file": unix.ENOTDIR, "plain/x": unix.ENOTDIR,
		"dot-file": unix.ENOTDIR, "slash-file": unix.ENOTDIR,
		"": fs.ErrInvalid, "/": fs.ErrInvalid, "/etc": fs.ErrInvalid, "etc/": fs.ErrInvalid, "a/../plain": fs.ErrInvalid, "..": fs.ErrInvalid, "a//b": fs.ErrInvalid, "./a": fs.ErrInvalid, "pl\x00ain": fs.ErrInvalid,
	} {
		_, err := view.Open(name)
		require.ErrorIs(t, err, want, "%q", name)
		var pe *fs.PathError
		require.ErrorAs(t, err, &pe)
		require.Equal(t, name, pe.Path)
		_, err = view.Stat(name)
		require.ErrorIs(t, err, want, "%q", name)
		_, err = view.ReadDir(name)
		require.ErrorIs(t, err, want, "%q", name)
	}

	// The name itself, after links on the way to it.
	for name, want := range map[string]string{"loop": "loop", "top/dangling": "/nowhere/x", "a/b/back/b/back": ".."} {
		info, err := view.Lstat(name)
		require.NoError(t, err)
		require.Equal(t, fs.ModeSymlink, info.Mode().Type())
		target, err := view.ReadLink(name)
		require.NoError(t, err)
		require.Equal(t, want, target)
	}
	_, err := view.ReadLink("plain")
	require.ErrorIs(t, err, unix.EINVAL)
	_, err = view.Lstat("loop/x")
	require.ErrorIs(t, err, unix.ELOOP)
	_, err = view.ReadLink("")
	require.ErrorIs(t, err, fs.ErrInvalid)

	list, err := view.ReadDir("top/bin")
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, "sh", list[0].Name())
	_, err = view.ReadDir("plain")
	require.ErrorIs(t, err, unix.ENOTDIR)
}

func TestFollowManyLinks(t *testing.T) {
	dir := made(t, "end")
	symlinks(t, dir, "l1 -> end")
	for i := 2; i <= 41; i++ {
		symlinks(t, dir, fmt.Sprintf("l%d -> l%d", i, i-1))
	}
	view := Follow(open(t, dir).FS())
	_, err := view.Stat("l40")
	require.NoError(t, err)
	// Where the kernel begins its walk anew, it goes on counting the links: on a busy
	// machine it may say ELOOP once.
	for range 20 {
		if _, err = os.Stat(dir + "/l40"); err == nil {
			break
		}
	}
	require.NoError(t, err, "the kernel agrees")
	_, err = view.Stat("l41")
	require.ErrorIs(t, err, unix.ELOOP)
	_, err = os.Stat(dir + "/l41")
	require.ErrorIs(t, err, unix.ELOOP, "the kernel agrees")
	_, err = view.Lstat("l41")
	require.NoError(t, err)
}

// In farms of links at random, a name leads to where it leads for a process whose
// root the directory is.
func TestFollowAsKernel(t *testing.T) {
	probe, err := unix.Openat2(unix.AT_FDCWD, "/", &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT})
	roottest.Need(t, err == nil, "openat2 (Linux 5.6)")
	unix.Close(probe)
	outcomes := map[string]int{}
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 1))
		part := func() string { return string("abcd"[rng.IntN(4)]) }
		parts := func(n int, odd ...string) string {
			list := make([]string, 1+rng.IntN(n))
			for i := range list {
				list[i] = part()
				if len(odd) > 0 && rng.IntN(3) == 0 {
					list[i] = odd[rng.IntN(len(odd))]
				}
			}
			return strings.Join(list, "/")
		}
		// The same names stand beside and above the root: a way out would find them.
		dir := made(t, "out/root/", "out/a/a", "out/b", "a/b", "c/d/a")
		root := dir + "/out/root"
		for range 12 {
			_ = os.MkdirAll(root+"/"+parts(3), 0o755)
		}
		var files []string
		for range 30 {
			p := root + "/" + parts(4)
			if fi, err := os.Lstat(p); err == nil || fi != nil {
				continue
			}
			if rng.IntN(3) == 0 {
				if os.WriteFile(p, nil, 0o644) == nil {
					files = append(files, strings.TrimPrefix(p, root))
				}
				continue
			}
			target := parts(4, "..", "..", ".", "")
			if rng.IntN(2) == 0 {
				target = "/" + target
			}
			if len(files) > 0 && rng.IntN(4) == 0 {
				// On from what is not a directory.
				target = files[rng.IntN(len(files))] + []string{"/..", "/.", "/", "/../" + part()}[rng.IntN(4)]
			}
			_ = os.Symlink(target, p)
		}
		r := open(t, root)
		view := Follow(r.FS())
		for range 300 {
			name := parts(5)
			for _, last := range []bool{true, false} {
				how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT}
				stat := view.Stat
				if !last {
					how.Flags |= unix.O_NOFOLLOW
					stat = view.Lstat
				}
				var want entry.Entry
				fd, werr := unix.Openat2(r.dir.fd, name, &how)
				// Any rename or mount on the machine meanwhile; see openat2(2).
				for werr == unix.EAGAIN {
					fd, werr = unix.Openat2(r.dir.fd, name, &how)
				}
				if werr == nil {
					_, err := statFD(fd, &want)
					require.NoError(t, err)
					unix.Close(fd)
				}
				info, err := stat(name)
				if werr != nil {
					require.ErrorIs(t, err, werr, "seed %d: %s", seed, name)
					outcomes[werr.Error()]++
					continue
				}
				require.NoError(t, err, "seed %d: %s", seed, name)
				require.Equal(t, want.ID, info.Sys().(*entry.Entry).ID, "seed %d: %s", seed, name)
				outcomes[want.Type.String()]++
			}
		}
	}
	for _, want := range []string{"file", "dir", "link", unix.ELOOP.Error(), unix.ENOENT.Error(), unix.ENOTDIR.Error()} {
		require.Greater(t, outcomes[want], 50, "%v", outcomes)
	}
}

func TestFollowFS(t *testing.T) {
	dir := made(t, "a/b/c", "a/d", "e", "empty/")
	require.NoError(t, fstest.TestFS(Follow(open(t, dir).FS()), "a/b/c", "a/d", "e", "empty"))
	symlinks(t, dir, "link -> a/b", "abs -> /e", "a/self -> .")
	require.NoError(t, fstest.TestFS(Follow(open(t, dir).FS()), "link", "abs", "a/self"))
}

// Follow serves other trees too.
func TestFollowOtherFS(t *testing.T) {
	view := Follow(fstest.MapFS{
		"usr/bin/sh": {Data: []byte("shell")},
		"bin":        {Mode: fs.ModeSymlink, Data: []byte("/usr/bin")},
	})
	got, err := fs.ReadFile(view, "bin/sh")
	require.NoError(t, err)
	require.Equal(t, "shell", string(got))
}

func TestFollowXattr(t *testing.T) {
	roottest.NeedRoot(t)
	dir := made(t, "usr/lib/x")
	symlinks(t, dir, "lib -> /usr/lib", "usr/lib/link -> x")
	for name, value := range map[string]string{"x": "file", "link": "link"} {
		require.NoError(t, unix.Lsetxattr(dir+"/usr/lib/"+name, "trusted.kind", []byte(value), 0))
	}
	view := Follow(open(t, dir).FS())
	for name, want := range map[string]string{"lib/x": "file", "lib/link": "link"} {
		got, err := view.Xattr(name, "trusted.kind")
		require.NoError(t, err)
		require.Equal(t, want, string(got), "links on the way are followed, the last is not")
	}
	_, err := view.Xattr("lib", "trusted.kind")
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = view.Xattr("lib/absent", "trusted.kind")
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = view.Xattr("lib/x/y", "trusted.kind")
	require.ErrorIs(t, err, unix.ENOTDIR)

	// A base without attributes.
	_, err = Follow(struct{ NoFollowFS }{open(t, dir).FS()}).Xattr("lib/x", "trusted.kind")
	require.ErrorIs(t, err, errors.ErrUnsupported)
}

// looked counts what is asked of the tree below.
type looked struct {
	*View
	lstats int
}

func (l *looked) Lstat(name string) (fs.FileInfo, error) {
	l.lstats++
	return l.View.Lstat(name)
}

// What is known to be a directory or a link is not asked for again, and a name whose way has
// changed since leads nowhere, above all not out of the root.
func TestFollowRemembers(t *testing.T) {
	outside := made(t, "file")
	dir := made(t, "a/b/file", "usr/lib/x/file")
	symlinks(t, dir, "lib -> usr/lib", "way -> a/b/..")
	base := &looked{View: open(t, dir).FS()}
	view := Follow(base)
	for _, name := range []string{"a/b/file", "lib/x/file", "way/b/file"} {
		for range 3 {
			_, err := view.Stat(name)
			require.NoError(t, err)
		}
		base.lstats = 0
		info, err := view.Stat(name)
		require.NoError(t, err)
		require.Equal(t, "file", info.Name())
		require.Equal(t, 1, base.lstats, name)
	}
	info, err := view.Stat("way")
	require.NoError(t, err)
	require.True(t, info.IsDir())
	require.Equal(t, "a", info.Name())

	require.NoError(t, os.RemoveAll(dir+"/a/b"))
	symlinks(t, dir, "a/b -> "+outside)
	_, err = view.Open("a/b/file")
	require.ErrorIs(t, err, ErrLink)
	_, err = Follow(base).Open("a/b/file")
	require.ErrorIs(t, err, fs.ErrNotExist)
}

package rootfs

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"image-capture/entry"
	"image-capture/rootfs/roottest"
)

var fixed = time.Unix(1234567890, 123456789)

// during walks the tree and does something when the walk has visited a path.
func during(t *testing.T, r *Root, at string, do func()) (order []string, all map[string]seen, err error) {
	t.Helper()
	all = map[string]seen{}
	err = r.Walk(context.Background(), WalkOptions{}, func(n Node) error {
		defer n.Release()
		if n.Path == at {
			do()
		}
		s := seen{node: n}
		var c *Content
		if c, s.lost, s.err = n.Read(&s.entry); c != nil {
			b := make([]byte, s.entry.Size)
			_, err := c.ReadAt(b, 0)
			require.NoError(t, err)
			s.content = string(b)
			c.Close()
		}
		order = append(order, n.Path)
		all[n.Path] = s
		return nil
	})
	return order, all, err
}

func TestDirectorySwappedForLink(t *testing.T) {
	outside := made(t, "secret", "dir/secret")
	t.Run("before it is opened", func(t *testing.T) {
		dir := made(t, "a/inside", "b/inside")
		order, all, err := during(t, open(t, dir), ".", func() {
			require.NoError(t, os.Rename(dir+"/b", dir+"/moved"))
			require.NoError(t, os.Symlink(outside, dir+"/b"))
		})
		require.NoError(t, err)
		require.Equal(t, []string{".", "./a", "./a/inside", "./b"}, order)
		require.NoError(t, all["./b"].err)
		require.Equal(t, entry.Symlink, all["./b"].entry.Type)
		require.Equal(t, outside, all["./b"].entry.Link)
	})
	t.Run("after", func(t *testing.T) {
		dir := made(t, "b/dir/secret", "b/secret")
		order, all, err := during(t, open(t, dir), "./b", func() {
			require.NoError(t, os.Rename(dir+"/b", dir+"/moved"))
			require.NoError(t, os.Symlink(outside, dir+"/b"))
		})
		require.NoError(t, err)
		require.Equal(t, []string{".", "./b", "./b/dir", "./b/dir/secret", "./b/secret"}, order)
		require.Equal(t, "b/secret", all["./b/secret"].content, "the walk has left the tree")
		require.Equal(t, "b/dir/secret", all["./b/dir/secret"].content, "the walk has left the tree")
	})
	t.Run("for another type, or for nothing", func(t *testing.T) {
		dir := made(t, "file/x", "fifo/x", "gone/x", "again/x")
		var list []Node
		require.NoError(t, open(t, dir).Walk(context.Background(), WalkOptions{}, func(n Node) error {
			if n.Path == "." {
				for _, name := range []string{"file", "fifo", "gone", "again"} {
					require.NoError(t, os.RemoveAll(dir+"/"+name))
				}
				fill(t, dir, "file")
				require.NoError(t, unix.Mkfifo(dir+"/fifo", 0o600))
			}
			list = append(list, n)
			return nil
		}))
		fill(t, dir, "again/y")
		require.Len(t, list, 5)
		for _, n := range list[1:] {
			require.NoError(t, n.Err)
			var e entry.Entry
			c, _, err := n.Read(&e)
			switch n.Path {
			case "./file":
				require.NoError(t, err)
				require.Equal(t, entry.File, e.Type)
				require.NoError(t, c.Close())
			case "./fifo":
				require.NoError(t, err)
				require.Equal(t, entry.FIFO, e.Type)
			case "./gone":
				require.ErrorIs(t, err, fs.ErrNotExist)
			case "./again":
				require.ErrorContains(t, err, "took the place", "else what it holds would be missing in silence")
			}
			n.Release()
		}
	})
}

// What lies between the listing of a name and its reading.
func TestReplacedBeforeRead(t *testing.T) {
	makers := map[string]func(t *testing.T, p string){
		"file":    func(t *testing.T, p string) { require.NoError(t, os.WriteFile(p, []byte("new"), 0o600)) },
		"fifo":    func(t *testing.T, p string) { require.NoError(t, unix.Mkfifo(p, 0o600)) },
		"dir":     func(t *testing.T, p string) { require.NoError(t, os.MkdirAll(p+"/x", 0o700)) },
		"symlink": func(t *testing.T, p string) { require.NoError(t, os.Symlink("/etc/passwd", p)) },
		"socket": func(t *testing.T, p string) {
			require.NoError(t, unix.Mknod(p, unix.S_IFSOCK|0o600, 0))
		},
		"nothing": func(*testing.T, string) {},
	}
	types := map[string]entry.Type{"file": entry.File, "fifo": entry.FIFO, "symlink": entry.Symlink, "socket": entry.Socket}
	for was, before := range makers {
		if was == "nothing" || was == "dir" {
			continue
		}
		for is, after := range makers {
			t.Run(was+" by "+is, func(t *testing.T) {
				dir := made(t)
				before(t, dir+"/x")
				var n Node
				require.NoError(t, open(t, dir).Walk(context.Background(), WalkOptions{}, func(node Node) error {
					if node.Path == "./x" {
						n = node
					} else {
						node.Release()
					}
					return nil
				}))
				defer n.Release()
				fds := openDescriptors(t)
				require.NoError(t, os.Remove(dir+"/x"))
				after(t, dir+"/x")
				var e entry.Entry
				c, _, err := n.Read(&e)
				if c != nil {
					require.NoError(t, c.Close())
				}
				require.Equal(t, "./x", e.Path)
				switch {
				case is == "nothing":
					require.ErrorIs(t, err, fs.ErrNotExist)
				case was == "file" && is != "file":
					require.Error(t, err)
					require.NotErrorIs(t, err, fs.ErrNotExist)
				case is == "dir":
					require.ErrorContains(t, err, "took the place", "else what it holds would be missing in silence")
				default:
					require.NoError(t, err)
					require.Equal(t, types[is], e.Type)
					require.Equal(t, is == "file", c != nil)
				}
				require.Equal(t, fds, openDescriptors(t), "descriptors leaked")
			})
		}
	}
}

func TestNamesVanish(t *testing.T) {
	dir := made(t, "a/b/c", "d")
	require.NoError(t, os.Symlink("x", dir+"/l"))
	before := openDescriptors(t)
	r := open(t, dir)
	var nodes []Node
	require.NoError(t, r.Walk(context.Background(), WalkOptions{}, func(n Node) error {
		nodes = append(nodes, n)
		return nil
	}))
	require.NoError(t, os.RemoveAll(dir))
	for i := range nodes {
		n := &nodes[i]
		var e entry.Entry
		_, _, err := n.Read(&e)
		if n.Dir {
			require.NoError(t, err, "it is still open")
			require.Equal(t, entry.Dir, e.Type)
		} else {
			require.ErrorIs(t, err, fs.ErrNotExist)
		}
		require.Equal(t, n.Path, e.Path)
		n.Release()
		n.Release() // harmless
	}
	require.Equal(t, before+1, openDescriptors(t))
	// The root is never taken for empty: it may be a snapshot that was deleted.
	_, all := walk(t, r, WalkOptions{})
	require.ErrorIs(t, all["."].node.Err, fs.ErrNotExist)
}

func TestDirectoryMovedAway(t *testing.T) {
	t.Run("near the root", func(t *testing.T) {
		dir := made(t, "a/b/c/x", "a/b/y", "a/z", "zz")
		order, all, err := during(t, open(t, dir), "./a/b/c", func() {
			require.NoError(t, os.Rename(dir+"/a/b", dir+"/b"))
			require.NoError(t, os.Rename(dir+"/a", dir+"/other"))
		})
		require.NoError(t, err)
		require.Equal(t, []string{".", "./a", "./a/b", "./a/b/c", "./a/b/c/x", "./a/b/y", "./a/z", "./zz"}, order)
		require.Equal(t, "a/b/y", all["./a/b/y"].content)
	})
	const levels = maxOpenDirs + 100
	bottom := "." + strings.Repeat("/d", levels)
	t.Run("closed meanwhile, with another parent now", func(t *testing.T) {
		dir := deep(t, levels)
		order, _, err := during(t, open(t, dir), bottom, func() {
			require.NoError(t, os.Rename(dir+strings.Repeat("/d", 50), dir+"/elsewhere"))
		})
		require.NoError(t, err)
		require.Len(t, order, 1+2*levels)
	})
	t.Run("closed meanwhile, out of reach now", func(t *testing.T) {
		dir := deep(t, levels)
		before := openDescriptors(t)
		r, err := Open(dir)
		require.NoError(t, err)
		_, _, err = during(t, r, bottom, func() {
			require.NoError(t, os.Rename(dir+strings.Repeat("/d", 50), dir+"/elsewhere"))
			require.NoError(t, os.Rename(dir+strings.Repeat("/d", 30), filepath.Dir(dir)+"/outside"))
		})
		require.ErrorContains(t, err, "moved while it was walked")
		require.NoError(t, r.Close())
		require.Equal(t, before, openDescriptors(t), "descriptors leaked")
	})
	t.Run("closed meanwhile, another in its place", func(t *testing.T) {
		dir := deep(t, levels)
		_, _, err := during(t, open(t, dir), bottom, func() {
			require.NoError(t, os.Rename(dir+strings.Repeat("/d", 50), dir+"/elsewhere"))
			require.NoError(t, os.Rename(dir+strings.Repeat("/d", 30), filepath.Dir(dir)+"/outside"))
			fill(t, dir, strings.Repeat("d/", 60))
		})
		require.ErrorContains(t, err, "moved while it was walked", "the names of a stranger were walked")
	})
}

// What is walked and read keeps its access time, but for symbolic links.
func TestAccessTimes(t *testing.T) {
	atimes := func(t *testing.T, dir string) map[string]int64 {
		list := map[string]int64{}
		for _, name := range []string{"", "/d", "/d/e", "/d/e/file", "/fifo", "/file"} {
			var st unix.Stat_t
			require.NoError(t, unix.Lstat(dir+name, &st))
			list[name] = st.Atim.Nano()
		}
		return list
	}
	check := func(t *testing.T, dir string) {
		fill(t, dir, "d/e/file", "file")
		require.NoError(t, unix.Mkfifo(dir+"/fifo", 0o600))
		for _, name := range []string{"d/e/file", "file", "fifo", "d/e", "d", "."} {
			require.NoError(t, os.Chtimes(dir+"/"+name, time.Unix(1000, 0), time.Now()))
		}
		before := atimes(t, dir)
		r := open(t, dir)
		_, all := walk(t, r, WalkOptions{})
		require.Equal(t, "file", all["./file"].content)
		require.NoError(t, fs.WalkDir(Follow(r.FS()), ".", func(_ string, d fs.DirEntry, err error) error { return err }))
		_, err := fs.ReadFile(r.FS(), "file")
		require.NoError(t, err)
		require.Equal(t, before, atimes(t, dir))
		// The filesystem keeps access times, or this proves nothing.
		_, err = os.ReadFile(dir + "/file")
		require.NoError(t, err)
		_, err = os.ReadDir(dir + "/d")
		require.NoError(t, err)
		after := atimes(t, dir)
		roottest.Need(t, before["/file"] != after["/file"] && before["/d"] != after["/d"], "a TMPDIR that is not mounted with noatime")
	}
	t.Run("as mounted", func(t *testing.T) { check(t, made(t)) })
	t.Run("strictatime", func(t *testing.T) {
		privateMounts(t)
		dir := made(t)
		mount(t, "tmpfs", dir, "tmpfs", unix.MS_STRICTATIME, "")
		check(t, dir)
	})
}

func TestOpenRefuses(t *testing.T) {
	dir := made(t, "file")
	_, err := Open(dir + "/file")
	require.ErrorIs(t, err, unix.ENOTDIR)
	_, err = Open(dir + "/absent")
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NoError(t, os.Symlink(dir, dir+"/link"))
	require.Equal(t, dir, open(t, dir+"/link").Path())
}

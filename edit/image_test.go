package edit_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"image-capture/archive"
	"image-capture/compress"
	"image-capture/edit"
	"image-capture/entry"
	"image-capture/rootfs"
	"image-capture/rootfs/roottest"
)

// TestViewShowsTheImage makes random trees and random plans, and holds what the view
// shows against what GNU tar unpacks of the image: names, types, modes, times,
// sizes, contents, xattrs, link targets, and which names are one inode.
func TestViewShowsTheImage(t *testing.T) {
	_, err := exec.LookPath("tar")
	roottest.Need(t, err == nil, "tar")
	edits := map[entry.Op]int{}
	unapplied := 0
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			g := &generator{t: t, rand: rand.New(rand.NewPCG(seed, 1)), root: t.TempDir()}
			g.fill(".", 3)
			g.plan()
			root, err := rootfs.Open(g.root)
			require.NoError(t, err)
			defer root.Close()
			view := g.p.FS(root.FS())
			shown := tree(t, view)

			members, image := write(t, root, &g.p)
			require.Equal(t, shown, tree(t, view), "the view changes with the walk")
			out := filepath.Join(t.TempDir(), "out")
			require.NoError(t, os.Mkdir(out, 0o700))
			cmd := exec.Command("tar", "--xattrs", "--xattrs-include=*", "-Sxpf", "-", "--numeric-owner", "-C", out)
			cmd.Stdin = bytes.NewReader(image)
			text, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s", text)

			unpacked, err := rootfs.Open(out)
			require.NoError(t, err)
			defer unpacked.Close()
			require.Equal(t, tree(t, unpacked.FS()), shown)

			for _, m := range members {
				n := shown[strings.TrimPrefix(m.Path, "./")]
				if m.Type == entry.File {
					require.Equal(t, n.size, m.Size, m.Path)
					sum := sha256.Sum256([]byte(n.content))
					require.Equal(t, sum[:], m.SHA256, m.Path)
				}
			}
			require.Len(t, members, len(shown))
			for _, e := range g.p.Edits() {
				edits[e.Op]++
			}
			unapplied += len(g.p.Unapplied())
		})
	}
	t.Log(edits, unapplied)
	// Else the trees and plans prove nothing.
	for _, op := range []entry.Op{entry.Exclude, entry.KeepOnly, entry.Drop, entry.Empty, entry.Rewrite, entry.AddFile} {
		require.Greater(t, edits[op], 10, op)
	}
	require.Positive(t, edits[entry.AddDir])
	require.Greater(t, unapplied, 20)
}

// write makes the image of the tree with the plan.
func write(t *testing.T, root *rootfs.Root, p *edit.Plan) ([]entry.Member, []byte) {
	t.Helper()
	var members []entry.Member
	var image bytes.Buffer
	sum, err := archive.Write(context.Background(), &image, edit.NewTree(root, nil, p), archive.Options{
		Codec: compress.None, Jobs: 2,
		Member: func(m *entry.Member) error { members = append(members, *m); return nil },
	})
	require.NoError(t, err)
	require.Empty(t, sum.Unreadable)
	require.Empty(t, sum.Changed)
	return members, image.Bytes()
}

type withXattrs interface {
	Xattr(name, attr string) ([]byte, error)
}

// node is what a name is.
type node struct {
	mode          fs.FileMode
	mtime         int64
	size          int64
	content, link string
	xattr         string // user.note
	// same are the names of the same inode.
	same string
}

// tree reads all of a file system that follows no link.
func tree(t *testing.T, fsys rootfs.NoFollowFS) map[string]node {
	t.Helper()
	all := map[string]node{}
	inodes := map[entry.FileID][]string{}
	var read func(name string)
	read = func(name string) {
		info, err := fsys.Lstat(name)
		require.NoError(t, err)
		n := node{mode: info.Mode(), mtime: info.ModTime().UnixNano(), size: info.Size()}
		switch {
		case info.Mode().IsRegular():
			f, err := fsys.Open(name)
			require.NoError(t, err)
			b, err := io.ReadAll(f)
			require.NoError(t, err)
			require.NoError(t, f.Close())
			require.Len(t, b, int(info.Size()), name)
			n.content = string(b)
		case info.Mode()&fs.ModeSymlink != 0:
			n.link, err = fsys.ReadLink(name)
			require.NoError(t, err)
		}
		if e := info.Sys().(*entry.Entry); e.Nlink > 1 && !info.IsDir() {
			inodes[e.ID] = append(inodes[e.ID], name)
		}
		switch b, err := fsys.(withXattrs).Xattr(name, "user.note"); {
		case err == nil:
			n.xattr = "has " + string(b)
		default:
			require.ErrorIs(t, err, fs.ErrNotExist, name)
		}
		all[name] = n
		if !info.IsDir() {
			return
		}
		list, err := fsys.ReadDir(name)
		require.NoError(t, err)
		for _, d := range list {
			require.True(t, d.IsDir() == (d.Type() == fs.ModeDir))
			full := strings.TrimPrefix(name+"/"+d.Name(), "./")
			info, err := d.Info()
			require.NoError(t, err)
			read(full)
			require.Equal(t, all[full].size, info.Size(), "as listed: %s", full)
			require.Equal(t, all[full].mode, info.Mode(), "as listed: %s", full)
		}
	}
	read(".")
	for _, names := range inodes {
		if len(names) == 1 {
			continue // the other names are not in the image
		}
		slices.Sort(names)
		for _, name := range names {
			n := all[name]
			n.same = strings.Join(names, "\n")
			all[name] = n
		}
	}
	return all
}

// generator makes a random tree, and a plan for it.
type generator struct {
	t     *testing.T
	rand  *rand.Rand
	root  string
	paths []string // all but the root
	files []string // what can be linked to
	p     edit.Plan
}

var someNames = []string{"a", "b", "b2", "c.log", "d\xff", "e\nf", "z"}

// fill makes what is in a directory.
func (g *generator) fill(dir string, depth int) {
	for _, name := range someNames {
		if g.rand.IntN(3) == 0 {
			continue
		}
		path := dir + "/" + name
		full := g.root + "/" + path
		mode := os.FileMode(0o600 | g.rand.IntN(0o200))
		kind := g.rand.IntN(12)
		g.paths = append(g.paths, path)
		switch {
		case kind < 4 && depth > 0:
			require.NoError(g.t, os.Mkdir(full, mode|0o700))
			g.fill(path, depth-1)
		case kind < 6 && len(g.files) > 0:
			require.NoError(g.t, os.Link(g.root+"/"+g.files[g.rand.IntN(len(g.files))], full))
		case kind == 6:
			require.NoError(g.t, os.Symlink(someNames[g.rand.IntN(len(someNames))], full))
			g.files = append(g.files, path)
		case kind == 7:
			require.NoError(g.t, unix.Mkfifo(full, 0o640))
			g.files = append(g.files, path)
		default:
			g.file(full, mode)
			g.files = append(g.files, path)
		}
		if kind > 7 {
			require.NoError(g.t, unix.Lsetxattr(full, "user.note", []byte(name), 0))
		}
		sec := g.rand.Int64N(2e9)
		ts := []unix.Timespec{{Sec: sec, Nsec: sec % 1e9}, {Sec: sec, Nsec: sec % 1e9}}
		require.NoError(g.t, unix.UtimesNanoAt(unix.AT_FDCWD, full, ts, unix.AT_SYMLINK_NOFOLLOW))
	}
}

// file makes a file with or without holes, of a size that is read ahead, or
// streamed.
func (g *generator) file(full string, mode os.FileMode) {
	f, err := os.OpenFile(full, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	require.NoError(g.t, err)
	defer f.Close()
	sizes := []int64{0, 1, 100, 511, 512, 513, 70000, 300000, edit.MaxRewrite, edit.MaxRewrite + 1}
	size := sizes[min(g.rand.IntN(len(sizes)), g.rand.IntN(len(sizes)))]
	if g.rand.IntN(4) == 0 {
		require.NoError(g.t, f.Truncate(size))
		_, err = f.WriteAt([]byte("island"), size/2)
	} else {
		_, err = f.WriteAt(bytes.Repeat([]byte("some text of lines\n"), int(size/19)+1)[:size], 0)
	}
	require.NoError(g.t, err)
}

// plan takes some of each edit, most of them for what is there.
func (g *generator) plan() {
	path := func() string {
		if g.rand.IntN(5) == 0 {
			return g.path() + "/" + someNames[g.rand.IntN(len(someNames))]
		}
		return g.path()
	}
	for range g.rand.IntN(20) {
		path := path()
		var err error
		switch g.rand.IntN(12) {
		case 0:
			err = g.p.Exclude([]string{path, "*.log", "b2", "[de]*"}[g.rand.IntN(4)])
		case 1:
			for i := 0; i < 20 && !g.isDir(path); i++ {
				path = g.path()
			}
			err = g.p.KeepOnly(path)
		case 2:
			err = g.p.Remove(path)
		case 3, 4, 5:
			err = g.p.Empty(path)
		case 6, 7, 8:
			if info, serr := os.Lstat(g.root + "/" + path); serr == nil && info.Size() > edit.MaxRewrite-10 {
				continue // no image
			}
			err = g.p.Rewrite(path, "why", rewrites[g.rand.IntN(len(rewrites))])
		case 9:
			_ = g.p.AddDir(path, 0o1751) // it may not fit to the others
		default:
			_ = g.p.AddFile(path, 0o4640, bytes.Repeat([]byte("new"), g.rand.IntN(2000)))
		}
		require.NoError(g.t, err)
	}
}

func (g *generator) isDir(path string) bool {
	info, err := os.Lstat(g.root + "/" + path)
	return err == nil && info.IsDir()
}

func (g *generator) path() string {
	if len(g.paths) == 0 {
		return "./none"
	}
	return g.paths[g.rand.IntN(len(g.paths))]
}

// rewrites grow a content, shrink it, change it in place, and make another.
var rewrites = []func([]byte) ([]byte, error){
	func(old []byte) ([]byte, error) { return append(old, '!'), nil },
	func(old []byte) ([]byte, error) { return old[len(old)/2:], nil },
	func(old []byte) ([]byte, error) { slices.Reverse(old); return old, nil },
	func([]byte) ([]byte, error) { return []byte("another\n"), nil },
	func([]byte) ([]byte, error) { return nil, nil },
}

// TestFailedEditEndsTheCapture, and says of which path.
func TestFailedEditEndsTheCapture(t *testing.T) {
	bad := errors.New("line 3: no such thing")
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(dir+"/fstab", []byte("text"), 0o644))
	require.NoError(t, os.WriteFile(dir+"/long", make([]byte, edit.MaxRewrite+1), 0o644))
	for path, test := range map[string]struct {
		f   func([]byte) ([]byte, error)
		err string
	}{
		"./fstab": {func([]byte) ([]byte, error) { return nil, bad }, "rewrite ./fstab: drop swap: line 3: no such thing"},
		"./long":  {rewrites[0], "rewrite ./long: it has 1048577 bytes, and at most 1048576 are rewritten"},
	} {
		root, err := rootfs.Open(dir)
		require.NoError(t, err)
		var p edit.Plan
		require.NoError(t, p.Rewrite(path, "drop swap", test.f))
		_, err = archive.Write(context.Background(), io.Discard, edit.NewTree(root, nil, &p), archive.Options{})
		require.EqualError(t, err, test.err)
		require.Empty(t, p.Edits())
		root.Close()
	}
}

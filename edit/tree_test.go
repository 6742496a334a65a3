package edit_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/edit"
	"image-capture/entry"
	"image-capture/rootfs"
	"image-capture/rootfs/roottest"
)

// TestWalkOrder adds names before, between and after those of the tree, in the place of
// what is dropped, and in directories of several levels that end together.
func TestWalkOrder(t *testing.T) {
	empty := roottest.File("")
	dir := roottest.Tree{"a/b/c/d": empty, "a/b/x": empty, "a-b/c": empty, "f": empty, "g/h": empty, "z": empty, "link": roottest.Link("a")}.Make(t)
	var p edit.Plan
	for _, name := range []string{"./a/b/c/e", "./a/b/c/0", "./a/b/w", "./a/z", "./a-a", "./a!", "./f", "./g", "./zz", "./z", "./link/x", "./g/new", "./no/x"} {
		if err := p.AddFile(name, 0o600, []byte("x")); err != nil {
			require.ErrorContains(t, err, "is added too", name)
		}
	}
	require.NoError(t, p.Remove("./g"))
	require.NoError(t, p.Remove("./f"))
	root, err := rootfs.Open(dir)
	require.NoError(t, err)
	defer root.Close()
	var order []string
	mtimes := map[string]entry.Time{}
	require.NoError(t, edit.NewTree(root, nil, &p).Walk(t.Context(), func(n edit.Node) error {
		defer n.Release()
		var e entry.Entry
		require.NoError(t, n.Stat(&e))
		mtimes[n.Path] = e.Mtime
		path := n.Path
		if n.Source(&e) == edit.Added {
			path = "+" + path
			above := n.Path[:strings.LastIndexByte(n.Path, '/')]
			require.Equal(t, mtimes[above], e.Mtime, n.Path)
			require.EqualValues(t, 1, e.Nlink)
		}
		order = append(order, path)
		return nil
	}))
	require.Equal(t, []string{
		".", "./a", "./a/b", "./a/b/c", "+./a/b/c/0", "./a/b/c/d", "+./a/b/c/e", "+./a/b/w", "./a/b/x", "+./a/z",
		"+./a!", "+./a-a", "./a-b", "./a-b/c", "+./f", "+./g", "./link", "./z", "+./zz",
	}, order)
}

// TestSize counts beside a walk, and leaves the plan to that.
func TestSize(t *testing.T) {
	of := func(n int) roottest.Node { return roottest.File(strings.Repeat("x", n)) }
	dir := roottest.Tree{"a": of(10000), "emptied": of(20000), "dropped": of(40000), "in/b": of(80000), "holes": of(0).Hole(1 << 40)}.Make(t)
	var p edit.Plan
	require.NoError(t, p.Exclude("dropped"))
	require.NoError(t, p.Empty("./emptied"))
	require.NoError(t, p.AddFile("./added", 0o600, []byte("x")))
	root, err := rootfs.Open(dir)
	require.NoError(t, err)
	defer root.Close()
	mounts, err := root.Mounts(rootfs.MountOptions{})
	require.NoError(t, err)
	tree := edit.NewTree(root, mounts, &p)
	size, err := tree.Size(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 90000, size)
	require.Equal(t, []string{"dropped"}, p.Unmatched())
	require.Empty(t, p.Edits())

	var wait sync.WaitGroup
	wait.Go(func() {
		for range 20 {
			again, err := tree.Size(t.Context())
			if err != nil || again != size {
				t.Error(again, err)
			}
		}
	})
	require.NoError(t, tree.Walk(t.Context(), func(n edit.Node) error {
		defer n.Release()
		var e entry.Entry
		require.NoError(t, n.Stat(&e))
		n.Source(&e)
		return nil
	}))
	wait.Wait()
	require.Equal(t, []edit.Edit{
		{Op: entry.Exclude, Subject: "dropped", Count: 1}, {Op: entry.Empty, Subject: "./emptied", Count: 1}, {Op: entry.AddFile, Subject: "./added", Count: 1},
	}, p.Edits())
}

// TestMountsInView: what is mounted at a place that is left out is not in the view
// either.
func TestMountsInView(t *testing.T) {
	root := made(t)
	mounts := rootfs.NewMounts([]rootfs.Mount{{Path: "./mnt/nas", Reason: "on purpose"}, {Path: "./var", Captured: true}})
	view := edit.NewTree(root, mounts, nil).FS()
	list, err := view.ReadDir("mnt/nas")
	require.NoError(t, err)
	require.Empty(t, list)
	list, err = view.ReadDir("var")
	require.NoError(t, err)
	require.Len(t, list, 2)
}

// TestESP: below ./boot/efi nothing has what vfat cannot hold.
func TestESP(t *testing.T) {
	roottest.NeedRoot(t)
	file := roottest.File("x").Owner(12, 34).Xattr("user.x", "")
	dir := roottest.Tree{
		"boot/efi": roottest.Dir().Owner(12, 34), "boot/efi/EFI/x": file, "boot/efi/y": roottest.Same("boot/efi/EFI/x"),
		"boot/efifoo": file, "boot/efi/edited": file,
	}.Make(t)
	var p edit.Plan
	require.NoError(t, p.Rewrite("./boot/efi/edited", "", upper))
	root, err := rootfs.Open(dir)
	require.NoError(t, err)
	defer root.Close()
	tree := edit.NewTree(root, nil, &p)
	seen := 0
	require.NoError(t, tree.Walk(t.Context(), func(n edit.Node) error {
		defer n.Release()
		for _, look := range []func(e *entry.Entry) error{n.Stat, func(e *entry.Entry) error {
			c, _, err := n.Read(e)
			if c != nil {
				c.Close()
			}
			return err
		}} {
			var e entry.Entry
			require.NoError(t, look(&e))
			switch {
			case strings.HasPrefix(n.Path, "./boot/efi/") || n.Path == "./boot/efi":
				seen++
				require.Zero(t, e.UID+e.GID)
				require.Empty(t, e.Xattrs)
				require.EqualValues(t, 1, e.Nlink)
			case n.Path == "./boot/efifoo":
				seen++
				require.Equal(t, []uint32{12, 34}, []uint32{e.UID, e.GID})
			}
		}
		return nil
	}))
	require.Equal(t, 2*(5+1), seen)
}

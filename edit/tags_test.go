package edit_test

import (
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/edit"
	"image-capture/rootfs"
	"image-capture/rootfs/roottest"
)

// TestTagsInView: the view that is judged has what the walk visits, and mount points are
// asked about without a look into them.
func TestTagsInView(t *testing.T) {
	signed := roottest.File("Signature: 8a477f597d28d172789f06886806bc55\n")
	file := roottest.File("x")
	dir := roottest.Tree{
		"./a/CACHEDIR.TAG": signed, "./a/b/c": file, "./a/d": file,
		"./e/.skip/f/g": file, "./e/CACHEDIR.TAG": signed, "./e/h/i": file,
		"./j/CACHEDIR.TAG": file, "./j/k": file, "./l/.skip": roottest.Link("k"), "./l/m": file,
	}.Make(t)
	root, err := rootfs.Open(dir)
	require.NoError(t, err)
	defer root.Close()
	var p edit.Plan
	p.ExcludeCaches()
	require.NoError(t, p.ExcludeIfPresent(".skip"))
	for _, wrong := range []string{"", ".", "..", "a/b"} {
		require.Error(t, p.ExcludeIfPresent(wrong), wrong)
	}
	tree := edit.NewTree(root, nil, &p)
	var seen, walked []string
	require.NoError(t, fs.WalkDir(tree.FS(), ".", func(path string, _ fs.DirEntry, err error) error {
		seen = append(seen, path)
		return err
	}))
	require.NoError(t, tree.Walk(t.Context(), func(n edit.Node) error {
		defer n.Release()
		if walked = append(walked, "."); n.Path != "." {
			walked[len(walked)-1] = n.Path[2:]
		}
		return nil
	}))
	require.Equal(t, walked, seen)
	require.Equal(t, []string{
		".", "a", "a/CACHEDIR.TAG", "e", "e/.skip", "e/.skip/f", "e/.skip/f/g", "e/CACHEDIR.TAG", "j", "j/CACHEDIR.TAG", "j/k", "l", "l/.skip", "l/m",
	}, walked)
	require.True(t, p.Hidden("./a/b/c"))
	require.False(t, p.HiddenByName("./a/b/c"))
}

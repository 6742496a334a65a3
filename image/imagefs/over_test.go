package imagefs_test

import (
	"bytes"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/entry"
	"image-capture/image"
	"image-capture/image/imagefs"
	"image-capture/rootfs"
)

// TestOver reads a layer over its base and holds what is seen against what GNU tar
// extracts, with what is deleted deleted before.
func TestOver(t *testing.T) {
	for name, c := range map[string]struct{ base, deleted, layer []string }{
		"file":                  {[]string{"f a one"}, nil, []string{"f a second"}},
		"nothing":               {[]string{"d d", "f d/a one"}, nil, nil},
		"deleted":               {[]string{"f a one", "f b two"}, []string{"./a"}, nil},
		"directory":             {[]string{"d d", "f d/a one", "d d/e", "f d/e/b x", "f x y"}, []string{"./d"}, nil},
		"directory again":       {[]string{"d d", "f d/a one", "f d/b x"}, []string{"./d"}, []string{"d d", "f d/b y"}},
		"directory to file":     {[]string{"d d", "f d/a one"}, []string{"./d"}, []string{"f d two"}},
		"directory to link":     {[]string{"d d", "f d/a one", "d e"}, []string{"./d"}, []string{"l d e"}},
		"file to directory":     {[]string{"f d one"}, nil, []string{"d d", "f d/a two"}},
		"first name deleted":    {[]string{"f a one", "h b a", "h c a"}, []string{"./a"}, nil},
		"first name replaced":   {[]string{"f a one", "h b a"}, nil, []string{"f a two"}},
		"all names of a file":   {[]string{"f a one", "h b a"}, []string{"./a"}, []string{"f b two", "h c b"}},
		"deleted what is not":   {[]string{"f a one"}, []string{"./x", "./a/b", "."}, []string{"f c two"}},
		"deleted beside a link": {[]string{"d d", "f d/a one", "l l d"}, []string{"./d/a"}, []string{"f x y"}},
	} {
		t.Run(name, func(t *testing.T) {
			out := t.TempDir()
			base, layer := pack(t, append([]string{"d ."}, c.base...)...), pack(t, append([]string{"d ."}, c.layer...)...)
			run(t, true, "/", base, "tar", "-xpf", "-", "-C", out)
			for _, path := range c.deleted {
				if path != "." {
					require.NoError(t, exec.Command("rm", "-rf", filepath.Join(out, path)).Run())
				}
			}
			run(t, true, "/", layer, "tar", "-xpf", "-", "-C", out)

			opt := imagefs.Options{Interest: func(string, *entry.Member) imagefs.Interest { return imagefs.Interest{Content: 100} }}
			r, err := image.NewReader(bytes.NewReader(base))
			require.NoError(t, err)
			defer r.Close()
			view, err := imagefs.Read(t.Context(), r, opt)
			require.NoError(t, err)
			over, err := image.NewReader(bytes.NewReader(layer))
			require.NoError(t, err)
			defer over.Close()
			require.NoError(t, view.Over(t.Context(), over, c.deleted, opt))

			root, err := rootfs.Open(out)
			require.NoError(t, err)
			defer root.Close()
			require.Equal(t, seen(t, root.FS()), seen(t, view))
		})
	}
}

// TestOverLosesFirst asks for the content of a name whose first name is gone.
func TestOverLosesFirst(t *testing.T) {
	r, err := image.NewReader(bytes.NewReader(pack(t, "f a one", "h b a")))
	require.NoError(t, err)
	defer r.Close()
	view, err := imagefs.Read(t.Context(), r, imagefs.Options{})
	require.NoError(t, err)
	none, err := image.NewReader(bytes.NewReader(pack(t)))
	require.NoError(t, err)
	defer none.Close()
	require.NoError(t, view.Over(t.Context(), none, []string{"./a"}, imagefs.Options{}))
	_, err = view.ReadFile("b")
	require.ErrorIs(t, err, imagefs.ErrNotKept)
}

// seen is all that a tree holds: paths, modes, targets and contents.
func seen(t *testing.T, fsys rootfs.NoFollowFS) (list []string) {
	var walk func(dir string)
	walk = func(dir string) {
		entries, err := fs.ReadDir(fsys, dir)
		require.NoError(t, err)
		for _, e := range entries {
			name := e.Name()
			if dir != "." {
				name = dir + "/" + name
			}
			info, err := fs.Lstat(fsys, name)
			require.NoError(t, err)
			what := name + " " + info.Mode().String()
			switch {
			case info.IsDir():
				walk(name)
			case info.Mode().IsRegular():
				text, err := fs.ReadFile(fsys, name)
				require.NoError(t, err)
				what += " " + string(text)
			default:
				target, err := fs.ReadLink(fsys, name)
				require.NoError(t, err)
				what += " " + target
			}
			list = append(list, what)
		}
	}
	walk(".")
	slices.Sort(list)
	return list
}

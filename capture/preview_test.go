package capture_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/capture"
	"image-capture/durable"
	"image-capture/edit"
	"image-capture/entry"
	"image-capture/manifest"
	"image-capture/rootfs/roottest"
)

// forecastTree has what makes sizes hard: holes, names of one inode, what does not get
// smaller, and what is left out.
func forecastTree(t *testing.T) capture.Tree {
	noise := make([]byte, 3<<20)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(noise)
	var b bytes.Buffer
	for i := 0; b.Len() < 9<<20; i++ {
		fmt.Fprintf(&b, "line %d of a log that says %d\n", i, i*i%97)
	}
	text := func(n int) string { return string(b.Bytes()[:n]) }
	dir := roottest.Tree{
		"./etc/hostname": roottest.File("vm\n"), "./etc/machine-id": roottest.File("0123456789abcdef0123456789abcdef\n"),
		"./srv/noise": roottest.File(string(noise)), "./srv/text": roottest.File(text(9 << 20)),
		"./srv/again": roottest.Same("./srv/text"), "./srv/holes": roottest.File(text(1 << 20)).Hole(1 << 30),
		"./srv/deep/er/x": roottest.File(text(100000)),
		"./var/log/a.log": roottest.File(text(5000)), "./var/log/b.log": roottest.File(text(6000)), "./cache/d/e.log": roottest.File(text(7000)),
		"./tmp/d/x": roottest.File(text(9000)), "./tmp/y": roottest.File("y"),
	}.Make(t)
	for i := range 500 {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "etc", fmt.Sprintf("f%04d", i)), []byte(text(6*i)), 0o644))
	}
	return capture.Tree{Root: dir, DefaultExcludes: true, Exclude: []string{"*.log", "./cache"}}
}

// TestPreview: what it says of a capture is what a capture makes.
func TestPreview(t *testing.T) {
	tree := forecastTree(t)
	for _, format := range []manifest.Format{manifest.TGZ, manifest.TarZst, manifest.Tar} {
		image := filepath.Join(t.TempDir(), "i"+format.Suffix())
		opt := capture.Options{Tree: tree, Format: format, Check: capture.Off, Outputs: capture.Outputs{Image: image}}
		f, err := capture.Preview(t.Context(), opt, capture.Silent{})
		require.NoError(t, err)
		require.Empty(t, files(t, filepath.Dir(image)), "nothing is written")
		res, err := capture.Run(t.Context(), opt, nil)
		require.NoError(t, err)
		require.Equal(t, res.Facts.Entries, f.Entries)
		require.Equal(t, res.Facts.Edits, f.Edits)
		require.Equal(t, len(res.Facts.Mounts), len(f.Mounts))
		require.InEpsilon(t, res.Facts.UnpackedSize, f.Unpacked, 0.02)
		require.InEpsilon(t, res.Facts.Size, f.Image, 0.15, format)
		require.Less(t, f.Sampled, f.Unpacked+1)
		require.True(t, f.Fits())
		require.Equal(t, filepath.Dir(image), f.Room.Folder)

		require.Equal(t, capture.Sized{Path: "./srv/again", Bytes: 9 << 20}, f.Files[0], "the first name of an inode has it")
		require.Len(t, f.Files, 20)
		require.Equal(t, "./srv", f.Dirs[0].Path)
		require.InDelta(t, 13<<20, f.Dirs[0].Bytes, 200000, "a hole is nothing, a hard link neither")
		require.Equal(t, "./srv/deep", f.Dirs[2].Path)
		require.Equal(t, capture.Sized{Path: "./srv/deep/er", Bytes: 100000}, f.Dirs[3])
		leftOut := map[string]edit.Left{}
		for _, l := range f.Left {
			leftOut[l.Subject] = edit.Left{Op: l.Op, Entries: l.Entries, Bytes: l.Bytes}
		}
		require.Equal(t, map[string]edit.Left{
			"*.log": {Op: entry.Exclude, Entries: 2, Bytes: 11000}, "./cache": {Op: entry.Exclude, Entries: 3, Bytes: 7000}, "./tmp/*": {Op: entry.Exclude, Entries: 3, Bytes: 9001},
		}, leftOut)

		// Now the name is taken.
		_, err = capture.Preview(t.Context(), opt, capture.Silent{})
		var exists *durable.ExistsError
		require.ErrorAs(t, err, &exists)
		opt.Overwrite = true
		_, err = capture.Preview(t.Context(), opt, capture.Silent{})
		require.NoError(t, err)
	}
	_, err := capture.Preview(t.Context(), capture.Options{Tree: capture.Tree{Root: "/nonexistent"}}, capture.Silent{})
	var option *capture.OptionError
	require.True(t, errors.As(err, &option))
}

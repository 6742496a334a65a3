package archive_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/archive"
	"image-capture/compress"
	"image-capture/entry"
	"image-capture/rootfs/roottest"
)

// TestSameBytes makes images with other numbers of workers, a second time, and of a
// copy of the tree: other inode numbers and another order in the directories.
func TestSameBytes(t *testing.T) {
	dir := roottest.Hostile(t)
	// Something to compress for several frames, and many names for several batches.
	require.NoError(t, os.Mkdir(filepath.Join(dir, "many"), 0o755))
	for i := range 500 {
		require.NoError(t, os.WriteFile(fmt.Sprintf("%s/many/%d", dir, i*7919%500), bytes.Repeat([]byte{byte(i), 'x'}, 10*i), 0o644))
	}
	text := bytes.Repeat([]byte("all work and no play makes Jack a dull boy\n"), 100000)
	for i := range text {
		if i%97 == 0 {
			text[i] = byte(i >> 7)
		}
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "text"), text, 0o644))

	copied := filepath.Join(t.TempDir(), "copy")
	require.NoError(t, os.Mkdir(copied, 0o700))
	out, err := exec.Command("cp", "-a", dir+"/.", copied).CombinedOutput()
	require.NoError(t, err, "%s", out)
	id := func(dir string) entry.FileID {
		_, _, members := capture(t, dir, archive.Options{Codec: compress.None})
		return members[len(members)-1].ID
	}
	require.NotEqual(t, id(dir), id(copied))

	for codec, levels := range map[compress.Codec][]compress.Level{
		compress.None: {compress.Default},
		compress.Gzip: {compress.Default, compress.Fast},
		compress.Zstd: {compress.Default, compress.Fast, compress.Better, compress.Best},
	} {
		for _, level := range levels {
			if raceDetector && level > compress.Fast {
				continue // slow, and nothing new to the detector
			}
			t.Run(fmt.Sprint(codec, level), func(t *testing.T) {
				want, sum, members := capture(t, dir, archive.Options{Codec: codec, Level: level, Jobs: 1})
				dirs := map[string][]int{dir: {1, 2, 8}}
				if level == compress.Default {
					dirs[copied] = []int{2}
				}
				if testing.Short() || raceDetector || level == compress.Best {
					dirs[dir] = []int{2}
				}
				for dir, jobs := range dirs {
					for _, n := range jobs {
						got, again, list := capture(t, dir, archive.Options{Codec: codec, Level: level, Jobs: n})
						require.True(t, bytes.Equal(want, got), "%d jobs, %s", n, dir)
						require.Equal(t, sum, again)
						require.Equal(t, allInTar(members), allInTar(list))
					}
				}
			})
		}
	}
}

package archive_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/archive"
	"image-capture/compress"
	"image-capture/entry"
)

// TestFramePlaces has gzip, zstd and cut decode from where the summary says that each frame
// begins, and Python say where each member does. Places do not depend on the number of
// frames that are compressed at once.
func TestFramePlaces(t *testing.T) {
	dir := framesTree(t)
	require.NoError(t, os.WriteFile(filepath.Join(dir, strings.Repeat("long", 40)), []byte("an extended header before it"), 0o600))
	require.NoError(t, os.Truncate(filepath.Join(dir, "file-0"), 1<<30))
	plain, sum, members := capture(t, dir, archive.Options{Codec: compress.None})
	var want []string
	for _, m := range members {
		want = append(want, fmt.Sprint(m.At))
	}
	file := filepath.Join(t.TempDir(), "image.tar")
	require.NoError(t, os.WriteFile(file, plain, 0o600))
	require.Equal(t, want, strings.Fields(run(t, nil, "python3", "-c", "import sys, tarfile\nfor m in tarfile.open(sys.argv[1]): print(m.offset)", file)))
	for _, f := range sum.Frames {
		require.Equal(t, f.Tar, f.Image)
	}

	for codec, tc := range map[compress.Codec]struct {
		first, size int64
		unpack      []string
		head        string // in front of a frame
	}{
		compress.Gzip: {10, 1 << 20, []string{"sh", "-c", "gzip -dcq 2>/dev/null || true"}, "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"},
		compress.Zstd: {0, 8 << 20, []string{"zstd", "-dcq"}, ""},
	} {
		image, sum, again := capture(t, dir, archive.Options{Codec: codec, Jobs: 1})
		require.Equal(t, members, again)
		_, four, _ := capture(t, dir, archive.Options{Codec: codec, Jobs: 4})
		require.Equal(t, sum.Frames, four.Frames)
		require.Len(t, sum.Frames, (len(plain)+int(tc.size)-1)/int(tc.size))
		require.Equal(t, entry.Frame{Image: tc.first}, sum.Frames[0])
		for i, f := range sum.Frames {
			require.Equal(t, int64(i)*tc.size, f.Tar)
			got := run(t, append([]byte(tc.head), image[f.Image:]...), tc.unpack[0], tc.unpack[1:]...)
			require.True(t, bytes.Equal(plain[f.Tar:], []byte(got)), "%s frame %d", codec, i)
		}
	}
}

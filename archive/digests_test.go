package archive_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/archive"
	"image-capture/compress"
	"image-capture/rootfs/roottest"
)

// TestSkipFileDigests: no member has a digest, also of what is streamed, sparse, or
// edited, and the image is the same.
func TestSkipFileDigests(t *testing.T) {
	dir := roottest.Hostile(t)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "streamed"), make([]byte, 3<<20+1), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "edited"), []byte("old"), 0o644))
	opt := archive.Options{Codec: compress.Zstd}
	edits := map[string]rewrite{"./edited": func([]byte) ([]byte, error) { return []byte("new"), nil }}
	with, _, members := captureEdited(t, dir, contents(t, edits), opt)
	digests := 0
	for _, m := range members {
		if m.SHA256 != nil || m.SparseSHA256 != nil {
			digests++
		}
	}
	require.Greater(t, digests, 5)
	opt.SkipFileDigests = true
	without, _, members := captureEdited(t, dir, contents(t, edits), opt)
	require.Equal(t, with, without)
	for _, m := range members {
		require.Nil(t, m.SHA256, m.Path)
		require.Nil(t, m.SparseSHA256, m.Path)
	}
}

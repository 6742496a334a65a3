package archive_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/archive"
	"image-capture/compress"
	"image-capture/edit"
	"image-capture/rootfs"
	"image-capture/rootfs/roottest"
)

// TestClones: with clones no file is torn, big or small, whoever writes to it. Of the
// plain reads here most are, on xfs as on btrfs.
func TestClones(t *testing.T) {
	for _, fstype := range []string{"btrfs", "xfs"} {
		t.Run(fstype, func(t *testing.T) {
			dir := roottest.Mounted(t, fstype, "400M")
			names := map[string]int{"big": 1 << 20, "small": 64 << 10, "named": 8 << 10}
			for name, block := range names {
				roottest.Churn(t, filepath.Join(dir, name), block)
			}
			require.NoError(t, os.WriteFile(filepath.Join(dir, "empty"), nil, 0o644))
			require.NoError(t, os.Truncate(filepath.Join(dir, "empty"), 0))
			for range 5 {
				root, err := rootfs.Open(dir)
				require.NoError(t, err)
				cloner, failed := rootfs.NewCloner(map[string]string{".": dir}, func(path string) bool { return path == "./named" })
				require.Empty(t, failed)
				var out bytes.Buffer
				sum, err := archive.Write(context.Background(), &out, edit.NewTree(root, nil, nil), archive.Options{Codec: compress.None, Clone: cloner})
				require.NoError(t, err)
				require.Empty(t, cloner.Failures())
				cloner.Close()
				require.NoError(t, root.Close())
				require.Empty(t, sum.Changed, "what is whole has not changed")
				content := contentsOf(t, out.Bytes())
				for name := range names {
					require.Empty(t, roottest.Torn([]byte(content["./"+name])), name)
				}
			}
		})
	}
}

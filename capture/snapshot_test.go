package capture_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/capture"
	"image-capture/manifest"
	"image-capture/rootfs/roottest"
	"image-capture/snapshot"
)

// TestSnapshotOfWriters: no file is torn, whatever writes to the tree. A clone is of a moment
// between two writes, a snapshot can be of one within a write, as a power cut is.
func TestSnapshotOfWriters(t *testing.T) {
	dir := roottest.Mounted(t, "btrfs", "500M")
	require.NoError(t, exec.Command("btrfs", "subvolume", "create", dir+"/sub").Run())
	names := map[string]int{"big": 1 << 20, "small": 64 << 10, "sub/big": 1 << 20}
	for name, block := range names {
		roottest.Churn(t, filepath.Join(dir, name), block)
	}
	for _, mode := range []snapshot.Mode{snapshot.Btrfs, snapshot.Reflink} {
		for range 2 {
			var out bytes.Buffer
			_, err := capture.Run(t.Context(), capture.Options{
				Tree: capture.Tree{Root: dir}, Check: capture.Off, Format: manifest.Tar, Outputs: capture.Outputs{Stdout: &out, Manifest: filepath.Join(t.TempDir(), "m")},
				Steady: capture.Steady{Snapshot: mode, Watch: capture.Watch{Watcher: []string{"/bin/sh", "-c", "echo ready; cat >/dev/null"}}},
			}, nil)
			require.NoError(t, err)
			for name := range names {
				cmd := exec.Command("tar", "-xO", "./"+name)
				cmd.Stdin = bytes.NewReader(out.Bytes())
				content, err := cmd.Output()
				require.NoError(t, err)
				torn := roottest.Torn
				if mode == snapshot.Btrfs {
					torn = roottest.TornPage
				}
				require.Empty(t, torn(content), "%s: %s", mode, name)
			}
		}
	}
	list, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range list {
		require.False(t, strings.HasPrefix(e.Name(), ".snapshot"), e.Name())
	}
}

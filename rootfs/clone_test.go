package rootfs

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"image-capture/entry"
	"image-capture/rootfs/roottest"
)

// nodeAt walks to a path.
func nodeAt(t *testing.T, r *Root, path string) Node {
	t.Helper()
	var found *Node
	require.NoError(t, r.Walk(t.Context(), WalkOptions{}, func(n Node) error {
		if n.Path == path {
			found = &n
		} else {
			n.Release()
		}
		return nil
	}))
	require.NotNil(t, found, path)
	return *found
}

// TestClone: what is written to a file after it was cloned is not read, and nothing is
// left on the filesystem.
func TestClone(t *testing.T) {
	dir := roottest.Mounted(t, "btrfs", "128M")
	require.NoError(t, os.WriteFile(dir+"/plain", []byte("before"), 0o600))
	require.NoError(t, os.WriteFile(dir+"/nocow", nil, 0o644))
	require.NoError(t, exec.Command("chattr", "+C", dir+"/nocow").Run())
	require.NoError(t, os.WriteFile(dir+"/nocow", []byte("before"), 0o644))
	sparse, err := os.Create(dir + "/sparse")
	require.NoError(t, err)
	_, err = sparse.WriteAt(make([]byte, 8192), 1<<20)
	require.NoError(t, err)
	require.NoError(t, sparse.Truncate(8<<20))
	require.NoError(t, sparse.Sync())
	require.NoError(t, sparse.Close())

	r, err := Open(dir)
	require.NoError(t, err)
	defer r.Close()
	c, failed := NewCloner(map[string]string{".": dir}, nil)
	require.Empty(t, failed)
	defer c.Close()
	require.False(t, c.First("./plain"))
	for _, name := range []string{"plain", "nocow"} {
		n := nodeAt(t, r, "./"+name)
		var e entry.Entry
		f, _, err := n.Read(&e)
		require.NoError(t, err)
		n.Release()
		require.True(t, c.Clone(f, &e), name)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("afterwards"), 0o600))
		buf := make([]byte, 100)
		k, _ := f.ReadAt(buf, 0)
		require.Equal(t, "before", string(buf[:k]), name)
		require.EqualValues(t, 6, e.Size)
		require.NoError(t, f.Close())
	}
	n := nodeAt(t, r, "./sparse")
	var e entry.Entry
	f, _, err := n.Read(&e)
	require.NoError(t, err)
	n.Release()
	require.True(t, c.Clone(f, &e))
	runs, err := f.Data(e.Size)
	require.NoError(t, err)
	require.Equal(t, []entry.Extent{{Offset: 1 << 20, Length: 8192}}, runs)
	require.NoError(t, f.Close())
	require.Empty(t, c.Failures())

	// The rest is read as it is, which is told.
	require.NoError(t, unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	for range 2 {
		n := nodeAt(t, r, "./plain")
		f, _, err := n.Read(&e)
		require.NoError(t, err)
		n.Release()
		require.False(t, c.Clone(f, &e))
		require.EqualValues(t, 10, e.Size)
		require.NoError(t, f.Close())
	}
	require.Equal(t, []CloneFailure{{Place: ".", First: "./plain", Files: 2, Err: unix.EROFS}}, c.Failures())
	names, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, names, 3)
}

// TestCannotClone: ext4 has no clones, and of xfs not every one.
func TestCannotClone(t *testing.T) {
	dir := roottest.Mounted(t, "ext4", "32M")
	c, failed := NewCloner(map[string]string{".": dir, "./none": dir + "/none"}, nil)
	defer c.Close()
	require.Equal(t, map[string]error{".": unix.EOPNOTSUPP, "./none": unix.ENOENT}, failed)
	require.False(t, c.Clone(&Content{fd: -1, path: "./x"}, &entry.Entry{}))
	require.Empty(t, c.Failures())
}

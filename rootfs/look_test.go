package rootfs

import (
	"io/fs"
	"os"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"image-capture/entry"
	"image-capture/rootfs/roottest"
)

// TestLook: who only looks sees what getfattr(1) sees and what who opens all sees, with the
// newest system calls and without.
func TestLook(t *testing.T) {
	dir := roottest.Hostile(t)
	xattrs := getfattr(t, dir)
	r := open(t, dir)
	for _, missing := range []*atomic.Bool{nil, &listxattratMissing, &statxMissing} {
		if missing != nil {
			was := missing.Load()
			missing.Store(true)
			defer missing.Store(was)
		}
		seen := 0
		require.NoError(t, r.Walk(t.Context(), WalkOptions{}, func(n Node) error {
			defer n.Release()
			var read, look entry.Entry
			c, lost, err := n.Read(&read)
			require.NoError(t, err)
			require.NoError(t, lost)
			if c != nil {
				require.NoError(t, c.Close())
			}
			lost, err = n.Look(&look)
			require.NoError(t, err)
			require.NoError(t, lost)
			require.Equal(t, read, look)
			require.Equal(t, xattrs[n.Path], look.Xattrs, "%q", n.Path)
			seen += len(look.Xattrs)
			return nil
		}))
		require.NotZero(t, seen)
	}
}

// TestLookLate: what became of a file since it was listed.
func TestLookLate(t *testing.T) {
	dir := made(t, "gone", "fifo", "file")
	require.NoError(t, open(t, dir).Walk(t.Context(), WalkOptions{}, func(n Node) error {
		defer n.Release()
		var e entry.Entry
		switch n.Path {
		case "./gone":
			require.NoError(t, os.Remove(dir+"/gone"))
			_, err := n.Look(&e)
			require.ErrorIs(t, err, fs.ErrNotExist)
			require.ErrorContains(t, err, "stat ./gone")
		case "./fifo":
			require.NoError(t, os.Remove(dir+"/fifo"))
			require.NoError(t, unix.Mkfifo(dir+"/fifo", 0o600))
			_, err := n.Look(&e)
			require.EqualError(t, err, "open ./fifo: a fifo took the place of the file")
		case "./file":
			lost, err := n.Look(&e)
			require.NoError(t, err)
			require.NoError(t, lost)
			require.Equal(t, entry.File, e.Type)
			require.Equal(t, int64(len("file")), e.Size)
		}
		return nil
	}))
}

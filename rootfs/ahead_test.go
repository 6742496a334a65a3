package rootfs

import (
	"os"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// uncached writes a file and drops it from the page cache.
func uncached(t *testing.T, name string, size int) {
	t.Helper()
	f, err := os.Create(name)
	require.NoError(t, err)
	defer f.Close()
	_, err = f.Write(make([]byte, size))
	require.NoError(t, err)
	require.NoError(t, f.Sync())
	require.NoError(t, unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED))
}

// TestWillNeed: what is not in the page cache comes into it, as much as there is room for.
func TestWillNeed(t *testing.T) {
	dir := t.TempDir()
	ext4(t, dir)
	const size = 300 << 10
	uncached(t, dir+"/file", size)
	uncached(t, dir+"/no-room", size)
	uncached(t, dir+"/late", size)
	require.NoError(t, os.WriteFile(dir+"/empty", nil, 0o600))
	require.NoError(t, unix.Mkfifo(dir+"/fifo", 0o600))
	require.NoError(t, os.Symlink("file", dir+"/link"))
	uncached(t, dir+"/gone", size)
	uncached(t, dir+"/swapped", size)

	r := open(t, dir)
	nodes := map[string]Node{}
	require.NoError(t, r.Walk(t.Context(), WalkOptions{}, func(n Node) error {
		nodes[n.Path] = n
		return nil
	}))
	require.NoError(t, os.Remove(dir+"/gone"))
	require.NoError(t, os.Remove(dir+"/swapped"))
	require.NoError(t, unix.Mkfifo(dir+"/swapped", 0o600))

	asked := map[string]int64{}
	for path, n := range nodes {
		if path == "./no-room" { // not of the others: some kernels begin to read when they are asked
			yes, ok := n.Cached()
			require.True(t, ok)
			require.False(t, yes)
		}
		if path == "./late" {
			n.Release()
			continue
		}
		asked[path] = n.WillNeed(func(size int64) int64 {
			if path == "./no-room" {
				return 0
			}
			return min(size, 200<<10)
		})
		n.Release()
	}
	require.Equal(t, map[string]int64{".": 0, "./lost+found": 0, "./file": 200 << 10, "./no-room": 0, "./empty": 0,
		"./fifo": 0, "./link": 0, "./gone": 0, "./swapped": 0}, asked)

	const pages = 200 << 10 / 4096
	for deadline := time.Now().Add(10 * time.Second); resident(t, dir+"/file") < pages; time.Sleep(time.Millisecond) {
		require.True(t, time.Now().Before(deadline), "%d pages are there", resident(t, dir+"/file"))
	}
	require.Zero(t, resident(t, dir+"/late"))
	require.NoError(t, r.Walk(t.Context(), WalkOptions{}, func(n Node) error {
		defer n.Release()
		yes, ok := n.Cached()
		require.Equal(t, n.kind == unix.DT_REG, ok, n.Path)
		if n.Path == "./file" || n.Path == "./late" {
			require.Equal(t, n.Path == "./file", yes, n.Path)
		}
		return nil
	}))
}

// resident is how many pages of a file are in the page cache; see mincore(2).
func resident(t *testing.T, name string) int {
	t.Helper()
	f, err := os.Open(name)
	require.NoError(t, err)
	defer f.Close()
	info, err := f.Stat()
	require.NoError(t, err)
	b, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	require.NoError(t, err)
	defer func() { require.NoError(t, unix.Munmap(b)) }()
	there := make([]byte, (len(b)+4095)/4096)
	_, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), uintptr(unsafe.Pointer(&there[0])))
	require.Zero(t, errno)
	n := 0
	for _, v := range there {
		n += int(v & 1)
	}
	return n
}

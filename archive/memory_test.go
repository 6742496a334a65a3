package archive_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"image-capture/archive"
	"image-capture/compress"
	"image-capture/edit"
	"image-capture/rootfs"
)

// TestMemory captures big trees in a process of their own and looks at the most
// memory that it ever had. In a short test the trees are smaller.
func TestMemory(t *testing.T) {
	if dir := os.Getenv(childEnv); dir != "" {
		debug.SetGCPercent(40) // as the program does
		root, err := rootfs.Open(dir)
		require.NoError(t, err)
		defer root.Close()
		sum, err := archive.Write(context.Background(), io.Discard, edit.NewTree(root, nil, nil), archive.Options{Codec: compress.Zstd, Jobs: 2})
		require.NoError(t, err)
		require.Empty(t, sum.Unreadable)
		answer(t, [2]int64{sum.Entries, peak(t)})
		return
	}
	if raceDetector {
		t.Skip("the race detector takes memory of its own")
	}
	const mib = 1 << 20
	measure := func(t *testing.T, dir string, entries int64) int64 {
		var result [2]int64
		child(t, "TestMemory", dir, nil, &result)
		require.Equal(t, entries, result[0])
		t.Logf("%s: %d entries, at most %d MiB", t.Name(), entries, result[1]/mib)
		require.Less(t, result[1], int64(200*mib))
		return result[1]
	}
	// What a tree of next to no names takes whose tar fills every buffer.
	var full int64
	t.Run("one big sparse file", func(t *testing.T) {
		size, data := int64(20<<30), int64(2<<30)
		if testing.Short() {
			size, data = 2<<30, 200<<20
		}
		dir := tmpfs(t)
		f, err := os.Create(dir + "/big")
		require.NoError(t, err)
		defer f.Close()
		require.NoError(t, f.Truncate(size))
		// What cannot be compressed fills the output, what can in part has the other
		// compressor of the level at work.
		part := randomBytes(16 * mib)
		for range 8 {
			part = append(append(part, randomBytes(mib)...), strings.Repeat("compressible ", mib/13)...)
		}
		parts := data / int64(len(part))
		for i := range parts {
			_, err := f.WriteAt(part, i*(size/parts)&^4095)
			require.NoError(t, err)
		}
		full = measure(t, dir, 2)
	})
	names := 1000000
	if testing.Short() {
		names = 50000
	}
	t.Run("one big directory", func(t *testing.T) {
		dir := tmpfs(t)
		for i := range names {
			require.NoError(t, unix.Mknod(fmt.Sprintf("%s/file-%07d", dir, i), unix.S_IFREG|0o644, 0))
		}
		require.Less(t, measure(t, dir, int64(names)+1), full+64*mib)
	})
	t.Run("many directories", func(t *testing.T) {
		dir := tmpfs(t)
		n := names / 4
		dirs := 0
		for i := range n {
			sub := fmt.Sprintf("%s/%d/%d", dir, i/10000, i/100)
			if i%100 == 0 {
				require.NoError(t, os.MkdirAll(sub, 0o755))
				dirs++
			}
			if i%10000 == 0 {
				dirs++
			}
			require.NoError(t, unix.Mknod(fmt.Sprintf("%s/file-%07d", sub, i), unix.S_IFREG|0o644, 0))
		}
		require.Less(t, measure(t, dir, int64(n+dirs)+1), full+64*mib)
	})
}

// peak is the most memory that the process had, in bytes; see proc_pid_status(5).
func peak(t testing.TB) int64 {
	t.Helper()
	b, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			require.NoError(t, err)
			return n << 10
		}
	}
	t.Fatal("no VmHWM")
	return 0
}

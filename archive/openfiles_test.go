package archive_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"image-capture/archive"
	"image-capture/compress"
)

// TestFewOpenFiles: where few files can be open at once, fewer are read ahead, and none
// is left out. Each here is the only one of its directory, and too big to be read
// ahead, so that it takes two descriptors until its turn comes; and the way to them is
// longer than the walk keeps open.
func TestFewOpenFiles(t *testing.T) {
	dir := t.TempDir()
	const files = 400
	for i := range files {
		at := filepath.Join(dir, strings.Repeat("d/", min(i, 140)), "x"+strconv.Itoa(i))
		require.NoError(t, os.MkdirAll(at, 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(at, "f"), nil, 0o644))
		require.NoError(t, os.Truncate(filepath.Join(at, "f"), 2<<20))
	}
	var limit unix.Rlimit
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
	defer func() { require.NoError(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)) }()
	for _, n := range []uint64{256, 512, 1024} {
		low := limit
		low.Cur = n
		require.NoError(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &low))
		_, sum, members := capture(t, dir, archive.Options{Codec: compress.None})
		require.Empty(t, sum.Unreadable, n)
		require.Len(t, members, 1+140+2*files)
	}
}

// TestNotInCache: a tree that has to be read from the disk gives the same archive as when
// it is in the page cache.
func TestNotInCache(t *testing.T) {
	dir := t.TempDir()
	const dirs, files = 60, 50
	for i := range dirs {
		sub := filepath.Join(dir, strconv.Itoa(i))
		require.NoError(t, os.Mkdir(sub, 0o755))
		for j := range files {
			require.NoError(t, os.WriteFile(filepath.Join(sub, strconv.Itoa(j)), []byte(strings.Repeat(sub, i*j)), 0o644))
		}
	}
	unix.Sync()
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
	}))
	cold, sum, _ := capture(t, dir, archive.Options{Codec: compress.None})
	require.Empty(t, sum.Unreadable)
	require.Empty(t, sum.Changed)
	require.EqualValues(t, 1+dirs+dirs*files, sum.Entries)
	warm, _, _ := capture(t, dir, archive.Options{Codec: compress.None})
	require.True(t, bytes.Equal(cold, warm))
}

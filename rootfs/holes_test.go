package rootfs

import (
	"bytes"
	"context"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"image-capture/entry"
	"image-capture/rootfs/roottest"
)

// content opens a file of the tree by a walk.
func content(t testing.TB, dir, name string) (*Content, entry.Entry) {
	t.Helper()
	var e entry.Entry
	var c *Content
	require.NoError(t, open(t, dir).Walk(context.Background(), WalkOptions{}, func(n Node) error {
		defer n.Release()
		if n.Path != "./"+name {
			return nil
		}
		var err error
		c, _, err = n.Read(&e)
		return err
	}))
	require.NotNil(t, c, name)
	t.Cleanup(func() { c.Close() })
	return c, e
}

// written makes a file with data where want says.
func written(t testing.TB, path string, size int64, want []entry.Extent) {
	t.Helper()
	f, err := os.Create(path)
	require.NoError(t, err)
	defer f.Close()
	require.NoError(t, f.Truncate(size))
	for _, x := range want {
		_, err := f.WriteAt(bytes.Repeat([]byte{'x'}, int(x.Length)), x.Offset)
		require.NoError(t, err)
	}
}

func checkHoles(t *testing.T, dir string) {
	const page = 4096
	tests := map[string]struct {
		size int64
		data []entry.Extent
	}{
		"empty":         {0, nil},
		"hole":          {10 * page, nil},
		"all data":      {3 * page, []entry.Extent{{Offset: 0, Length: 3 * page}}},
		"odd size":      {2*page + 7, []entry.Extent{{Offset: 0, Length: 2*page + 7}}},
		"hole then end": {64*page + 7, []entry.Extent{{Offset: 64 * page, Length: 7}}},
		"data at start": {64 * page, []entry.Extent{{Offset: 0, Length: page}}},
		"three":         {100*page + 1, []entry.Extent{{Offset: page, Length: 2 * page}, {Offset: 32 * page, Length: page}, {Offset: 100 * page, Length: 1}}},
		"big":           {5 << 30, []entry.Extent{{Offset: 4 << 30, Length: page}}},
	}
	for name, tt := range tests {
		written(t, dir+"/"+name, tt.size, tt.data)
		c, e := content(t, dir, name)
		require.Equal(t, tt.size, e.Size)
		got, err := c.Data(e.Size)
		require.NoError(t, err)
		require.Equal(t, tt.data, got, name)
		// Of a size that is not the file's: no run reaches beyond.
		for _, size := range []int64{0, 1, page + 1, 33 * page} {
			got, err := c.Data(size)
			require.NoError(t, err)
			var want []entry.Extent
			for _, x := range tt.data {
				if x.Offset < size {
					want = append(want, entry.Extent{Offset: x.Offset, Length: min(x.Length, size-x.Offset)})
				}
			}
			require.Equal(t, want, got, "%s to %d", name, size)
		}
		got, err = c.Data(e.Size + page)
		require.NoError(t, err, "the file shrank")
		require.Equal(t, tt.data, got)
	}
	// At random, pages apart.
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 2))
		var want []entry.Extent
		at := int64(0)
		for range rng.IntN(20) {
			at += int64(1+rng.IntN(30)) * page
			length := int64(1+rng.IntN(10)) * page
			want = append(want, entry.Extent{Offset: at, Length: length})
			at += length
		}
		size := at + int64(rng.IntN(3))*page
		written(t, dir+"/random", size, want)
		c, _ := content(t, dir, "random")
		got, err := c.Data(size)
		require.NoError(t, err)
		require.Equal(t, want, got, "seed %d", seed)
	}
}

func TestHoles(t *testing.T) {
	t.Run("tmpfs", func(t *testing.T) {
		privateMounts(t)
		dir := made(t)
		mount(t, "tmpfs", dir, "tmpfs", 0, "")
		checkHoles(t, dir)
	})
	t.Run("ext4", func(t *testing.T) {
		privateMounts(t)
		dir := made(t)
		ext4(t, dir)
		checkHoles(t, dir)
	})
	t.Run("ramfs, which knows none", func(t *testing.T) {
		privateMounts(t)
		dir := made(t)
		mount(t, "ramfs", dir, "ramfs", 0, "")
		written(t, dir+"/x", 1<<20, []entry.Extent{{Offset: 8192, Length: 4096}})
		c, e := content(t, dir, "x")
		got, err := c.Data(e.Size)
		require.NoError(t, err)
		require.Equal(t, []entry.Extent{{Offset: 0, Length: 1 << 20}}, got)
	})
}

// What the disk itself holds, by filefrag(8).
func TestHolesFilefrag(t *testing.T) {
	privateMounts(t)
	dir := made(t)
	ext4(t, dir)
	_, err := exec.LookPath("filefrag")
	roottest.Need(t, err == nil, "filefrag")
	written(t, dir+"/x", 3<<20, []entry.Extent{{Offset: 8192, Length: 100000}, {Offset: 1 << 20, Length: 5000}, {Offset: 2<<20 + 4096, Length: 1}})
	unix.Sync()
	out, err := exec.Command("filefrag", "-b1", "-e", dir+"/x").Output()
	require.NoError(t, err)
	var want []entry.Extent
	for _, m := range regexp.MustCompile(`(?m)^ *\d+: *(\d+)\.\. *(\d+):`).FindAllStringSubmatch(string(out), -1) {
		from, _ := strconv.ParseInt(m[1], 10, 64)
		to, _ := strconv.ParseInt(m[2], 10, 64)
		if n := len(want); n > 0 && want[n-1].Offset+want[n-1].Length == from {
			want[n-1].Length = to + 1 - want[n-1].Offset
			continue
		}
		want = append(want, entry.Extent{Offset: from, Length: to + 1 - from})
	}
	require.Len(t, want, 3, "%s", out)
	c, e := content(t, dir, "x")
	got, err := c.Data(e.Size)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

// A hole of exabytes takes no time.
func TestHolesHuge(t *testing.T) {
	privateMounts(t)
	dir := made(t)
	mount(t, "tmpfs", dir, "tmpfs", 0, "")
	const size = math.MaxInt64 - 4095
	written(t, dir+"/x", size, []entry.Extent{{Offset: 0, Length: 4096}, {Offset: size - 4096, Length: 4096}})
	start := time.Now()
	c, e := content(t, dir, "x")
	require.Equal(t, int64(size), e.Size)
	require.Equal(t, int64(16), e.Blocks)
	got, err := c.Data(e.Size)
	require.NoError(t, err)
	require.Equal(t, []entry.Extent{{Offset: 0, Length: 4096}, {Offset: size - 4096, Length: 4096}}, got)
	require.Less(t, time.Since(start), 5*time.Second)
	b := make([]byte, 8192)
	n, err := c.ReadAt(b, size-4096)
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, 4096, n)
}

func TestContent(t *testing.T) {
	dir := made(t, "file")
	c, e := content(t, dir, "file")
	b := make([]byte, 3)
	n, err := c.ReadAt(b, 1)
	require.NoError(t, err)
	require.Equal(t, "ile", string(b[:n]))
	n, err = c.ReadAt(b, 3)
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, "e", string(b[:n]))
	c.WillNeed(4)

	now, err := c.Stat()
	require.NoError(t, err)
	require.Equal(t, e, now)
	time.Sleep(20 * time.Millisecond) // longer than a tick of the kernel's clock
	for _, change := range []struct {
		what string
		do   func() error
	}{
		{"rewritten in place", func() error { return os.WriteFile(dir+"/file", []byte("FILE"), 0o644) }},
		{"mode", func() error { return os.Chmod(dir+"/file", 0o600) }},
		{"shrunk", func() error { return os.Truncate(dir+"/file", 1) }},
	} {
		require.NoError(t, change.do())
		later, err := c.Stat()
		require.NoError(t, err)
		require.NotEqual(t, now.Ctime, later.Ctime, change.what)
		now = later
		time.Sleep(20 * time.Millisecond)
	}
	require.NoError(t, os.Remove(dir+"/file"))
	later, err := c.Stat()
	require.NoError(t, err)
	require.Zero(t, later.Nlink)

	bad := &Content{fd: -1, path: "./bad", root: c.root}
	for _, err := range []error{second(bad.ReadAt(b, 0)), second(bad.Stat()), second(bad.Data(1))} {
		require.ErrorIs(t, err, unix.EBADF)
		require.ErrorContains(t, err, " ./bad: ")
	}
}

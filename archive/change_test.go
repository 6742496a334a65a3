package archive_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"image-capture/archive"
	"image-capture/compress"
	"image-capture/edit"
	"image-capture/entry"
	"image-capture/rootfs"
)

// acting does something once, when the first bytes of an archive come.
type acting struct {
	bytes.Buffer
	do   func()
	once sync.Once
}

func (a *acting) Write(p []byte) (int, error) {
	a.once.Do(a.do)
	return a.Buffer.Write(p)
}

// during captures dir and does something when its first frame is written.
func during(t *testing.T, dir string, do func()) (map[string]string, *archive.Summary, map[string]entry.Member) {
	t.Helper()
	root, err := rootfs.Open(dir)
	require.NoError(t, err)
	defer root.Close()
	w := &acting{do: do}
	members := map[string]entry.Member{}
	sum, err := archive.Write(context.Background(), w, edit.NewTree(root, nil, nil), archive.Options{
		Codec: compress.None, Jobs: 1,
		Member: func(m *entry.Member) error { members[m.Path] = *m; return nil },
	})
	require.NoError(t, err)
	require.EqualValues(t, w.Len(), sum.Unpacked)
	return contentsOf(t, w.Bytes()), sum, members
}

// TestBigFileChanges changes a file that is being streamed: its header is out, and
// more of it is to be read than the pipeline holds.
func TestBigFileChanges(t *testing.T) {
	const size = 7 << 20
	original := randomBytes(size)
	for _, c := range []struct {
		what   string
		change func(path string) error
		note   string
	}{
		{"shrinks", func(p string) error { return os.Truncate(p, size-1000) }, fmt.Sprintf("shrank from %d to %d bytes while it was read", size, size-1000)},
		{"is emptied", func(p string) error { return os.Truncate(p, 0) }, fmt.Sprintf("shrank from %d to 0 bytes while it was read", size)},
		{"grows", func(p string) error {
			f, err := os.OpenFile(p, os.O_WRONLY|os.O_APPEND, 0)
			if err == nil {
				_, err = f.WriteString("more")
				err = errors.Join(err, f.Close())
			}
			return err
		}, fmt.Sprintf("grew from %d to %d bytes while it was read", size, size+4)},
		{"is written to in place", func(p string) error { return writeAt(p, size-1, "!") }, "changed while it was read"},
		{"is written to, and its mtime set back", func(p string) error {
			st, err := os.Stat(p)
			if err == nil {
				err = errors.Join(writeAt(p, size-1, "!"), os.Chtimes(p, st.ModTime(), st.ModTime()))
			}
			return err
		}, "its attributes changed while it was read"},
		{"gets another mode", func(p string) error { return os.Chmod(p, 0o600) }, "its attributes changed while it was read"},
		{"gets an xattr", func(p string) error { return unix.Setxattr(p, "user.x", []byte("y"), 0) }, "its attributes changed while it was read"},
	} {
		t.Run(c.what, func(t *testing.T) {
			dir := t.TempDir()
			big := filepath.Join(dir, "big")
			require.NoError(t, os.WriteFile(big, original, 0o644))
			require.NoError(t, os.WriteFile(dir+"/later", []byte("later"), 0o644))
			content, sum, members := during(t, dir, func() { require.NoError(t, c.change(big)) })
			require.Equal(t, []entry.Note{{Path: "./big", Reason: c.note}}, sum.Changed)
			require.Empty(t, sum.Unreadable)
			require.Equal(t, "later", content["./later"])
			got := content["./big"]
			require.Len(t, got, size)
			require.True(t, strings.HasPrefix(got, string(original[:1<<19])))
			require.EqualValues(t, size, members["./big"].Size)
			require.EqualValues(t, 0o644, members["./big"].Perm)
			require.Equal(t, digest(got), members["./big"].SHA256, "the digest is not that of what is stored")
			if strings.HasPrefix(c.note, "shrank") {
				require.Equal(t, strings.Repeat("\x00", 1000), got[size-1000:])
			} else {
				require.Equal(t, string(original[1000:size-1]), got[1000:size-1])
			}
		})
	}
	t.Run("sparse, shrinks", func(t *testing.T) {
		dir := t.TempDir()
		big := filepath.Join(dir, "big")
		require.NoError(t, os.WriteFile(big, original, 0o644))
		require.NoError(t, os.Truncate(big, size+8<<20))
		require.NoError(t, writeAt(big, size+4<<20, "island"))
		content, sum, members := during(t, dir, func() { require.NoError(t, os.Truncate(big, size)) })
		require.Len(t, sum.Changed, 1)
		require.True(t, string(original)+strings.Repeat("\x00", 8<<20) == content["./big"])
		require.Equal(t, digest(content["./big"]), members["./big"].SHA256)
	})
}

// TestTreeChanges changes names after the first frame: all beyond the few hundred
// that are read ahead.
func TestTreeChanges(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(dir+"/a-big", randomBytes(5<<20), 0o644))
	for i := range 2000 {
		require.NoError(t, os.WriteFile(fmt.Sprintf("%s/b-%04d", dir, i), nil, 0o644))
	}
	list := []string{"z-dir-as-file", "z-fifo", "z-file-as-dir", "z-gone", "z-gone-dir/", "z-link", "z-moved-in", "z-other", "zz-last"}
	for _, name := range list {
		if strings.HasSuffix(name, "/") || name == "z-dir-as-file" {
			require.NoError(t, os.Mkdir(dir+"/"+name, 0o755))
			require.NoError(t, os.WriteFile(dir+"/"+name+"/inside", nil, 0o644))
			continue
		}
		require.NoError(t, os.WriteFile(dir+"/"+name, []byte(name), 0o644))
	}
	outside := filepath.Join(t.TempDir(), "outside")
	require.NoError(t, os.WriteFile(outside, []byte("secret"), 0o644))
	content, sum, members := during(t, dir, func() {
		for _, name := range list[:8] {
			require.NoError(t, os.RemoveAll(dir+"/"+name))
		}
		require.NoError(t, os.WriteFile(dir+"/z-dir-as-file", []byte("now a file"), 0o644))
		require.NoError(t, unix.Mkfifo(dir+"/z-fifo", 0o644))
		require.NoError(t, os.Mkdir(dir+"/z-file-as-dir", 0o755))
		require.NoError(t, os.Symlink(outside, dir+"/z-link"))
		require.NoError(t, os.Rename(outside, dir+"/z-moved-in"))
		require.NoError(t, os.WriteFile(dir+"/z-other", []byte("another file"), 0o644))
	})
	require.ElementsMatch(t, []entry.Note{
		{Path: "./z-gone", Reason: "vanished before it was read"},
		{Path: "./z-gone-dir", Reason: "vanished before it was read"},
	}, sum.Changed)
	require.ElementsMatch(t, []entry.Note{
		{Path: "./z-fifo", Reason: "open: a fifo took the place of the file"},
		{Path: "./z-file-as-dir", Reason: "open: a dir took the place of the file"},
		{Path: "./z-link", Reason: "open: too many levels of symbolic links"},
	}, sum.Unreadable)
	require.Equal(t, "now a file", content["./z-dir-as-file"])
	require.Equal(t, "secret", content["./z-moved-in"])
	require.Equal(t, "another file", content["./z-other"])
	require.Equal(t, "zz-last", content["./zz-last"])
	require.NotContains(t, members, "./z-link")
	require.NotContains(t, members, "./z-gone")
}

// TestDirectoryVanishes removes a directory whose names are being visited.
func TestDirectoryVanishes(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(dir+"/d", 0o755))
	require.NoError(t, os.WriteFile(dir+"/d/a-big", randomBytes(5<<20), 0o644))
	for i := range 2000 {
		require.NoError(t, os.WriteFile(fmt.Sprintf("%s/d/b-%04d", dir, i), nil, 0o644))
	}
	require.NoError(t, os.WriteFile(dir+"/last", []byte("last"), 0o644))
	content, sum, members := during(t, dir, func() { require.NoError(t, os.RemoveAll(dir+"/d")) })
	require.Empty(t, sum.Unreadable)
	require.Equal(t, "last", content["./last"])
	require.Contains(t, sum.Changed, entry.Note{Path: "./d/b-1999", Reason: "vanished before it was read"})
	told := map[string]bool{}
	for _, n := range sum.Changed {
		told[n.Path] = true
	}
	for i := range 2000 {
		name := fmt.Sprintf("./d/b-%04d", i)
		_, there := members[name]
		require.True(t, there != told[name], "%s is neither in the archive nor told, or both", name)
	}
}

// TestSmallFileRewritten captures files that are written to all the time: each is in
// the archive as it was at one moment, or is told.
func TestSmallFileRewritten(t *testing.T) {
	dir := t.TempDir()
	sizes := map[string]int{"page": 4096, "many": 200000, "most": 1 << 20}
	for name, size := range sizes {
		require.NoError(t, os.WriteFile(dir+"/"+name, bytes.Repeat([]byte{'a'}, size), 0o644))
	}
	stop := make(chan struct{})
	var writers sync.WaitGroup
	for name, size := range sizes {
		f, err := os.OpenFile(dir+"/"+name, os.O_WRONLY, 0)
		require.NoError(t, err)
		writers.Go(func() {
			defer f.Close()
			for i := 1; ; i++ {
				// In pieces, so that a reader comes in between.
				b := bytes.Repeat([]byte{letter(i)}, piece)
				for _, at := range pieces(size) {
					if _, err := f.WriteAt(b[:min(piece, size-at)], int64(at)); err != nil {
						t.Error(err)
						return
					}
				}
				select {
				case <-stop:
					return
				case <-time.After(time.Duration(i%12) * time.Millisecond):
				}
			}
		})
	}
	defer writers.Wait()
	defer close(stop)
	for range 15 {
		image, sum, members := capture(t, dir, archive.Options{Codec: compress.None})
		require.Empty(t, sum.Unreadable)
		content := contentsOf(t, image)
		told := map[string]bool{}
		for _, n := range sum.Changed {
			told[n.Path] = true
		}
		for _, m := range members[1:] {
			c := content[m.Path]
			require.Len(t, c, sizes[m.Path[2:]])
			require.Equal(t, digest(c), m.SHA256)
			require.True(t, wasOnce(c) || told[m.Path], "%s is torn and nobody says so", m.Path)
		}
	}
}

const piece = 4096

// letter is what a file is full of after so many rounds.
func letter(round int) byte { return 'a' + byte(round%26) }

// pieces are where those of a file are, in the order in which they are written: not that in
// which a file is read.
func pieces(size int) (list []int) {
	n := (size + piece - 1) / piece
	for i := range n {
		list = append(list, i*7919%n*piece) // 7919 is a prime
	}
	return list
}

// wasOnce says whether the file had this content at some moment: pieces of a round, and of
// the round before where that is not done yet. Where the writer stands still a reader finds
// it so, and there is nothing to tell.
func wasOnce(c string) bool {
	order := pieces(len(c))
	now := c[order[0]]
	old := letter(int(now-'a') + 25)
	for _, at := range order {
		part := c[at:min(at+piece, len(c))]
		if part[0] == old {
			now = old // and all that comes later is of that round too
		}
		if strings.Count(part, string(now)) != len(part) {
			return false
		}
	}
	return true
}

// randomBytes are the same each time.
func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{}).Read(b)
	return b
}

func digest(s string) []byte {
	sum := sha256.Sum256([]byte(s))
	return sum[:]
}

// writeAt writes into a file in place.
func writeAt(path string, off int64, s string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte(s), off)
	return errors.Join(err, f.Close())
}

package archive

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"image-capture/rootfs"
)

// The end of the names of a walk that failed is not the end of the tree.
func TestNextAfterFailedWalk(t *testing.T) {
	p := newPrefetcher(Options{}, newLinks())
	p.err = errors.New("the walk failed")
	close(p.ordered)
	b, err := p.next(context.Background())
	require.Nil(t, b)
	require.ErrorIs(t, err, p.err)
}

// Of a batch that was under way when the context ended, items may be unread.
func TestNextAfterCancel(t *testing.T) {
	why := errors.New("enough")
	for range 100 {
		ctx, cancel := context.WithCancelCause(context.Background())
		p := newPrefetcher(Options{}, newLinks())
		b := <-p.free
		b.items = append(b.items, item{})
		p.ordered <- b
		p.work <- b
		close(p.work)
		cancel(why)
		p.reader(ctx)
		got, err := p.next(ctx)
		require.Nil(t, got)
		require.ErrorIs(t, err, why)
	}
}

// TestFresh says when the clock of the kernel is too coarse to trust a ctime.
func TestFresh(t *testing.T) {
	at := time.Unix(1000, 500_000_000)
	for _, c := range []struct {
		what  string
		ctime rootfs.Time
		want  bool
	}{
		{"old", rootfs.Time{Sec: 900}, false},
		{"older than a tick", rootfs.Time{Sec: 1000, Nsec: 480_000_000}, false},
		{"within a tick", rootfs.Time{Sec: 1000, Nsec: 481_000_000}, true},
		{"now", rootfs.Time{Sec: 1000, Nsec: 500_000_000}, true},
		{"changed after the look at the clock", rootfs.Time{Sec: 1000, Nsec: 600_000_000}, true},
		{"by another clock", rootfs.Time{Sec: 1002}, false},
	} {
		it := item{at: at, m: Member{Entry: rootfs.Entry{Ctime: c.ctime}}}
		require.Equal(t, c.want, it.fresh(), c.what)
	}
}

// TestHint: what no buffer is free for is asked for ahead, and not more of it than
// fits into memory.
func TestHint(t *testing.T) {
	dir := t.TempDir()
	const files, size = 20, 8 << 20 // holes would not be read
	for i := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, strconv.Itoa(i)), make([]byte, size), 0o600))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".small"), make([]byte, 1000), 0o600))
	root, err := rootfs.Open(dir)
	require.NoError(t, err)
	defer root.Close()
	p := newPrefetcher(Options{}, newLinks())
	for range cap(p.buffers) {
		<-p.buffers
	}
	var items []*item
	hinted := map[int64]int{}
	require.NoError(t, root.Walk(t.Context(), rootfs.WalkOptions{}, func(n rootfs.Node) error {
		it := &item{node: n}
		p.read(&batch{}, it)
		hinted[it.hinted]++
		items = append(items, it)
		return nil
	}))
	require.Equal(t, map[int64]int{1000: 1, readAhead: 15, 0: 1 + 5}, hinted, "the directory, and what is too much, are not")
	require.EqualValues(t, 15*readAhead+1000, p.hinted.Load())
	for _, it := range items {
		p.drop(it)
		p.drop(it)
	}
	require.Zero(t, p.hinted.Load())
}

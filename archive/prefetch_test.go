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
	"golang.org/x/sys/unix"

	"image-capture/edit"
	"image-capture/entry"
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
		ctime entry.Time
		want  bool
	}{
		{"old", entry.Time{Sec: 900}, false},
		{"older than a tick", entry.Time{Sec: 1000, Nsec: 480_000_000}, false},
		{"within a tick", entry.Time{Sec: 1000, Nsec: 481_000_000}, true},
		{"now", entry.Time{Sec: 1000, Nsec: 500_000_000}, true},
		{"changed after the look at the clock", entry.Time{Sec: 1000, Nsec: 600_000_000}, true},
		{"by another clock", entry.Time{Sec: 1002}, false},
	} {
		it := item{at: at, m: entry.Member{Entry: entry.Entry{Ctime: c.ctime}}}
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
	require.NoError(t, edit.NewTree(root, nil, nil).Walk(t.Context(), func(n edit.Node) error {
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

// TestAsk: of a batch that is not in the cache the kernel is asked for all files, and for
// no more than fits into memory; of one that is, for none.
func TestAsk(t *testing.T) {
	dir := t.TempDir()
	const files, size = batchNames - 1, 8 << 20
	for i := range files {
		f, err := os.Create(filepath.Join(dir, strconv.Itoa(100+i)))
		require.NoError(t, err)
		require.NoError(t, f.Truncate(size))
		_, err = f.Write(make([]byte, 10))
		require.NoError(t, err)
		require.NoError(t, f.Sync())
		require.NoError(t, unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED))
		require.NoError(t, f.Close())
	}
	root, err := rootfs.Open(dir)
	require.NoError(t, err)
	defer root.Close()
	p := newPrefetcher(Options{}, newLinks())
	require.NoError(t, p.walk(t.Context(), edit.NewTree(root, nil, nil)))
	p.asked.Store(allAskedAhead - 5*askAhead - 1) // by other batches
	p.asker(t.Context())
	b := <-p.listed
	require.Len(t, b.items, batchNames)
	if yes, _ := b.items[2].node.Cached(); yes && b.items[2].asked == 0 {
		t.Log("this filesystem, like tmpfs, cannot say what is cached")
		p.ask(b)
	}
	var asked []int64
	for i := range b.items {
		asked = append(asked, b.items[i].asked)
	}
	const all = int64(askAhead)
	require.Equal(t, []int64{0, all, all, all, all, all, 0}, asked[:7], "the directory is not, and what is too much")
	require.EqualValues(t, allAskedAhead-1, p.asked.Load())
	b.items[5].asked += 2 // of what is dropped
	p.recycle(b)
	require.EqualValues(t, allAskedAhead-5*askAhead-3, p.asked.Load())

	for i := range files { // in the cache, where the filesystem has one
		_, err := os.ReadFile(filepath.Join(dir, strconv.Itoa(100+i)))
		require.NoError(t, err)
	}
	require.NoError(t, edit.NewTree(root, nil, nil).Walk(t.Context(), func(n edit.Node) error {
		defer n.Release()
		if yes, ok := n.Cached(); ok && yes {
			require.False(t, (&batch{items: []item{{node: n}}}).cold(), n.Path)
		}
		return nil
	}))
}

func TestGrow(t *testing.T) {
	p := newPrefetcher(Options{}, newLinks())
	read, listed := affordable()
	require.Len(t, p.free, read)
	for range 3 {
		p.grow(listed - 1)
	}
	require.Len(t, p.free, read+listed)
	require.Equal(t, cap(p.free), read+listed)
}

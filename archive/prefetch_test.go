package archive

import (
	"context"
	"errors"
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

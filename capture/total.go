package capture

import (
	"context"
	"sync"
	"time"

	"image-capture/archive"
	"image-capture/entry"
	"image-capture/rootfs"
)

// total finds out how many bytes there are to capture, for the percentage.
type total struct {
	tree   Tree
	mounts *rootfs.Mounts
	ctx    context.Context
	cancel context.CancelFunc
	once   sync.Once
	wait   sync.WaitGroup
	mu     sync.Mutex
	bytes  int64
}

func newTotal(ctx context.Context, tree Tree, mounts *rootfs.Mounts) *total {
	t := &total{tree: tree, mounts: mounts}
	t.ctx, t.cancel = context.WithCancel(ctx)
	return t
}

// get returns the total, 0 while it is not known. What is in use on a filesystem
// the kernel knows; the files of a mere directory are counted in the background,
// from the first time that somebody asks.
func (t *total) get() int64 {
	t.once.Do(func() {
		if n, ok := t.mounts.Used(); ok {
			t.bytes = n
			return
		}
		t.wait.Go(t.count)
	})
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.bytes
}

func (t *total) stop() {
	t.cancel()
	t.once.Do(func() {})
	t.wait.Wait()
}

// count walks a second time, by a plan of its own: a plan counts what it drops.
func (t *total) count() {
	src, err := t.tree.Open()
	if err != nil {
		return // the capture reports it
	}
	defer src.Close()
	sum := int64(0)
	err = src.root.Walk(t.ctx, rootfs.WalkOptions{Mounts: src.mounts, Drop: src.plan.Drop}, func(n rootfs.Node) error {
		defer n.Release()
		var e entry.Entry
		if n.Stat(&e) == nil {
			sum += min(e.Size, e.Blocks*512)
		}
		return nil
	})
	if err == nil {
		t.mu.Lock()
		t.bytes = sum
		t.mu.Unlock()
	}
}

// estimate waits a moment for the total. It is 0 where that is not known by then.
func estimate(ctx context.Context, tree Tree, mounts *rootfs.Mounts) int64 {
	const patience = 3 * time.Second
	t := newTotal(ctx, tree, mounts)
	t.get() // begins to count
	counted := make(chan struct{})
	go func() {
		defer close(counted)
		t.wait.Wait()
	}()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-counted:
	case <-timer.C:
	case <-ctx.Done():
	}
	n := t.get()
	t.stop()
	<-counted
	return n
}

// progress is for Events.Walking.
type progress struct {
	archive.Progress
	total *total
}

func (p *progress) Done() (bytes, entries int64) { return p.Bytes.Load(), p.Entries.Load() }
func (p *progress) Total() int64                 { return p.total.get() }

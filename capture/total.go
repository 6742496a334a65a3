package capture

import (
	"context"
	"sync"
	"time"

	"image-capture/archive"
)

// total finds out how many bytes there are to capture, for the percentage.
type total struct {
	src    *Source
	ctx    context.Context
	cancel context.CancelFunc
	once   sync.Once
	wait   sync.WaitGroup
	mu     sync.Mutex
	bytes  int64
}

func newTotal(ctx context.Context, src *Source) *total {
	t := &total{src: src}
	t.ctx, t.cancel = context.WithCancel(ctx)
	return t
}

// get returns the total, 0 while it is not known. What is in use on a filesystem
// the kernel knows; the files of a mere directory are counted in the background,
// from the first time that somebody asks.
func (t *total) get() int64 {
	t.once.Do(func() {
		if n, ok := t.src.mounts.Used(); ok {
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

// count walks a second time.
func (t *total) count() {
	if sum, err := t.src.Size(t.ctx); err == nil {
		t.mu.Lock()
		t.bytes = sum
		t.mu.Unlock()
	}
}

// estimate waits a moment for the total. It is 0 where that is not known by then.
func estimate(ctx context.Context, src *Source) int64 {
	const patience = 3 * time.Second
	t := newTotal(ctx, src)
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

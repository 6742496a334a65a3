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
// the kernel knows, and in what is left out by default, as in /tmp, there is little
// to count. The files of a mere directory, or of a tree of which patterns leave
// something out, are counted in the background, from the first time that somebody asks.
func (t *total) get() int64 {
	t.once.Do(func() {
		used, known := t.src.mounts.Used()
		if known && !t.src.Searched() {
			t.wait.Go(func() { t.set(t.src.Live, func(live int64) int64 { return max(0, used-live) }) })
			return
		}
		t.wait.Go(func() { t.set(t.src.Size, func(size int64) int64 { return size }) })
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

// set walks a second time, and makes the total of what it counts.
func (t *total) set(count func(context.Context) (int64, error), of func(int64) int64) {
	if n, err := count(t.ctx); err == nil {
		t.mu.Lock()
		t.bytes = of(n)
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

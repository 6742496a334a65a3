package main

import (
	"context"
	"sync"
)

// total finds out how many bytes there are to capture, for the percentage.
type total struct {
	job    *captureJob
	ctx    context.Context
	cancel context.CancelFunc
	once   sync.Once
	wait   sync.WaitGroup
	mu     sync.Mutex
	bytes  int64
}

func (j *captureJob) total(ctx context.Context) *total {
	t := &total{job: j}
	t.ctx, t.cancel = context.WithCancel(ctx)
	return t
}

// get returns the total, 0 while it is not known. What is in use on a filesystem
// the kernel knows; the files of a mere directory are counted in the background,
// from the first time that somebody asks.
func (t *total) get() int64 {
	t.once.Do(func() {
		if n, ok := t.job.tree.mounts.Used(); ok {
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
	if sum, err := t.job.tree.Size(t.ctx); err == nil {
		t.mu.Lock()
		t.bytes = sum
		t.mu.Unlock()
	}
}

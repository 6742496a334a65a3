package snapshot

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// OverflowError says that a snapshot of LVM has run full, or a pool of thin volumes is about
// to: nothing that was read since is of use.
type OverflowError struct {
	Snapshot, Origin string // "vg/name"
	Pool             string // "vg/name", where it is the pool
	Full             float64
	Gone             bool // the snapshot is not there any more
}

func (e *OverflowError) Error() string {
	switch {
	case e.Gone:
		return fmt.Sprintf("the LVM snapshot %s of %s is gone", e.Snapshot, e.Origin)
	case e.Pool != "":
		return fmt.Sprintf("the thin pool %s of %s is %.1f%% full, and at 100%% the server could not write any more", e.Pool, e.Origin, e.Full)
	}
	return fmt.Sprintf("the LVM snapshot %s of %s ran full: more was written to %s meanwhile than there was room for", e.Snapshot, e.Origin, e.Origin)
}

// Whole says whether the snapshots of LVM hold all that they should; the error can be an
// OverflowError. A snapshot that runs full is invalid as a whole, and who reads it may not
// notice: files that are in memory go on being read.
func (g *Guard) Whole(ctx context.Context) error {
	if len(g.volumes) == 0 {
		return nil
	}
	list, err := g.host.volumes(ctx)
	if err != nil {
		return fmt.Errorf("whether the LVM snapshots are whole cannot be known: %w", err)
	}
	for _, m := range g.volumes {
		e := &OverflowError{Snapshot: m.vg + "/" + m.name, Origin: m.origin}
		s := find(list, named(m.vg, m.name))
		switch {
		case s == nil || s.dev != m.dev:
			e.Gone = true
			return e
		case s.full():
			return e
		case m.thin:
			if pool := find(list, named(m.vg, s.pool)); pool != nil && max(pool.data, pool.metadata) >= spentPool {
				e.Pool, e.Full = pool.fullName(), max(pool.data, pool.metadata)
				return e
			}
		}
	}
	return nil
}

// WatchVolumes looks at the snapshots of LVM again and again, and calls failed when one is
// not whole any more. The function that it returns ends that.
func (g *Guard) WatchVolumes(ctx context.Context, every time.Duration, failed func(error)) (stop func()) {
	if len(g.volumes) == 0 {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(every):
			}
			var overflow *OverflowError
			if errors.As(g.Whole(ctx), &overflow) { // what cannot be asked now is asked at the end
				failed(overflow)
				return
			}
		}
	}()
	return func() { cancel(); <-done }
}

package upload

import (
	"sync"
	"time"
)

// pacer lets bytes pass at a steady rate: portions of at most a twentieth of a
// second each, so that a slow line is not filled in bursts and nobody in between
// sees a connection that is silent for long. What was not used is not saved up.
type pacer struct {
	perSecond int64
	portion   int // bytes that may go at once

	mu   sync.Mutex
	free time.Time // when the line is free again
}

const (
	minPortion = 64
	maxPortion = feedChunk
)

// newPacer makes a pacer for bytes per second; 0 makes none.
func newPacer(perSecond int64) *pacer {
	if perSecond <= 0 {
		return nil
	}
	return &pacer{perSecond: perSecond, portion: int(min(max(perSecond/20, minPortion), maxPortion))}
}

// take reserves the line for n bytes, n being at most portion, and reports how long
// to wait until they may go.
func (p *pacer) take(n int, now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.free.Before(now) {
		p.free = now
	}
	wait := p.free.Sub(now)
	p.free = p.free.Add(time.Duration(float64(n) / float64(p.perSecond) * float64(time.Second)))
	return wait
}

// wait waits until n bytes may go, or until over is closed.
func (p *pacer) wait(n int, over <-chan struct{}) {
	wait := p.take(n, time.Now())
	if wait <= 0 {
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-over:
	}
}

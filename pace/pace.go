// Package pace lets bytes pass at a steady rate: those that are sent, and those that are
// read.
package pace

import (
	"sync"
	"time"
)

// Pacer lets bytes pass at a steady rate: portions of at most a twentieth of a
// second each, so that a slow line is not filled in bursts and nobody in between
// sees a connection that is silent for long. What was not used is not saved up.
type Pacer struct {
	perSecond int64
	portion   int // bytes that may go at once

	mu   sync.Mutex
	free time.Time // when the line is free again
}

const (
	minPortion = 64
	maxPortion = 64 << 10
)

// New makes a Pacer for bytes per second; 0 makes none.
func New(perSecond int64) *Pacer {
	if perSecond <= 0 {
		return nil
	}
	return &Pacer{perSecond: perSecond, portion: int(min(max(perSecond/20, minPortion), maxPortion))}
}

// Portion is how many bytes may go at once, at most.
func (p *Pacer) Portion() int { return p.portion }

// take reserves the line for n bytes and reports how long to wait until they may go.
func (p *Pacer) take(n int, now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.free.Before(now) {
		p.free = now
	}
	wait := p.free.Sub(now)
	p.free = p.free.Add(time.Duration(float64(n) / float64(p.perSecond) * float64(time.Second)))
	return wait
}

// Wait waits until n bytes may go, or until over is closed. More than a
// portion goes at once too, and who comes next waits for all of it.
func (p *Pacer) Wait(n int, over <-chan struct{}) {
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

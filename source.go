package main

import (
	"context"
	"errors"
	"io"
	"sync"
)

// source is a body that is produced when it is first read: an endpoint that
// refuses the request costs no look at the tree.
type source struct {
	produce func(io.Writer) error
	once    sync.Once
	r       *io.PipeReader
	w       *io.PipeWriter
	done    chan struct{}
	err     error
}

// errNotWanted is what the producer's writes give once nobody reads any more.
var errNotWanted = errors.New("the endpoint took no more")

func newSource(produce func(io.Writer) error) *source {
	r, w := io.Pipe()
	return &source{produce: produce, r: r, w: w, done: make(chan struct{})}
}

// Read reads what is produced. A producer that fails gives its error here, never
// a clean end.
func (s *source) Read(p []byte) (int, error) {
	s.once.Do(func() {
		go func() { // wait waits for it
			defer close(s.done)
			s.err = s.produce(s.w)
			s.w.CloseWithError(s.err)
		}()
	})
	return s.r.Read(p)
}

// Close tells the producer that nobody reads any more.
func (s *source) Close() error { return s.r.CloseWithError(errNotWanted) }

// wait returns when the producer has ended, with its error. One that never began
// does not begin any more.
func (s *source) wait() error {
	s.once.Do(func() { close(s.done) })
	<-s.done
	return s.err
}

// tee writes to a local file and to the endpoint. The file is worth finishing when
// the endpoint fails: it can be sent again.
type tee struct {
	local, remote io.Writer // either may be nil
}

func (t *tee) Write(p []byte) (int, error) {
	if t.local != nil {
		if n, err := t.local.Write(p); err != nil {
			return n, err
		}
	}
	if t.remote != nil {
		if n, err := t.remote.Write(p); err != nil {
			if t.local == nil {
				return n, err
			}
			t.remote = nil
		}
	}
	return len(p), nil
}

// whenDone returns what f returns, or when ctx ends: f may block for ever, such as on
// a pipe that nobody reads or writes. The program is about to end then.
func whenDone[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type result struct {
		v   T
		err error
	}
	done := make(chan result, 1)
	go func() {
		v, err := f()
		done <- result{v, err}
	}()
	select {
	case r := <-done:
		return r.v, r.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}

// interruptible writes to what may block for ever, until ctx ends.
type interruptible struct {
	ctx context.Context
	w   io.Writer
}

func (i interruptible) Write(p []byte) (int, error) {
	return whenDone(i.ctx, func() (int, error) { return i.w.Write(p) })
}

// interruptibleReader reads from what may block for ever, until ctx ends. A read that
// is left behind has a buffer of its own.
type interruptibleReader struct {
	ctx context.Context
	r   io.Reader
}

func (i interruptibleReader) Read(p []byte) (int, error) {
	b, err := whenDone(i.ctx, func() ([]byte, error) {
		b := make([]byte, len(p))
		n, err := i.r.Read(b)
		return b[:n], err
	})
	return copy(p, b), err
}

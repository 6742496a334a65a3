package main

import (
	"context"
	"errors"
	"io"
	"os"
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

// interruptible writes to what may block for ever, such as a pipe that nobody
// reads: when ctx ends, so does the wait for a write. The program is about to end
// then.
type interruptible struct {
	ctx context.Context
	w   io.Writer
}

func (i interruptible) Write(p []byte) (int, error) {
	type result struct {
		n   int
		err error
	}
	done := make(chan result, 1)
	go func() {
		n, err := i.w.Write(p)
		done <- result{n, err}
	}()
	select {
	case r := <-done:
		return r.n, r.err
	case <-i.ctx.Done():
		return 0, context.Cause(i.ctx)
	}
}

// openInterruptible opens what may block for ever, such as a pipe into which nobody
// writes, in the same way.
func openInterruptible(ctx context.Context, name string) (*os.File, error) {
	type result struct {
		f   *os.File
		err error
	}
	done := make(chan result, 1)
	go func() {
		f, err := os.Open(name)
		done <- result{f, err}
	}()
	select {
	case r := <-done:
		return r.f, r.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// interruptibleReader reads from what may block for ever, such as a pipe into which
// nobody writes, in the same way. A read that is left behind has a buffer of its
// own.
type interruptibleReader struct {
	ctx context.Context
	r   io.Reader
}

func (i interruptibleReader) Read(p []byte) (int, error) {
	type result struct {
		b   []byte
		err error
	}
	done := make(chan result, 1)
	go func() {
		b := make([]byte, len(p))
		n, err := i.r.Read(b)
		done <- result{b[:n], err}
	}()
	select {
	case r := <-done:
		return copy(p, r.b), r.err
	case <-i.ctx.Done():
		return 0, context.Cause(i.ctx)
	}
}

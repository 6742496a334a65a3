package capture

import (
	"context"
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

func newSource(produce func(io.Writer) error) *source {
	r, w := io.Pipe()
	return &source{produce: produce, r: r, w: w, done: make(chan struct{})}
}

// Read reads what is produced. A producer that fails gives its error here, never
// a clean end.
func (s *source) Read(p []byte) (int, error) {
	s.once.Do(func() {
		go func() { // Wait waits for it
			defer close(s.done)
			s.err = s.produce(s.w)
			s.w.CloseWithError(s.err)
		}()
	})
	return s.r.Read(p)
}

// Close tells the producer that nobody reads any more.
func (s *source) Close() error { return s.r.CloseWithError(errNotWanted) }

// Wait returns when the producer has ended, with its error. One that never began
// does not begin any more.
func (s *source) Wait() error {
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

// interruptible writes to what may block for ever, such as a pipe that nobody reads,
// until ctx ends. The program is about to end then.
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

package upload

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	// feedChunk is the size of one read of the body, in bytes.
	feedChunk = 64 << 10
	// feedFarewell is how long Store waits for a read of the body that was under
	// way when it closed the body.
	feedFarewell = time.Second
)

// errAbandoned ends a request body that nobody wants any more. It makes net/http
// break the connection, never end the body cleanly.
var errAbandoned = errors.New("the upload was given up")

// feed reads the caller's body in a goroutine of its own. net/http waits for a
// body's Read before it reports that the connection broke, and a Read may take
// as long as its producer likes; a feed lets go at once.
//
// It also sees to it that a body of a known size that ends early or late breaks
// the request before its last byte is out: the server believes Content-Length.
type feed struct {
	body io.Reader
	size int64 // -1: unknown

	ask  chan struct{}
	got  chan portion
	quit chan struct{}
	done chan struct{} // closed when pump has returned

	total   int64  // read; pump's own
	pending []byte // of the last portion; the transport's own
	final   error  // what follows pending; the transport's own

	mu      sync.Mutex
	started bool
	sent    int64
	ended   bool  // the transport has seen the end of the body
	err     error // the body's failure
}

type portion struct {
	data []byte
	err  error
}

func newFeed(body io.Reader, size int64) *feed {
	return &feed{
		body: body, size: size,
		ask: make(chan struct{}), got: make(chan portion),
		quit: make(chan struct{}), done: make(chan struct{}),
	}
}

// pump fills one buffer at a time, when asked; next is done with the buffer when
// it asks again.
func (f *feed) pump() {
	defer close(f.done)
	buf := make([]byte, feedChunk)
	for {
		select {
		case <-f.ask:
		case <-f.quit:
			return
		}
		n, err := f.fill(buf)
		select {
		case f.got <- portion{buf[:n], err}:
		case <-f.quit:
			return
		}
	}
}

// fill reads at least one byte, or returns an error: io.EOF only where the body
// may end. For a known size it withholds the last bytes until it has seen the end.
func (f *feed) fill(buf []byte) (int, error) {
	n, err := readSome(f.body, buf)
	f.total += int64(n)
	if f.size < 0 || (err != nil && err != io.EOF) {
		return n, err
	}
	if f.total == f.size && err == nil {
		var extra int
		extra, err = readSome(f.body, make([]byte, 1))
		f.total += int64(extra)
		if err != nil && err != io.EOF {
			return 0, err
		}
	}
	switch {
	case f.total > f.size:
		return 0, fmt.Errorf("the body is longer than the %d bytes announced", f.size)
	case err == io.EOF && f.total < f.size:
		return 0, fmt.Errorf("the body ended after %d of %d bytes: %w", f.total, f.size, io.ErrUnexpectedEOF)
	}
	return n, err
}

// readSome is a Read that returns a byte or an error.
func readSome(r io.Reader, buf []byte) (int, error) {
	for range 100 {
		if n, err := r.Read(buf); n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.ErrNoProgress
}

// next reads into p until stop is closed.
func (f *feed) next(p []byte, stop <-chan struct{}) (int, error) {
	select {
	case <-stop:
		return 0, errAbandoned
	default:
	}
	if len(f.pending) == 0 && f.final == nil {
		f.mu.Lock()
		if !f.started {
			f.started = true
			go f.pump()
		}
		f.mu.Unlock()
		select {
		case f.ask <- struct{}{}:
		case <-stop:
			return 0, errAbandoned
		}
		select {
		case g := <-f.got:
			f.pending, f.final = g.data, g.err
			if g.err != nil && g.err != io.EOF {
				f.pending = nil
			}
		case <-stop:
			return 0, errAbandoned
		}
	}
	n := copy(p, f.pending)
	f.pending = f.pending[n:]
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sent += int64(n)
	if len(f.pending) > 0 || f.final == nil {
		return n, nil
	}
	if f.final == io.EOF {
		f.ended = true
	} else {
		f.err = f.final
	}
	return n, f.final
}

// finish stops reading. A body that can be closed is closed, a pipe with the
// reason, so that its producer ends too; a read that is under way then has a
// moment to return. A read that cannot be interrupted is left to itself.
func (f *feed) finish(reason error) {
	close(f.quit)
	switch b := f.body.(type) {
	case interface{ CloseWithError(error) error }:
		_ = b.CloseWithError(reason) // nil means io.ErrClosedPipe
	case io.Closer:
		_ = b.Close() // it was only read
	}
	f.mu.Lock()
	started := f.started
	f.mu.Unlock()
	if !started {
		return
	}
	timer := time.NewTimer(feedFarewell)
	defer timer.Stop()
	select {
	case <-f.done:
	case <-timer.C:
	}
}

func (f *feed) touched() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.started
}

func (f *feed) failure() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// progress returns the bytes sent, and whether they are all.
func (f *feed) progress() (sent int64, whole bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sent, f.ended || (f.size >= 0 && f.sent == f.size)
}

// view is a feed as one request's body.
type view struct {
	feed     *feed
	stop     chan struct{} // closed: read no more
	gone     chan struct{} // closed: the connection is, too
	stopOnce sync.Once
	goneOnce sync.Once
}

func newView(f *feed) *view {
	return &view{feed: f, stop: make(chan struct{}), gone: make(chan struct{})}
}

// Read hands out the body. Once held it blocks until the view is released: an
// error would make net/http close the connection, on which an answer is just
// being read.
func (v *view) Read(p []byte) (int, error) {
	n, err := v.feed.next(p, v.stop)
	if err == errAbandoned {
		<-v.gone
	}
	return n, err
}

// Close is for net/http, which closes a body also when it has not read it; the
// feed may still be wanted for a second request.
func (v *view) Close() error { return nil }

func (v *view) hold() { v.stopOnce.Do(func() { close(v.stop) }) }

func (v *view) release() {
	v.hold()
	v.goneOnce.Do(func() { close(v.gone) })
}

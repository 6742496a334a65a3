package upload

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"image-capture/pace"
)

// lastWords is how long a failed write is held back while an answer may still be
// read; see conn.Write.
const lastWords = 3 * time.Second

// conn is the TCP connection of one exchange. It sits below TLS, so that it sees
// each byte that the kernel takes, and knows two things that net/http does not:
// whether the peer is stalling, and whether there is still something to read.
type conn struct {
	net.Conn
	stall   time.Duration
	pace    *pace.Pacer // nil: as fast as it goes
	onClose func()

	deadline atomic.Bool   // somebody else has set a write deadline
	stalled  atomic.Bool   // a write was given up for a stall
	failed   atomic.Bool   // a write has failed
	over     chan struct{} // closed when nothing more can be read
	once     sync.Once
}

func newConn(c net.Conn, stall time.Duration, onClose func()) *conn {
	return &conn{Conn: c, stall: stall, onClose: onClose, over: make(chan struct{})}
}

// Write gives up when the kernel could take no byte for the stall time.
//
// A server that refuses in the middle of a body answers and closes. Our next write
// then fails, and net/http would report that failure, at random, in place of the
// answer that already sits in the receive buffer. So the failure is held back
// until the reading side has come to its end.
//
// After a failure nothing is tried again: crypto/tls says goodbye to a peer that
// takes nothing for five seconds.
func (c *conn) Write(p []byte) (int, error) {
	if c.failed.Load() {
		return 0, net.ErrClosed
	}
	written := 0
	for {
		portion := p[written:]
		if c.pace != nil {
			// The wait is outside the write's deadline: our own slowness is no stall of
			// the peer's.
			portion = portion[:min(len(portion), c.pace.Portion())]
			c.pace.Wait(len(portion), c.over)
		}
		n, err := c.write(portion)
		written += n
		if err != nil {
			c.failed.Store(true)
			return written, err
		}
		if written == len(p) {
			return written, nil
		}
	}
}

func (c *conn) write(p []byte) (int, error) {
	written := 0
	for {
		if !c.deadline.Load() {
			if err := c.Conn.SetWriteDeadline(time.Now().Add(c.stall)); err != nil {
				return written, err
			}
		}
		n, err := c.Conn.Write(p[written:])
		written += n
		if err == nil {
			return written, nil
		}
		if c.deadline.Load() {
			return written, err // crypto/tls, closing: nobody reads any more
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			if n > 0 {
				continue
			}
			c.stalled.Store(true)
			return written, err
		}
		timer := time.NewTimer(lastWords)
		defer timer.Stop()
		select {
		case <-c.over:
		case <-timer.C:
		}
		return written, err
	}
}

// Read notes the end of what can be read.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil {
		c.end()
	}
	return n, err
}

// SetDeadline sets both deadlines.
func (c *conn) SetDeadline(t time.Time) error {
	c.deadline.Store(!t.IsZero())
	return c.Conn.SetDeadline(t)
}

// SetWriteDeadline takes the deadline out of Write's hands: crypto/tls sets a
// short one around its last alert.
func (c *conn) SetWriteDeadline(t time.Time) error {
	c.deadline.Store(!t.IsZero())
	return c.Conn.SetWriteDeadline(t)
}

// Close closes the connection and tells the exchange, whose body may be waiting
// for its source.
func (c *conn) Close() error {
	err := c.Conn.Close()
	c.end()
	c.onClose()
	return err
}

func (c *conn) end() { c.once.Do(func() { close(c.over) }) }

package upload

import (
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// slowPeer takes some bytes in each deadline's time, as its list says, and then
// everything.
type slowPeer struct {
	net.Conn // nil: only what is below is called
	takes    []int
	got      []byte
}

func (p *slowPeer) SetWriteDeadline(time.Time) error { return nil }

func (p *slowPeer) Write(b []byte) (int, error) {
	if len(p.takes) == 0 {
		p.got = append(p.got, b...)
		return len(b), nil
	}
	n := p.takes[0]
	p.takes = p.takes[1:]
	p.got = append(p.got, b[:n]...)
	return n, os.ErrDeadlineExceeded
}

func (p *slowPeer) Close() error { return nil }

// TestTrickle checks that a peer that takes a byte in each stall time is not one
// that stalls.
func TestTrickle(t *testing.T) {
	p := &slowPeer{takes: []int{1, 1, 2}}
	c := newConn(p, time.Second, func() {})
	n, err := c.Write([]byte("hello, world"))
	require.NoError(t, err)
	require.Equal(t, 12, n)
	require.Equal(t, "hello, world", string(p.got))
	require.False(t, c.stalled.Load())

	p = &slowPeer{takes: []int{1, 0, 1}}
	c = newConn(p, time.Second, func() {})
	n, err = c.Write([]byte("hello, world"))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.Equal(t, 1, n)
	require.True(t, c.stalled.Load())
	_, err = c.Write([]byte("goodbye"))
	require.ErrorIs(t, err, net.ErrClosed)
	require.Equal(t, "h", string(p.got), "nothing is tried after a stall")
}

func TestFeedWithoutProgress(t *testing.T) {
	n, err := readSome(idle{}, make([]byte, 1))
	require.Zero(t, n)
	require.ErrorIs(t, err, io.ErrNoProgress)
}

type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

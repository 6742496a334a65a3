package upload

import (
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"image-capture/pace"
)

// watched notes when and how much was written.
type watched struct {
	net.Conn // nil: only what is below is called
	mu       sync.Mutex
	sizes    []int
	bound    []time.Time
}

func (w *watched) SetWriteDeadline(t time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bound = append(w.bound, t)
	return nil
}

func (w *watched) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sizes = append(w.sizes, len(b))
	if left := time.Until(w.bound[len(w.bound)-1]); left <= 0 {
		return 0, errSilent // our own wait was counted as the peer's
	}
	return len(b), nil
}

func (w *watched) Close() error { return nil }

// TestPace: portions of a twentieth of a second, one after the other, and none is
// a stall although all of them together take longer than a stall may.
func TestPace(t *testing.T) {
	w := &watched{}
	c := newConn(w, 100*time.Millisecond, func() {})
	c.pace = pace.New(20_000)
	start := time.Now()
	n, err := c.Write(make([]byte, 7_500))
	require.NoError(t, err)
	require.Equal(t, 7_500, n)
	require.Equal(t, []int{1000, 1000, 1000, 1000, 1000, 1000, 1000, 500}, w.sizes)
	// The first portion goes at once, the others wait: not faster than it may. How
	// much slower is the machine's affair.
	require.GreaterOrEqual(t, time.Since(start), 320*time.Millisecond)
	require.False(t, c.stalled.Load())
}

// TestPaceTogether: connections share what there is.
func TestPaceTogether(t *testing.T) {
	p := pace.New(20_000)
	start := time.Now()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			c := newConn(&watched{}, time.Second, func() {})
			c.pace = p
			_, err := c.Write(make([]byte, 2_000))
			require.NoError(t, err)
		})
	}
	all.Wait()
	require.GreaterOrEqual(t, time.Since(start), 340*time.Millisecond)
}

// TestPaceEnds: a connection that ends does not wait for its turn.
func TestPaceEnds(t *testing.T) {
	c := newConn(&watched{}, time.Second, func() {})
	c.pace = pace.New(1024)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = c.Write(make([]byte, 1<<20)) // a quarter of an hour
	}()
	time.Sleep(10 * time.Millisecond)
	require.NoError(t, c.Close())
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("it waits on")
	}
}

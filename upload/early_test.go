package upload_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"image-capture/upload"
	"image-capture/upload/drptest"
)

// TestEarlyAnswer has the server answer in the middle of a body and leave in each
// way it can. The answer must come through every time: net/http alone reports a
// broken pipe in a part of these.
func TestEarlyAnswer(t *testing.T) {
	const rounds = 25
	for _, mode := range []drptest.TLSMode{drptest.SelfSigned, drptest.Plain} {
		for _, end := range []string{"closes", "resets", "keeps open"} {
			for _, status := range []int{403, 409, 413, 500, 507} {
				for _, size := range []int64{-1, 1 << 40} {
					t.Run(fmt.Sprintf("tls %d, %s, %d, size %d", mode, end, status, size), func(t *testing.T) {
						t.Parallel()
						s := drptest.New(t, drptest.Options{TLS: mode, Faults: []drptest.Fault{{
							After: 100_000, Status: status, Messages: []string{"early words"},
							Reset: end == "resets", KeepOpen: end == "keeps open",
						}}})
						c := pinned(t, s)
						n := rounds
						if end == "keeps open" {
							n = 1
						}
						for i := range n {
							body := &source{left: size}
							if size < 0 {
								body = endless()
							}
							_, err := c.Store(ctx, fmt.Sprintf("f%d", i), body, size)
							var e *upload.Error
							require.ErrorAs(t, err, &e, "round %d", i)
							require.Equal(t, status, e.Status, "round %d: %v", i, err)
							require.Equal(t, "early words", e.Msg, "round %d", i)
						}
					})
				}
			}
		}
	}
}

// TestEarlyAnswerToASilentBody checks that Store does not wait for a body that has
// nothing to say: neither for an answer nor for a broken connection.
func TestEarlyAnswerToASilentBody(t *testing.T) {
	for name, f := range map[string]drptest.Fault{
		"answer":        {After: 4, Status: 507},
		"reset":         {After: 4, Status: 507, Reset: true},
		"kept open":     {After: 4, Status: 507, KeepOpen: true},
		"dropped":       {After: 4, Drop: true},
		"no 100 at all": {Status: 507, Late: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := drptest.New(t, drptest.Options{Faults: []drptest.Fault{f}})
			pr, pw := io.Pipe()
			produced := make(chan error, 1)
			go func() {
				_, err := pw.Write([]byte("some"))
				if err == nil {
					_, err = pw.Write([]byte("never wanted"))
				}
				produced <- err
			}()
			pr2 := &slowAfter{r: pr, n: 4}
			within(t, 8*time.Second, func() {
				_, err := pinned(t, s).Store(ctx, "a", pr2, -1)
				require.Error(t, err)
				var e *upload.Error
				require.ErrorAs(t, err, &e)
				if f.Status != 0 {
					require.Equal(t, upload.NoSpace, e.Kind)
				} else {
					require.Equal(t, upload.Broken, e.Kind)
				}
				require.ErrorIs(t, <-produced, err, "the producer gets the same error")
			})
		})
	}
}

// slowAfter is a body whose Read blocks after n bytes, until it is closed.
type slowAfter struct {
	r *io.PipeReader
	n int
}

func (s *slowAfter) Read(p []byte) (int, error) {
	if s.n <= 0 {
		// What is still written to the pipe is not read, so the writer blocks.
		_, err := s.r.Read(nil)
		for err == nil {
			time.Sleep(time.Millisecond)
			_, err = s.r.Read(nil)
		}
		return 0, err
	}
	n, err := s.r.Read(p[:min(len(p), s.n)])
	s.n -= n
	return n, err
}

func (s *slowAfter) CloseWithError(err error) error { return s.r.CloseWithError(err) }

// closable records that it was closed.
type closable struct {
	io.Reader
	closed int
}

func (c *closable) Close() error { c.closed++; return nil }

func TestStoreClosesTheBody(t *testing.T) {
	s := drptest.New(t, drptest.Options{RefuseExpect: true})
	for _, tc := range []struct {
		path string
		ok   bool
	}{{"a", true}, {"", false}} {
		body := &closable{Reader: strings.NewReader("data")}
		_, err := pinned(t, s).Store(ctx, tc.path, body, 4)
		require.Equal(t, tc.ok, err == nil)
		require.Equal(t, 1, body.closed)
	}
}

// TestBodyThatCannotBeInterrupted is a Read that returns when it likes.
func TestBodyThatCannotBeInterrupted(t *testing.T) {
	s := drptest.New(t, drptest.Options{Faults: []drptest.Fault{{After: 4, Status: 500}}})
	release := make(chan struct{})
	defer close(release)
	body := io.MultiReader(strings.NewReader("some"), readerFunc(func([]byte) (int, error) {
		<-release
		return 0, io.EOF
	}))
	within(t, 6*time.Second, func() {
		_, err := pinned(t, s).Store(ctx, "a", body, -1)
		require.Equal(t, 500, failure(t, err, upload.Failed).Status)
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestNoBodyAfterAFinalAnswer has a server that refuses, would keep the connection,
// and reads on: net/http would send it the whole body.
func TestNoBodyAfterAFinalAnswer(t *testing.T) {
	s := drptest.New(t, drptest.Options{TLS: drptest.Plain, Faults: []drptest.Fault{{Status: 403, KeepOpen: true}}})
	c := pinned(t, s)
	for range 50 {
		body := endless()
		_, err := c.Store(ctx, "a", body, -1)
		require.Equal(t, 403, failure(t, err, upload.Refused).Status)
		require.Zero(t, body.reads.Load())
	}
}

// TestNoBodyWhileAnAnswerIsRead has a server that takes its time over the text of
// an error, and reads on meanwhile. The body stops at the head of the answer, and
// the text is still read.
func TestNoBodyWhileAnAnswerIsRead(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	body := endless()
	stopped := make(chan bool, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = conn.Read(make([]byte, 4096)) // what comes before a request is no answer
		drained := make(chan struct{})
		go func() {
			defer close(drained)
			_, _ = io.Copy(io.Discard, conn)
		}()
		_, _ = io.WriteString(conn, "HTTP/1.1 100 Continue\r\n\r\n")
		for body.reads.Load() == 0 {
			time.Sleep(time.Millisecond)
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 507 Insufficient Storage\r\nContent-Length: 9\r\n\r\n")
		stopped <- quietFor(body, 200*time.Millisecond, 10*time.Second)
		_, _ = io.WriteString(conn, "disk full")
		<-drained
	}()
	c, err := upload.New(upload.Config{Endpoint: "http://" + l.Addr().String(), Timeouts: quick})
	require.NoError(t, err)
	_, err = c.Store(ctx, "a", body, -1)
	require.Equal(t, "disk full", failure(t, err, upload.NoSpace).Msg)
	require.True(t, <-stopped, "the body was read after the answer had come")
}

// quietFor waits until a body was not read for a while, for no longer than most.
func quietFor(body *source, while, most time.Duration) bool {
	for end := time.Now().Add(most); time.Now().Before(end); {
		before := body.reads.Load()
		time.Sleep(while)
		if body.reads.Load() == before {
			return true
		}
	}
	return false
}

package upload_test

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"image-capture/upload"
	"image-capture/upload/drptest"
)

func TestServerStalls(t *testing.T) {
	for _, mode := range []drptest.TLSMode{drptest.SelfSigned, drptest.Plain} {
		s := drptest.New(t, drptest.Options{TLS: mode, Faults: []drptest.Fault{{After: 1000, Stall: true}}})
		c := pinned(t, s, func(cfg *upload.Config) { cfg.Timeouts.Stall = 300 * time.Millisecond })
		within(t, 10*time.Second, func() {
			_, err := c.Store(ctx, "a", endless(), -1)
			e := failure(t, err, upload.Broken)
			require.Regexp(t, `^store a: https?://127.0.0.1:[0-9]+: the server accepted no data for 300ms$`, e.Error())
			require.True(t, e.Retryable())
		})
	}
}

// TestSourceIsSlow has a body that says nothing for longer than every timeout of
// the endpoint: that is not the endpoint's fault.
func TestSourceIsSlow(t *testing.T) {
	s := drptest.New(t, drptest.Options{})
	c := pinned(t, s, func(cfg *upload.Config) {
		cfg.Timeouts = upload.Timeouts{Stall: 100 * time.Millisecond, Headers: 100 * time.Millisecond}
	})
	slow := readerFunc(func(p []byte) (int, error) {
		time.Sleep(300 * time.Millisecond)
		return copy(p, "late"), nil
	})
	got, err := c.Store(ctx, "a", io.LimitReader(slow, 8), 8)
	require.NoError(t, err)
	require.EqualValues(t, 8, got.Size)
}

// TestServerIsSlow drains a body at a rate at which the whole takes many times the
// stall time, while no single wait does.
func TestServerIsSlow(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	const size = 48 << 20
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		buf := make([]byte, 1<<20)
		n, _ := conn.Read(buf)
		body := -strings.Index(string(buf[:n]), "\r\n\r\n") - 4 + n
		_, _ = io.WriteString(conn, "HTTP/1.1 100 Continue\r\n\r\n")
		for body < size {
			time.Sleep(10 * time.Millisecond)
			n, err := io.ReadFull(conn, buf[:min(len(buf)/4, size-body)])
			body += n
			if err != nil {
				return
			}
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 201 Created\r\nContent-Length: 17\r\n\r\n{\"Size\":50331648}")
	}()
	c, err := upload.New(upload.Config{Endpoint: "http://" + l.Addr().String(), Timeouts: upload.Timeouts{Stall: 700 * time.Millisecond}})
	require.NoError(t, err)
	start := time.Now()
	_, err = c.Store(ctx, "a", &source{left: size}, size)
	require.NoError(t, err)
	require.Greater(t, time.Since(start), 1500*time.Millisecond)
	<-done
}

func TestNoAnswer(t *testing.T) {
	s := drptest.New(t, drptest.Options{Faults: []drptest.Fault{{Delay: time.Minute}}})
	c := pinned(t, s, func(cfg *upload.Config) {
		cfg.Timeouts.Headers = 200 * time.Millisecond
		cfg.Timeouts.Digest = 200 * time.Millisecond
	})
	plant(t, s, "a", "data")
	within(t, 10*time.Second, func() {
		_, err := c.Store(ctx, "a", strings.NewReader("data"), 4)
		require.Equal(t, "timeout awaiting response headers", failure(t, err, upload.Broken).Msg)
		_, err = c.Confirm(ctx, "a", sum([]byte("data")))
		failure(t, err, upload.Broken)
		_, err = c.Exists(ctx, "a")
		failure(t, err, upload.Broken)
	})
}

// TestSlowDigest checks that Confirm waits by its own clock: the server computes.
func TestSlowDigest(t *testing.T) {
	s := drptest.New(t, drptest.Options{Faults: []drptest.Fault{{Method: "HEAD", Delay: 400 * time.Millisecond}}})
	plant(t, s, "a", "data")
	c := pinned(t, s, func(cfg *upload.Config) {
		cfg.Timeouts = upload.Timeouts{Stall: 100 * time.Millisecond, Headers: 100 * time.Millisecond}
	})
	verified, err := c.Confirm(ctx, "a", sum([]byte("data")))
	require.NoError(t, err)
	require.True(t, verified)
}

// TestAnswerStalls is a server that begins an error and never ends it: its status
// is known, and is what counts.
func TestAnswerStalls(t *testing.T) {
	for _, tc := range []struct {
		answer string
		kind   upload.Kind
		status int
	}{
		{"HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\n{\"Mess", upload.Refused, 403},
		{"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{\"Si", upload.Broken, 201},
		{"HTTP/1.1 2x1 What\r\n\r\n", upload.Failed, 0},
		{"SSH-2.0-OpenSSH_9.6\r\n\r\n", upload.Failed, 0},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		done := make(chan struct{})
		go func() {
			defer close(done)
			conn, err := l.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = io.WriteString(conn, tc.answer)
			_, _ = io.Copy(io.Discard, conn) // until the client leaves
		}()
		c, err := upload.New(upload.Config{Endpoint: "http://" + l.Addr().String(), Timeouts: upload.Timeouts{Stall: 200 * time.Millisecond}})
		require.NoError(t, err)
		within(t, 5*time.Second, func() {
			_, err = c.Store(ctx, "a", endless(), -1)
			require.Equal(t, tc.status, failure(t, err, tc.kind).Status, "%v", err)
		})
		<-done
		require.NoError(t, l.Close())
	}
}

func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := l.Addr().String()
	require.NoError(t, l.Close())
	c, err := upload.New(upload.Config{Endpoint: "https://" + addr})
	require.NoError(t, err)
	body := endless()
	_, err = c.Store(ctx, "a", body, -1)
	e := failure(t, err, upload.Broken)
	require.Contains(t, e.Error(), "connection refused")
	require.Zero(t, body.reads.Load())
}

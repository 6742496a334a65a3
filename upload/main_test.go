package upload_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"image-capture/upload"
	"image-capture/upload/drptest"
)

// TestMain fails if a test leaves one of this package's goroutines behind.
func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 {
		if left := leftGoroutines(); left != "" {
			fmt.Fprintln(os.Stderr, "goroutines left:\n"+left)
			code = 1
		}
	}
	os.Exit(code)
}

func leftGoroutines() string {
	var left string
	for range 50 {
		buf := make([]byte, 1<<20)
		left = ""
		for _, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			if strings.Contains(g, "upload.(*") || strings.Contains(g, "http.(*persistConn)") {
				left += g + "\n\n"
			}
		}
		if left == "" {
			return ""
		}
		time.Sleep(20 * time.Millisecond)
	}
	return left
}

// quick are timeouts for tests in which no timeout is the subject.
var quick = upload.Timeouts{Stall: 20 * time.Second, Headers: 20 * time.Second, Continue: 10 * time.Second}

// pinned makes a client for a server, by its fingerprint.
func pinned(t *testing.T, s *drptest.Server, change ...func(*upload.Config)) *upload.Client {
	t.Helper()
	cfg := upload.Config{Endpoint: s.URL, Token: s.Token, Fingerprint: s.Fingerprint, Timeouts: quick}
	if cfg.Token == "" {
		cfg.Token = drptest.DefaultToken
	}
	for _, f := range change {
		f(&cfg)
	}
	c, err := upload.New(cfg)
	require.NoError(t, err)
	return c
}

// failure unwraps an Error of a kind.
func failure(t *testing.T, err error, kind upload.Kind) *upload.Error {
	t.Helper()
	var e *upload.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, kind, e.Kind, "%v", err)
	return e
}

// source is a body that counts its reads and can go on for ever.
type source struct {
	left  int64
	after error // instead of io.EOF
	reads atomic.Int64
	bytes atomic.Int64
}

func endless() *source { return &source{left: 1 << 60} }

func (s *source) Read(p []byte) (int, error) {
	s.reads.Add(1)
	if s.left == 0 {
		if s.after != nil {
			return 0, s.after
		}
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), s.left))
	for i := range p[:n] {
		p[i] = byte(i)
	}
	s.left -= int64(n)
	s.bytes.Add(int64(n))
	return n, nil
}

func sum(data []byte) string {
	h := sha256.Sum256(data)
	return hex.EncodeToString(h[:])
}

func plant(t *testing.T, s *drptest.Server, path, content string) {
	t.Helper()
	name := s.File(path)
	require.NoError(t, os.MkdirAll(name[:strings.LastIndex(name, "/")], 0o755))
	require.NoError(t, os.WriteFile(name, []byte(content), 0o644))
}

func stored(t *testing.T, s *drptest.Server) []string {
	t.Helper()
	names, err := s.Files()
	require.NoError(t, err)
	return names
}

// within fails the test if f takes longer than limit.
func within(t *testing.T, limit time.Duration, f func()) {
	t.Helper()
	start := time.Now()
	f()
	require.Less(t, time.Since(start), limit)
}

var (
	ctx     = context.Background()
	errDisk = errors.New("input/output error")
)

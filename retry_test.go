package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"image-capture/cli"
	"image-capture/upload/drptest"
)

// members lists an image by Go's own readers.
func members(t *testing.T, image []byte) []string {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(image))
	require.NoError(t, err)
	var out []string
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		require.NoError(t, err)
		out = append(out, h.Name)
	}
}

// TestRetryFromWhere: a broken upload is tried again from a new walk, which sees
// the tree as it is by then; or, with --output, from the local file, without a
// second walk.
func TestRetryFromWhere(t *testing.T) {
	for _, output := range []bool{false, true} {
		t.Chdir(t.TempDir())
		root := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(root, "a"), []byte(strings.Repeat("some content", 1000)), 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(root, "x"), nil, 0o600))
		s := drptest.New(t, drptest.Options{TLS: drptest.Plain, Faults: []drptest.Fault{{Method: "POST", Path: "img.tgz", After: 10, Drop: true, Times: 2}}})
		args := []string{root, "--check", "off", "--upload", "--rootfs-name", "img", "--manifest-name", "man", "--exclude", "./x"}
		if output {
			args = append(args, "--output", "here.tgz")
		}
		var out, errs bytes.Buffer
		env := map[string]string{"RS_ENDPOINT": s.URL, "RS_TOKEN": s.Token}
		a := cli.New(nil, &out, &errs, func(k string) string { return env[k] })
		var waits []time.Duration
		a.Jitter = func(most time.Duration) time.Duration { return most }
		a.After = func(d time.Duration) <-chan time.Time {
			waits = append(waits, d)
			require.NoError(t, os.WriteFile(filepath.Join(root, "new"), nil, 0o600))
			return time.After(0)
		}
		require.Zero(t, a.Run(t.Context(), args), errs.String())
		require.Equal(t, []time.Duration{4 * time.Second, 8 * time.Second}, waits)
		image, err := s.Content("images/img.tgz")
		require.NoError(t, err)
		text, err := s.Content("images/man.txt")
		require.NoError(t, err)
		require.Regexp(t, `(?m)^# edits?: .*excluded 1$`, string(text), "the walks before do not count")
		if !output {
			require.Equal(t, []string{"./", "./a", "./new"}, members(t, image))
			continue
		}
		require.Equal(t, []string{"./", "./a"}, members(t, image))
		local, err := os.ReadFile("here.tgz")
		require.NoError(t, err)
		require.True(t, bytes.Equal(local, image))
		posts := 0
		for _, r := range s.Requests() {
			if r.Method == "POST" && strings.HasSuffix(r.Path, "img.tgz") {
				if posts++; posts > 1 {
					require.Equal(t, int64(len(image)), r.ContentLength, "a file's size is known")
				}
			}
		}
		require.Equal(t, 3, posts)
	}
}

// TestNeverAgain: a refusal stays one.
func TestNeverAgain(t *testing.T) {
	t.Chdir(t.TempDir())
	for status, code := range map[int]int{401: cli.ExitRefused, 403: cli.ExitRefused, 404: cli.ExitRefused, 409: cli.ExitTaken, 413: cli.ExitEndpoint, 400: cli.ExitEndpoint} {
		s := drptest.New(t, drptest.Options{TLS: drptest.Plain, Faults: []drptest.Fault{{Method: "POST", Status: status, Messages: []string{"no: " + drptest.DefaultToken}}}})
		env := map[string]string{"RS_ENDPOINT": s.URL, "RS_TOKEN": s.Token}
		got := runHere(t.Context(), env, smallRoot(t), "--check", "off", "--upload", "--output", "x.tgz")
		require.Equal(t, code, got.code, "%d: %s", status, got.stderr)
		requireRules(t, got.stderr)
		require.NotContains(t, got.stderr, drptest.DefaultToken[:12])
		posts := 0
		for _, r := range s.Requests() {
			if r.Method == "POST" {
				posts++
				require.Zero(t, r.BodyRead, "%d", status)
			}
		}
		require.Equal(t, 1, posts, "%d", status)
		require.Empty(t, names(t, "."), "%d", status)
	}
}

// appending writes to a file until it is stopped.
func appending(t *testing.T, name string) (stop func()) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(t, err)
	ask, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		defer f.Close()
		for {
			select {
			case <-ask:
				return
			default:
				_, _ = f.WriteString("a line of a log\n")
				time.Sleep(20 * time.Microsecond)
			}
		}
	}()
	return func() {
		close(ask)
		<-stopped
	}
}

// TestStrict: files that change while they are read are told; only --strict makes
// it 4.
func TestStrict(t *testing.T) {
	root := smallRoot(t)
	log := filepath.Join(root, "log")
	require.NoError(t, os.WriteFile(log, make([]byte, 4<<20), 0o600))
	stop := appending(t, log)
	dir := t.TempDir()
	loose := runHere(t.Context(), nil, root, "--check", "off", "--output", filepath.Join(dir, "a.tgz"))
	strict := runHere(t.Context(), nil, root, "--check", "off", "--output", filepath.Join(dir, "b.tgz"), "--strict")
	stop()
	require.Equal(t, cli.ExitDone, loose.code, loose.stderr)
	require.Contains(t, loose.stderr, "warning: changed: ./log: ")
	require.Equal(t, cli.ExitIncomplete, strict.code, strict.stderr)
	require.Contains(t, strict.stderr, "1 file changed during the capture (--strict)\nhint: stop the programs that write to them, or capture a snapshot\n")
	require.Equal(t, []string{"a.MANIFEST.txt", "a.tgz", "b.MANIFEST.txt", "b.tgz"}, names(t, dir))
	m, err := os.ReadFile(filepath.Join(dir, "b.MANIFEST.txt"))
	require.NoError(t, err)
	require.Contains(t, string(m), "# changed: ./log")
	require.Zero(t, runHere(t.Context(), nil, "verify", filepath.Join(dir, "b.tgz")).code)
}

// TestRetryOwnImage: the server has not given up the first attempt yet when the second
// one comes under the same name.
func TestRetryOwnImage(t *testing.T) {
	for _, output := range []bool{false, true} {
		t.Chdir(t.TempDir())
		const busy = "File already uploading: images/img.tgz.part"
		s := drptest.New(t, drptest.Options{TLS: drptest.Plain, Faults: []drptest.Fault{
			{Method: "POST", Path: "img.tgz", After: 10, Drop: true, Times: 1},
			{Method: "POST", Path: "img.tgz", Status: 409, Messages: []string{busy}, Times: 1},
		}})
		args := []string{smallRoot(t), "--check", "off", "--upload", "--rootfs-name", "img", "--manifest-name", "man"}
		if output {
			args = append(args, "--output", "here.tgz")
		}
		got := runHere(t.Context(), map[string]string{"RS_ENDPOINT": s.URL, "RS_TOKEN": s.Token}, args...)
		require.Zero(t, got.code, got.stderr)
		require.Contains(t, got.stderr, busy)
		_, err := s.Content("images/img.tgz")
		require.NoError(t, err)
	}
}

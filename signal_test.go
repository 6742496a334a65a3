package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"image-capture/cli"
	"image-capture/upload/drptest"
)

// process is the program as a process of its own.
type process struct {
	t              *testing.T
	cmd            *exec.Cmd
	stdout, stderr bytes.Buffer
}

// startProgram starts the program in a directory. Streams may be replaced by setup.
func startProgram(t *testing.T, dir string, env []string, setup func(*exec.Cmd), args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command("image-capture", args...)}
	p.cmd.Dir = dir
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	if setup != nil {
		setup(p.cmd)
	}
	require.NoError(t, p.cmd.Start())
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	return p
}

// wait returns how the process ended; one that does not is a failure.
func (p *process) wait() syscall.WaitStatus {
	p.t.Helper()
	done := make(chan error, 1)
	go func() { done <- p.cmd.Wait() }()
	select {
	case err := <-done:
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			require.NoError(p.t, err)
		}
	case <-time.After(20 * time.Second):
		_ = p.cmd.Process.Kill()
		<-done
		require.FailNow(p.t, "the program does not end", p.stderr.String())
	}
	return p.cmd.ProcessState.Sys().(syscall.WaitStatus)
}

// bigTree is a tree that takes long enough to capture at level best.
func bigTree(t *testing.T) string {
	t.Helper()
	root := smallRoot(t)
	f, err := os.Create(filepath.Join(root, "big"))
	require.NoError(t, err)
	_, err = io.CopyN(f, rand.NewChaCha8(sha256.Sum256([]byte("big"))), 64<<20)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	return root
}

// someBytesIn waits until a file of the pattern has bytes.
func someBytesIn(t *testing.T, pattern string) {
	t.Helper()
	require.Eventually(t, func() bool {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			return false
		}
		info, err := os.Stat(found[0])
		return err == nil && info.Size() > 0
	}, 20*time.Second, time.Millisecond, pattern)
}

const interrupted = "image-capture: interrupted, nothing is left behind\n"

// TestInterruptFile: a signal in the middle of a capture to a file leaves neither
// the file nor its temp file, and an older one as it was.
func TestInterruptFile(t *testing.T) {
	root := bigTree(t)
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		dir, tmp := t.TempDir(), t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "a.tgz"), []byte("older"), 0o600))
		p := startProgram(t, dir, []string{"TMPDIR=" + tmp}, nil, root, "--check", "off", "--level", "best", "--output", "a.tgz", "--overwrite")
		someBytesIn(t, filepath.Join(dir, ".a.tgz.*"))
		require.NoError(t, p.cmd.Process.Signal(sig))
		require.Equal(t, cli.ExitInterrupted, p.wait().ExitStatus(), p.stderr.String())
		require.Equal(t, interrupted, p.stderr.String())
		require.Empty(t, p.stdout.String())
		require.Equal(t, []string{"a.tgz"}, names(t, dir))
		require.Empty(t, names(t, tmp))
		old, err := os.ReadFile(filepath.Join(dir, "a.tgz"))
		require.NoError(t, err)
		require.Equal(t, "older", string(old))
	}
}

// TestInterruptTwice: who sends a signal to the process and to its group, as timeout(1)
// does, asks once. The second comes while what the first ended is put in order.
func TestInterruptTwice(t *testing.T) {
	root, dir := bigTree(t), t.TempDir()
	p := startProgram(t, dir, nil, nil, root, "--check", "off", "--level", "best", "--output", "a.tgz", "--post-hook", "sleep 0.5")
	someBytesIn(t, filepath.Join(dir, ".a.tgz.*"))
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	time.Sleep(50 * time.Millisecond)
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	require.Equal(t, cli.ExitInterrupted, p.wait().ExitStatus(), p.stderr.String())
	require.Equal(t, "image-capture: post-hook: sleep 0.5\n"+interrupted, p.stderr.String())
	require.Empty(t, names(t, dir))
}

// TestKillExtract: a file of an image has its name when it is complete, and what a killed
// run left goes with the next.
func TestKillExtract(t *testing.T) {
	root, dir := bigTree(t), t.TempDir()
	require.Zero(t, startProgram(t, dir, nil, nil, root, "--check", "off", "--format", "tar", "--output", "a.tar").wait().ExitStatus())
	image, err := os.Open(filepath.Join(dir, "a.tar"))
	require.NoError(t, err)
	defer image.Close()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer w.Close() // the rest never comes
	p := startProgram(t, dir, nil, func(c *exec.Cmd) { c.Stdin = r }, "extract", "-", "-C", "x")
	require.NoError(t, r.Close())
	_, err = io.CopyN(w, image, 10<<20)
	require.NoError(t, err)
	someBytesIn(t, filepath.Join(dir, "x", ".*.image-capture.tmp"))
	require.NoError(t, p.cmd.Process.Kill())
	p.wait()
	require.NoFileExists(t, filepath.Join(dir, "x", "big"))
	p = startProgram(t, dir, nil, nil, "extract", "a.tar", "-C", "x", "--overwrite")
	require.Zero(t, p.wait().ExitStatus(), p.stderr.String())
	require.Equal(t, names(t, root), names(t, filepath.Join(dir, "x")))
}

func endpointEnv(s *drptest.Server) []string {
	return []string{"RS_ENDPOINT=" + s.URL, "RS_TOKEN=" + s.Token}
}

// TestInterruptUpload: and none on the endpoint.
func TestInterruptUpload(t *testing.T) {
	root := bigTree(t)
	for _, extra := range [][]string{nil, {"--output", "a.tgz"}} {
		s, dir := drptest.New(t, drptest.Options{TLS: drptest.Plain}), t.TempDir()
		args := append([]string{root, "--check", "off", "--level", "best", "--upload", "--rootfs-name", "img", "--manifest-name", "man"}, extra...)
		p := startProgram(t, dir, endpointEnv(s), nil, args...)
		someBytesIn(t, filepath.Join(s.Dir, "images", "img.tgz.part"))
		require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
		require.Equal(t, cli.ExitInterrupted, p.wait().ExitStatus(), p.stderr.String())
		require.True(t, strings.HasSuffix(p.stderr.String(), interrupted), p.stderr.String())
		s.Requests()
		files, err := s.Files()
		require.NoError(t, err)
		require.Empty(t, files)
		require.Empty(t, names(t, dir))
	}
}

// TestInterruptReplacing: the endpoint drops the old image with the new one, and a signal
// just before its MANIFEST is deleted does not leave that there.
func TestInterruptReplacing(t *testing.T) {
	root := bigTree(t)
	args := []string{root, "--check", "off", "--upload", "--rootfs-name", "img", "--manifest-name", "man", "--overwrite"}
	s, dir := drptest.New(t, drptest.Options{TLS: drptest.Plain}), t.TempDir()
	require.Zero(t, startProgram(t, dir, endpointEnv(s), nil, args...).wait().ExitStatus())
	// The first two look for the name, and whose it is; the third is to delete it.
	s.AddFault(drptest.Fault{Method: "GET", Path: "man.txt", Skip: 2, Times: 1, Stall: true})
	p := startProgram(t, dir, endpointEnv(s), nil, args...)
	require.Eventually(t, func() bool { return s.FaultsLeft() == 0 }, 20*time.Second, time.Millisecond)
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	require.Equal(t, cli.ExitInterrupted, p.wait().ExitStatus(), p.stderr.String())
	require.True(t, strings.HasSuffix(p.stderr.String(), interrupted), p.stderr.String())
	s.Requests()
	files, err := s.Files()
	require.NoError(t, err)
	require.Empty(t, files)
}

// TestInterruptManifest: the image is stored, so something is left behind, and the
// MANIFEST that vouches for it is kept here.
func TestInterruptManifest(t *testing.T) {
	s, dir := drptest.New(t, drptest.Options{TLS: drptest.Plain, Faults: []drptest.Fault{{Method: "POST", Path: "man.txt", Late: true, Stall: true}}}), t.TempDir()
	root := smallRoot(t)
	p := startProgram(t, dir, endpointEnv(s), nil, root, "--check", "off", "--upload", "--rootfs-name", "img", "--manifest-name", "man")
	require.Eventually(t, func() bool {
		_, err := os.Stat(s.File("images/man.txt.part"))
		return err == nil
	}, 20*time.Second, time.Millisecond)
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGINT))
	require.Equal(t, cli.ExitInterrupted, p.wait().ExitStatus(), p.stderr.String())
	require.Contains(t, p.stderr.String(), "the image is stored as images/img.tgz, but its MANIFEST is not; it is kept in "+filepath.Join(dir, "man.txt"))
	require.NotContains(t, p.stderr.String(), "nothing is left behind")
	require.Equal(t, []string{"man.txt"}, names(t, dir))
}

// TestInterruptStream: a reader of stdout that takes nothing does not hold the
// program, nor does a writer of stdin that gives nothing.
func TestInterruptStream(t *testing.T) {
	root, dir := bigTree(t), t.TempDir()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	p := startProgram(t, dir, nil, func(c *exec.Cmd) { c.Stdout = w }, root, "--check", "off", "--format", "tar", "--output", "-", "--manifest", "m.txt")
	require.NoError(t, w.Close())
	_, err = r.Read(make([]byte, 1))
	require.NoError(t, err)
	time.Sleep(200 * time.Millisecond) // the pipe is full
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	require.Equal(t, cli.ExitInterrupted, p.wait().ExitStatus(), p.stderr.String())
	require.Equal(t, "image-capture: interrupted; what went to stdout is no whole image\n", p.stderr.String())
	require.Empty(t, names(t, dir))

	small := smallRoot(t)
	require.Zero(t, runHere(t.Context(), nil, small, "--check", "off", "--output", filepath.Join(dir, "a.tgz")).code)
	r2, w2, err := os.Pipe()
	require.NoError(t, err)
	defer w2.Close()
	p = startProgram(t, dir, nil, func(c *exec.Cmd) { c.Stdin = r2 }, "verify", "-", "a.MANIFEST.txt")
	require.NoError(t, r2.Close())
	time.Sleep(200 * time.Millisecond)
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	require.Equal(t, cli.ExitInterrupted, p.wait().ExitStatus(), p.stderr.String())

	// A FIFO, without a writer and with one that gives nothing.
	fifo := filepath.Join(dir, "fifo")
	require.NoError(t, unix.Mkfifo(fifo, 0o600))
	for _, writer := range []bool{false, true} {
		p = startProgram(t, dir, nil, nil, "check", fifo)
		if writer {
			w, err := os.OpenFile(fifo, os.O_WRONLY, 0)
			require.NoError(t, err)
			defer w.Close()
		}
		time.Sleep(200 * time.Millisecond)
		require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
		require.Equal(t, cli.ExitInterrupted, p.wait().ExitStatus(), p.stderr.String())
	}
}

// TestInterruptFlagFile: a flag may name a pipe that nothing comes out of.
func TestInterruptFlagFile(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	require.NoError(t, unix.Mkfifo(fifo, 0o600))
	root := smallRoot(t)
	for _, args := range [][]string{
		{root, "--output", "a.tgz", "--exclude-from", "fifo"},
		{root, "--output", "a.tgz", "--target", "fifo"},
		{root, "--upload", "--endpoint", "http://127.0.0.1:1", "--token-file", "fifo"},
		{root, "--upload", "--endpoint", "https://127.0.0.1:1", "--ca-cert", "fifo"},
	} {
		p := startProgram(t, dir, nil, nil, args...)
		time.Sleep(200 * time.Millisecond)
		require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
		require.Equal(t, cli.ExitInterrupted, p.wait().ExitStatus(), "%q: %s", args, p.stderr.String())
		require.Equal(t, interrupted, p.stderr.String())
		require.Equal(t, []string{"fifo"}, names(t, dir))
	}
}

// TestInterruptPipe: nobody reads the pipe that the image shall go to. The first signal
// ends the wait; a reader that comes late gets all of it.
func TestInterruptPipe(t *testing.T) {
	dir, root := t.TempDir(), smallRoot(t)
	pipe := filepath.Join(dir, "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	for _, flags := range [][]string{{"--output", "pipe"}, {"--output", "a.tgz", "--manifest", "pipe"}} {
		p := startProgram(t, dir, nil, nil, append([]string{root, "--check", "off"}, flags...)...)
		time.Sleep(300 * time.Millisecond)
		require.NoError(t, p.cmd.Process.Signal(syscall.SIGINT))
		require.Equal(t, cli.ExitInterrupted, p.wait().ExitStatus(), p.stderr.String())
		require.Contains(t, p.stderr.String(), interrupted)
		require.Equal(t, []string{"pipe"}, names(t, dir))
	}
	p := startProgram(t, dir, nil, nil, root, "--check", "off", "--output", "pipe")
	time.Sleep(300 * time.Millisecond)
	image, err := os.ReadFile(pipe)
	require.NoError(t, err)
	require.Zero(t, p.wait().ExitStatus(), p.stderr.String())
	require.Contains(t, members(t, image), "./etc/hostname")
}

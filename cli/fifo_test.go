package cli_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"image-capture/cli"
)

// TestFIFO: an image that comes through a FIFO is opened once, whatever the MANIFEST would
// let be read of a file: who opens it again may have lost its writer.
func TestFIFO(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.MkdirAll("root/etc", 0o755))
	require.NoError(t, os.WriteFile("root/etc/hostname", []byte("vm\n"), 0o600))
	require.NoError(t, os.Link("root/etc/hostname", "root/etc/link"))
	run := func(ctx context.Context, args ...string) (int, string) {
		var errs bytes.Buffer
		a := cli.New(strings.NewReader(""), io.Discard, &errs, func(string) string { return "" })
		return a.Run(ctx, args), errs.String()
	}
	code, stderr := run(t.Context(), "capture", "root", "--output", "a.tgz", "--check", "off")
	require.Zero(t, code, stderr)
	require.NoError(t, os.Rename("a.MANIFEST.txt", "m.txt"))
	require.NoError(t, unix.Mkfifo("fifo", 0o600))
	for _, c := range []struct {
		code int
		args []string
	}{
		{3, []string{"check", "fifo", "--manifest", "m.txt"}},
		{0, []string{"cat", "fifo", "etc/hostname", "--manifest", "m.txt"}},
		{1, []string{"cat", "fifo", "etc/link", "--manifest", "m.txt"}}, // went by when the link came
		{0, []string{"extract", "fifo", "etc/hostname", "--manifest", "m.txt", "-C", "out"}},
	} {
		watch, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
		require.NoError(t, err)
		_, err = unix.InotifyAddWatch(watch, "fifo", unix.IN_CLOSE_NOWRITE)
		require.NoError(t, err)
		sent := make(chan error, 1)
		go func() {
			to, err := os.OpenFile("fifo", os.O_WRONLY, 0)
			if err == nil {
				from, _ := os.Open("a.tgz")
				_, err = io.Copy(to, from)
				from.Close()
				to.Close()
			}
			sent <- err
		}()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		code, stderr := run(ctx, c.args...)
		cancel()
		require.Equal(t, c.code, code, stderr)
		require.NoError(t, <-sent)
		events := make([]byte, 4096)
		n, err := unix.Read(watch, events)
		require.NoError(t, err)
		require.Equal(t, unix.SizeofInotifyEvent, n, "one reader, which closed it")
		require.NoError(t, unix.Close(watch))
	}
}

package initramfs_test

import (
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"image-capture/bootcheck/initramfs"
)

func TestWriter(t *testing.T) {
	before := runtime.NumGoroutine()
	data := archive(files(names[:20]...)...) + archive(files("usr/lib/modules/1/late.ko")...)
	w := initramfs.NewWriter()
	got, err := w.Result()
	require.NoError(t, err)
	require.Nil(t, got)
	for rest := data; rest != ""; rest = rest[min(100, len(rest)):] {
		n, err := w.Write([]byte(rest[:min(100, len(rest))]))
		require.NoError(t, err)
		require.Equal(t, min(100, len(rest)), n)
	}
	require.NoError(t, w.Close())
	require.NoError(t, w.Close())
	got, err = w.Result()
	require.NoError(t, err)
	require.True(t, got.Has("late"))
	_, err = w.Write([]byte("x"))
	require.ErrorIs(t, err, io.ErrClosedPipe)

	// What is no initramfs does not stop who writes it.
	w = initramfs.NewWriter()
	for range 100 {
		n, err := w.Write([]byte(strings.Repeat("no initramfs", 1000)))
		require.NoError(t, err)
		require.Equal(t, 12000, n)
	}
	require.NoError(t, w.Close())
	_, err = w.Result()
	require.ErrorContains(t, err, "it looks like text")

	// Left half-way.
	w = initramfs.NewWriter()
	_, err = w.Write([]byte(data[:1000]))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	got, err = w.Result()
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Positive(t, got.Entries)

	errDisk := errors.New("disk on fire")
	w = initramfs.NewWriter()
	require.NoError(t, w.CloseWithError(errDisk))
	_, err = w.Result()
	require.ErrorIs(t, err, errDisk)
	goroutinesEnd(t, before, func() {})
}

// goroutinesEnd waits until no more are left than there were before: one gives its
// result before it ends.
func goroutinesEnd(t *testing.T, before int, again func()) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		require.True(t, time.Now().Before(deadline), "%d goroutines more", runtime.NumGoroutine()-before)
		again()
	}
}

// TestWriterDropped: one that nobody closes goes when the garbage is collected.
func TestWriterDropped(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 50 {
		_, err := initramfs.NewWriter().Write([]byte("070701"))
		require.NoError(t, err)
	}
	goroutinesEnd(t, before, runtime.GC)
}

package archive_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"image-capture/archive"
	"image-capture/compress"
	"image-capture/edit"
	"image-capture/entry"
	"image-capture/rootfs"
)

var errFull = errors.New("no space left on device")

// failingWriter takes some bytes and then fails.
type failingWriter struct {
	left int
	got  bytes.Buffer
	fail func(p []byte) (int, error)
}

func (f *failingWriter) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return f.fail(p)
	}
	return f.got.Write(p)
}

// settled waits until the process has no more goroutines and descriptors than
// before: those of a finished call go away by themselves, in their own time.
func settled(t *testing.T, do func()) {
	t.Helper()
	count := func() (goroutines, files int) {
		list, err := os.ReadDir("/proc/self/fd")
		require.NoError(t, err)
		return runtime.NumGoroutine(), len(list)
	}
	goroutines, files := count()
	do()
	for range 5000 {
		if g, f := count(); g <= goroutines && f <= files {
			return
		}
		time.Sleep(time.Millisecond)
	}
	buf := make([]byte, 1<<16)
	t.Fatalf("goroutines or descriptors are left:\n%s", buf[:runtime.Stack(buf, true)])
}

// manyFiles is a tree that takes every path through the encoder, bigger than all
// that the pipeline can hold.
func manyFiles(t testing.TB) string {
	dir := t.TempDir()
	random := randomBytes(3 << 20)
	for d := range 6 {
		sub := fmt.Sprintf("%s/dir-%02d", dir, d)
		require.NoError(t, os.Mkdir(sub, 0o755))
		for i := range 40 {
			require.NoError(t, os.WriteFile(fmt.Sprintf("%s/small-%d", sub, i), random[:100*i], 0o644))
		}
		for i := range 3 {
			require.NoError(t, os.WriteFile(fmt.Sprintf("%s/middle-%d", sub, i), random[:300000*(i+1)], 0o644))
		}
		require.NoError(t, os.WriteFile(sub+"/big", random, 0o644))
		require.NoError(t, os.WriteFile(sub+"/holes", random[:4096], 0o644))
		require.NoError(t, os.Truncate(sub+"/holes", 40<<20))
		require.NoError(t, os.Link(sub+"/big", sub+"/big-again"))
	}
	return dir
}

// TestWriterFails has w fail everywhere of note.
func TestWriterFails(t *testing.T) {
	dir := manyFiles(t)
	root, err := rootfs.Open(dir)
	require.NoError(t, err)
	defer root.Close()
	fails := func([]byte) (int, error) { return 0, errFull }
	for name, codec := range codecs {
		if raceDetector && codec == compress.Gzip {
			continue // slow, and nothing new to the detector
		}
		image, _, _ := capture(t, dir, archive.Options{Codec: codec, Level: compress.Fast})
		for _, c := range []struct {
			at   int
			fail func([]byte) (int, error)
			want error
		}{
			{0, fails, errFull},
			{len(image) / 2, fails, errFull},
			{len(image) - 1, fails, errFull},
			{len(image) / 2, func(p []byte) (int, error) { return len(p) / 2, errFull }, errFull},
			{len(image) / 2, func(p []byte) (int, error) { return len(p) - 1, nil }, io.ErrShortWrite},
		} {
			settled(t, func() {
				w := &failingWriter{left: c.at, fail: c.fail}
				sum, err := archive.Write(context.Background(), w, edit.NewTree(root, nil, nil), archive.Options{Codec: codec, Level: compress.Fast, Jobs: 2})
				require.ErrorIs(t, err, c.want, "%s at %d", name, c.at)
				require.Nil(t, sum)
				require.True(t, bytes.HasPrefix(image, w.got.Bytes()))
			})
		}
	}
}

// stopAt calls stop when so many bytes have come.
type stopAt struct {
	bytes.Buffer
	at   int
	stop func()
}

func (s *stopAt) Write(p []byte) (int, error) {
	n, err := s.Buffer.Write(p)
	if s.Len() >= s.at {
		s.stop()
	}
	return n, err
}

// TestCancelled ends the context before the start, on the way, and by Member's
// hand: never is what came the whole of an archive, and no member is made up.
func TestCancelled(t *testing.T) {
	dir := manyFiles(t)
	root, err := rootfs.Open(dir)
	require.NoError(t, err)
	defer root.Close()
	why := errors.New("somebody pulled the plug")
	for name, codec := range codecs {
		if raceDetector && codec == compress.Gzip {
			continue // slow, and nothing new to the detector
		}
		image, _, _ := capture(t, dir, archive.Options{Codec: codec, Level: compress.Fast})
		for _, at := range []int{-1, 0, len(image) / 2, len(image) * 9 / 10} {
			settled(t, func() {
				ctx, cancel := context.WithCancelCause(context.Background())
				defer cancel(nil)
				w := &stopAt{at: at, stop: func() { cancel(why) }}
				if at < 0 {
					cancel(why)
				}
				sum, err := archive.Write(ctx, w, edit.NewTree(root, nil, nil), archive.Options{Codec: codec, Level: compress.Fast, Jobs: 2, Member: func(m *entry.Member) error {
					if m.Path != "." && !strings.HasPrefix(m.Path, "./") {
						t.Errorf("a member without a name: %+v", m)
					}
					return nil
				}})
				if err == nil {
					// All frames were out when the context ended.
					require.Equal(t, sum.Size, int64(w.Len()))
					return
				}
				require.ErrorIs(t, err, why, "%s at %d", name, at)
				require.Less(t, w.Len(), len(image))
				require.True(t, bytes.HasPrefix(image, w.Bytes()), "%s at %d", name, at)
			})
		}
	}
}

// TestMemberFails has the callback end the capture.
func TestMemberFails(t *testing.T) {
	dir := manyFiles(t)
	root, err := rootfs.Open(dir)
	require.NoError(t, err)
	defer root.Close()
	image, _, members := capture(t, dir, archive.Options{Codec: compress.None})
	for _, at := range []int{1, 100, len(members) - 1, len(members)} {
		settled(t, func() {
			n := 0
			var out bytes.Buffer
			_, err := archive.Write(context.Background(), &out, edit.NewTree(root, nil, nil), archive.Options{Codec: compress.None, Member: func(*entry.Member) error {
				if n++; n == at {
					return errFull
				}
				return nil
			}})
			require.ErrorIs(t, err, errFull)
			require.Equal(t, at, n, "called after it failed")
			require.Less(t, out.Len(), len(image))
		})
	}
}

// visiting is a tree that is watched while it is walked.
type visiting struct {
	*edit.Tree
	at func(edit.Node)
}

func (v visiting) Walk(ctx context.Context, visit func(edit.Node) error) error {
	return v.Tree.Walk(ctx, func(n edit.Node) error {
		v.at(n)
		return visit(n)
	})
}

// TestWalkEndsEarly makes the walk fail where it hands over nothing more: what came
// must not look like the end of an archive.
func TestWalkEndsEarly(t *testing.T) {
	dir := smallTree(t)
	root, err := rootfs.Open(dir)
	require.NoError(t, err)
	defer root.Close()
	for name, codec := range codecs {
		for range 50 {
			ctx, cancel := context.WithCancel(context.Background())
			var out bytes.Buffer
			tree := visiting{edit.NewTree(root, nil, nil), func(n edit.Node) {
				if n.Path == "./link" {
					cancel()
				}
			}}
			_, err = archive.Write(ctx, &out, tree, archive.Options{Codec: codec})
			cancel()
			require.ErrorIs(t, err, context.Canceled)
			require.Zero(t, out.Len(), name)
		}
	}
}

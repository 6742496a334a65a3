package image_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/archive"
	"image-capture/compress"
	"image-capture/entry"
	"image-capture/image"
)

// readIndexed reads all members with their digests.
func readIndexed(t *testing.T, img []byte, frames []entry.Frame) ([]entry.Member, error) {
	t.Helper()
	r, err := image.NewIndexedReader(bytes.NewReader(img), frames)
	require.NoError(t, err)
	defer r.Close()
	r.TakeDigests()
	var all []entry.Member
	for {
		m, err := r.Next()
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		require.NoError(t, r.Skip())
		all = append(all, *m)
	}
}

// TestWrongFrames: whatever is said of the frames, the same members come; where it is wrong
// an error is at the end. Flush marks inside of what is stored do no harm.
func TestWrongFrames(t *testing.T) {
	dir := t.TempDir()
	b := make([]byte, 11<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(b)
	for i := range 300 {
		copy(b[i*30000:], "\x00\x00\xff\xff")
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "stored"), b, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "text"), bytes.Repeat([]byte("text "), 4<<20/5), 0o600))
	for _, codec := range []compress.Codec{compress.Gzip, compress.Zstd, compress.None} {
		img, sum, _ := capture(t, dir, archive.Options{Codec: codec})
		want, err := readIndexed(t, img, nil)
		require.NoError(t, err)
		got, err := readIndexed(t, img, sum.Frames)
		require.NoError(t, err, codec)
		require.Equal(t, want, got)
		change := func(f func([]entry.Frame) []entry.Frame) []entry.Frame { return f(slices.Clone(sum.Frames)) }
		for what, frames := range map[string][]entry.Frame{
			"image": change(func(f []entry.Frame) []entry.Frame { f[1].Image++; return f }),
			"tar":   change(func(f []entry.Frame) []entry.Frame { f[1].Tar += 512; return f }),
			"first": change(func(f []entry.Frame) []entry.Frame { f[0].Image++; return f }),
			"more": change(func(f []entry.Frame) []entry.Frame {
				last := f[len(f)-1]
				return append(f, entry.Frame{Tar: last.Tar + 512, Image: last.Image + 7})
			}),
			"middle": change(func(f []entry.Frame) []entry.Frame {
				return slices.Insert(f, 1, entry.Frame{Tar: f[0].Tar + 512, Image: f[0].Image + 5000})
			}),
			"all": change(func(f []entry.Frame) []entry.Frame {
				for i := range f {
					f[i].Image += int64(i * 100)
				}
				return f
			}),
		} {
			got, err := readIndexed(t, img, frames)
			var wrong *compress.FrameError
			require.ErrorAs(t, err, &wrong, "%s %s", codec, what)
			require.Equal(t, want, got, "%s %s", codec, what)
		}
		// A broken image is told as such.
		for _, at := range []int{len(img) / 3, len(img) / 2} {
			broken := slices.Clone(img)
			broken[at] ^= 0x55
			_, plain := readIndexed(t, broken, nil)
			_, err := readIndexed(t, broken, sum.Frames)
			if plain != nil {
				require.EqualError(t, err, plain.Error())
			}
		}
	}
}

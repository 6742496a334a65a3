package manifest

import (
	"bytes"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/entry"
)

// placed gives entries places in a tar, 1024 bytes apart but for one of 8 KiB, and frames
// of 4 KiB, with what an image of them ends with.
func placed(entries []*entry.Member) (frames []entry.Frame) {
	at := int64(0)
	for i, e := range entries {
		e.At = at
		if at += 1024; i == 3 {
			at += 8192
		}
	}
	for i := range at/4096 + 2 {
		frames = append(frames, entry.Frame{Tar: i * 4096, Image: 10 + i*1000})
	}
	return frames
}

// writePlaced is write with places.
func writePlaced(t testing.TB, f Facts, entries ...*entry.Member) []byte {
	t.Helper()
	frames := placed(entries)
	s := newSpool(t)
	for _, e := range entries {
		require.NoError(t, s.Add(e))
	}
	var b bytes.Buffer
	require.NoError(t, s.Write(&b, f, frames))
	return b.Bytes()
}

func TestFrames(t *testing.T) {
	entries := sample()
	frames := placed(entries)
	text := writePlaced(t, sampleFacts, entries...)
	golden(t, "MANIFEST-frames.txt", text)

	got, err := Frames(bytes.NewReader(text))
	require.NoError(t, err)
	require.Equal(t, frames, got)
	got, err = framesUpTo(len(frames), bytes.NewReader(text))
	require.NoError(t, err)
	require.Equal(t, frames, got)
	got, err = framesUpTo(len(frames)-1, bytes.NewReader(text))
	require.NoError(t, err)
	require.Nil(t, got, "too many are none")
	none, err := Frames(bytes.NewReader(write(t, sampleFacts, sample()...)))
	require.NoError(t, err)
	require.Nil(t, none)

	r, err := Parse(bytes.NewReader(text))
	require.NoError(t, err)
	plain, err := Parse(bytes.NewReader(write(t, sampleFacts, sample()...)))
	require.NoError(t, err)
	first := map[int64]bool{}
	for _, e := range entries {
		m, err := r.Next()
		require.NoError(t, err)
		same, err := plain.Next()
		require.NoError(t, err)
		require.Equal(t, same, m, "places change nothing else")
		f, at, ok := r.Place()
		require.True(t, ok)
		require.Equal(t, entry.Frame{Tar: e.At / 4096 * 4096, Image: 10 + e.At/4096*1000}, f, e.Path)
		if !first[f.Tar] {
			require.Equal(t, e.At, at, e.Path)
		} else {
			require.EqualValues(t, -1, at, e.Path)
		}
		first[f.Tar] = true
		_, _, ok = plain.Place()
		require.False(t, ok)
	}
	_, err = r.Next()
	require.Equal(t, io.EOF, err)
}

// TestFrameLinesOutOfPlace refuses what no capture writes.
func TestFrameLinesOutOfPlace(t *testing.T) {
	const head = "#mtree\n# size: 1000\n# format: tgz\n# unpacked size: 10240\n# entries: 2\n"
	const a, b, end = ". type=dir mode=0755 uid=0 gid=0 time=1.000000000\n", "./b type=fifo mode=04 uid=0 gid=0 time=1.000000000 nlink=1\n", "# end\n"
	whole := func(text string) error {
		_, _, err := readAll(strings.NewReader(head + text + end))
		if _, ferr := Frames(strings.NewReader(head + text + end)); err == nil {
			require.NoError(t, ferr)
		}
		return err
	}
	for _, good := range []string{
		"#: frame=0,10\n" + a + "#: block=0\n" + b, "#: frame=0,10\n" + a + b, "#: frame=0,10\n#: frame=512,11\n" + a + "#: block=1\n#: frame=2048,12\n" + b + "#: block=0\n#: frame=4096,13\n",
		"#: manifest=3 later=1\n#: frame=0,10\n" + a + "#: frame=512,11\n#: later=1\n" + b, a + "#: frame=0,1\n" + b,
	} {
		require.NoError(t, whole(good), good)
	}
	for text, want := range map[string]string{
		"#: frame=512,10\n" + a + b:                                                 "manifest line 6: a frame at byte 512 of the tar and 10 of the image cannot be here",
		"#: frame=0,10\n#: frame=0,11\n" + a + b:                                    "manifest line 7: a frame",
		"#: frame=0,10\n" + a + "#: frame=512,10\n" + b:                             "manifest line 8: a frame",
		"#: frame=0,10\n" + a + "#: frame=10240,20\n" + b:                           "manifest line 8: a frame",
		"#: frame=0,1000\n" + a + b:                                                 "manifest line 6: a frame",
		"#: frame=0,10\n" + a + "#: block=3\n#: frame=1536,20\n" + b:                "manifest line 9: a frame",
		"#: frame=1,10\n" + a + b:                                                   "bad place of a frame",
		"#: frame=0\n" + a + b:                                                      "bad place of a frame",
		"#: frame=0,010\n" + a + b:                                                  "bad place of a frame",
		"#: frame=0,10 a=b\n" + a + b:                                               "bad place of a frame",
		a + "#: block=0\n" + b:                                                      "manifest line 6: block: of an entry that is not the first of a frame",
		"#: frame=0,10\n" + a + b + "#: block=0\n":                                  "manifest line 8: block: of an entry",
		"#: frame=0,10\n" + a + "#: block=20\n" + b:                                 "block: after the end of the tar",
		"#: frame=0,10\n" + a + "#: block=0 block=0\n" + b:                          "block: a second time",
		"#: frame=0,10\n" + a + "#: frame=512,20\n#: flags=schg\n" + b:              "unknown or misplaced word",
		"#: manifest=0\n" + a + b:                                                   "bad number of a format",
		"#: manifest=3\n" + a + strings.Replace(b, "fifo", "door", 1):               "(it is of format 3, and this program reads 2)",
		"#: frame=0,10\n#: frame=9223372036854775296,9223372036854775807\n" + a + b: "manifest line 7: a frame",
	} {
		require.ErrorContains(t, whole(text), want, text)
	}
	s := newSpool(t)
	require.NoError(t, s.Add(inode(entry.Entry{Path: ".", Type: entry.Dir}, func(e *entry.Member) { e.At = 1024 })))
	for _, at := range []int64{512, 1025, -512, math.MinInt64} {
		require.ErrorContains(t, s.Add(inode(entry.Entry{Path: "./a", Type: entry.Dir}, func(e *entry.Member) { e.At = at })), "its place in the tar")
	}
}

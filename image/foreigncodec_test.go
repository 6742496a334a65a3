package image_test

import (
	"bytes"
	"compress/bzip2"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"image-capture/archive"
	"image-capture/compress"
	"image-capture/image"
	"image-capture/rootfs/roottest"
)

// foreignCodecs compresses a tar by each tool that deployers take and Write does not
// stand in for.
func foreignCodecs(t testing.TB, plain []byte) map[string][]byte {
	return map[string][]byte{
		"xz":    []byte(run(t, plain, "xz", "-0c")),
		"bzip2": []byte(run(t, plain, "bzip2", "-1c")),
	}
}

var readOnly = map[string]compress.Codec{"xz": compress.XZ, "bzip2": compress.Bzip2}

// TestForeignTruncated cuts such images off at each byte.
func TestForeignTruncated(t *testing.T) {
	plain, _, _ := capture(t, smallTree(t), archive.Options{Codec: compress.None})
	for name, img := range foreignCodecs(t, plain) {
		t.Run(name, func(t *testing.T) {
			for n := range len(img) {
				_, _, err := readAll(bytes.NewReader(img[:n]))
				require.Error(t, err, "%d of %d bytes", n, len(img))
				if n >= 12 { // the header of the stream is there
					require.ErrorIs(t, err, io.ErrUnexpectedEOF, "%d of %d bytes", n, len(img))
				}
				_, _, err = readAll(io.MultiReader(bytes.NewReader(img[:n]), &failing{}))
				require.ErrorIs(t, err, errDisk, "%d of %d bytes", n, len(img))
			}
			_, r, err := readAll(bytes.NewReader(img))
			require.NoError(t, err)
			require.Equal(t, readOnly[name], r.Codec())
			require.Equal(t, name, r.Codec().String())
		})
	}
}

// TestBzip2MadeUp cuts images off where package bzip2 makes up a block from what is
// left of it and zeros. That is no part of the image.
func TestBzip2MadeUp(t *testing.T) {
	madeUp := 0
	for _, n := range []int{105, 538, 1014} {
		content := strings.Repeat(fmt.Sprintf("%d %d\n", n, n*n), 100)
		img := foreignCodecs(t, tarFile(t, "./f", []byte(content)))["bzip2"]
		for n := 14; n < len(img); n++ {
			if k, err := bzip2.NewReader(bytes.NewReader(img[:n])).Read(make([]byte, 512)); k == 512 && err != nil {
				madeUp++
			}
			_, _, err := readAll(bytes.NewReader(img[:n]))
			require.ErrorIs(t, err, io.ErrUnexpectedEOF, "%d of %d bytes", n, len(img))
		}
	}
	require.NotZero(t, madeUp, "other contents are needed")
}

// TestForeignFlipped turns bits of each byte over. That is an error, or changes no
// member: the first byte of an LZMA2 chunk and what is unused of the tables of bzip2
// do not count, and no checksum is over them.
func TestForeignFlipped(t *testing.T) {
	plain, sum, members := capture(t, smallTree(t), archive.Options{Codec: compress.None})
	for name, img := range foreignCodecs(t, plain) {
		t.Run(name, func(t *testing.T) {
			whole := 0
			step := 1
			if testing.Short() {
				step = 7
			}
			for i := 0; i < len(img); i += step {
				for _, bit := range []byte{1, 1 << (i % 7), 0x80, 0xff} {
					bad := bytes.Clone(img)
					bad[i] ^= bit
					got, r, err := readAll(bytes.NewReader(bad))
					if err == nil {
						whole++
						require.Equal(t, allInTar(members), allInTar(got))
						require.Equal(t, sum.Unpacked, r.Unpacked())
					}
				}
			}
			require.Less(t, whole, len(img)/5)
		})
	}
}

// TestForeignAfter has something follow a whole stream.
func TestForeignAfter(t *testing.T) {
	plain, sum, _ := capture(t, smallTree(t), archive.Options{Codec: compress.None})
	zeros := foreignCodecs(t, make([]byte, 512))
	nothing := foreignCodecs(t, nil)
	more := foreignCodecs(t, []byte("more"))
	for name, img := range foreignCodecs(t, plain) {
		for _, tail := range []string{
			"x", "garbage", strings.Repeat("g", 1000), "\x00", "\x00\x00\x00", "\x00\x00\x00\x00x", "B", "BZ", "BZh", "BZh9", "\xfd7zXZ", "\xfd7zXZ\x00",
			string(more[name]), string(zeros[name][:len(zeros[name])-1]),
		} {
			_, _, err := readAll(strings.NewReader(string(img) + tail))
			require.Error(t, err, "%s %q", name, tail)
		}
		got, r, err := readAll(strings.NewReader(string(img) + string(nothing[name]) + string(zeros[name])))
		require.NoError(t, err, name)
		require.Equal(t, sum.Unpacked+512, r.Unpacked())
		require.EqualValues(t, sum.Entries, len(got))
		// Streams that are cut anywhere are one.
		half := len(plain) / 2
		_, r, err = readAll(strings.NewReader(string(foreignCodecs(t, plain[:half])[name]) + string(foreignCodecs(t, plain[half:])[name])))
		require.NoError(t, err, name)
		require.Equal(t, sum.Unpacked, r.Unpacked())
	}
	padded := string(foreignCodecs(t, plain)["xz"]) + strings.Repeat("\x00", 8)
	_, _, err := readAll(strings.NewReader(padded + string(zeros["xz"]) + strings.Repeat("\x00", 4)))
	require.NoError(t, err, "stream padding of xz")
}

// TestPlainNamedLikeBzip2 takes a tar for one although its first bytes are those of
// a bzip2 stream.
func TestPlainNamedLikeBzip2(t *testing.T) {
	got, r, err := readAll(strings.NewReader(file("BZh91AY&SY", "x") + end))
	require.NoError(t, err)
	require.Equal(t, compress.None, r.Codec())
	require.Equal(t, "./BZh91AY&SY", got[0].Path)
}

// TestForeignCloseEarly is TestCloseEarly for the other codecs.
func TestForeignCloseEarly(t *testing.T) {
	plain := tarFile(t, "./noise", noise(2<<20))
	for name, img := range foreignCodecs(t, plain) {
		src := &closedReader{r: bytes.NewReader(img)}
		r, err := image.NewReader(src)
		require.NoError(t, err, name)
		time.Sleep(time.Millisecond) // most often it is somewhere in the middle
		require.NoError(t, r.Close())
		src.closed = true
		_, err = r.Next()
		require.Error(t, err)
	}
}

// xzHeaders is the start of an xz stream whose one block says that it needs a
// dictionary of a size, see "The .xz File Format", 3.1 and 5.3.1.
func xzHeaders(dict byte) []byte {
	le := binary.LittleEndian
	s := []byte("\xfd7zXZ\x00\x00\x01")
	s = le.AppendUint32(s, crc32.ChecksumIEEE(s[6:8]))
	block := []byte{2, 0, 0x21, 1, dict, 0, 0, 0}
	s = append(s, block...)
	return le.AppendUint32(s, crc32.ChecksumIEEE(block))
}

// TestForeignBombs reads little that says much.
func TestForeignBombs(t *testing.T) {
	size := int64(64 << 20)
	bomb := func(tool string, args ...string) []byte {
		_, err := exec.LookPath(tool)
		roottest.Need(t, err == nil, tool)
		cmd := exec.Command(tool, args...)
		h := header{name: "zeros", flag: '0', size: oct(int(size))}.block()
		cmd.Stdin = io.MultiReader(strings.NewReader(h), io.LimitReader(zeroReader{}, size+1024))
		out, err := cmd.Output()
		require.NoError(t, err)
		return out
	}
	for name, tc := range map[string]struct {
		img  []byte
		most uint64 // bytes of memory
		want string
	}{
		"xz of zeros":          {bomb("xz", "-0c"), 8 << 20, ""},
		"bzip2 of zeros":       {bomb("bzip2", "-9c"), 16 << 20, ""},
		"dictionary of 4 GiB":  {xzHeaders(40), 4 << 20, "needs a dictionary of more than 134217728 bytes"},
		"dictionary over most": {xzHeaders(31), 4 << 20, "needs a dictionary of more than 134217728 bytes"},
		"dictionary of most":   {xzHeaders(30), 132 << 20, "unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			members, _, err := readAll(bytes.NewReader(tc.img))
			runtime.ReadMemStats(&after)
			if tc.want != "" {
				require.ErrorContains(t, err, tc.want)
			} else {
				require.NoError(t, err)
				require.Equal(t, size, members[0].Size)
			}
			require.Less(t, after.TotalAlloc-before.TotalAlloc, tc.most)
		})
	}
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestXZAgrees has xz say whether a stream with a byte changed is whole, and holds
// Reader against it. Only the first byte of an LZMA2 chunk, which xz wants to be 0
// and nothing is made of, may be another.
func TestXZAgrees(t *testing.T) {
	plain, _, _ := capture(t, smallTree(t), archive.Options{Codec: compress.None})
	img := foreignCodecs(t, plain)["xz"]
	for i := 0; i < len(img); i += 7 {
		bad := bytes.Clone(img)
		bad[i] ^= 0x10
		cmd := exec.Command("xz", "-tq")
		cmd.Stdin = bytes.NewReader(bad)
		want := cmd.Run() == nil
		_, _, err := readAll(bytes.NewReader(bad))
		require.True(t, want == (err == nil) || i == 30, "byte %d: %v", i, err)
	}
}

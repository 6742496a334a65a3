package compress_test

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"image-capture/compress"
)

// tools are the commands that make each format, and its name.
var tools = []struct {
	command, format string
	two             bool // two streams, one behind the other, count as one
}{
	{"gzip -c", "gzip", false},
	{"gzip -1c", "gzip", false},
	{"pigz -c -b 128", "gzip", false},
	{"bzip2 -c", "bzip2", true},
	{"bzip2 -1c", "bzip2", true},
	{"xz -c --check=crc32", "xz", false},
	{"xz -c --check=crc32 --lzma2=dict=1MiB", "xz", false},
	{"xz -0c --check=none", "xz", false},
	{"xz -c --check=crc64 --block-size=100KiB -T2", "xz", false},
	{"xz -c --check=sha256 --x86 --lzma2=preset=1", "xz", false},
	{"zstd -q -19 -c", "zstd", false},
	{"zstd -q -1 -c --no-check", "zstd", false},
	{"zstd -q --ultra -22 -c", "zstd", false},
	{"zstd -q --long=27 -c -T2", "zstd", false},
	{"lz4 -q -c", "lz4", false},
	{"lz4 -q -9 -c -BD -B4 --content-size", "lz4", false},
	{"lz4 -q -c -BX -B5", "lz4", false},
	{"lz4 -q -c -BX -B4 --no-frame-crc", "lz4", false},
	{"lz4 -q -c --no-frame-crc -BD -B7", "lz4", false},
	{"lz4 -q -l -c", "lz4 legacy", true},
	{"lz4 -q -l -9 -c", "lz4 legacy", true},
	{"lzop -c", "lzop", false},
	{"lzop -9 -c", "lzop", false},
	{"lzop -c -F", "lzop", false},
	{"lzop -c -CC --crc32", "lzop", false},
}

// pack puts data through a command. The test is skipped where it is not there, but
// for CI.
func pack(t testing.TB, command string, data []byte) []byte {
	t.Helper()
	args := strings.Fields(command)
	if _, err := exec.LookPath(args[0]); err != nil {
		if os.Getenv("CI") == "true" {
			require.NoError(t, err)
		}
		t.Skip(err)
	}
	// Some tools tell the size in the header only when they read a file.
	name := t.TempDir() + "/data"
	require.NoError(t, os.WriteFile(name, data, 0o600))
	cmd := exec.Command(args[0], append(args[1:], name)...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	require.NoError(t, err, "%s: %s", command, errs.String())
	return out
}

// contents are what is packed: of every kind of block that the formats have.
func contents() map[string][]byte {
	rnd := rand.NewChaCha8([32]byte{1})
	random := make([]byte, 300<<10)
	_, _ = rnd.Read(random)
	text := bytes.Repeat([]byte("some text that a compressor likes, again and again, "), 8000)
	mixed := bytes.Join([][]byte{random[:200_000], text[:300_000], make([]byte, 400<<10), random[:150_000], text}, nil)
	return map[string][]byte{
		"empty": {}, "one byte": {'x'}, "short": []byte("070701 not really a cpio archive"), "text": text,
		"random": random, "mixed": mixed,
	}
}

func TestTools(t *testing.T) {
	for _, tool := range tools {
		t.Run(tool.command, func(t *testing.T) {
			contents := contents()
			if tool.format == "lz4 legacy" {
				contents["three blocks"] = bytes.Repeat(contents["mixed"], 13)
			}
			for name, data := range contents {
				packed := pack(t, tool.command, data)
				rc, format, err := compress.Open(bytes.NewReader(packed))
				if len(packed) == 0 { // gzip and the like never do that
					require.Equal(t, compress.None, format)
					continue
				}
				require.NoError(t, err, name)
				require.Equal(t, tool.format, format.String())
				require.Equal(t, tool.format, compress.Sniff(packed[:9:9]).String())
				equal(t, data, rc, name)
				require.NoError(t, rc.Close())
				_, err = rc.Read(make([]byte, 1))
				require.ErrorContains(t, err, "closed")
				require.NoError(t, rc.Close())
			}
		})
	}
}

// equal compares digests: a difference of megabytes is no message.
func equal(t *testing.T, want []byte, r io.Reader, what string) {
	t.Helper()
	h := sha256.New()
	n, err := io.Copy(h, r)
	require.NoError(t, err, what)
	sum := sha256.Sum256(want)
	require.Equal(t, int64(len(want)), n, what)
	require.Equal(t, sum[:], h.Sum(nil), what)
}

// TestBehind: a reader stands behind the stream, whatever comes there, and however
// the bytes come in.
func TestBehind(t *testing.T) {
	data := contents()["mixed"][100_000:600_000]
	for _, tool := range tools {
		t.Run(tool.command, func(t *testing.T) {
			packed := pack(t, tool.command, data)
			for _, behind := range []string{"", "\x00\x00\x00\x00", "\x00\x00", "070701 another archive", "\x1f\x8b\x08", string(packed)} {
				want := data
				if tool.format == "lz4 legacy" && strings.Trim(behind, "\x00") != "" {
					if behind != string(packed) {
						continue // it looks like a block
					}
				}
				if tool.two && behind == string(packed) {
					want, behind = append(data[:len(data):len(data)], data...), ""
					packed = append(packed[:len(packed):len(packed)], packed...)
				}
				for _, size := range []int{64, 1000, 1 << 20} {
					br := bufio.NewReaderSize(strings.NewReader(string(packed)+behind), size)
					rc, _, err := compress.Open(br)
					require.NoError(t, err)
					equal(t, want, rc, tool.command)
					_, err = rc.Read(make([]byte, 1))
					require.Equal(t, io.EOF, err)
					require.NoError(t, rc.Close())
					rest, err := io.ReadAll(br)
					require.NoError(t, err)
					require.Equal(t, behind, string(rest))
				}
			}
		})
	}
}

// TestCut: a stream that is cut off anywhere is an error that says so.
func TestCut(t *testing.T) {
	data := contents()["mixed"][100_000:600_000]
	for _, tool := range tools {
		t.Run(tool.command, func(t *testing.T) {
			packed := pack(t, tool.command, data)
			cuts := []int{len(packed) - 1, len(packed) - 2, len(packed) - 5, len(packed) - 13, len(packed) / 2, len(packed) / 3}
			for n := 9; n < 60; n++ {
				cuts = append(cuts, n)
			}
			for _, n := range cuts {
				err := drain(bytes.NewReader(packed[:n]))
				require.Error(t, err, n)
				require.ErrorIs(t, err, io.ErrUnexpectedEOF, "%d of %d bytes", n, len(packed))
				require.ErrorContains(t, err, "unpack "+tool.format+": it is cut off")
				// An error of the reader stays what it is.
				errDisk := errors.New("disk on fire")
				err = drain(io.MultiReader(bytes.NewReader(packed[:n]), iotest.ErrReader(errDisk)))
				require.ErrorIs(t, err, errDisk, "%d of %d bytes", n, len(packed))
			}
		})
	}
}

// TestBzip2MadeUp cuts streams off where package bzip2 makes up a block from what is
// left of it and zeros. That is no part of the content.
func TestBzip2MadeUp(t *testing.T) {
	madeUp := 0
	for _, n := range []int{162, 339, 373} {
		data := []byte(strings.Repeat(fmt.Sprintf("%d %d\n", n, n*n), 100))
		packed := pack(t, "bzip2 -1c", data)
		for n := 14; n < len(packed); n++ {
			block := make([]byte, 512)
			if k, err := bzip2.NewReader(bytes.NewReader(packed[:n])).Read(block); err != nil && !bytes.HasPrefix(data, block[:k]) {
				madeUp++
			}
			rc, _, err := compress.Open(bytes.NewReader(packed[:n]))
			require.NoError(t, err)
			got, err := io.ReadAll(rc)
			require.ErrorIs(t, err, io.ErrUnexpectedEOF)
			require.True(t, bytes.HasPrefix(data, got), "%d of %d bytes", n, len(packed))
		}
	}
	require.NotZero(t, madeUp, "other contents are needed")
}

func drain(r io.Reader) error {
	rc, _, err := compress.Open(r)
	if err != nil {
		return err
	}
	defer rc.Close()
	_, err = io.Copy(io.Discard, rc)
	return err
}

// TestFlipped: no byte that is changed goes unnoticed where there are checksums.
func TestFlipped(t *testing.T) {
	data, changes := contents()["mixed"][150_000:600_000], 30
	if testing.Short() {
		changes = 6
	}
	for _, tool := range tools {
		if strings.Contains(tool.command, "no-check") || strings.Contains(tool.command, "check=none") ||
			strings.Contains(tool.command, "-crc -BD") || strings.Contains(tool.command, "-l ") || strings.Contains(tool.command, "-F") {
			continue // there are none
		}
		t.Run(tool.command, func(t *testing.T) {
			packed := pack(t, tool.command, data)
			rnd := rand.New(rand.NewPCG(1, 2))
			for range changes {
				at := 40 + rnd.IntN(len(packed)-40)
				packed[at] ^= 0x10
				err := drain(bytes.NewReader(packed))
				if tool.format == "gzip" && at < 50 || at > len(packed)-8 && err == nil {
					packed[at] ^= 0x10
					continue // a file's name; padding
				}
				require.Error(t, err, "byte %d of %d", at, len(packed))
				packed[at] ^= 0x10
			}
		})
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct{ name, in, format, want string }{
		{"lzma", "\x5d\x00\x00\x80\x00\xff\xff\xff\xff\xff\xff\xff\xff", "lzma", "unpack lzma: this format is not read here"},
		{"gzip of nothing", "\x1f\x8b", "gzip", "unpack gzip: it is cut off"},
		{"gzip of no known method", "\x1f\x8b\x07" + zeros(20), "gzip", "unpack gzip: gzip: invalid header"},
		{"legacy block too big", "\x02\x21\x4c\x18\x00\x00\x00\x7f", "lz4 legacy", "a block of 2130706432 bytes"},
		{"lz4 with a dictionary", "\x04\x22\x4d\x18\x41\x40" + zeros(20), "lz4", "it needs a dictionary"},
		{"lz4 version 2", "\x04\x22\x4d\x18\x80\x40" + zeros(20), "lz4", "a header of no known version"},
		{"lz4 header", "\x04\x22\x4d\x18\x40\x40\x00" + zeros(20), "lz4", "the checksum of the header is wrong"},
		{"newer lzop", "\x89LZO\x00\r\n\x1a\n\x20\x00\x20\x00\x20\x00" + zeros(40), "lzop", "a newer lzop"},
		{"lzop header", "\x89LZO\x00\r\n\x1a\n\x10\x30\x20\xa0\x09\x40\x01\x05" + zeros(40), "lzop", "the checksum of the header"},
		{"xz header", "\xfd7zXZ\x00\x00\x01" + zeros(40), "xz", "unpack xz: "},
		{"zstd with a dictionary", "\x28\xb5\x2f\xfd\x21\x07\x01" + zeros(20), "zstd", "unpack zstd: it needs a dictionary"},
		{"zstd header", "\x28\xb5\x2f\xfd\x20\xff\xff\xff\xff\xff\xff", "zstd", "unpack zstd: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			rc, format, err := compress.Open(strings.NewReader(c.in))
			require.Equal(t, c.format, format.String())
			if err == nil {
				_, err = io.Copy(io.Discard, rc)
				require.NoError(t, rc.Close())
			}
			require.ErrorContains(t, err, c.want)
		})
	}
	for _, plain := range []string{"", "x", "070701", "BZ", "\x7fELF"} {
		rc, format, err := compress.Open(strings.NewReader(plain))
		require.NoError(t, err)
		require.Equal(t, compress.None, format)
		b, err := io.ReadAll(rc)
		require.NoError(t, err)
		require.Equal(t, plain, string(b))
	}
	errDisk := errors.New("disk on fire")
	_, _, err := compress.Open(iotest.ErrReader(errDisk))
	require.ErrorIs(t, err, errDisk)
}

func zeros(n int) string { return strings.Repeat("\x00", n) }

// TestMemory opens streams that say that they need much, and looks at what is
// taken for them.
func TestMemory(t *testing.T) {
	xz := pack(t, "xz -c --check=crc32 --lzma2=dict=1536MiB", []byte("x"))
	zstd := pack(t, "zstd -q -c", nil)
	// A window of 2 GiB: an exponent of 21 in place of a single segment.
	zstd = append(append([]byte{}, zstd[:4]...), 0, 21<<3, 1, 0, 0)
	lz4 := "\x02\x21\x4c\x18" + string(binary.LittleEndian.AppendUint32(nil, 8<<20)) + "x"
	for _, c := range []struct {
		name, in, want string
		most           uint64
	}{
		{"xz", string(xz), "unpack xz: it needs a window of more than 128 MiB", 1 << 20},
		{"zstd", string(zstd), "unpack zstd: it needs a window of more than 128 MiB", 4 << 20},
		{"lz4", lz4, "it is cut off", 1 << 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := drain(strings.NewReader(c.in))
			runtime.ReadMemStats(&after)
			require.ErrorContains(t, err, c.want)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, c.most)
		})
	}
}

// TestLinkedBlocks: what blocks look back into does not grow with the stream.
func TestLinkedBlocks(t *testing.T) {
	packed := pack(t, "lz4 -q -c -BD -B4", make([]byte, 32<<20))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	require.NoError(t, drain(bytes.NewReader(packed)))
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(2<<20))
}

// TestContentSize changes the size that the header of an lz4 frame tells. The
// checksum of the header, one byte, is right for one of all values.
func TestContentSize(t *testing.T) {
	packed := pack(t, "lz4 -q -c --content-size", []byte("content"))
	packed[6]++
	said := 0
	for sum := range 256 {
		packed[14] = byte(sum)
		err := drain(bytes.NewReader(packed))
		require.Error(t, err)
		if !strings.Contains(err.Error(), "checksum of the header") {
			require.EqualError(t, err, "unpack lz4: 7 bytes, where its header says 8")
			said++
		}
	}
	require.Equal(t, 1, said)
}

// TestNothingRuns: there is no goroutine, neither while a stream is open nor when it
// is left alone.
func TestNothingRuns(t *testing.T) {
	data := contents()["text"]
	before := runtime.NumGoroutine()
	for _, command := range []string{"gzip -c", "bzip2 -c", "xz -c", "zstd -q -c", "lz4 -q -c", "lz4 -q -l -c", "lzop -c"} {
		packed := pack(t, command, data)
		rc, _, err := compress.Open(bytes.NewReader(packed))
		require.NoError(t, err)
		_, err = io.ReadFull(rc, make([]byte, 1000))
		require.NoError(t, err)
		require.LessOrEqual(t, runtime.NumGoroutine(), before, command)
	}
}

func FuzzOpen(f *testing.F) {
	data := []byte(strings.Repeat("070701 a little of this and ", 9) + zeros(300))
	for _, tool := range tools {
		if _, err := exec.LookPath(strings.Fields(tool.command)[0]); err == nil {
			f.Add(pack(f, tool.command, data))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		br := bufio.NewReader(bytes.NewReader(b))
		rc, _, err := compress.Open(br)
		if err != nil {
			return
		}
		defer rc.Close()
		_, _ = io.Copy(io.Discard, io.LimitReader(rc, 64<<20))
	})
}

package compress

import (
	"bytes"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os/exec"
	"testing"

	"github.com/klauspost/compress/flate"
	"github.com/stretchr/testify/require"
)

func TestCombineCRC(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		a, b := make([]byte, r.IntN(300)), make([]byte, r.IntN(3<<10))
		for _, p := range [][]byte{a, b} {
			for i := range p {
				p[i] = byte(r.Uint32())
			}
		}
		want := crc32.ChecksumIEEE(append(bytes.Clone(a), b...))
		require.Equal(t, want, combineCRC(crc32.ChecksumIEEE(a), crc32.ChecksumIEEE(b), uint64(len(b))))
	}
	// More than 4 GiB of zeros, as against one piece after the other.
	zero := crc32.ChecksumIEEE(make([]byte, 1<<20))
	crc := uint32(0)
	for range 5 << 10 {
		crc = combineCRC(crc, zero, 1<<20)
	}
	half := uint32(0)
	for range 5 << 9 {
		half = combineCRC(half, zero, 1<<20)
	}
	require.Equal(t, crc, combineCRC(half, half, 5<<29))
}

// member makes one gzip member of frames, and says where each began.
func member(t *testing.T, level Level, frames [][]byte) (image []byte, starts []int) {
	t.Helper()
	c, err := NewEncoder(Gzip, level)
	require.NoError(t, err)
	env := NewEnvelope(Gzip)
	image = env.Head()
	for _, f := range frames {
		starts = append(starts, len(image))
		before := len(image)
		image, err = c.Encode(image, f)
		require.NoError(t, err)
		env.Add(len(image)-before, len(f), Checksum(Gzip, f))
	}
	return append(image, env.Tail()...), starts
}

// TestOneMember: gzip reads it whole, Python's stream mode does not stop on the way,
// and each piece can be decoded from where it begins.
func TestOneMember(t *testing.T) {
	var frames [][]byte
	var all []byte
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 7 {
		f := make([]byte, 1<<18)
		for k := range f {
			f[k] = byte(r.Uint32() >> (24 + i%8))
		}
		frames, all = append(frames, f), append(all, f...)
	}
	frames, all = append(frames, []byte("end")), append(all, "end"...)
	for _, level := range []Level{Fast, Default, Better, Best} {
		image, starts := member(t, level, frames)
		for _, args := range [][]string{
			{"gzip", "-dc"},
			{"python3", "-c", "import sys, zlib; d = zlib.decompressobj(31); sys.stdout.buffer.write(d.decompress(sys.stdin.buffer.read())); assert d.eof and not d.unused_data"},
		} {
			cmd := exec.Command(args[0], args[1:]...)
			cmd.Stdin = bytes.NewReader(image)
			out, err := cmd.Output()
			require.NoError(t, err)
			require.True(t, bytes.Equal(all, out), args[0])
		}
		for i, at := range starts {
			got := make([]byte, len(frames[i]))
			_, err := io.ReadFull(flate.NewReader(bytes.NewReader(image[at:])), got)
			require.NoError(t, err)
			require.True(t, bytes.Equal(frames[i], got))
			if i > 0 {
				require.Equal(t, []byte{0, 0, 0xff, 0xff}, image[at-4:at], "a full flush ends the piece before")
			}
		}
	}
}

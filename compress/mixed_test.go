package compress

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
)

// mixedFrames are frames of which the name says who is to compress them.
func mixedFrames(size int) map[string][]byte {
	random := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, size)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	// Each word comes again, but not soon: it shrinks by half or so.
	var words []byte
	for len(words) < size {
		words = fmt.Appendf(words, "%x ", uint64(random.IntN(1000))*0x9e3779b97f4a7c15)
	}
	words = words[:size]
	return map[string][]byte{
		"light: compressed already": noise,
		"light: zeros":              make([]byte, size),
		"light: repeats":            bytes.Repeat([]byte("all work and no play\n"), size/21+1)[:size],
		"thorough: words":           words,
		// What the samples see is not all there is, but is all that decides.
		"light: zeros at the samples": func() []byte {
			b := bytes.Clone(words)
			for at := 0; at < size; at += sampleEvery {
				clear(b[at:min(at+sampleSize, size)])
			}
			return b
		}(),
		"light: short":    []byte("x"),
		"light: no bytes": nil,
	}
}

func TestMixed(t *testing.T) {
	for _, tc := range []struct {
		codec           Codec
		light, thorough func() (Encoder, error)
	}{
		{Zstd, zstdLevel(zstd.SpeedFastest), zstdLevel(zstd.SpeedDefault)},
		{Gzip, gzipLevel(4), gzipLevel(6)},
	} {
		t.Run(tc.codec.String(), func(t *testing.T) {
			light, err := tc.light()
			require.NoError(t, err)
			thorough, err := tc.thorough()
			require.NoError(t, err)
			// One for all frames: it keeps nothing of a frame for the next.
			mixed, err := NewEncoder(tc.codec, Default)
			require.NoError(t, err)
			for range 2 {
				for name, frame := range mixedFrames(2<<20 + 12345) {
					by := light
					if name[0] == 't' {
						by = thorough
					}
					want, err := by.Encode(nil, frame)
					require.NoError(t, err)
					got, err := mixed.Encode([]byte("before"), frame)
					require.NoError(t, err)
					require.True(t, bytes.Equal(append([]byte("before"), want...), got), name)
				}
			}
		})
	}
}

// TestNotWritten has nothing written through a codec that is only read.
func TestNotWritten(t *testing.T) {
	for _, c := range []Codec{None, XZ, Bzip2, LZ4, LZMA} {
		_, err := NewEncoder(c, Default)
		require.EqualError(t, err, "nothing is written through "+c.String()+" here")
	}
}

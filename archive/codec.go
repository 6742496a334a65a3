package archive

import (
	"bytes"
	"fmt"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Codec is how the tar is compressed.
type Codec uint8

// The codecs. The zero value is gzip, which every deployer takes. XZ and Bzip2 are
// for images of others: they are read, and not written.
const (
	Gzip Codec = iota
	Zstd
	None
	XZ
	Bzip2
)

// String returns what the codec is called.
func (c Codec) String() string {
	switch c {
	case Gzip:
		return "gzip"
	case Zstd:
		return "zstd"
	case None:
		return "none"
	case XZ:
		return "xz"
	case Bzip2:
		return "bzip2"
	}
	return "unknown"
}

// Level is how hard the codec tries.
type Level uint8

// The levels.
const (
	Default Level = iota
	Fast
	Better
	Best
)

// ParseLevel reads a level's name.
func ParseLevel(s string) (Level, error) {
	for l, name := range map[Level]string{Default: "default", Fast: "fast", Better: "better", Best: "best"} {
		if s == name {
			return l, nil
		}
	}
	return 0, fmt.Errorf("unknown level %q: it is one of fast, default, better, best", s)
}

// frameSize is how many bytes of tar go into one frame. Small gzip members cost
// next to nothing, because its window is 32 KiB; zstd looks back up to the whole
// frame.
func frameSize(c Codec) int {
	if c == Zstd {
		return 8 << 20
	}
	return 1 << 20
}

// compressor compresses whole frames, one at a time.
type compressor interface {
	// compress appends the compressed frame to dst.
	compress(dst, frame []byte) ([]byte, error)
}

func newCompressor(c Codec, l Level) (compressor, error) {
	switch c {
	case Gzip:
		w, err := gzip.NewWriterLevel(nil, map[Level]int{Fast: 1, Default: 6, Better: 7, Best: 9}[l])
		if err != nil {
			return nil, err
		}
		return &gzipCompressor{w: w}, nil
	case Zstd:
		level := map[Level]zstd.EncoderLevel{
			Fast: zstd.SpeedFastest, Default: zstd.SpeedDefault,
			Better: zstd.SpeedBetterCompression, Best: zstd.SpeedBestCompression,
		}[l]
		w, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(level), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(frameSize(Zstd)))
		if err != nil {
			return nil, err
		}
		return zstdCompressor{w}, nil
	}
	return nil, fmt.Errorf("images are read through %s, but not written", c)
}

type gzipCompressor struct {
	w   *gzip.Writer
	out bytes.Buffer
}

func (g *gzipCompressor) compress(dst, frame []byte) ([]byte, error) {
	g.out.Reset()
	g.w.Reset(&g.out)
	g.w.ModTime = time.Unix(0, 0) // none, see RFC 1952; the zero Time comes out as 2042
	if _, err := g.w.Write(frame); err != nil {
		return nil, err
	}
	if err := g.w.Close(); err != nil {
		return nil, err
	}
	return append(dst, g.out.Bytes()...), nil
}

type zstdCompressor struct{ w *zstd.Encoder }

func (z zstdCompressor) compress(dst, frame []byte) ([]byte, error) {
	return z.w.EncodeAll(frame, dst), nil
}

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

// newCompressor returns the compressor of a level. The default level is two: frames
// of which most of the gain is had quickly are compressed by the lighter one. On roots
// of Debian that is six frames of ten; it takes a tenth off the time, and adds 2 % to
// the size.
func newCompressor(c Codec, l Level) (compressor, error) {
	switch c {
	case Gzip:
		if l == Default {
			return newMixed(gzipLevel(4), gzipLevel(6), 30)
		}
		// Not 9: it takes seven times as long as 8, and gains less than half a percent.
		return gzipLevel(map[Level]int{Fast: 1, Better: 7, Best: 8}[l])()
	case Zstd:
		if l == Default {
			return newMixed(zstdLevel(zstd.SpeedFastest), zstdLevel(zstd.SpeedDefault), 36)
		}
		return zstdLevel(map[Level]zstd.EncoderLevel{
			Fast: zstd.SpeedFastest, Better: zstd.SpeedBetterCompression, Best: zstd.SpeedBestCompression,
		}[l])()
	}
	return nil, fmt.Errorf("images are read through %s, but not written", c)
}

func gzipLevel(level int) func() (compressor, error) {
	return func() (compressor, error) {
		w, err := gzip.NewWriterLevel(nil, level)
		return gzipCompressor{w}, err
	}
}

func zstdLevel(level zstd.EncoderLevel) func() (compressor, error) {
	return func() (compressor, error) {
		w, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(level), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(frameSize(Zstd)),
			// Room for one window and not for two: a frame is no longer than that.
			zstd.WithLowerEncoderMem(true))
		return zstdCompressor{w}, err
	}
}

type gzipCompressor struct{ w *gzip.Writer }

func (g gzipCompressor) compress(dst, frame []byte) ([]byte, error) {
	out := bytes.NewBuffer(dst)
	g.w.Reset(out)
	g.w.ModTime = time.Unix(0, 0) // none, see RFC 1952; the zero Time comes out as 2042
	if _, err := g.w.Write(frame); err != nil {
		return nil, err
	}
	if err := g.w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

type zstdCompressor struct{ w *zstd.Encoder }

func (z zstdCompressor) compress(dst, frame []byte) ([]byte, error) {
	return z.w.EncodeAll(frame, dst), nil
}

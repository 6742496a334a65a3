package compress

import (
	"bytes"
	"fmt"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zstd"
)

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

// FrameSize is how many bytes of the input go into one frame. Small pieces of gzip cost
// next to nothing, because its window is 32 KiB; zstd looks back up to the whole
// frame.
func FrameSize(c Codec) int {
	if c == Zstd {
		return 8 << 20
	}
	return 1 << 20
}

// Encoder compresses whole frames, one at a time. What it makes of a frame depends on
// nothing but the bytes of that frame. What goes around them is an Envelope's.
type Encoder interface {
	// Encode appends the compressed frame to dst.
	Encode(dst, frame []byte) ([]byte, error)
}

// NewEncoder returns the encoder of a level. The default level is two: frames
// of which most of the gain is had quickly are compressed by the lighter one. On roots
// of Debian that is six frames of ten; it takes a tenth off the time, and adds 2 % to
// the size.
func NewEncoder(c Codec, l Level) (Encoder, error) {
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
	return nil, fmt.Errorf("nothing is written through %s here", c)
}

func gzipLevel(level int) func() (Encoder, error) {
	return func() (Encoder, error) {
		w, err := flate.NewWriter(nil, level)
		return gzipEncoder{w}, err
	}
}

func zstdLevel(level zstd.EncoderLevel) func() (Encoder, error) {
	return func() (Encoder, error) {
		w, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(level), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(FrameSize(Zstd)),
			// Room for one window and not for two: a frame is no longer than that.
			zstd.WithLowerEncoderMem(true))
		return zstdEncoder{w}, err
	}
}

// gzipEncoder makes the deflated pieces of one gzip member; see Envelope. Each knows
// nothing of the one before, and ends in an empty stored block at a byte boundary: so
// that it can be decoded by itself, too.
type gzipEncoder struct{ w *flate.Writer }

func (g gzipEncoder) Encode(dst, frame []byte) ([]byte, error) {
	out := bytes.NewBuffer(dst)
	g.w.Reset(out)
	if _, err := g.w.Write(frame); err != nil {
		return nil, err
	}
	if err := g.w.Flush(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

type zstdEncoder struct{ w *zstd.Encoder }

func (z zstdEncoder) Encode(dst, frame []byte) ([]byte, error) {
	return z.w.EncodeAll(frame, dst), nil
}

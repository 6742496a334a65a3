package compress

import (
	"bufio"
	"fmt"
	"io"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zstd"
)

// FrameReader decompresses from the beginning of a frame on, one frame after the other. It
// decompresses and reads no more than is taken of it, so that little is read of an image of
// which little is wanted; what is around the frames it does not check.
type FrameReader struct {
	r    io.Reader
	zstd *zstd.Decoder
	buf  []byte
}

// NewFrameReader returns the reader for a codec in which images are written. The caller
// closes it; that does not close r.
func NewFrameReader(r io.Reader, codec Codec) (*FrameReader, error) {
	f := &FrameReader{buf: make([]byte, 64<<10)}
	switch codec {
	case None:
		f.r = r
	case Gzip:
		f.r = flate.NewReader(bufio.NewReader(r))
	case Zstd:
		var err error
		f.zstd, err = zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(MaxWindow))
		if err != nil {
			return nil, err
		}
		f.r = f.zstd
	default:
		return nil, fmt.Errorf("no images are written through %s", codec)
	}
	return f, nil
}

// Next returns what comes next, valid until the next call, io.EOF after the last frame.
func (f *FrameReader) Next() ([]byte, error) {
	for {
		n, err := f.r.Read(f.buf)
		if n > 0 {
			return f.buf[:n], nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// Close frees memory.
func (f *FrameReader) Close() {
	if f.zstd != nil {
		f.zstd.Close()
		f.zstd = nil
	}
	f.r = nothing{}
}

type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, ErrClosed }

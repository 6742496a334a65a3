package compress

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/klauspost/compress/zstd"
)

const (
	// maxWholeFrame is the size, packed and unpacked, up to which a frame is decoded
	// beside others: twice that of our own.
	maxWholeFrame = 16 << 20
	// maxDecoders bounds the memory, and is more than hashing keeps up with.
	maxDecoders = 8
)

// zstdFrames reads the frames of a zstd stream; see RFC 8878. It finds the end of
// each by the sizes of its blocks, so that whole frames can be decoded side by
// side, the end of the input within a frame is noticed, and a seek table can be
// held against the frames that it is about.
type zstdFrames struct {
	br     *bufio.Reader
	u      *Reader
	at     int64         // bytes of the image before the frame
	tar    int64         // bytes decompressed before it
	whole  *zstd.Decoder // for frames that are decoded at once
	stream *zstd.Decoder // for the others; made when first wanted
	table  tableCheck
}

func newZstdFrames(br *bufio.Reader, u *Reader, jobs int) (*zstdFrames, error) {
	whole, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(jobs), zstd.WithDecoderMaxWindow(MaxWindow),
		zstd.WithDecoderMaxMemory(MaxWindow))
	if err != nil {
		return nil, err
	}
	return &zstdFrames{br: br, u: u, whole: whole, table: tableCheck{sum: sha256.New()}}, nil
}

func (z *zstdFrames) close() {
	if z.stream != nil {
		z.stream.Close()
	}
}

// decodeFrames is one worker.
func (z *zstdFrames) decodeFrames() {
	for p := range z.u.work {
		var err error
		if p.data, err = z.whole.DecodeAll(p.in, p.data[:0]); err != nil {
			p.err = fmt.Errorf("decompress the zstd frame at byte %d of the image: %w", p.at, err)
		}
		p.done <- struct{}{}
	}
}

// run reads all frames.
func (z *zstdFrames) run() error {
	for {
		b, err := z.br.Peek(4)
		if len(b) == 0 && err == io.EOF {
			return io.EOF
		}
		if err == io.EOF {
			// So many bytes may start a magic number, or be garbage.
			return fmt.Errorf("%d bytes follow the last zstd frame: %w", len(b), io.ErrUnexpectedEOF)
		}
		if err != nil {
			return err
		}
		switch {
		case string(b) == zstdMagic:
			err = z.frame()
		case StartsZstd(b):
			err = z.skippable()
		default:
			return fmt.Errorf("byte %d of the image does not start a zstd frame", z.at)
		}
		if err == ErrClosed {
			return err
		}
		if err != nil {
			return fmt.Errorf("decompress the zstd frame at byte %d of the image: %w", z.at, err)
		}
	}
}

// frame reads one frame.
func (z *zstdFrames) frame() error {
	f, err := openZstdFrame(z.br)
	if err != nil {
		return err
	}
	z.u.unsummed = z.u.unsummed || !f.sum && !(f.known && f.content == 0)
	p, err := z.u.take()
	if err != nil {
		return err
	}
	p.in, p.at = p.in[:0], z.at
	if f.known && f.content <= maxWholeFrame {
		if p.in, err = appendUpTo(p.in, f, maxWholeFrame); err == nil {
			// Only now, when all of the frame is there, is its size believed.
			p.data = slices.Grow(p.data[:0], int(f.content))
			z.passed(f.size, int64(f.content))
			z.u.ordered <- p
			z.u.work <- p
			return nil
		}
		if err != errTooLong {
			return err
		}
	}
	// The stream decoder takes the frame from its start.
	start := bytes.NewReader(p.in)
	p.in = nil
	z.u.free <- p
	return z.long(io.MultiReader(start, f), f)
}

// passed goes on to behind a frame.
func (z *zstdFrames) passed(packed, unpacked int64) {
	z.u.frames.begin(z.tar, z.at)
	z.table.add(packed, unpacked)
	z.at += packed
	z.tar += unpacked
}

// long decodes a frame of any size as a stream.
func (z *zstdFrames) long(r io.Reader, f *zstdFrame) error {
	var err error
	if z.stream == nil {
		z.stream, err = zstd.NewReader(r, zstd.WithDecoderMaxWindow(MaxWindow), zstd.WithDecoderMaxMemory(MaxWindow),
			zstd.WithDecodeBuffersBelow(0))
	} else {
		err = z.stream.Reset(r)
	}
	if err != nil {
		return err
	}
	count := &counter{r: z.stream}
	if err := z.u.copy(count); err != io.EOF {
		return err
	}
	if f.err != io.EOF {
		// The decoder takes the end of its input for the end of the stream in places
		// where it is not.
		return cmp.Or(f.err, io.ErrUnexpectedEOF)
	}
	z.passed(f.size, count.n)
	return nil
}

// skippable passes over a frame that holds no data. One with the number of the seek
// table has to be that.
func (z *zstdFrames) skippable() error {
	var head [8]byte
	if _, err := io.ReadFull(z.br, head[:]); err != nil {
		return noEOF(err)
	}
	size := int64(binary.LittleEndian.Uint32(head[4:]))
	if head[0] == 0x5e {
		if err := z.table.read(z.br, size); err != nil {
			return err
		}
	} else {
		if _, err := io.CopyN(io.Discard, z.br, size); err != nil {
			return noEOF(err)
		}
	}
	z.at += int64(len(head)) + size
	return nil
}

var errTooLong = errors.New("too long")

// appendUpTo reads r to its end, or stops with errTooLong when it got limit bytes.
func appendUpTo(b []byte, r io.Reader, limit int) ([]byte, error) {
	for len(b) < limit {
		if len(b) == cap(b) {
			b = slices.Grow(b, max(64<<10, len(b)))
		}
		n, err := r.Read(b[len(b):min(cap(b), limit)])
		b = b[:len(b)+n]
		if err == io.EOF {
			return b, nil
		}
		if err != nil {
			return b, err
		}
	}
	return b, errTooLong
}

// counter counts what is read.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

package archive

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
	zstdMagic     = "\x28\xb5\x2f\xfd"
	zstdSkippable = "\x2a\x4d\x18" // after a byte from 0x50 to 0x5f
	// maxWholeFrame is the size, packed and unpacked, up to which a frame is decoded
	// beside others: twice that of our own.
	maxWholeFrame = 16 << 20
	// maxWindow is what zstd -d takes too unless it is told otherwise.
	maxWindow = 128 << 20
	// maxDecoders bounds the memory, and is more than hashing keeps up with.
	maxDecoders = 8
)

// zstdFrames reads the frames of a zstd stream; see RFC 8878. It finds the end of
// each by the sizes of its blocks, so that whole frames can be decoded side by
// side, the end of the input within a frame is noticed, and a seek table can be
// held against the frames that it is about.
type zstdFrames struct {
	br     *bufio.Reader
	u      *unpacker
	at     int64         // bytes of the image before the frame
	whole  *zstd.Decoder // for frames that are decoded at once
	stream *zstd.Decoder // for the others; made when first wanted
	table  tableCheck
}

func newZstdFrames(br *bufio.Reader, u *unpacker, jobs int) (*zstdFrames, error) {
	whole, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(jobs), zstd.WithDecoderMaxWindow(maxWindow),
		zstd.WithDecoderMaxMemory(maxWindow))
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
		case b[0]&0xf0 == 0x50 && string(b[1:]) == zstdSkippable:
			err = z.skippable()
		default:
			return fmt.Errorf("byte %d of the image does not start a zstd frame", z.at)
		}
		if err == errStopped {
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
	p, err := z.u.take()
	if err != nil {
		return err
	}
	p.in, p.at = p.in[:0], z.at
	if f.known && f.content <= maxWholeFrame {
		if p.in, err = appendUpTo(p.in, f, maxWholeFrame); err == nil {
			// Only now, when all of the frame is there, is its size believed.
			p.data = slices.Grow(p.data[:0], int(f.content))
			z.table.add(f.size, int64(f.content))
			z.at += f.size
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

// long decodes a frame of any size as a stream.
func (z *zstdFrames) long(r io.Reader, f *zstdFrame) error {
	var err error
	if z.stream == nil {
		z.stream, err = zstd.NewReader(r, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(maxWindow),
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
	z.table.add(f.size, count.n)
	z.at += f.size
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

// zstdFrame reads the bytes of one frame, packed, to its end.
type zstdFrame struct {
	br      *bufio.Reader
	small   [18]byte // room for the biggest frame header
	head    []byte   // bytes of a header that come next
	left    int64    // bytes of the image that come then
	size    int64    // bytes read so far
	known   bool     // whether the frame tells the size of its content
	content uint64
	sum     bool // a checksum comes after the last block
	last    bool // the last block has begun
	err     error
}

// openZstdFrame reads the header of a frame.
func openZstdFrame(br *bufio.Reader) (*zstdFrame, error) {
	f := &zstdFrame{br: br}
	read := func(n int) ([]byte, error) {
		at := len(f.head)
		f.head = f.small[:at+n]
		_, err := io.ReadFull(br, f.head[at:])
		return f.head[at:], noEOF(err)
	}
	b, err := read(5)
	if err != nil {
		return nil, err
	}
	flags := b[4]
	single := flags&0x20 != 0
	f.sum = flags&0x04 != 0
	if !single { // then there is a window descriptor
		if _, err := read(1); err != nil {
			return nil, err
		}
	}
	if b, err = read([]int{0, 1, 2, 4}[flags&3]); err != nil {
		return nil, err
	}
	for _, c := range b {
		if c != 0 {
			return nil, errors.New("it needs a dictionary")
		}
	}
	n := []int{0, 2, 4, 8}[flags>>6]
	if n == 0 && single {
		n = 1
	}
	if b, err = read(n); err != nil {
		return nil, err
	}
	f.known = n > 0
	for i, c := range b {
		f.content |= uint64(c) << (8 * i)
	}
	if n == 2 {
		f.content += 256
	}
	return f, nil
}

// Read returns bytes of the frame, io.EOF after the last of them.
func (f *zstdFrame) Read(p []byte) (int, error) {
	for len(f.head) == 0 && f.left == 0 && f.err == nil {
		f.err = f.part()
	}
	if f.err != nil {
		return 0, f.err
	}
	if len(f.head) > 0 {
		n := copy(p, f.head)
		f.head = f.head[n:]
		f.size += int64(n)
		return n, nil
	}
	n, err := f.br.Read(p[:min(int64(len(p)), f.left)])
	f.left -= int64(n)
	f.size += int64(n)
	f.err = noEOF(err)
	return n, f.err
}

// part goes on to the next block, the checksum or the end.
func (f *zstdFrame) part() error {
	if f.last {
		if !f.sum {
			return io.EOF
		}
		f.sum = false
		f.left = 4
		return nil
	}
	f.head = f.small[:3]
	if _, err := io.ReadFull(f.br, f.head); err != nil {
		f.head = nil
		return noEOF(err)
	}
	h := uint32(f.head[0]) | uint32(f.head[1])<<8 | uint32(f.head[2])<<16
	f.last = h&1 != 0
	f.left = int64(h >> 3)
	switch h >> 1 & 3 {
	case 1: // one byte, repeated
		f.left = 1
	case 3:
		return errors.New("block of a reserved type")
	}
	return nil
}

// noEOF is for where the input must not end.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

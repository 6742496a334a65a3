package unpack

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
)

const zstdMagic = "\x28\xb5\x2f\xfd"

// framed gives a decoder the bytes of one stream, and then io.EOF, whatever comes
// behind. Decoders read ahead, and look for another stream after the first.
type framed struct {
	br *bufio.Reader
	// next looks at what comes and tells how long the next piece is, more than 0
	// bytes; io.EOF when there is no more.
	next func(*bufio.Reader) (int64, error)
	left int64 // of the piece
	err  error
}

func (f *framed) Read(p []byte) (n int, err error) {
	for f.err == nil && f.left == 0 {
		f.left, f.err = f.next(f.br)
	}
	if f.err != nil {
		return 0, f.err
	}
	n, err = f.br.Read(p[:min(int64(len(p)), f.left)])
	f.left -= int64(n)
	if err != nil {
		f.err = cutOff(err)
		if n > 0 {
			return n, nil
		}
	}
	return n, f.err
}

// cutOff is for errors of reads where the end may not be.
func cutOff(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// peek looks at the next n bytes, which must be there.
func peek(br *bufio.Reader, n int) ([]byte, error) {
	b, err := br.Peek(n)
	return b, cutOff(err)
}

// zstdFrame finds the end of a frame, see RFC 8878, section 3.1.1.
type zstdFrame struct {
	inside   bool
	last     bool // the last block was there
	checksum int64
}

func (z *zstdFrame) next(br *bufio.Reader) (int64, error) {
	if !z.inside {
		b, err := peek(br, 5)
		if err != nil {
			return 0, err
		}
		z.inside = true
		d := b[4] // the frame header descriptor
		n := int64(6) + int64([]byte{0, 1, 2, 4}[d&3]) + int64([]byte{0, 2, 4, 8}[d>>6])
		if d>>5&1 == 1 { // a single segment: no window descriptor
			n--
			if d>>6 == 0 {
				n++ // and a size of one byte
			}
		}
		z.checksum = int64(d>>2&1) * 4
		return n, nil
	}
	if z.last {
		if n := z.checksum; n > 0 {
			z.checksum = 0
			return n, nil
		}
		return 0, io.EOF
	}
	b, err := peek(br, 3)
	if err != nil {
		return 0, err
	}
	h := int64(b[0]) | int64(b[1])<<8 | int64(b[2])<<16
	z.last = h&1 == 1
	if h>>1&3 == 1 { // one byte, repeated
		return 3 + 1, nil
	}
	return 3 + h>>3, nil
}

// xzFrame finds the end of a stream, see "The .xz File Format", version 1.2.
type xzFrame struct {
	state   func(*xzFrame, *bufio.Reader) (int64, error)
	check   int64  // size of the check of a block
	packed  int64  // size of the block's data, or of the index, up to here
	numbers uint64 // to come in the index
}

func (x *xzFrame) next(br *bufio.Reader) (int64, error) {
	if x.state == nil {
		x.state = (*xzFrame).header
	}
	return x.state(x, br)
}

func (x *xzFrame) header(br *bufio.Reader) (int64, error) {
	b, err := peek(br, 12)
	if err != nil {
		return 0, err
	}
	x.check = []int64{0, 4, 8, 16, 32, 64}[(b[7]&15+2)/3]
	x.state = (*xzFrame).block
	return 12, nil
}

func (x *xzFrame) block(br *bufio.Reader) (int64, error) {
	b, err := peek(br, 1)
	if err != nil {
		return 0, err
	}
	if b[0] != 0 {
		x.packed, x.state = 0, (*xzFrame).chunk
		return (int64(b[0]) + 1) * 4, nil
	}
	x.packed, x.numbers, x.state = 1, 0, (*xzFrame).count
	return 1, nil // the index indicator
}

// chunk is a chunk of LZMA2. Whatever other filters there are keep its form, and
// LZMA2 is always the last one.
func (x *xzFrame) chunk(br *bufio.Reader) (int64, error) {
	b, err := peek(br, 1)
	if err != nil {
		return 0, err
	}
	n := int64(0)
	switch c := b[0]; {
	case c == 0:
		x.packed++
		x.state = (*xzFrame).block
		return 1 + -x.packed&3 + x.check, nil
	case c < 3:
		if b, err = peek(br, 3); err == nil {
			n = 3 + int64(binary.BigEndian.Uint16(b[1:])) + 1
		}
	case c < 0x80:
		err = errors.New("an LZMA2 chunk of no known kind")
	default:
		if b, err = peek(br, 5); err == nil {
			n = 5 + int64(binary.BigEndian.Uint16(b[3:])) + 1
		}
		if c >= 0xc0 {
			n++ // properties
		}
	}
	x.packed += n
	return n, err
}

// count is the number of records in the index, each of two numbers.
func (x *xzFrame) count(br *bufio.Reader) (int64, error) {
	n, size, err := number(br)
	if err != nil {
		return 0, err
	}
	x.numbers = 2 * n // at most 2^63-1 records
	x.packed += size
	x.state = (*xzFrame).record
	return size, nil
}

func (x *xzFrame) record(br *bufio.Reader) (int64, error) {
	if x.numbers > 0 {
		x.numbers--
		_, size, err := number(br)
		x.packed += size
		return size, err
	}
	x.state = func(*xzFrame, *bufio.Reader) (int64, error) { return 0, io.EOF }
	return -x.packed&3 + 4 + 12, nil // padding, CRC32, footer
}

// number reads one of xz's multibyte integers, of at most 9 bytes.
func number(br *bufio.Reader) (n uint64, size int64, err error) {
	b, err := br.Peek(9)
	for i, c := range b {
		n |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			return n, int64(i) + 1, nil
		}
	}
	if len(b) == 9 {
		err = errors.New("a number of more than 9 bytes")
	}
	return 0, 0, cutOff(err)
}

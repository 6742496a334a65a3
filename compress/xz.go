package compress

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/mikelolasagasti/xz"
)

// framed gives the decoder the bytes of one stream, and then io.EOF, whatever comes
// behind. It reads ahead, and looks for another stream after the first.
type framed struct {
	br *bufio.Reader
	// next looks at what comes and reports how long the next piece is, more than 0
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
		f.err = noEOF(err)
		if n > 0 {
			return n, nil
		}
	}
	return n, f.err
}

// peek looks at the next n bytes, which must be there.
func peek(br *bufio.Reader, n int) ([]byte, error) {
	b, err := br.Peek(n)
	return b, noEOF(err)
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
	return 0, 0, noEOF(err)
}

// openXZ decodes the one stream that br starts with.
func openXZ(br *bufio.Reader) (io.Reader, error) {
	return xz.NewReader(&framed{br: br, next: new(xzFrame).next}, MaxWindow)
}

// xz decompresses xz streams up to the end of the input, zeros between them included; see
// "The .xz File Format", 2 and 2.2. Blocks are checked against their checksums,
// where the stream has any, and against the index at its end. What follows a stream
// must be another one or the end.
func (u *Reader) xz(br *bufio.Reader) error {
	if head, err := br.Peek(8); err == nil {
		u.unsummed = head[7]&15 == 0 // the kind of check, "2.1.1.2. Stream Flags"
	}
	in := &watched{r: br}
	z, err := xz.NewReader(in, MaxWindow)
	if err == nil {
		err = u.copy(z)
	}
	switch {
	case err == io.EOF || err == ErrClosed:
		return err
	case in.err != nil && in.err != io.EOF:
		return in.err
	case errors.Is(err, xz.ErrBuf) && in.err == io.EOF:
		// It wants more input, and there is none.
		return io.ErrUnexpectedEOF
	case errors.Is(err, xz.ErrMemlimit):
		return fmt.Errorf("decompress xz: it needs a dictionary of more than %d bytes", MaxWindow)
	case errors.Is(err, xz.ErrFormat):
		return errors.New("decompress xz: what follows a stream is not another one")
	}
	return fmt.Errorf("decompress %w", err) // "xz: ..."
}

// watched remembers how its reader ended.
type watched struct {
	r   io.Reader
	err error
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if err != nil {
		w.err = err
	}
	return n, err
}

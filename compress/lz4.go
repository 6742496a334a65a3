package compress

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/pierrec/lz4/v4"
)

const (
	lz4Legacy = "\x02\x21\x4c\x18"
	lz4Frame  = "\x04\x22\x4d\x18"

	// legacyBlock is how much a block of the legacy format holds, but for the last.
	legacyBlock = 8 << 20
	// lz4Window is how far a block looks back into the ones before it.
	lz4Window = 64 << 10
)

// blocks is a stream that is decoded a block at a time.
type blocks struct {
	// next decodes the next block; io.EOF when there is none. What it returns is
	// valid until the next call.
	next func() ([]byte, error)
	left []byte // decoded, not yet read
	err  error
}

func (b *blocks) Read(p []byte) (int, error) {
	for len(b.left) == 0 {
		if b.err == nil {
			b.left, b.err = b.next()
		}
		if b.err != nil {
			return 0, b.err
		}
	}
	n := copy(p, b.left)
	b.left = b.left[n:]
	return n, nil
}

// compressBound is how big n bytes may get that cannot be compressed, see
// LZ4_COMPRESSBOUND.
func compressBound(n int) int { return n + n/255 + 16 }

// openLZ4Legacy reads what lz4 -l writes: blocks with their sizes before them, see
// "Legacy frame" in lz4_Frame_format.md.
func openLZ4Legacy(br *bufio.Reader) (io.Reader, error) {
	if _, err := br.Discard(len(lz4Legacy)); err != nil {
		return nil, err
	}
	in, out := make([]byte, 0, 64<<10), make([]byte, 0, 64<<10)
	return &blocks{next: func() ([]byte, error) {
		var size uint32
		for {
			b, err := br.Peek(4)
			if err != nil && err != io.EOF {
				return nil, err
			}
			if allZero(b) { // of which there may be less than 4
				return nil, io.EOF
			}
			if len(b) < 4 {
				return nil, io.ErrUnexpectedEOF
			}
			if _, err := br.Discard(4); err != nil {
				return nil, err
			}
			// Two such files, one behind the other, are one.
			if size = binary.LittleEndian.Uint32(b); string(b) != lz4Legacy {
				break
			}
		}
		if size > uint32(compressBound(legacyBlock)) {
			return nil, fmt.Errorf("a block of %d bytes", size)
		}
		var err error
		if in, err = readInto(br, in, int(size)); err != nil {
			return nil, err
		}
		// A block of next to no bytes must not take 8 MiB: 255 is what a byte of
		// input gives at most.
		out = grow(out, min(legacyBlock, 255*len(in)+64))
		n, err := lz4.UncompressBlock(in, out)
		if err != nil {
			return nil, err
		}
		return out[:n], nil
	}}, nil
}

// frame is what lz4 writes without -l, see lz4_Frame_format.md.
type frame struct {
	br                   *bufio.Reader
	linked               bool // blocks look back into the ones before
	blockSum, sum, sized bool
	max                  int    // bytes in a block
	size                 uint64 // bytes in the frame, if sized
	total                uint64
	in, out              []byte
	window               []byte
	hash                 xxh32
}

func openLZ4(br *bufio.Reader) (io.Reader, error) {
	b, err := peek(br, 7)
	if err != nil {
		return nil, err
	}
	flags, sizes := b[4], b[5]
	n := 7
	f := &frame{
		br: br, linked: flags&0x20 == 0, blockSum: flags&0x10 != 0, sized: flags&8 != 0, sum: flags&4 != 0,
	}
	switch {
	case flags>>6 != 1 || flags&2 != 0 || sizes&0x8f != 0 || sizes>>4 < 4:
		return nil, errors.New("a header of no known version")
	case flags&1 != 0:
		return nil, errors.New("it needs a dictionary")
	case f.sized:
		n += 8
	}
	f.max = 1 << (8 + 2*(sizes>>4))
	if b, err = peek(br, n); err != nil {
		return nil, err
	}
	if f.sized {
		f.size = binary.LittleEndian.Uint64(b[6:])
	}
	if byte(checksum32(b[4:n-1])>>8) != b[n-1] {
		return nil, errors.New("the checksum of the header is wrong")
	}
	if _, err = br.Discard(n); err != nil {
		return nil, err
	}
	f.hash.reset()
	return &blocks{next: f.next}, nil
}

func (f *frame) next() ([]byte, error) {
	size, err := f.word()
	if err != nil {
		return nil, err
	}
	if size == 0 {
		return nil, f.end()
	}
	plain := size>>31 != 0
	if size &= 1<<31 - 1; size > uint32(f.max) {
		return nil, fmt.Errorf("a block of %d bytes, where the most is %d", size, f.max)
	}
	if f.in, err = readInto(f.br, f.in, int(size)); err != nil {
		return nil, err
	}
	if f.blockSum {
		sum, err := f.word()
		if err != nil {
			return nil, err
		}
		if sum != checksum32(f.in) {
			return nil, errors.New("the checksum of a block is wrong")
		}
	}
	out := f.in
	if !plain {
		f.out = grow(f.out, min(f.max, 255*len(f.in)+64))
		n, err := lz4.UncompressBlockWithDict(f.in, f.out, f.window)
		if err != nil {
			return nil, err
		}
		out = f.out[:n]
	}
	if f.linked {
		f.window = append(f.window, out[max(0, len(out)-lz4Window):]...)
		if drop := len(f.window) - lz4Window; drop > 0 {
			f.window = f.window[:copy(f.window, f.window[drop:])]
		}
	}
	if f.sum {
		f.hash.write(out)
	}
	f.total += uint64(len(out))
	return out, nil
}

// end checks what comes after the last block.
func (f *frame) end() error {
	if f.sum {
		sum, err := f.word()
		if err != nil {
			return err
		}
		if sum != f.hash.sum() {
			return errors.New("the checksum of the content is wrong")
		}
	}
	if f.sized && f.size != f.total {
		return fmt.Errorf("%d bytes, where its header says %d", f.total, f.size)
	}
	return io.EOF
}

func (f *frame) word() (uint32, error) {
	var b [4]byte
	_, err := io.ReadFull(f.br, b[:])
	return binary.LittleEndian.Uint32(b[:]), noEOF(err)
}

// grow returns a slice of n bytes, b's if it has room.
func grow(b []byte, n int) []byte {
	if cap(b) < n {
		return make([]byte, n)
	}
	return b[:n]
}

// readInto fills b with the next n bytes. It grows as they come: a size in a header
// costs nothing by itself.
func readInto(br *bufio.Reader, b []byte, n int) ([]byte, error) {
	for b = b[:0]; len(b) < n; {
		if len(b) == cap(b) {
			b = append(make([]byte, 0, min(n, max(64<<10, 2*cap(b)))), b...)
		}
		end := min(n, cap(b))
		k, err := io.ReadFull(br, b[len(b):end])
		b = b[:len(b)+k]
		if err != nil {
			return b, noEOF(err)
		}
	}
	return b, nil
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

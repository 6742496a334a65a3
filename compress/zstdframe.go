package compress

import (
	"bufio"
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"
)

const (
	zstdMagic     = "\x28\xb5\x2f\xfd"
	zstdSkippable = "\x2a\x4d\x18" // after a byte from 0x50 to 0x5f
)

// StartsZstd says whether a frame of zstd starts with these bytes: one that holds data,
// or one that decoders pass over, which Sniff does not take for zstd, because the
// kernel does not either.
func StartsZstd(first []byte) bool {
	return len(first) >= 4 && (string(first[:4]) == zstdMagic || first[0]&0xf0 == 0x50 && string(first[1:4]) == zstdSkippable)
}

// openZstd decodes the one frame that br starts with.
func openZstd(br *bufio.Reader) (io.Reader, error) {
	f, err := openZstdFrame(br)
	if err != nil {
		return nil, err
	}
	return zstd.NewReader(f, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(MaxWindow))
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

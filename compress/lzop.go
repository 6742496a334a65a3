package compress

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/adler32"
	"hash/crc32"
	"io"

	"github.com/anchore/go-lzo"
)

// Flags of a lzop file.
const (
	lzopAdlerOut  = 0x1
	lzopAdlerIn   = 0x2
	lzopExtra     = 0x40
	lzopCRCOut    = 0x100
	lzopCRCIn     = 0x200
	lzopMultipart = 0x400
	lzopFilter    = 0x800
	lzopCRCHeader = 0x1000
)

// Versions of lzop: the one that changed the header, and the last whose format is
// known.
const (
	lzopNew   = 0x940
	lzopKnown = 0x1040
)

// lzopBlock is the most that a block holds: what lzop writes, and what the
// kernel's lib/decompress_unlzo.c takes.
const lzopBlock = 256 << 10

// lzopFile reads what lzop writes, see the kernel's lib/decompress_unlzo.c, and
// src/lzop.c and src/conf.h of lzop.
type lzopFile struct {
	br      *bufio.Reader
	flags   uint32
	in, out []byte
	head    []byte // the header, as far as it is read
	err     error
}

func openLzop(br *bufio.Reader) (io.Reader, error) {
	f := &lzopFile{br: br}
	if err := f.header(); err != nil {
		return nil, err
	}
	return &blocks{next: f.next}, nil
}

// take reads n bytes, at most 255; zeros after an error, which stays.
func (f *lzopFile) take(n int) []byte {
	b := make([]byte, n)
	if f.err == nil {
		_, f.err = io.ReadFull(f.br, b)
		f.err = noEOF(f.err)
	}
	return b
}

func (f *lzopFile) word() uint32 { return binary.BigEndian.Uint32(f.take(4)) }

// field reads a number of n bytes, at most 4, of the header.
func (f *lzopFile) field(n int) (number int) {
	for _, c := range f.text(n) {
		number = number<<8 | int(c)
	}
	return number
}

func (f *lzopFile) text(n int) []byte {
	b := f.take(n)
	f.head = append(f.head, b...)
	return b
}

func (f *lzopFile) header() error {
	f.take(9) // the magic
	version := f.field(2)
	f.field(2) // of the library
	if version >= lzopNew && f.field(2) > lzopKnown {
		return cmp.Or(f.err, errors.New("a newer lzop is needed for it"))
	}
	method := f.field(1)
	if version >= lzopNew {
		f.field(1) // level
	}
	if f.flags = uint32(f.field(4)); f.flags&lzopFilter != 0 {
		f.field(4)
	}
	f.text(8) // mode and mtime
	if version >= lzopNew {
		f.field(4) // the upper half of mtime
	}
	f.text(f.field(1)) // name
	want := adler32.Checksum(f.head)
	if f.flags&lzopCRCHeader != 0 {
		want = crc32.ChecksumIEEE(f.head)
	}
	switch sum := f.word(); {
	case f.err != nil:
		return f.err
	case sum != want:
		return errors.New("the checksum of the header is wrong")
	case method < 1 || method > 3:
		return fmt.Errorf("method %d is not LZO1X", method)
	case f.flags&lzopFilter != 0:
		return errors.New("filters are not known here")
	case f.flags&lzopMultipart != 0:
		return errors.New("it is a part of several files")
	}
	if f.flags&lzopExtra != 0 {
		if _, err := io.CopyN(io.Discard, f.br, int64(f.word())+4); err != nil {
			return noEOF(err)
		}
	}
	return f.err
}

func (f *lzopFile) next() ([]byte, error) {
	unpacked := f.word()
	if unpacked == 0 || f.err != nil {
		if f.err == nil {
			return nil, io.EOF
		}
		return nil, f.err
	}
	packed := f.word()
	if unpacked > lzopBlock || packed > unpacked {
		return nil, cmp.Or(f.err, fmt.Errorf("a block of %d bytes for %d, where the most is %d", packed, unpacked, lzopBlock))
	}
	sums := make([]uint32, 0, 4)
	for _, flag := range []uint32{lzopAdlerOut, lzopCRCOut, lzopAdlerIn, lzopCRCIn} {
		if f.flags&flag != 0 && (flag&(lzopAdlerIn|lzopCRCIn) == 0 || packed < unpacked) {
			sums = append(sums, flag, f.word())
		}
	}
	if f.err != nil {
		return nil, f.err
	}
	var err error
	if f.in, err = readInto(f.br, f.in, int(packed)); err != nil {
		return nil, err
	}
	out := f.in
	if packed < unpacked {
		f.out = grow(f.out, int(unpacked))
		n, err := lzo.Decompress(f.in, f.out)
		if err != nil {
			return nil, err
		}
		if out = f.out[:n]; n != int(unpacked) {
			return nil, fmt.Errorf("a block of %d bytes, where its header says %d", n, unpacked)
		}
	}
	for i := 0; i < len(sums); i += 2 {
		if sums[i+1] != lzopSum(sums[i], f.in, out) {
			return nil, errors.New("the checksum of a block is wrong")
		}
	}
	return out, nil
}

func lzopSum(flag uint32, in, out []byte) uint32 {
	switch flag {
	case lzopAdlerOut:
		return adler32.Checksum(out)
	case lzopCRCOut:
		return crc32.ChecksumIEEE(out)
	case lzopAdlerIn:
		return adler32.Checksum(in)
	}
	return crc32.ChecksumIEEE(in)
}

package manifest

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"

	"github.com/klauspost/compress/zstd"

	"image-capture/entry"
)

// spoolBlock is how many bytes of records are compressed at once, or a single longer
// one: neighbouring entries are alike, others are not.
const spoolBlock = 256 << 10

// spoolFile is a temporary file of records, one an entry, in blocks. Digests cannot be
// compressed, and would be half of what is: they lie beside the records of their block.
type spoolFile struct {
	f              *os.File
	size           int64 // bytes written
	zw             *zstd.Encoder
	block, digests []byte // of the block to be written next
	packed         []byte
}

// blockHead is what a block begins with: the lengths of what follows, the compressed
// records and the digests, and a CRC-32 of both.
const blockHead = 12

// What follows the numbers of a record.
const (
	followsID = 1 << iota
	followsDigest
)

func newSpoolFile(f *os.File) (*spoolFile, error) {
	zw, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(spoolBlock), zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(false))
	return &spoolFile{f: f, zw: zw}, err
}

// add takes a record: the lengths of the line and the extra lines, where the link
// count goes (0: nowhere), how many blocks of the tar lie between where the entry before
// begins and where this one does, what follows, the inode if that count is still open,
// and the text.
func (s *spoolFile) add(c *encoder, counted bool, id entry.FileID, gap uint64) error {
	b := binary.AppendUvarint(s.block, uint64(len(c.line)))
	b = binary.AppendUvarint(b, uint64(len(c.extra)))
	b = binary.AppendUvarint(b, uint64(c.nlink))
	b = binary.AppendUvarint(b, gap)
	follows := byte(0)
	if counted {
		follows |= followsID
	}
	if c.digest != nil {
		follows |= followsDigest
		s.digests = append(s.digests, c.digest...)
	}
	b = append(b, follows)
	if counted {
		b = binary.LittleEndian.AppendUint64(b, id.Dev)
		b = binary.LittleEndian.AppendUint64(b, id.Ino)
	}
	b = append(b, c.line...)
	s.block = append(b, c.extra...)
	if len(s.block) < spoolBlock {
		return nil
	}
	return s.flush()
}

// flush writes the block.
func (s *spoolFile) flush() error {
	if len(s.block) == 0 {
		return nil
	}
	b := append(s.packed[:0], make([]byte, blockHead)...)
	b = s.zw.EncodeAll(s.block, b)
	binary.LittleEndian.PutUint32(b, uint32(len(b)-blockHead))
	binary.LittleEndian.PutUint32(b[4:], uint32(len(s.digests)))
	b = append(b, s.digests...)
	binary.LittleEndian.PutUint32(b[8:], crc32.ChecksumIEEE(b[blockHead:]))
	n, err := s.f.WriteAt(b, s.size)
	s.size += int64(n)
	s.packed, s.block, s.digests = b, s.block[:0], s.digests[:0]
	return err
}

// reset empties the file.
func (s *spoolFile) reset() error {
	s.size, s.block, s.digests = 0, s.block[:0], s.digests[:0]
	return s.f.Truncate(0)
}

// record is an entry in the spool, valid until the next is read.
type record struct {
	line    []byte // without the link count and the digest
	nlink   int    // where they go in line; 0: nowhere
	gap     uint64 // blocks of the tar since the entry before began
	extra   []byte
	counted bool
	id      entry.FileID
	digest  []byte // nil: none
}

// spoolReader reads the records of a spoolFile, as many as were added.
type spoolReader struct {
	r             io.Reader
	zr            *zstd.Decoder
	packed, block []byte
	left          []byte // of block
	digests       []byte // of the records in left
}

// reader is for reading what was flushed; the caller closes it.
func (s *spoolFile) reader() (*spoolReader, error) {
	zr, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(2*maxEntry), zstd.WithDecoderMaxMemory(4*maxEntry))
	return &spoolReader{r: io.NewSectionReader(s.f, 0, s.size), zr: zr}, err
}

func (s *spoolReader) close() { s.zr.Close() }

var errDamaged = errors.New("damaged")

// next returns the next record.
func (s *spoolReader) next() (rec record, err error) {
	if len(s.left) == 0 {
		if err := s.read(); err != nil {
			return rec, err
		}
	}
	var n [4]uint64
	for i := range n {
		var k int
		if n[i], k = binary.Uvarint(s.left); k <= 0 {
			return rec, errDamaged
		}
		s.left = s.left[k:]
	}
	follows, err := s.take(1)
	if err != nil {
		return rec, err
	}
	if rec.counted = follows[0]&followsID != 0; rec.counted {
		id, err := s.take(16)
		if err != nil {
			return rec, err
		}
		rec.id.Dev, rec.id.Ino = binary.LittleEndian.Uint64(id), binary.LittleEndian.Uint64(id[8:])
	}
	if follows[0]&followsDigest != 0 {
		if len(s.digests) < sha256.Size {
			return rec, errDamaged
		}
		rec.digest, s.digests = s.digests[:sha256.Size], s.digests[sha256.Size:]
	}
	if n[2] > n[0] {
		return rec, errDamaged
	}
	rec.nlink, rec.gap = int(n[2]), n[3]
	if rec.line, err = s.take(n[0]); err != nil {
		return rec, err
	}
	rec.extra, err = s.take(n[1])
	return rec, err
}

func (s *spoolReader) take(n uint64) ([]byte, error) {
	if n > uint64(len(s.left)) {
		return nil, errDamaged
	}
	b := s.left[:n]
	s.left = s.left[n:]
	return b, nil
}

// read reads the next block.
func (s *spoolReader) read() error {
	var head [blockHead]byte
	if _, err := io.ReadFull(s.r, head[:]); err != nil {
		return err
	}
	n, digests := binary.LittleEndian.Uint32(head[:]), binary.LittleEndian.Uint32(head[4:])
	// The file is ours alone, but a wrong length must not become an allocation.
	if n > 4*maxEntry || digests > 4*maxEntry {
		return errDamaged
	}
	s.packed = slices.Grow(s.packed[:0], int(n+digests))[:n+digests]
	if _, err := io.ReadFull(s.r, s.packed); err != nil {
		return err
	}
	if crc32.ChecksumIEEE(s.packed) != binary.LittleEndian.Uint32(head[8:]) {
		return errDamaged
	}
	s.digests = s.packed[n:]
	var err error
	if s.block, err = s.zr.DecodeAll(s.packed[:n], s.block[:0]); err != nil {
		return fmt.Errorf("decompress: %w", err)
	}
	s.left = s.block
	return nil
}

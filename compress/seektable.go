package compress

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"io"
	"math"
)

// seekTable is the table of the zstd seekable format, in a skippable frame that
// decoders pass over; see contrib/seekable_format in zstd's sources.
type seekTable struct {
	entries []byte
}

// add takes the sizes of the next frame, in bytes.
func (t *seekTable) add(compressed, decompressed int) {
	t.entries = binary.LittleEndian.AppendUint32(t.entries, uint32(compressed))
	t.entries = binary.LittleEndian.AppendUint32(t.entries, uint32(decompressed))
}

// frame returns the skippable frame, which comes after the frames it tells of.
func (t *seekTable) frame() []byte {
	const entry, footer = 8, 9
	b := binary.LittleEndian.AppendUint32(nil, 0x184D2A5E)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(t.entries)+footer))
	b = append(b, t.entries...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(t.entries)/entry))
	b = append(b, 0) // no checksums: each frame carries its own
	return binary.LittleEndian.AppendUint32(b, 0x8F92EAB1)
}

// tableCheck holds a seek table against the frames before it, of which it keeps a
// digest of what the table has to say.
type tableCheck struct {
	sum hash.Hash
	n   int64 // frames since the last table
}

// add takes a frame's sizes.
func (t *tableCheck) add(packed, unpacked int64) {
	t.n++
	var b [8]byte
	// What does not fit cannot be in a table: such a frame makes it a wrong one.
	binary.LittleEndian.PutUint32(b[:], uint32(min(packed, math.MaxUint32)))
	binary.LittleEndian.PutUint32(b[4:], uint32(min(unpacked, math.MaxUint32)))
	t.sum.Write(b[:])
}

// read reads a seek table, without the header of its frame.
func (t *tableCheck) read(r io.Reader, size int64) error {
	const footer, short, long = 9, 8, 12
	var want, got [sha256.Size]byte
	t.sum.Sum(want[:0])
	t.sum.Reset()
	entry, flag := int64(short), byte(0)
	if size == long*t.n+footer && t.n > 0 { // a checksum for each frame, which carries its own too
		entry, flag = long, 0x80
	}
	if size != entry*t.n+footer {
		return errors.New("the seek table does not fit the frames before it")
	}
	var b [long]byte
	for range t.n {
		if _, err := io.ReadFull(r, b[:entry]); err != nil {
			return noEOF(err)
		}
		t.sum.Write(b[:short])
	}
	t.sum.Sum(got[:0])
	t.sum.Reset()
	if _, err := io.ReadFull(r, b[:footer]); err != nil {
		return noEOF(err)
	}
	if want != got || int64(binary.LittleEndian.Uint32(b[:])) != t.n || b[4]&0xfc != flag || binary.LittleEndian.Uint32(b[5:]) != 0x8F92EAB1 {
		return errors.New("the seek table does not fit the frames before it")
	}
	t.n = 0
	return nil
}

package compress

import (
	"encoding/binary"
	"hash/crc32"
)

// Envelope makes what stands around the frames of one image: of zstd the seek table at
// the end, of gzip the header and the trailer of the one member that all frames are in.
type Envelope struct {
	codec Codec
	table seekTable
	crc   uint32
	size  uint64 // decompressed
}

// NewEnvelope begins one for an image.
func NewEnvelope(c Codec) *Envelope { return &Envelope{codec: c} }

// Checksum is that of a frame's bytes, as the codec's envelope wants it for Add.
func Checksum(c Codec, frame []byte) uint32 {
	if c != Gzip {
		return 0
	}
	return crc32.ChecksumIEEE(frame)
}

// Head returns what goes before the first frame.
func (e *Envelope) Head() []byte {
	if e.codec != Gzip {
		return nil
	}
	// See RFC 1952: deflate, no flags, no time, an unknown system.
	return []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff}
}

// Add takes the sizes of the next frame in bytes, and the checksum of its content.
func (e *Envelope) Add(compressed, decompressed int, checksum uint32) {
	switch e.codec {
	case Zstd:
		e.table.add(compressed, decompressed)
	case Gzip:
		e.crc = combineCRC(e.crc, checksum, uint64(decompressed))
		e.size += uint64(decompressed)
	}
}

// Tail returns what goes after the last frame.
func (e *Envelope) Tail() []byte {
	switch e.codec {
	case Zstd:
		return e.table.frame()
	case Gzip:
		// An empty last block, then CRC-32 and size; see RFC 1951 and RFC 1952.
		b := binary.LittleEndian.AppendUint32([]byte{0x03, 0x00}, e.crc)
		return binary.LittleEndian.AppendUint32(b, uint32(e.size))
	}
	return nil
}

// combineCRC returns the CRC-32 of a followed by b, of those of both and the length of
// b in bytes: that of a is multiplied by x to the power of the bits of b, modulo the
// polynomial, and added. See "crc32_combine" in zlib's crc32.c.
func combineCRC(a, b uint32, length uint64) uint32 {
	power, square := uint32(1)<<31, uint32(1)<<23 // x^0, x^8; the highest bit is x^0
	for ; length > 0; length >>= 1 {
		if length&1 != 0 {
			power = multiplyCRC(power, square)
		}
		square = multiplyCRC(square, square)
	}
	return multiplyCRC(a, power) ^ b
}

// multiplyCRC multiplies two polynomials over GF(2) modulo that of CRC-32.
func multiplyCRC(a, b uint32) uint32 {
	product := uint32(0)
	for bit := uint32(1) << 31; bit > 0; bit >>= 1 {
		if a&bit != 0 {
			product ^= b
		}
		if b&1 != 0 {
			b = b>>1 ^ crc32.IEEE
		} else {
			b >>= 1
		}
	}
	return product
}

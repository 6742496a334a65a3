package compress

import (
	"encoding/binary"
	"math/bits"
)

// xxh32 is the checksum of lz4's frames, XXH32 with seed 0, see the xxHash fast
// digest algorithm's specification (xxhash_spec.md).
type xxh32 struct {
	v     [4]uint32
	buf   [16]byte
	n     int // bytes in buf
	total uint64
}

const (
	xxPrime1 = 0x9e3779b1
	xxPrime2 = 0x85ebca77
	xxPrime3 = 0xc2b2ae3d
	xxPrime4 = 0x27d4eb2f
	xxPrime5 = 0x165667b1
)

func checksum32(b []byte) uint32 {
	var h xxh32
	h.reset()
	h.write(b)
	return h.sum()
}

func (h *xxh32) reset() {
	p1, p2 := uint32(xxPrime1), uint32(xxPrime2)
	*h = xxh32{v: [4]uint32{p1 + p2, p2, 0, -p1}}
}

func (h *xxh32) write(b []byte) {
	h.total += uint64(len(b))
	if h.n > 0 {
		k := copy(h.buf[h.n:], b)
		h.n += k
		b = b[k:]
		if h.n < len(h.buf) {
			return
		}
		h.stripe(h.buf[:])
		h.n = 0
	}
	for len(b) >= len(h.buf) {
		h.stripe(b)
		b = b[len(h.buf):]
	}
	h.n = copy(h.buf[:], b)
}

func (h *xxh32) stripe(b []byte) {
	for i := range h.v {
		h.v[i] = bits.RotateLeft32(h.v[i]+binary.LittleEndian.Uint32(b[4*i:])*xxPrime2, 13) * xxPrime1
	}
}

func (h *xxh32) sum() uint32 {
	sum := uint32(xxPrime5)
	if h.total >= uint64(len(h.buf)) {
		sum = bits.RotateLeft32(h.v[0], 1) + bits.RotateLeft32(h.v[1], 7) +
			bits.RotateLeft32(h.v[2], 12) + bits.RotateLeft32(h.v[3], 18)
	}
	sum += uint32(h.total)
	b := h.buf[:h.n]
	for ; len(b) >= 4; b = b[4:] {
		sum = bits.RotateLeft32(sum+binary.LittleEndian.Uint32(b)*xxPrime3, 17) * xxPrime4
	}
	for _, c := range b {
		sum = bits.RotateLeft32(sum+uint32(c)*xxPrime5, 11) * xxPrime1
	}
	sum = (sum ^ sum>>15) * xxPrime2
	sum = (sum ^ sum>>13) * xxPrime3
	return sum ^ sum>>16
}

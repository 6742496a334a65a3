package imagefs

import (
	"hash/maphash"
	"math/bits"
	"strings"
)

// forget counts a name that is not remembered, and the directories that follow from
// it.
func (t *tree) forget(path string) {
	t.forgotten++
	n, at, err := t.walk(path)
	if err != nil || at < 0 {
		return
	}
	t.at(n).flags |= incomplete
	var h uint64
	end := 0
	for part := range strings.SplitSeq(path, "/") {
		h = t.hashPart(h, part)
		if end += len(part) + 1; end > at {
			t.filter.add(h)
		}
	}
}

// hashPart returns the hash of a path from that of the directory: so the hashes of all
// directories of a path of any length take one look at it.
func (t *tree) hashPart(dir uint64, part string) uint64 {
	return (bits.RotateLeft64(dir, 29) ^ maphash.String(t.seed, part)) * 0x9e3779b97f4a7c15
}

// wasForgotten reports whether the part of a path that is not there, where walk ended,
// may have been forgotten.
func (t *tree) wasForgotten(path string, at int) bool {
	if t.filter.bits == nil {
		return false
	}
	var h uint64
	end := 0
	for part := range strings.SplitSeq(path, "/") {
		h = t.hashPart(h, part)
		if end += len(part) + 1; end > at {
			break
		}
	}
	return t.filter.has(h)
}

// filter tells of a name whether it may have been added; see Bloom, "Space/Time
// Trade-offs in Hash Coding with Allowable Errors".
type filter struct {
	size int64 // bytes
	bits []uint64
}

func (f *filter) add(h uint64) {
	if f.bits == nil {
		f.bits = make([]uint64, max(f.size/8, 128))
	}
	for range 2 {
		f.bits[h%uint64(len(f.bits))] |= 1 << (h >> 58)
		h *= 0x9e3779b97f4a7c15
		h ^= h >> 32
	}
}

func (f *filter) has(h uint64) bool {
	for range 2 {
		if f.bits[h%uint64(len(f.bits))]&(1<<(h>>58)) == 0 {
			return false
		}
		h *= 0x9e3779b97f4a7c15
		h ^= h >> 32
	}
	return true
}

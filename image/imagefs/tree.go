package imagefs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"math"
	"strings"
	"unsafe"

	"image-capture/entry"
)

const (
	chunkEntries = 4096
	chunkBytes   = 64 << 10
	// ownChunk is the size from which a string gets a chunk of its own.
	ownChunk = 4 << 10
	// recordCost is about what a content takes beside its data, in bytes.
	recordCost = 128
)

var (
	entryCost  = int64(unsafe.Sizeof(node{}))
	linkedCost = 2 * int64(unsafe.Sizeof(linked{})) // as append grows
)

// node is one name. Numbers of entries and strings stand for pointers, because half
// a million of them are in memory.
type node struct {
	parent, name uint32
	child, next  uint32 // of a directory; the names in one are a list, 0 ends it
	meta
}

// meta is what is known of an inode.
type meta struct {
	size int64 // of a regular file
	// ref is the target of a symbolic link, the content of a file, 0 where nobody asked
	// for it, or with isLinked where the meta is.
	ref    uint32
	mode   fs.FileMode
	xattrs uint16
	flags  flags
}

type flags uint8

const (
	isLinked   flags = 1 << iota // has other names
	incomplete                   // a directory with names that were forgotten
	lost                         // a hard link to a name that was forgotten
	removed                      // not there any more
)

// linked is the meta of names that are hard links.
type linked struct {
	meta
	first uint32 // the entry that was first
}

// tree is all names. Entry 0 is the root.
type tree struct {
	chunks  [][]node
	count   int64
	strings [][]byte // each a length and bytes; a number is chunk<<16 + offset
	open    int      // the chunk that is filled
	table   []uint32 // entries by hash of directory and name; 0 is free, as no name is the root's
	seed    maphash.Seed
	linked  []linked

	used      int64 // bytes of memory
	plain     int64 // up to which names of no interest are remembered
	most      int64 // up to which others are
	forgotten int64
	filter    filter
}

var errTooMany = errors.New("more names of interest than there is memory for")

// newTree makes a tree for about budget bytes of names.
func newTree(budget int64) tree {
	t := tree{seed: maphash.MakeSeed(), open: -1, table: make([]uint32, 1024)}
	t.filter.size = budget / 16
	t.plain, t.most = budget-t.filter.size, 2*budget
	t.used = 4 * int64(len(t.table))
	t.add(0, t.intern(""))
	t.at(0).mode = fs.ModeDir | impliedPerm
	return t
}

// impliedPerm is the mode of directories that have no member, as tars make them.
const impliedPerm = 0o755

func (t *tree) at(n uint32) *node { return &t.chunks[n/chunkEntries][n%chunkEntries] }

// meta returns what is known of an entry's inode.
func (t *tree) meta(n uint32) *meta {
	e := t.at(n)
	if e.flags&isLinked != 0 {
		return &t.linked[e.ref].meta
	}
	return &e.meta
}

// string returns an interned string.
func (t *tree) string(n uint32) []byte {
	b := t.strings[n>>16][n&0xffff:]
	size, k := binary.Uvarint(b)
	return b[k : k+int(size)]
}

// intern keeps a string.
func (t *tree) intern(s string) uint32 {
	need := len(s) + binary.MaxVarintLen32
	to := t.open
	switch {
	case need >= ownChunk:
		to = len(t.strings)
		t.strings = append(t.strings, make([]byte, 0, need))
	case to < 0 || cap(t.strings[to])-len(t.strings[to]) < need:
		to = len(t.strings)
		t.strings = append(t.strings, make([]byte, 0, chunkBytes))
		t.open = to
	}
	b := t.strings[to]
	n := uint32(to)<<16 | uint32(len(b))
	b = binary.AppendUvarint(b, uint64(len(s)))
	t.strings[to] = append(b, s...)
	t.used += int64(len(s)) + 1
	return n
}

// full reports whether there are no more numbers, which takes budgets of many times
// the default.
func (t *tree) full() bool {
	return len(t.strings) >= 1<<16-1 || t.count >= math.MaxUint32-1<<16 || len(t.linked) >= math.MaxInt32
}

// add makes an entry, which is not in the table yet.
func (t *tree) add(parent, name uint32) uint32 {
	n := uint32(t.count)
	if n%chunkEntries == 0 {
		t.chunks = append(t.chunks, make([]node, chunkEntries))
	}
	*t.at(n) = node{parent: parent, name: name}
	t.count++
	t.used += entryCost
	return n
}

func (t *tree) hash(dir uint32, name string) uint64 {
	return maphash.String(t.seed, name) + uint64(dir)*0x9e3779b97f4a7c15
}

// find looks for a name in a directory.
func (t *tree) find(dir uint32, name string) (uint32, bool) {
	mask := uint64(len(t.table) - 1)
	for i := t.hash(dir, name) >> 7 & mask; t.table[i] != 0; i = (i + 1) & mask {
		if e := t.at(t.table[i]); e.parent == dir && e.flags&removed == 0 && string(t.string(e.name)) == name {
			return t.table[i], true
		}
	}
	return 0, false
}

// insert makes a name that is not there.
func (t *tree) insert(dir uint32, name string) uint32 {
	if t.growth(1) > 0 {
		old := t.table
		t.table = make([]uint32, 2*len(old))
		t.used += 4 * int64(len(old))
		for _, n := range old {
			if n != 0 {
				e := t.at(n)
				t.enter(e.parent, string(t.string(e.name)), n)
			}
		}
	}
	n := t.add(dir, t.intern(name))
	t.enter(dir, name, n)
	e, d := t.at(n), t.at(dir)
	e.next, d.child = d.child, n
	return n
}

func (t *tree) enter(dir uint32, name string, n uint32) {
	mask := uint64(len(t.table) - 1)
	i := t.hash(dir, name) >> 7 & mask
	for t.table[i] != 0 {
		i = (i + 1) & mask
	}
	t.table[i] = n
}

// growth is by how many bytes the table has to grow for n more names.
func (t *tree) growth(n int64) int64 {
	size := int64(len(t.table))
	for t.count+n > size/4*3 {
		size *= 2
	}
	return 4 * (size - int64(len(t.table)))
}

// walk goes along a path as far as there are names. It returns the last entry, and
// where in the path the first part begins that is not there, -1 when all are.
func (t *tree) walk(path string) (n uint32, rest int, err error) {
	if path == "." {
		return 0, -1, nil
	}
	for at := 0; ; {
		part, _, more := strings.Cut(path[at:], "/")
		next, ok := t.find(n, part)
		if !ok {
			return n, at, nil
		}
		n = next
		at += len(part) + 1
		if !more {
			return n, -1, nil
		}
		if m := t.meta(n); !m.mode.IsDir() {
			return n, at, &notDir{path[:at-1], m.mode}
		}
	}
}

// notDir says what stands where a directory should.
type notDir struct {
	path string
	mode fs.FileMode
}

func (e *notDir) Error() string {
	return fmt.Sprintf("it lies below ./%s, which is not a directory", entry.Escape(e.path))
}

// place returns the entry of a path. What is missing of it is made, unless there is
// no room: then ok is false, and the name is forgotten. extra is what will be kept
// beside the name.
func (t *tree) place(path string, interest bool, extra int64) (n uint32, ok bool, err error) {
	n, at, err := t.walk(path)
	if err != nil {
		return 0, false, err
	}
	if at < 0 {
		if t.used+extra > t.most || t.full() {
			return 0, false, errTooMany
		}
		return n, true, nil
	}
	rest := path[at:]
	parts := int64(strings.Count(rest, "/") + 1)
	need := t.used + extra + int64(len(rest)) + parts*(entryCost+1) + t.growth(parts)
	if need > t.plain || t.full() {
		if !interest {
			t.forget(path)
			return 0, false, nil
		}
		if need > t.most || t.full() {
			return 0, false, errTooMany
		}
	}
	for part := range strings.SplitSeq(rest, "/") {
		n = t.insert(n, part)
		t.at(n).mode = fs.ModeDir | impliedPerm
	}
	return n, true, nil
}

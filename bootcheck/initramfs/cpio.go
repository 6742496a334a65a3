package initramfs

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	headerSize = 110
	// maxName is PATH_MAX, beyond which the kernel leaves an entry out.
	maxName = 4096

	typeMask, typeFile, typeDir, typeLink = 0o170000, 0o100000, 0o040000, 0o120000
)

// header is what is read of an entry's header, see "cpio_header" in the kernel's
// buffer-format.rst.
type header struct {
	inode
	mode, links, size, name, sum uint32
	summed                       bool
}

// inode is what hard links of one archive have in common.
type inode struct{ ino, major, minor uint32 }

// archive reads the entries of one archive.
type archive struct {
	*reader
	seg     *Segment
	r       *bufio.Reader
	at      int64 // bytes taken
	entries int
	early   bool // no other names than below kernel/, up to here
	trailed bool // the last entry was the trailer
}

// isHeader says whether b may be how an entry starts; it may be cut off.
func isHeader(b []byte) bool {
	b = b[:min(len(b), 6)]
	return len(b) > 0 && (strings.HasPrefix("070701", string(b)) || strings.HasPrefix("070702", string(b)))
}

// done says in the segment what was read.
func (a *archive) done() {
	a.seg.Unpacked, a.seg.Entries, a.seg.Early = a.at, a.entries, a.early && a.entries > 0
}

// next reads the zeros and the entry that come next; io.EOF when there is none any
// more, false when it is something else.
func (a *archive) next() (bool, error) {
	n, err := skipZeros(a.r)
	a.at += n
	if err != nil {
		return false, err
	}
	first, err := a.r.Peek(6)
	if err != nil && err != io.EOF {
		return false, err
	}
	if !isHeader(first) {
		return false, nil
	}
	if a.at%4 != 0 {
		return false, fmt.Errorf("an entry at byte %d, which is not a multiple of 4", a.at)
	}
	at := a.at
	if err = a.entry(); err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("entry %d at byte %d: %w", a.entries+1, at, err)
	}
	return true, err
}

// take reads n bytes, which are valid until the next call.
func (a *archive) take(b []byte) error {
	n, err := io.ReadFull(a.r, b)
	a.at += int64(n)
	return err
}

// skip passes n bytes by.
func (a *archive) skip(n int64) error {
	k, err := io.CopyN(io.Discard, a.r, n)
	a.at += k
	return err
}

func (a *archive) entry() error {
	var buf [headerSize]byte
	if err := a.take(buf[:]); err != nil {
		return err
	}
	h, err := parseHeader(&buf)
	if err != nil {
		return err
	}
	if h.name == 0 || h.name > maxName {
		return fmt.Errorf("a name of %d bytes", h.name)
	}
	text := make([]byte, h.name+-(headerSize+h.name)&3)
	if err := a.take(text); err != nil {
		return err
	}
	if text[h.name-1] != 0 {
		return errors.New("a name without a zero at its end")
	}
	text, _, _ = bytes.Cut(text, []byte{0})
	if a.trailed = string(text) == "TRAILER!!!"; a.trailed {
		// Hard links don't reach over it.
		a.reader.links = nil
		return a.body(h, io.Discard)
	}
	if a.reader.Entries >= a.limits.entries {
		return fmt.Errorf("more than %d entries", a.limits.entries)
	}
	a.reader.Entries++
	a.entries++
	name := canonicalPath(string(text))
	if name != "kernel" && !strings.HasPrefix(name, "kernel/") && name != "." && name != "early_cpio" {
		a.early = false
	}
	if err := a.note(name, h); err != nil {
		return err
	}
	if h.mode&typeMask != typeFile || !a.wanted(name, h) {
		return a.body(h, io.Discard)
	}
	return a.keep(name, h)
}

// body hands on the content of an entry, and checks its sum.
func (a *archive) body(h header, w io.Writer) error {
	size := int64(h.size)
	if h.summed && h.mode&typeMask == typeFile { // others have no sum
		var sum adder
		n, err := io.CopyN(io.MultiWriter(w, &sum), a.r, size)
		if a.at += n; err != nil {
			return err
		}
		if uint32(sum) != h.sum {
			return errors.New("the sum of its content is wrong")
		}
	} else {
		n, err := io.CopyN(w, a.r, size)
		if a.at += n; err != nil {
			return err
		}
	}
	return a.skip(-size & 3)
}

// adder is the sum of the bytes written to it.
type adder uint32

func (s *adder) Write(p []byte) (int, error) {
	for _, c := range p {
		*s += adder(c)
	}
	return len(p), nil
}

func parseHeader(b *[headerSize]byte) (header, error) {
	var fields [13 * 4]byte
	if _, err := hex.Decode(fields[:], b[6:]); err != nil {
		return header{}, errors.New("its header has a field that is not a hexadecimal number")
	}
	field := func(n int) uint32 { return binary.BigEndian.Uint32(fields[4*n:]) }
	return header{
		inode: inode{ino: field(0), major: field(7), minor: field(8)},
		mode:  field(1), links: field(4), size: field(6), name: field(11),
		sum: field(12), summed: b[5] == '2',
	}, nil
}

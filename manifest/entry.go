package manifest

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"image-capture/entry"
)

// gomtreeXattr is the size in bytes of the buffers for a list of names (each with
// a NUL) and for a value in gomtree's xattr package. When one attribute does not
// fit, gomtree sees none of the file's.
const gomtreeXattr = 1024

var flagNames = []struct {
	flag entry.Flags
	name string
}{{entry.Immutable, "schg"}, {entry.AppendOnly, "sappnd"}, {entry.NoDump, "nodump"}}

// checkMember refuses what a MANIFEST cannot say, or would say ambiguously.
func checkMember(e *entry.Member) error {
	file := e.Type == entry.File
	switch {
	case !validPath(e.Path):
		return errors.New(`the path is neither "." nor a clean "./..."`)
	case e.Type < entry.File || e.Type >= entry.Socket:
		return fmt.Errorf("type %v cannot be in an image", e.Type)
	case e.Perm > 0o7777:
		return fmt.Errorf("mode %#o has more than permission bits", e.Perm)
	case e.Size < 0 || !file && e.Size != 0:
		return fmt.Errorf("size %d of a %v", e.Size, e.Type)
	case e.Mtime.Nsec > 999999999:
		return fmt.Errorf("%d nanoseconds in a time", e.Mtime.Nsec)
	case (e.Type == entry.Symlink) != (e.Link != "") || strings.IndexByte(e.Link, 0) >= 0:
		return fmt.Errorf("link target %q of a %v", e.Link, e.Type)
	case e.Flags >= entry.NoDump<<1:
		return fmt.Errorf("unknown flags %#x", uint8(e.Flags))
	case e.HardLink != "" && (e.Type == entry.Dir || e.HardLink == e.Path || !validPath(e.HardLink)):
		return fmt.Errorf("hard link to %q", e.HardLink)
	case e.SHA256 != nil && e.SparseSHA256 != nil:
		return errors.New("two digests of one content")
	}
	for _, digest := range [][]byte{e.SHA256, e.SparseSHA256} {
		if digest != nil && (!file || len(digest) != sha256.Size) {
			return fmt.Errorf("a digest of %d bytes of a %v", len(digest), e.Type)
		}
	}
	for i, x := range e.Xattrs {
		if x.Name == "" || strings.IndexByte(x.Name, 0) >= 0 || i > 0 && e.Xattrs[i-1].Name >= x.Name {
			return fmt.Errorf("xattr name %q is bad or out of order", x.Name)
		}
	}
	return nil
}

// validPath reports whether p is "." or "./" with proper names after it.
func validPath(p string) bool {
	if p == "." {
		return true
	}
	rest, ok := strings.CutPrefix(p, "./")
	if !ok || strings.IndexByte(rest, 0) >= 0 {
		return false
	}
	for {
		name, after, more := strings.Cut(rest, "/")
		if name == "" || name == "." || name == ".." {
			return false
		}
		if !more {
			return true
		}
		rest = after
	}
}

// xattrLines reports where the extended attributes go: to the entry's line, to "#: "
// lines, or, when a name holds "=", to both.
func xattrLines(e *entry.Member) (line, extra bool) {
	if len(e.Xattrs) == 0 {
		return false, false
	}
	if e.Type != entry.File && e.Type != entry.Dir {
		return false, true // gomtree looks only at these two types' xattrs
	}
	list := 0
	for _, x := range e.Xattrs {
		list += len(x.Name) + 1
		if list > gomtreeXattr || len(x.Value) > gomtreeXattr {
			return false, true
		}
		if strings.IndexByte(x.Name, '=') >= 0 {
			extra = true
		}
	}
	return true, extra
}

// encoder makes an entry's text in buffers that it uses again.
type encoder struct {
	line   []byte // the entry's line, not folded, without the number after "nlink=" and the digest
	nlink  int    // where that number goes, and the digest after it; 0 for a directory, which has none
	digest []byte // SHA256 of the entry
	extra  []byte // the "#: " lines
	tmp    []byte
}

// encode fills line, nlink and extra. The keywords' order is the one that
// parseEntry takes.
func (c *encoder) encode(e *entry.Member) {
	b := appendVis(c.line[:0], e.Path, visWord)
	b = append(append(b, " type="...), e.Type.String()...)
	b = appendMode(append(b, " mode="...), e.Perm)
	b = strconv.AppendUint(append(b, " uid="...), uint64(e.UID), 10)
	b = strconv.AppendUint(append(b, " gid="...), uint64(e.GID), 10)
	if e.Type == entry.File {
		b = strconv.AppendInt(append(b, " size="...), e.Size, 10)
	}
	b = appendTime(append(b, " time="...), e.Mtime)
	if e.Type == entry.Symlink {
		b = appendVis(append(b, " link="...), e.Link, visWord)
	}
	c.nlink = 0
	if e.Type != entry.Dir {
		b = append(b, " nlink="...)
		c.nlink = len(b)
	}
	c.digest = e.SHA256
	inLine, inExtra := xattrLines(e)
	if inLine {
		for _, x := range e.Xattrs {
			b = c.appendXattr(append(b, ' '), x, visWord)
		}
	}
	c.line = b
	c.encodeExtra(e, inExtra)
}

// appendDigest writes the digest of a file, nothing where there is none.
func appendDigest(b, digest []byte) []byte {
	if len(digest) == 0 {
		return b
	}
	return hex.AppendEncode(append(b, " sha256digest="...), digest)
}

func (c *encoder) encodeExtra(e *entry.Member, xattrs bool) {
	c.extra = c.extra[:0]
	b := append(c.tmp[:0], "#:"...)
	if e.HardLink != "" {
		b = appendVis(append(b, " hardlink="...), e.HardLink, visWord)
	}
	if e.Type == entry.CharDevice || e.Type == entry.BlockDevice {
		b = strconv.AppendUint(append(b, " device=native,"...), uint64(e.Major), 10)
		b = strconv.AppendUint(append(b, ','), uint64(e.Minor), 10)
	}
	if e.Flags != 0 {
		b = append(b, " flags="...)
		for _, f := range flagNames {
			if e.Flags&f.flag != 0 {
				b = append(append(b, f.name...), ',')
			}
		}
		b = b[:len(b)-1]
	}
	if e.SparseSHA256 != nil {
		b = hex.AppendEncode(append(b, " sparse.sha256="...), e.SparseSHA256)
	}
	if len(b) > len("#:") {
		c.extra = appendComment(c.extra, b)
	}
	c.tmp = b
	if xattrs {
		for _, x := range e.Xattrs {
			b = c.appendXattr(append(b[:0], "#: "...), x, visKey)
			c.extra = appendComment(c.extra, b)
		}
		c.tmp = b
	}
}

func (c *encoder) appendXattr(b []byte, x entry.Xattr, p *plain) []byte {
	b = appendVis(append(b, "xattr."...), x.Name, p)
	return base64.StdEncoding.AppendEncode(append(b, '='), []byte(x.Value))
}

// appendMode writes an octal number as C's %#o does, which is what gomtree
// compares with: "0644", "04755", but "0" for none.
func appendMode(b []byte, perm uint32) []byte {
	if perm != 0 {
		b = append(b, '0')
	}
	return strconv.AppendUint(b, uint64(perm), 8)
}

// appendTime writes seconds, rounded down, and nine digits of nanoseconds that are
// added to them: half a second before the epoch is -1.500000000, as in gomtree.
func appendTime(b []byte, t entry.Time) []byte {
	b = strconv.AppendInt(b, t.Sec, 10)
	b = append(b, '.')
	for unit := uint32(100000000); unit > 0; unit /= 10 {
		b = append(b, '0'+byte(t.Nsec/unit%10))
	}
	return b
}

// sameXattrs reports whether the words that stood on an entry's line are what encode
// writes there for xattrs.
func (c *encoder) sameXattrs(words []byte, xattrs []entry.Xattr) bool {
	c.tmp = c.tmp[:0]
	for _, x := range xattrs {
		c.tmp = c.appendXattr(append(c.tmp, ' '), x, visWord)
	}
	return bytes.Equal(words, c.tmp)
}

package image

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"

	"image-capture/entry"
)

// rawHeader is one 512-byte header as it is in a tar, of any of the dialects in
// tar(5).
type rawHeader [blockSize]byte

// dialect reports which fields a header has beyond those of Unix version 7.
type dialect uint8

const (
	v7 dialect = iota
	posix
	star
	gnu
)

func (h *rawHeader) dialect() dialect {
	switch {
	case string(h[257:265]) == "ustar  \x00":
		return gnu
	case string(h[257:263]) != "ustar\x00":
		return v7
	case string(h[508:512]) == "tar\x00":
		return star
	}
	return posix
}

func (h *rawHeader) flag() byte { return h[156] }

// isHeader reports whether the checksum of a block is right. Some old tars made it of
// signed bytes.
func isHeader(b []byte) bool {
	want, err := number(b[148:156])
	if err != nil {
		return false
	}
	var unsigned, signed int64
	for i, c := range b[:blockSize] {
		if i >= 148 && i < 156 {
			c = ' '
		}
		unsigned += int64(c)
		signed += int64(int8(c))
	}
	return want == unsigned || want == signed
}

// name returns the name, with the prefix where there is one.
func (h *rawHeader) name() string {
	name := cString(h[0:100])
	prefix := ""
	switch h.dialect() {
	case posix:
		prefix = cString(h[345:500])
	case star:
		prefix = cString(h[345:476])
	}
	if prefix != "" {
		name = prefix + "/" + name
	}
	return name
}

func (h *rawHeader) link() string { return cString(h[157:257]) }

// field is where a number is in a header.
type field struct {
	name     string
	from, to int
}

var (
	fieldMode  = field{"mode", 100, 108}
	fieldUID   = field{"uid", 108, 116}
	fieldGID   = field{"gid", 116, 124}
	fieldSize  = field{"size", 124, 136}
	fieldMtime = field{"mtime", 136, 148}
	fieldMajor = field{"device major", 329, 337}
	fieldMinor = field{"device minor", 337, 345}
	fieldReal  = field{"real size", 483, 495} // of an old GNU sparse file
)

// number reads a field that may be negative.
func (h *rawHeader) number(f field) (int64, error) {
	n, err := number(h[f.from:f.to])
	if err != nil {
		return 0, fmt.Errorf("%s in the header: %w", f.name, err)
	}
	return n, nil
}

// count reads a field that may not be negative.
func (h *rawHeader) count(f field) (uint64, error) {
	n, err := h.number(f)
	if err == nil && n < 0 {
		err = fmt.Errorf("%s in the header is negative: %d", f.name, n)
	}
	return uint64(n), err
}

// number reads octal digits among blanks and NULs, or base 256 as GNU tar and star
// write what does not fit; an empty field is 0.
func number(b []byte) (int64, error) {
	if b[0]&0x80 != 0 {
		return base256(b)
	}
	b = bytes.TrimLeft(b, " \x00")
	if i := bytes.IndexAny(b, " \x00"); i >= 0 {
		if len(bytes.Trim(b[i:], " \x00")) > 0 {
			return 0, fmt.Errorf("not a number: %q", b)
		}
		b = b[:i]
	}
	var n int64
	for _, c := range b {
		if c < '0' || c > '7' {
			return 0, fmt.Errorf("not a number: %q", b)
		}
		n = n<<3 | int64(c-'0') // at most 12 digits of 3 bits
	}
	return n, nil
}

// base256 reads a number in two's complement, below the bit that marks it.
func base256(b []byte) (int64, error) {
	var fill byte
	if b[0]&0x40 != 0 {
		fill = 0xff
	}
	var n uint64
	for i, c := range b {
		if i == 0 {
			c = c&0x7f | fill&0x80
		}
		if i < len(b)-8 && c != fill {
			return 0, errors.New("number over 63 bits")
		}
		n = n<<8 | uint64(c)
	}
	if len(b) >= 8 && (n > math.MaxInt64) != (fill != 0) {
		return 0, errors.New("number over 63 bits")
	}
	return int64(n), nil
}

// cString returns the bytes before the first NUL.
func cString(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

// AbsoluteError says that a name begins at the root, as tar -P writes them. What becomes of
// one depends on the program that unpacks it: GNU tar takes the slash off, but with -P it
// writes to the system that it runs on.
type AbsoluteError struct{ Name string }

func (e *AbsoluteError) Error() string { return "absolute name " + entry.Escape(clip(e.Name)) }

// memberPath brings a name in an archive into our form: "." or "./a/b".
func memberPath(name string) (string, error) {
	if name == "" {
		return "", errors.New("empty name")
	}
	if name[0] == '/' {
		return "", &AbsoluteError{name}
	}
	if path := strings.TrimSuffix(name, "/"); strings.HasPrefix(path, "./") && isClean(path[2:]) {
		return path, nil
	}
	var out strings.Builder
	out.WriteByte('.')
	for part := range strings.SplitSeq(name, "/") {
		switch part {
		case "", ".":
			continue
		case "..":
			return "", fmt.Errorf("name with a segment ..: %s", entry.Escape(clip(name)))
		}
		out.WriteByte('/')
		out.WriteString(part)
	}
	return out.String(), nil
}

// isClean reports whether a path has no segment that is empty or begins with a dot
// and so might be "." or "..".
func isClean(path string) bool {
	for start := true; path != ""; path = path[1:] {
		if start && (path[0] == '.' || path[0] == '/') {
			return false
		}
		start = path[0] == '/'
		if start && len(path) == 1 {
			return false
		}
	}
	return true
}

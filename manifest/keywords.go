package manifest

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"

	"image-capture/entry"
)

// words takes the words of a line one by one.
type words struct {
	rest []byte
	err  error // the first
}

// value returns the value of the next word, which must have the keyword.
func (w *words) value(keyword string) []byte {
	v, ok := w.maybe(keyword)
	if !ok && w.err == nil {
		w.err = fmt.Errorf("%s= is missing here", keyword)
	}
	return v
}

// maybe is value for a keyword that may be missing.
func (w *words) maybe(keyword string) ([]byte, bool) {
	if w.err != nil || len(w.rest) < len(keyword)+2 || w.rest[0] != ' ' ||
		string(w.rest[1:1+len(keyword)]) != keyword || w.rest[1+len(keyword)] != '=' {
		return nil, false
	}
	w.rest = w.rest[len(keyword)+2:]
	n := bytes.IndexByte(w.rest, ' ')
	if n < 0 {
		n = len(w.rest)
	}
	v := w.rest[:n]
	w.rest = w.rest[n:]
	return v, true
}

func (w *words) number(keyword string, bits int) uint64 {
	return parsed(w, keyword, func(b []byte) (uint64, error) { return parseUint(b, bits) })
}

// parsed reads the next word's value.
func parsed[T any](w *words, keyword string, parse func([]byte) (T, error)) T {
	b := w.value(keyword)
	var v T
	if w.err == nil {
		var err error
		if v, err = parse(b); err != nil {
			w.err = fmt.Errorf("%s: %w", keyword, err)
		}
	}
	return v
}

// parseEntry reads an entry's line, but leaves its xattr words, each with a space
// before it, to parseXattrs: "#: " lines may replace them.
func parseEntry(e *entry.Member, line []byte) (xattrs []byte, err error) {
	n := bytes.IndexByte(line, ' ')
	if n < 0 {
		return nil, errors.New("neither an entry nor a known comment")
	}
	if e.Path, err = unvis(line[:n], visWord); err != nil {
		return nil, fmt.Errorf("path: %w", err)
	}
	w := &words{rest: line[n:]}
	e.Type = parsed(w, "type", parseType)
	e.Perm = parsed(w, "mode", parseMode)
	e.UID = uint32(w.number("uid", 32))
	e.GID = uint32(w.number("gid", 32))
	if e.Type == entry.File {
		e.Size = int64(w.number("size", 63))
	}
	e.Mtime = parsed(w, "time", parseTime)
	if e.Type == entry.Symlink {
		e.Link = parsed(w, "link", func(b []byte) (string, error) { return unvis(b, visWord) })
	}
	e.Nlink = 1
	if e.Type != entry.Dir {
		e.Nlink = w.number("nlink", 64)
		if w.err == nil && e.Nlink == 0 {
			w.err = errors.New("nlink: 0")
		}
	}
	if b, ok := w.maybe("sha256digest"); ok {
		e.SHA256, w.err = parseDigest(b)
	}
	if w.err != nil {
		return nil, w.err
	}
	if len(w.rest) > 0 && !bytes.HasPrefix(w.rest, []byte(" xattr.")) {
		return nil, fmt.Errorf("unknown or misplaced word %.80q", w.rest[1:])
	}
	return w.rest, nil
}

// parseXattrs reads words like " xattr.user.a=Yg==".
func parseXattrs(e *entry.Member, rest []byte) error {
	for len(rest) > 0 {
		word := rest[1:]
		if n := bytes.IndexByte(word, ' '); n >= 0 {
			word = word[:n]
		}
		rest = rest[1+len(word):]
		if err := parseXattr(e, word, visWord); err != nil {
			return err
		}
	}
	return nil
}

func parseXattr(e *entry.Member, word []byte, p *plain) error {
	name, value, ok := bytes.Cut(word, []byte("="))
	name, ours := bytes.CutPrefix(name, []byte("xattr."))
	if !ok || !ours {
		return fmt.Errorf("unknown or misplaced word %.80q", word)
	}
	var x entry.Xattr
	var err error
	if x.Name, err = unvis(name, p); err != nil {
		return fmt.Errorf("xattr %.80q: %w", name, err)
	}
	if n := len(e.Xattrs); n > 0 && e.Xattrs[n-1].Name >= x.Name {
		return fmt.Errorf("xattr %.80q: out of order", name)
	}
	if bytes.ContainsAny(value, "\r\n") { // base64 would overlook them
		return fmt.Errorf("xattr %.80q: not base64", name)
	}
	b, err := base64.StdEncoding.Strict().AppendDecode(nil, value)
	if err != nil {
		return fmt.Errorf("xattr %.80q: %w", name, err)
	}
	x.Value = string(b)
	e.Xattrs = append(e.Xattrs, x)
	return nil
}

// extraKeywords are what a "#: " line may say of an entry, xattrs apart.
var extraKeywords = []string{"hardlink", "device", "flags", "sparse.sha256", "block", "frame"}

// extraWords reads the "#: " lines of one entry.
type extraWords struct {
	seen  [5]bool // as extraKeywords
	block int64   // where in its frame the headers begin; -1: not said
}

// line reads one line.
func (x *extraWords) line(e *entry.Member, line []byte) error {
	w := &words{rest: line[len("#:"):]}
	if len(w.rest) == 0 || w.rest[0] != ' ' {
		return errors.New(`no space after "#:"`)
	}
	for len(w.rest) > 0 && w.err == nil {
		word, _, _ := bytes.Cut(w.rest[1:], []byte(" "))
		keyword, _, _ := bytes.Cut(word, []byte("="))
		switch string(keyword) {
		case "hardlink":
			w.err = x.once(0, "hardlink")
			e.HardLink = parsed(w, "hardlink", parsePath)
		case "device":
			w.err = x.once(1, "device")
			dev := parsed(w, "device", parseDevice)
			e.Major, e.Minor = dev[0], dev[1]
		case "flags":
			w.err = x.once(2, "flags")
			e.Flags = parsed(w, "flags", parseFlags)
		case "sparse.sha256":
			w.err = x.once(3, "sparse.sha256")
			e.SparseSHA256 = parsed(w, "sparse.sha256", parseDigest)
		case "block":
			w.err = x.once(4, "block")
			x.block = parsed(w, "block", func(b []byte) (int64, error) { n, err := parseUint(b, 54); return int64(n), err })
		case "frame":
			w.err = errors.New("frame: not in a line of its own")
		default:
			if !laterWord(word) {
				w.err = parseXattr(e, word, visKey)
			}
			w.rest = w.rest[1+len(word):]
		}
	}
	return w.err
}

// laterWord says whether a word is a keyword with a value that only a later version may
// know: it is passed over, so that this version reads that one's MANIFEST.
func laterWord(word []byte) bool {
	keyword, _, ok := bytes.Cut(word, []byte("="))
	if !ok || len(keyword) == 0 || string(keyword) == "xattr" || bytes.HasPrefix(keyword, []byte("xattr.")) {
		return false
	}
	for i, c := range keyword {
		if letter := 'a' <= c && c <= 'z'; !letter && (i == 0 || (c < '0' || c > '9') && c != '.' && c != '-' && c != '_') {
			return false
		}
	}
	return true
}

func (x *extraWords) once(i int, keyword string) error {
	if x.seen[i] {
		return fmt.Errorf("%s: a second time", keyword)
	}
	x.seen[i] = true
	return nil
}

// check reports whether the lines were those that the type needs.
func (x *extraWords) check(t entry.Type) error {
	if device := t == entry.CharDevice || t == entry.BlockDevice; device != x.seen[1] {
		return fmt.Errorf("device: missing, or not of a device (type %v)", t)
	}
	return nil
}

func parsePath(b []byte) (string, error) {
	p, err := unvis(b, visWord)
	if err == nil && !validPath(p) {
		err = errors.New("not a path")
	}
	return p, err
}

// parseUint reads a decimal number as strconv.AppendUint writes it.
func parseUint(b []byte, bits int) (uint64, error) {
	if len(b) > 1 && b[0] == '0' || len(b) > 0 && b[0] == '+' {
		return 0, fmt.Errorf("bad number %.80q", b)
	}
	n, err := strconv.ParseUint(string(b), 10, bits)
	if err != nil {
		return 0, fmt.Errorf("bad number %.80q", b)
	}
	return n, nil
}

func parseType(b []byte) (entry.Type, error) {
	for t := entry.File; t < entry.Socket; t++ {
		if t.String() == string(b) {
			return t, nil
		}
	}
	return 0, fmt.Errorf("unknown type %.80q", b)
}

func parseMode(b []byte) (uint32, error) {
	n, err := strconv.ParseUint(string(b), 8, 12)
	if err != nil || string(appendMode(nil, uint32(n))) != string(b) {
		return 0, fmt.Errorf("bad mode %.80q", b)
	}
	return uint32(n), nil
}

func parseTime(b []byte) (entry.Time, error) {
	var t entry.Time
	sec, nsec, _ := bytes.Cut(b, []byte("."))
	s, err := strconv.ParseInt(string(sec), 10, 64)
	n, err2 := strconv.ParseUint(string(nsec), 10, 30)
	if err == nil && err2 == nil && n < 1e9 {
		t = entry.Time{Sec: s, Nsec: uint32(n)}
	}
	if string(appendTime(nil, t)) != string(b) {
		return t, fmt.Errorf("bad time %.80q", b)
	}
	return t, nil
}

func parseDigest(b []byte) ([]byte, error) {
	d, err := hex.AppendDecode(nil, b)
	if err != nil || len(d) != sha256.Size || !bytes.Equal(b, bytes.ToLower(b)) {
		return nil, fmt.Errorf("bad sha256 %.80q", b)
	}
	return d, nil
}

func parseDevice(b []byte) (dev [2]uint32, err error) {
	numbers, ok := bytes.CutPrefix(b, []byte("native,"))
	major, minor, ok2 := bytes.Cut(numbers, []byte(","))
	ma, err1 := parseUint(major, 32)
	mi, err2 := parseUint(minor, 32)
	if !ok || !ok2 || err1 != nil || err2 != nil {
		return dev, fmt.Errorf("bad device %.80q", b)
	}
	return [2]uint32{uint32(ma), uint32(mi)}, nil
}

// parseFlags reads names in their fixed order.
func parseFlags(b []byte) (flags entry.Flags, err error) {
	rest := string(b)
	for name := range bytes.SplitSeq(b, []byte(",")) {
		i := 0
		for i < len(flagNames) && (flagNames[i].name != string(name) || flags >= flagNames[i].flag) {
			i++
		}
		if i == len(flagNames) {
			return 0, fmt.Errorf("bad flags %.80q", rest)
		}
		flags |= flagNames[i].flag
	}
	return flags, nil
}

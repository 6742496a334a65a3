package manifest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"

	"image-capture/entry"
)

// signature is the first line of an mtree specification.
const signature = "#mtree"

// Reader reads a MANIFEST entry by entry. It holds one entry at a time and, of what
// came before, only the facts.
type Reader struct {
	lines *lineReader
	facts Facts
	seen  int64
	enc   encoder
	words []byte // the xattr words of an entry's own line
	last  string // the path of the entry before
	// place is that of the line where the reader stands, here that of the entry that Next
	// returned last.
	place, here places
	version     uint64 // what the MANIFEST says that it is of; 0: nothing
	err         error
}

// ErrNotManifest is of a file that nothing here wrote.
var ErrNotManifest = errors.New("not a MANIFEST of image-capture")

// Parse reads the facts of a MANIFEST that Spool.Write wrote. It takes no other
// mtree specification, and no fact or keyword of an entry's own line that it does not
// know: those are refused, not overlooked. Keywords after "#: " that it does not know it
// passes over: a later version writes there what readers can do without.
func Parse(r io.Reader) (*Reader, error) {
	p := &Reader{lines: newLineReader(r)}
	l := p.lines
	if l.err != nil || string(l.line) != signature {
		return nil, p.fail(cmp.Or(cutShort(l.err), fmt.Errorf("the first line is not %q: %w", signature, ErrNotManifest)))
	}
	l.advance()
	if l.err == nil && !bytes.HasPrefix(l.line, []byte("# ")) {
		return nil, p.fail(fmt.Errorf("an mtree specification of another tool: %w", ErrNotManifest))
	}
	if err := p.facts.read(l); err != nil {
		return nil, p.fail(err)
	}
	return p, nil
}

// Facts returns the facts. The caller may keep them, but not change their lists
// while another caller reads them.
func (r *Reader) Facts() Facts { return r.facts }

// Next returns the next entry, which the caller may keep, or io.EOF after the last
// one. Ctime, Blocks and ID are zero; Nlink is 1 for a directory.
//
// Any other error names the line. A MANIFEST that is cut short, or has another
// number of entries than its facts say, or not in the order of an image, gives an error
// and no io.EOF.
func (r *Reader) Next() (*entry.Member, error) {
	if r.err != nil {
		return nil, r.err
	}
	e, err := r.next()
	if err != nil && err != io.EOF {
		err = r.fail(err)
	}
	r.err = err
	return e, err
}

func (r *Reader) next() (*entry.Member, error) {
	l := r.lines
	if r.seen == 0 {
		if err := r.between(); err != nil {
			return nil, err
		}
	}
	switch {
	case l.err != nil:
		return nil, r.cutShort()
	case string(l.line) == endLine:
		return nil, r.end()
	case r.seen == r.facts.Entries:
		return nil, fmt.Errorf("more than the %d entries that the facts say", r.facts.Entries)
	}
	e := new(entry.Member)
	words, err := parseEntry(e, l.line)
	if err != nil {
		return nil, err
	}
	if err := inOrder(r.seen, r.last, e.Path); err != nil {
		return nil, err
	}
	r.seen++
	r.last = e.Path
	r.words = append(r.words[:0], words...)
	at, size := l.at, len(l.line)
	extra := extraWords{block: -1}
	for l.advance(); l.err == nil && bytes.HasPrefix(l.line, []byte("#:")) && !bytes.HasPrefix(l.line, []byte(frameLine)); l.advance() {
		if size += len(l.line); size > maxEntry {
			return nil, fmt.Errorf("an entry over %d bytes", maxEntry)
		}
		if err := extra.line(e, l.line); err != nil {
			return nil, err
		}
	}
	if err := r.place.enter(extra.block, &r.facts); err != nil {
		return nil, atLine{at, err}
	}
	r.here = r.place
	if l.err == nil {
		if err := r.between(); err != nil {
			return nil, err
		}
	}
	if l.err != nil {
		return nil, r.cutShort() // an entry is never the last line
	}
	// The reader stands on the next entry's line.
	if err := cmp.Or(r.finish(e), extra.check(e.Type)); err != nil {
		return nil, atLine{at, err}
	}
	return e, nil
}

// inOrder refuses an entry that has not the order of an image after those that were seen
// before it. Of a name that comes twice readers would make different things.
func inOrder(seen int64, last, path string) error {
	if seen > 0 && entry.ComparePaths(last, path) >= 0 {
		return fmt.Errorf("%.80q cannot come after %.80q: names are sorted, each once", path, last)
	}
	return nil
}

// between reads "#: " lines that are of no entry: before the first, and from the line of
// a frame on. Words that a later version may write there it passes over.
func (r *Reader) between() error {
	for l := r.lines; l.err == nil && bytes.HasPrefix(l.line, []byte("#:")); l.advance() {
		if bytes.HasPrefix(l.line, []byte(frameLine)) {
			if err := r.place.line(l.line, &r.facts); err != nil {
				return err
			}
			continue
		}
		rest, ok := bytes.CutPrefix(l.line, []byte("#: "))
		if !ok {
			return errors.New(`no space after "#:"`)
		}
		for word := range bytes.SplitSeq(rest, []byte(" ")) {
			keyword, value, _ := bytes.Cut(word, []byte("="))
			if !laterWord(word) || slices.Contains(extraKeywords, string(keyword)) {
				return fmt.Errorf("unknown or misplaced word %.80q", word)
			}
			if string(keyword) == "manifest" {
				if r.version, _ = parseUint(value, 32); r.version == 0 {
					return fmt.Errorf("bad number of a format %.80q", value)
				}
			}
		}
	}
	return nil
}

// cutShort is the error where no line follows.
func (r *Reader) cutShort() error {
	if r.lines.err == io.EOF {
		return fmt.Errorf("cut short after %d of %d entries", r.seen, r.facts.Entries)
	}
	return r.lines.err
}

// finish looks at what lines of the entry say together.
func (r *Reader) finish(e *entry.Member) error {
	if len(e.Xattrs) == 0 {
		if err := parseXattrs(e, r.words); err != nil {
			return err
		}
	} else if len(r.words) > 0 && !r.enc.sameXattrs(r.words, e.Xattrs) {
		return errors.New(`the xattrs differ from those after "#:"`)
	}
	return checkMember(e)
}

// end is at the last line.
func (r *Reader) end() error {
	if r.seen != r.facts.Entries {
		return fmt.Errorf("%d entries instead of the %d that the facts say", r.seen, r.facts.Entries)
	}
	r.lines.advance()
	switch err := r.lines.err; err {
	case io.EOF:
		return io.EOF
	case nil:
		return fmt.Errorf("text after %q", endLine)
	default:
		return err
	}
}

// atLine is an error of another line than the one where the reader is.
type atLine struct {
	line int
	error
}

// LineError says that a MANIFEST cannot be read, and where.
type LineError struct {
	Line int
	err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("manifest line %d: %v", e.Line, e.err) }

// Unwrap returns the reason.
func (e *LineError) Unwrap() error { return e.err }

// fail names the line.
func (r *Reader) fail(err error) error {
	at := r.lines.at
	if e, ok := err.(atLine); ok {
		at, err = e.line, e.error
	}
	if r.version > Version {
		err = fmt.Errorf("%w (it is of format %d, and this program reads %d)", err, r.version, Version)
	}
	return &LineError{at, err}
}

// cutShort turns io.EOF where a line must follow into an error of ours: to a caller
// io.EOF means a whole MANIFEST.
func cutShort(err error) error {
	if err == io.EOF {
		return errors.New("cut short")
	}
	return err
}

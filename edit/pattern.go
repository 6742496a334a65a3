package edit

import (
	"errors"
	"fmt"
	"strings"

	"image-capture/entry"
)

// pattern is a compiled exclude pattern: the segments between its stars, one
// when there is no star.
type pattern struct {
	text string
	segs []segment
	// anchor is the text at the begin when that starts with "./": such a pattern can
	// match at the begin of a path only, as nothing but the root is called ".".
	anchor string
}

// segment is what must match without a gap. It is empty at the begin or end of a
// pattern with a star there.
type segment []atom

// atom is a text to match byte by byte, or a set that one character must be in,
// or any one character when it is neither.
type atom struct {
	text string
	set  *set
}

// lead returns the text that the segment starts with, if it starts with one.
func (s segment) lead() string {
	if len(s) == 0 {
		return ""
	}
	return s[0].text
}

// compile reads a pattern. It refuses what GNU tar takes without a word although
// it can match no name, or would match the root and leave an empty image: who
// excludes something must not find it in the image because of a slash.
func compile(text string) (*pattern, error) {
	p := &pattern{text: text}
	err := p.parse()
	if err == nil && strings.HasPrefix(p.segs[0].lead(), "./") {
		p.anchor = p.segs[0].lead()
	}
	if err == nil {
		err = p.check()
	}
	if err != nil {
		if len(text) > 100 {
			text = text[:100] + "..."
		}
		return nil, fmt.Errorf("exclude pattern %q: %w", text, err)
	}
	return p, nil
}

// MaxPattern is how many bytes a pattern may have: PATH_MAX. To read one takes
// time by the square of its length.
const MaxPattern = 4096

var (
	errEmpty     = errors.New("it is empty")
	errLong      = fmt.Errorf("it is longer than %d bytes", MaxPattern)
	errNUL       = errors.New("it holds a NUL byte, and no name does")
	errBackslash = errors.New("nothing follows its last backslash")
	errLeading   = errors.New(`it starts with a slash, and names in the image start with "./"`)
	errTrailing  = errors.New("it ends with a slash, and no name does")
	errDouble    = errors.New("it holds two slashes in a row, and no name does")
	errRoot      = errors.New("it matches the root itself: the image would be empty")
)

func (p *pattern) parse() error {
	if p.text == "" {
		return errEmpty
	}
	if len(p.text) > MaxPattern {
		return errLong
	}
	if strings.IndexByte(p.text, 0) >= 0 {
		return errNUL
	}
	var seg segment
	var text []byte
	put := func(a ...atom) {
		if len(text) > 0 {
			seg = append(seg, atom{text: string(text)})
			text = text[:0]
		}
		seg = append(seg, a...)
	}
	wild := hasWildcards(p.text)
	for i := 0; i < len(p.text); {
		c := p.text[i]
		i++
		switch c {
		case '\\':
			switch {
			case i < len(p.text):
				text = append(text, p.text[i])
				i++
			case wild:
				return errBackslash
			default:
				// Without wildcards tar compares by text, and takes it for itself.
				text = append(text, c)
			}
		case '?':
			put(atom{})
		case '*':
			put()
			// Stars in a row are one.
			if len(seg) > 0 || len(p.segs) == 0 {
				p.segs = append(p.segs, seg)
				seg = nil
			}
		case '[':
			s, next, err := parseSet(p.text, i)
			if err != nil {
				return err
			}
			if s == nil {
				text = append(text, c)
				continue
			}
			put(atom{set: s})
			i = next
		default:
			text = append(text, c)
		}
	}
	put()
	p.segs = append(p.segs, seg)
	return nil
}

// hasWildcards is fnmatch_pattern_has_wildcards of gnulib's exclude.c: tar
// compares a pattern without any by its text.
func hasWildcards(text string) bool {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '?', '*', '[':
			return true
		}
	}
	return false
}

func (p *pattern) check() error {
	if strings.HasPrefix(p.segs[0].lead(), "/") {
		return errLeading
	}
	if last := p.segs[len(p.segs)-1]; len(last) > 0 && strings.HasSuffix(last[len(last)-1].text, "/") {
		return errTrailing
	}
	for _, seg := range p.segs {
		for _, a := range seg {
			if strings.Contains(a.text, "//") {
				return errDouble
			}
		}
	}
	if p.match(".") {
		return errRoot
	}
	return nil
}

// literal returns the text of a pattern without wildcards.
func (p *pattern) literal() (string, bool) {
	if len(p.segs) == 1 && len(p.segs[0]) == 1 && p.segs[0][0].text != "" {
		return p.segs[0][0].text, true
	}
	return "", false
}

// below says that the pattern can match only names below the directory.
func (p *pattern) below(dir string) bool {
	return entry.IsBelow(p.anchor, dir)
}

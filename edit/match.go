package edit

import (
	"strings"
	"unicode/utf8"
)

// match says whether the pattern matches the path or a directory that it is
// below. It does so when it matches some parts of the path in a row, as a whole:
// gnulib's exclude_fnmatch starts at the begin and after each slash, and
// FNM_LEADING_DIR lets the match end at a slash.
//
// The time is bounded by the product of both lengths. As a star matches anything,
// slashes too, the first place where a segment matches leaves the most for what
// follows; so no place is ever tried twice, other than in fnmatch(3).
func (p *pattern) match(path string) bool {
	if !strings.HasPrefix(path, p.anchor) {
		return false
	}
	s := scan{name: path}
	return s.match(p)
}

// scan is one name being matched. It counts the characters looked at, which is
// what its test bounds.
type scan struct {
	name  string
	steps int
}

func (s *scan) match(p *pattern) bool {
	last := len(p.segs) - 1
	i, ok := s.start(p.segs[0], p.anchor != "", last == 0)
	if !ok || last == 0 {
		return ok
	}
	for _, seg := range p.segs[1:last] {
		if i, ok = s.find(seg, i, false); !ok {
			return false
		}
	}
	if len(p.segs[last]) == 0 {
		return true
	}
	_, ok = s.find(p.segs[last], i, true)
	return ok
}

// start returns where the match of seg ends at the first part of the name where
// it starts. A match of the whole pattern must also end where a part ends.
func (s *scan) start(seg segment, anchored, whole bool) (end int, ok bool) {
	for i := 0; ; {
		if end, ok = s.at(seg, i); ok && (!whole || s.ends(end)) {
			return end, true
		}
		slash := strings.IndexByte(s.name[i:], '/')
		if anchored || slash < 0 {
			return 0, false
		}
		i += slash + 1
	}
}

// find returns where the first match of seg from i on ends. The last segment of
// a pattern must end where a part of the name ends.
func (s *scan) find(seg segment, i int, last bool) (end int, ok bool) {
	lead := seg.lead()
	for {
		if lead != "" {
			next := strings.Index(s.name[i:], lead)
			if next < 0 {
				s.steps += len(s.name) - i
				return 0, false
			}
			s.steps += next
			i += next
		}
		if end, ok = s.at(seg, i); ok && (!last || s.ends(end)) {
			return end, true
		}
		if i == len(s.name) {
			return 0, false
		}
		_, size := decode(s.name[i:])
		i += size
	}
}

// at returns where the match of seg at i ends.
func (s *scan) at(seg segment, i int) (end int, ok bool) {
	for k := range seg {
		a := &seg[k]
		if a.text != "" {
			s.steps += len(a.text)
			if !strings.HasPrefix(s.name[i:], a.text) {
				return 0, false
			}
			i += len(a.text)
			continue
		}
		s.steps++
		if i == len(s.name) {
			return 0, false
		}
		c, size := decode(s.name[i:])
		if a.set != nil && !a.set.has(c) {
			return 0, false
		}
		i += size
	}
	return i, true
}

// ends says whether a part of the name ends at i.
func (s *scan) ends(i int) bool { return i == len(s.name) || s.name[i] == '/' }

// strayByte is what decode adds to a byte that is not part of a UTF-8 character,
// so that it is a character of its own, above all others.
const strayByte = utf8.MaxRune + 1

// decode returns the first character of a text that is not empty.
func decode(text string) (c rune, size int) {
	if b := text[0]; b < utf8.RuneSelf {
		return rune(b), 1
	}
	c, size = utf8.DecodeRuneInString(text)
	if c == utf8.RuneError && size == 1 {
		c = strayByte + rune(text[0])
	}
	return c, size
}

package edit

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// set is a bracket expression: the characters that may stand at one place.
type set struct {
	negated bool
	ascii   [2]uint64 // a bit for each
	ranges  []span    // those that reach beyond ASCII
	classes []func(rune) bool
}

type span struct{ lo, hi rune }

func (s *set) has(c rune) bool {
	if c < utf8.RuneSelf {
		return s.ascii[c>>6]>>(c&63)&1 != 0 != s.negated
	}
	return s.beyondASCII(c) != s.negated
}

func (s *set) beyondASCII(c rune) bool {
	for _, r := range s.ranges {
		if r.lo <= c && c <= r.hi {
			return true
		}
	}
	for _, in := range s.classes {
		if in(c) {
			return true
		}
	}
	return false
}

// add takes in the characters from lo to hi: none when lo is above hi.
func (s *set) add(lo, hi rune) {
	for c := lo; c <= hi && c < utf8.RuneSelf; c++ {
		s.ascii[c>>6] |= 1 << (c & 63)
	}
	if hi >= utf8.RuneSelf {
		s.ranges = append(s.ranges, span{lo, hi})
	}
}

func (s *set) addClass(in func(rune) bool) {
	for c := rune(0); c < utf8.RuneSelf; c++ {
		if in(c) {
			s.add(c, c)
		}
	}
	s.classes = append(s.classes, in)
}

// classes are the names of POSIX. Beyond ASCII they go by Unicode, as the UTF-8
// locales do, but not by the tables of one C library.
var classes = map[string]func(rune) bool{
	"alnum":  isAlnum,
	"alpha":  unicode.IsLetter,
	"blank":  func(c rune) bool { return c == '\t' || unicode.Is(unicode.Zs, c) },
	"cntrl":  unicode.IsControl,
	"digit":  func(c rune) bool { return '0' <= c && c <= '9' },
	"graph":  isGraph,
	"lower":  unicode.IsLower,
	"print":  func(c rune) bool { return isGraph(c) || unicode.Is(unicode.Zs, c) },
	"punct":  func(c rune) bool { return isGraph(c) && !isAlnum(c) },
	"space":  unicode.IsSpace,
	"upper":  unicode.IsUpper,
	"xdigit": func(c rune) bool { return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f' },
}

func isAlnum(c rune) bool { return unicode.IsLetter(c) || unicode.IsDigit(c) }
func isGraph(c rune) bool { return unicode.IsGraphic(c) && !unicode.Is(unicode.Zs, c) }

var errSymbol = errors.New("a collating symbol [.x.] must be one character")

// parseSet reads a bracket expression whose "[" is before text[i:], and returns
// what follows it. The set is nil when there is no closing "]": then the "[" stands
// for itself, as fnmatch(3) has it.
func parseSet(text string, i int) (s *set, next int, err error) {
	s = &set{}
	if i < len(text) && (text[i] == '!' || text[i] == '^') {
		s.negated = true
		i++
	}
	for first := true; i < len(text); first = false {
		// A "]" that comes first is a member.
		if text[i] == ']' && !first {
			return s, i + 1, nil
		}
		if name, ok := className(text[i:]); ok {
			in := classes[name]
			if in == nil {
				return nil, 0, fmt.Errorf("there is no character class [:%s:]", name)
			}
			s.addClass(in)
			i += len("[::]") + len(name)
			continue
		}
		if c, size, ok := equivalence(text[i:]); ok {
			s.add(c, c)
			i += size
			continue
		}
		lo, size, err := member(text[i:])
		if err != nil {
			return nil, 0, err
		}
		i += size
		hi := lo
		// A "-" before the closing "]" is a member.
		if i+1 < len(text) && text[i] == '-' && text[i+1] != ']' {
			hi, size, err = member(text[i+1:])
			if err != nil {
				return nil, 0, err
			}
			i += 1 + size
		}
		s.add(lo, hi)
	}
	return nil, 0, nil
}

// className reads "[:name:]".
func className(text string) (name string, ok bool) {
	text, ok = strings.CutPrefix(text, "[:")
	if !ok {
		return "", false
	}
	end := 0
	for end < len(text) && 'a' <= text[end] && text[end] <= 'z' {
		end++
	}
	return text[:end], strings.HasPrefix(text[end:], ":]")
}

// equivalence reads "[=x=]". Only x itself is equivalent to x, as in the C locales.
func equivalence(text string) (c rune, size int, ok bool) {
	text, ok = strings.CutPrefix(text, "[=")
	if !ok || text == "" {
		return 0, 0, false
	}
	c, size = decode(text)
	return c, size + len("[==]"), strings.HasPrefix(text[size:], "=]")
}

// member reads one character: "x", "\x" or "[.x.]".
func member(text string) (c rune, size int, err error) {
	if symbol, ok := strings.CutPrefix(text, "[."); ok {
		symbol, _, ok = strings.Cut(symbol, ".]")
		if !ok || utf8.RuneCountInString(symbol) != 1 {
			return 0, 0, errSymbol
		}
		c, size = decode(symbol)
		return c, size + len("[..]"), nil
	}
	if text[0] == '\\' {
		if len(text) == 1 {
			return 0, 0, errBackslash
		}
		c, size = decode(text[1:])
		return c, size + 1, nil
	}
	c, size = decode(text)
	return c, size, nil
}

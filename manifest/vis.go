package manifest

import (
	"errors"
	"fmt"
	"strings"
)

// plain reports which bytes stand for themselves. A backslash is always "\\", every
// other byte a backslash and three octal digits; see vis(3), VIS_OCTAL.
type plain [256]bool

var (
	// visWord is vis(3) with VIS_WHITE|VIS_OCTAL|VIS_GLOB, for names and link
	// targets: what gomtree calls DefaultVisFlags. Its results hold no white
	// space, no "#" and nothing beyond ASCII.
	visWord = plainBytes('!', "*?[#")
	// visKey escapes "=" too, so that the first one ends a keyword.
	visKey = plainBytes('!', "*?[#=")
	// visText is for a fact's value, which people read and nothing splits.
	visText = plainBytes(' ', "")
)

// plainBytes allows first to '~' without the backslash and the bytes of but.
func plainBytes(first byte, but string) *plain {
	p := new(plain)
	for c := first; c <= '~'; c++ {
		p[c] = c != '\\' && strings.IndexByte(but, c) < 0
	}
	return p
}

func appendVis(dst []byte, s string, p *plain) []byte {
	for i := range len(s) {
		switch c := s[i]; {
		case p[c]:
			dst = append(dst, c)
		case c == '\\':
			dst = append(dst, '\\', '\\')
		default:
			dst = append(dst, '\\', '0'+c>>6, '0'+c>>3&7, '0'+c&7)
		}
	}
	return dst
}

// unvis reads what appendVis writes, and only that: every other escape, and a byte
// that should be escaped, is an error.
func unvis[T []byte | string](s T, p *plain) (string, error) {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case p[c]:
			b = append(b, c)
		case c != '\\':
			return "", fmt.Errorf("byte %q is not escaped", c)
		case i+1 < len(s) && s[i+1] == '\\':
			b = append(b, '\\')
			i++
		case i+3 < len(s) && '0' <= s[i+1] && s[i+1] <= '3' && octal(s[i+2]) && octal(s[i+3]):
			c = s[i+1]<<6 | s[i+2]&7<<3 | s[i+3]&7
			if p[c] || c == '\\' {
				return "", fmt.Errorf("byte %q is escaped", c)
			}
			b = append(b, c)
			i += 3
		default:
			return "", errors.New(`bad escape: not \\ or three octal digits`)
		}
	}
	return string(b), nil
}

func octal(c byte) bool { return '0' <= c && c <= '7' }

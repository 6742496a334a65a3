package entry

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Printable escapes control characters and bytes that are not UTF-8, as Go strings
// do: names, contents of an image and words of a server must not move a terminal's
// cursor, turn the writing direction, or add lines to a log. What it returned once it
// leaves as it is.
func Printable(s string) string {
	clean := true
	for _, r := range s {
		if r == utf8.RuneError || !strconv.IsPrint(r) {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case strconv.IsPrint(r):
			b.WriteString(s[:n])
		default:
			q := strconv.QuoteRune(r)
			b.WriteString(q[1 : len(q)-1])
		}
		s = s[n:]
	}
	return b.String()
}

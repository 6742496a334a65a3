package bootcheck

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// printable returns s as one line of printable text that can be told from any
// other: what is not printable, not UTF-8, or a backslash is escaped as in a Go
// string. Names and contents of an image must not move a terminal's cursor,
// turn the writing direction, or add lines to a report.
func printable(s string) string {
	plain := true
	for _, r := range s {
		// A byte that is not UTF-8 comes as RuneError; a true U+FFFD in the
		// text takes the slow path for nothing.
		if r == '\\' || r == utf8.RuneError || !strconv.IsPrint(r) {
			plain = false
			break
		}
	}
	if plain {
		return s
	}
	quoted := strconv.Quote(s)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}

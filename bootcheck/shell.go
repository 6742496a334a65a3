package bootcheck

import (
	"iter"
	"strings"
)

// lines yields the lines of a text file without the blanks around them: no line
// ends of either kind, no byte order mark, no empty lines. Comments are lines.
func lines(data string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for line := range strings.SplitSeq(strings.TrimPrefix(data, "\ufeff"), "\n") {
			if line = strings.TrimSpace(line); line != "" && !yield(line) {
				return
			}
		}
	}
}

// assignment splits KEY=value of a shell script, and returns what follows the
// value on the line. It is false for all other lines.
func assignment(line string) (key, value, rest string, ok bool) {
	key, after, found := strings.Cut(line, "=")
	if !found || key == "" || strings.ContainsFunc(key, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) {
		return "", "", "", false
	}
	value, rest = shellWord(after)
	return key, value, rest, true
}

// shellWord returns the first word of s without its quotes and escapes, as
// sh(1) reads it but for expansions, and what follows it. A quote that is not
// closed ends with s.
func shellWord(s string) (word, rest string) {
	var b strings.Builder
	var quote byte // ' or " inside of such quotes
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
		case quote == 0 && (c == ' ' || c == '\t'):
			return b.String(), strings.TrimSpace(s[i:])
		case c == '\\' && quote != '\'' && i+1 < len(s):
			// In double quotes a backslash is itself before most characters.
			if next := s[i+1]; quote == 0 || strings.IndexByte("$\"\\`", next) >= 0 {
				b.WriteByte(next)
				i++
			} else {
				b.WriteByte(c)
			}
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), ""
}

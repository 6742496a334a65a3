package entry

import "strings"

// ShellWord writes a text as one word of a POSIX shell, so that it can be pasted: quoted
// where it holds more than letters, digits and a few signs.
func ShellWord(text string) string {
	if text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return (r < 'a' || 'z' < r) && (r < '0' || '9' < r) && (r < 'A' || 'Z' < r) && !strings.ContainsRune("/._-+@:,=", r)
	}) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

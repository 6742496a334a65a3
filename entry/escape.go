package entry

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// letters are the control characters that have a letter of their own after a backslash.
const letters = "\a\b\f\n\r\t\v\\"

// Escape writes a name as GNU tar lists it in a UTF-8 locale: a backslash twice, control
// characters as \n and the like, the bytes of all else that is not to be printed, or is no
// UTF-8, as a backslash and three octal digits each. Two names never look alike, Unescape gives the
// name back, and Printable leaves the text as it is.
func Escape(name string) string {
	clean := true
	for _, r := range name {
		if r == '\\' || r == utf8.RuneError || !strconv.IsPrint(r) {
			clean = false
			break
		}
	}
	if clean {
		return name
	}
	var b strings.Builder
	for len(name) > 0 {
		r, n := utf8.DecodeRuneInString(name)
		i := strings.IndexByte(letters, name[0])
		switch {
		case n == 1 && i >= 0:
			b.WriteString(`\` + `abfnrtv\`[i:i+1])
		case (r != utf8.RuneError || n > 1) && strconv.IsPrint(r):
			b.WriteString(name[:n])
		default:
			for _, c := range []byte(name[:n]) {
				fmt.Fprintf(&b, `\%03o`, c)
			}
		}
		name = name[n:]
	}
	return b.String()
}

// Unescape reads a name as Escape, or a MANIFEST, writes it. It is false where a backslash
// begins nothing that these write: then the text is a name as it is, or no name.
func Unescape(text string) (name string, ok bool) {
	if !strings.Contains(text, `\`) {
		return text, true
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		if text[i] != '\\' {
			b.WriteByte(text[i])
			i++
			continue
		}
		c, n := UnescapeByte(text[i:])
		if n == 0 {
			return "", false
		}
		b.WriteByte(c)
		i += n
	}
	return b.String(), true
}

// UnescapeByte reads what a text begins with, which is a backslash: the byte, and how many
// of the text it takes; 0 where no name is written so.
func UnescapeByte(text string) (c byte, n int) {
	if len(text) > 1 {
		if i := strings.IndexByte(`abfnrtv\`, text[1]); i >= 0 {
			return letters[i], 2
		}
	}
	if len(text) > 3 {
		if v, err := strconv.ParseUint(text[1:4], 8, 8); err == nil {
			return byte(v), 4
		}
	}
	return 0, 0
}

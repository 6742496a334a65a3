package entry_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/entry"
)

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"":                    "",
		"etc/passwd":          "etc/passwd",
		"ünïcödé 日本":          "ünïcödé 日本",
		"new\nline\r\ttab":    `new\nline\r\ttab`,
		"\x1b[31mred\x07":     `\x1b[31mred\a`,
		"latin-\xe4\xff":      `latin-\xe4\xff`,
		"\u202eevil":          `\u202eevil`, // turns the text around
		"\u0085next\u2028":    `\u0085next\u2028`,
		"\x7f\x00":            `\x7f\x00`,
		"replacement \ufffd.": "replacement \ufffd.",
		"back\\slash 'quote'": `back\slash 'quote'`,
	} {
		require.Equal(t, want, entry.Printable(in))
	}
}

// FuzzPrintable: whatever a name holds, it stays on its line.
func FuzzPrintable(f *testing.F) {
	f.Add("a\nb\x1b\xff\u202e")
	f.Fuzz(func(t *testing.T, s string) {
		p := entry.Printable(s)
		if strings.ContainsFunc(p, func(r rune) bool { return r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 }) {
			t.Fatalf("%q became %q", s, p)
		}
		if entry.Printable(p) != p {
			t.Fatalf("%q is not stable", p)
		}
	})
}

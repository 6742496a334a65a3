package entry_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/entry"
)

// TestEscape: names as GNU tar lists them; it prints what turns the writing direction.
func TestEscape(t *testing.T) {
	for name, text := range map[string]string{
		"": "", "./etc/motd": "./etc/motd", "./ä ö": "./ä ö", "./*[?]": "./*[?]",
		`dev-disk-by\x2duuid.swap`: `dev-disk-by\\x2duuid.swap`,
		"a\n\t\x01\x7f":            `a\n\t\001\177`,
		"\xff\xfe":                 `\377\376`, `\xff`: `\\xff`, `\377`: `\\377`,
		"\u202e": `\342\200\256`, "\ufffd": "\ufffd",
	} {
		require.Equal(t, text, entry.Escape(name))
		require.Equal(t, text, entry.Printable(text), "what prints a line leaves it")
		back, ok := entry.Unescape(text)
		require.True(t, ok)
		require.Equal(t, name, back)
	}
	for _, text := range []string{`\`, `a\`, `\x2d`, `\4`, `\400`, `\08`, `\+12`, `\*`} {
		_, ok := entry.Unescape(text)
		require.False(t, ok, text)
	}
	manifest, ok := entry.Unescape(`a\040b\134`)
	require.True(t, ok)
	require.Equal(t, `a b\`, manifest)
}

func FuzzEscape(f *testing.F) {
	f.Add("a\x01\\\xffä")
	f.Fuzz(func(t *testing.T, name string) {
		text := entry.Escape(name)
		back, ok := entry.Unescape(text)
		require.True(t, ok)
		require.Equal(t, name, back)
		require.Equal(t, text, entry.Printable(text))
	})
}

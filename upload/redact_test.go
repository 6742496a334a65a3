package upload

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestRedactLeavesTheRest(t *testing.T) {
	r := newRedactor(Config{Token: "abcdefghijklmnopqrstuvwxyz", Password: "short"})
	for text, want := range map[string]string{
		"":                            "",
		"nothing here":                "nothing here",
		"abcdefg is too little":       "abcdefg is too little",
		"x abcdefgh y":                "x [redacted] y",
		"x klmnopqrst. y":             "x [redacted]. y",
		"abcdefgh; ijklmnop":          "[redacted]",
		"a.b.c.d.e.f.g.h":             "[redacted]",
		"short, shorter, and Short":   "[redacted], [redacted]er, and Short",
		"http://u:p@proxy:3128 down":  "http://[redacted]@proxy:3128 down",
		"see https://host/a@b":        "see https://host/a@b",
		"abcdefghij and uvwxyz vwxyz": "[redacted] and uvwxyz vwxyz",
	} {
		require.Equal(t, want, r.clean(text))
	}
}

func TestRedactTiny(t *testing.T) {
	r := newRedactor(Config{Token: "x", Password: "as"})
	require.Equal(t, "token [redacted], password [redacted], lasting next", r.clean("token x, password as, lasting next"))
}

func TestMessage(t *testing.T) {
	r := newRedactor(Config{})
	require.Equal(t, `a\x1b[0m\nb\u202ec\xff ü`, r.message("  a\x1b[0m\nb\u202ec\xff ü\n"))
	long := r.message(strings.Repeat("ü", 2000))
	require.LessOrEqual(t, len(long), maxMessage)
	require.True(t, utf8.ValidString(long))
	require.True(t, strings.HasSuffix(long, "ü..."))
}

type verbose struct{ secret string }

func (v verbose) Error() string { return "no secret in the text" }

func TestScrub(t *testing.T) {
	r := newRedactor(Config{Token: "abcdefghijklmnopqrstuvwxyz"})
	plain := fmt.Errorf("x: %w", io.EOF)
	require.Same(t, plain, r.scrub(plain))
	require.NoError(t, r.scrub(nil))
	for _, err := range []error{
		fmt.Errorf("token abcdefghijklmnopqrstuvwxyz: %w", io.EOF),
		errors.Join(io.EOF, errors.New("abcdefghijklmnopqrstuvwxyz")),
		fmt.Errorf("%w, %w", io.EOF, verbose{"abcdefghijklmnopqrstuvwxyz"}),
	} {
		got := r.scrub(err)
		require.NotEqual(t, err, got)
		require.ErrorIs(t, got, io.EOF)
		require.NotContains(t, fmt.Sprintf("%v %+v %#v", got, got, got), "abcdefgh")
		require.Nil(t, errors.Unwrap(got))
		var v verbose
		require.False(t, errors.As(got, &v))
	}
}

// FuzzClean checks that no run of a secret that is long enough comes out, however
// the text around it looks.
func FuzzClean(f *testing.F) {
	f.Add("abcdefghijklmnop", "before abcdefghijklmnop after")
	f.Add("ab", "abab")
	f.Add("pass\"word\\with+all%20", `{"Messages":["pass\"word\\with+all%20"]}`)
	f.Fuzz(func(t *testing.T, secret, text string) {
		if secret == "" {
			return
		}
		r := newRedactor(Config{Token: secret})
		got := r.message(text + secret + text)
		require.LessOrEqual(t, len(got), maxMessage)
		for _, c := range got {
			require.False(t, c < ' ' || c == 0x7f)
		}
		if !strings.Contains(redacted, secret) && !strings.Contains("...", secret) && len(secret) >= gramSize {
			require.NotContains(t, got, secret)
		}
		letters, _ := alphanumeric(secret)
		clean, _ := alphanumeric(strings.ReplaceAll(r.clean(text+secret), redacted, "\x00"))
		for i := 0; i+gramSize <= len(letters); i++ {
			if !strings.Contains("redacted", letters[i:i+gramSize]) {
				require.NotContains(t, clean, letters[i:i+gramSize])
			}
		}
	})
}

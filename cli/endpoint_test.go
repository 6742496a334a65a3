package cli

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseRate(t *testing.T) {
	for text, want := range map[string]int64{
		"1024": 1024, "1k": 1024, "1K": 1024, "50M": 50 << 20, "2g": 2 << 30, "3T": 3 << 40,
		"0": 0, "": 0, "K": 0, "-1M": 0, "1.5M": 0, "1023": 0, "50 M": 0, "50MB": 0, "50Mi": 0,
		"9223372036854775807": 1<<63 - 1, "9223372036854775808": 0, "8388608T": 0, "99999999999999999999T": 0, "\u0131": 0, "5\x0b": 0,
	} {
		if text == "" {
			continue // the flag's "no bound"
		}
		got, err := parseRate(text)
		require.Equal(t, want, got, text)
		require.Equal(t, want == 0, err != nil, text)
	}
}

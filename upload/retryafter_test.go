package upload

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)
	for _, row := range []struct {
		value, date string
		want        time.Duration
	}{
		{"", "", 0},
		{"0", "", 0},
		{"7", "", 7 * time.Second},
		{" 7 ", "", 7 * time.Second},
		{"301", "", MaxRetryAfter},
		{"9223372036854775807", "", MaxRetryAfter},
		{"99999999999999999999999999", "", 0},
		{"-5", "", 0},
		{"1.5", "", 0},
		{"soon", "", 0},
		{"Mon, 23 Nov 2026 06:00:30 GMT", "", 30 * time.Second},
		{"Monday, 23-Nov-26 06:00:30 GMT", "", 30 * time.Second},
		{"Mon, 23 Nov 2026 05:00:00 GMT", "", 0},
		{"Mon, 23 Nov 2126 06:00:00 GMT", "", MaxRetryAfter},
		// The server's clock is an hour ahead of ours.
		{"Mon, 23 Nov 2026 07:00:30 GMT", "Mon, 23 Nov 2026 07:00:00 GMT", 30 * time.Second},
		{"Mon, 23 Nov 2026 07:00:30 GMT", "nonsense", MaxRetryAfter},
	} {
		h := http.Header{}
		h.Set("Retry-After", row.value)
		h.Set("Date", row.date)
		require.Equal(t, row.want, retryAfter(h, now), "%q %q", row.value, row.date)
	}
	require.Zero(t, retryAfter(http.Header{}, now))
}

// FuzzRetryAfter: whatever a server says, the wait is one that can be waited for.
func FuzzRetryAfter(f *testing.F) {
	f.Add("7", "")
	f.Add("Mon, 23 Nov 2026 06:00:30 GMT", "Mon, 23 Nov 2026 06:00:00 GMT")
	f.Fuzz(func(t *testing.T, value, date string) {
		got := retryAfter(http.Header{"Retry-After": {value}, "Date": {date}}, time.Unix(0, 0))
		require.True(t, got >= 0 && got <= MaxRetryAfter, "%s", got)
	})
}

package upload_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"image-capture/upload"
)

// waits are how long an endpoint waits after each of so many failures with an error.
func waits(t *testing.T, failures int, failure *upload.Error, jitter func(time.Duration) time.Duration) []time.Duration {
	t.Helper()
	var list []time.Duration
	e := upload.NewEndpoint(nil, upload.Attempts{Most: failures + 1, Jitter: jitter, After: func(d time.Duration) <-chan time.Time {
		list = append(list, d)
		return time.After(0)
	}})
	require.ErrorIs(t, e.Do(t.Context(), func(int) error { return failure }), failure)
	require.Len(t, list, failures)
	return list
}

// TestBackoff: any time up to a bound that doubles; what the endpoint wishes for
// is waited in any case.
func TestBackoff(t *testing.T) {
	seen := map[time.Duration]bool{}
	for range 50 {
		d := waits(t, 1, &upload.Error{Kind: upload.Broken}, nil)[0]
		require.True(t, d >= 0 && d < 4*time.Second, "%s", d)
		seen[d] = true
	}
	require.Greater(t, len(seen), 40, "a hundred machines come back together")
	longest := func(most time.Duration) time.Duration { return most }
	all := waits(t, 1000, &upload.Error{Kind: upload.Broken}, longest)
	for n, want := range map[int]time.Duration{1: 4 * time.Second, 2: 8 * time.Second, 5: 64 * time.Second, 6: 2 * time.Minute, 1000: 2 * time.Minute} {
		require.Equal(t, want, all[n-1], "%d", n)
	}
	require.Equal(t, 30*time.Second, waits(t, 1, &upload.Error{Kind: upload.NoSpace}, longest)[0])
	require.Equal(t, 94*time.Second, waits(t, 1, &upload.Error{Kind: upload.Failed, Status: 503, RetryAfter: 90 * time.Second}, longest)[0])
}

// TestOwnPart: a name that is being uploaded is another's at the first attempt, and
// may be our own of before at the next. The last error is as it came.
func TestOwnPart(t *testing.T) {
	busy := &upload.Error{Kind: upload.Taken, Status: 409, Msg: "File already uploading"}
	broken := &upload.Error{Kind: upload.Broken}
	other := &upload.Error{Kind: upload.Taken, Status: 409, Msg: "Cannot create directory"}
	now := func(time.Duration) <-chan time.Time { return time.After(0) }
	for want, errs := range map[int][]error{1: {busy}, 3: {broken, busy, nil}, 4: {broken, busy, busy, busy}, 2: {broken, other}} {
		tries := 0
		err := upload.NewEndpoint(nil, upload.Attempts{Most: 4, After: now}).Do(t.Context(), func(n int) error {
			tries = n
			return errs[n-1]
		})
		require.Equal(t, want, tries)
		require.Equal(t, errs[want-1], err)
	}
}

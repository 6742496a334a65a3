package pace

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestNew(t *testing.T) {
	require.Nil(t, New(0))
	for rate, portion := range map[int64]int{1: minPortion, 1024: minPortion, 1 << 20: 1 << 20 / 20, 1 << 40: maxPortion} {
		require.Equal(t, portion, New(rate).portion, "%d", rate)
	}
}

// TestTake: the portions stand in line, an idle line saves nothing up, and each is
// as long as its bytes take.
func TestTake(t *testing.T) {
	p, now := New(1000), time.Unix(1, 0)
	require.Equal(t, time.Duration(0), p.take(50, now))
	require.Equal(t, 50*time.Millisecond, p.take(25, now))
	require.Equal(t, 75*time.Millisecond, p.take(50, now))
	now = now.Add(time.Hour)
	require.Equal(t, time.Duration(0), p.take(50, now))
	require.Equal(t, 50*time.Millisecond, p.take(50, now))
	fast := New(1 << 40)
	require.Equal(t, time.Duration(0), fast.take(maxPortion, now))
	require.Equal(t, 59*time.Nanosecond, fast.take(1, now))
}

package cli

import (
	"bytes"
	"testing"
	"time"

	"image-capture/cli/clitest"

	"github.com/stretchr/testify/require"
)

// TestProgressText has the exact lines of a job log, by a clock of its own.
func TestProgressText(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	const mib = 1 << 20
	for _, row := range []struct {
		verb                  string
		after                 time.Duration
		bytes, entries, total int64
		want                  string
	}{
		{"captured", 10 * time.Second, 500 * mib, 1234, 0, "captured 500.0 MiB in 1234 entries, 50.0 MiB/s"},
		{"captured", 10 * time.Second, 500 * mib, 1234, 2000 * mib, "captured 500.0 MiB in 1234 entries, 50.0 MiB/s, 25 %, about 30s left"},
		{"sent", 20 * time.Second, 3 * 1024 * mib, 0, 4 * 1024 * mib, "sent 3.0 GiB, 153.6 MiB/s, 75 %, about 7s left"},
		{"read", time.Minute, 1023, 0, 0, "read 1023 B, 17 B/s"},
		// The total is a guess: there is always something left.
		{"captured", 10 * time.Second, 100 * mib, 9, 100 * mib, "captured 100.0 MiB in 9 entries, 10.0 MiB/s, 99 %, about 0s left"},
		{"captured", 10 * time.Second, 150 * mib, 9, 100 * mib, "captured 150.0 MiB in 9 entries, 15.0 MiB/s, 99 %, about 0s left"},
		{"captured", 10 * time.Second, 1024, 9, 1 << 40, "captured 1.0 KiB in 9 entries, 102 B/s, 0 %"}, // no end in sight
		{"captured", time.Hour, 1 << 60, 9, 1 << 61, "captured 1.0 EiB in 9 entries, 291.3 TiB/s, 50 %, about 1h0m0s left"},
		// Nothing yet.
		{"captured", 10 * time.Second, 0, 0, 100 * mib, "captured 0 B, 0 B/s"},
		{"captured", 0, 0, 0, 0, "captured 0 B, 0 B/s"},
		{"captured", 0, mib, 1, 0, "captured 1.0 MiB in 1 entries, 1000.0 MiB/s"},
	} {
		p := &progress{verb: row.verb, start: start, now: func() time.Time { return start.Add(row.after) }}
		require.Equal(t, row.want, p.text(row.bytes, row.entries, row.total))
	}
}

func TestBytesText(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 1: "1 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 1 << 20: "1.0 MiB", 1<<30 + 1<<29: "1.5 GiB",
		1 << 40: "1.0 TiB", 1 << 50: "1.0 PiB", 1<<63 - 1: "8.0 EiB",
	} {
		require.Equal(t, want, bytesText(n))
	}
}

// TestProgressModes: who gets which kind of progress. Where stderr is not a terminal
// there is never a carriage return, whatever is asked for.
func TestProgressModes(t *testing.T) {
	for _, row := range []struct {
		mode       string
		tty, quiet bool
		bar, lines bool
	}{
		{"auto", true, false, true, false},
		{"auto", false, false, false, true},
		{"bar", true, false, true, false},
		{"bar", false, false, false, true},
		{"lines", true, false, false, true},
		{"lines", false, false, false, true},
		{"off", true, false, false, false},
		{"off", false, false, false, false},
		{"auto", true, true, false, false},
		{"bar", true, true, false, false},
	} {
		var out bytes.Buffer
		term := &terminal{w: &out, tty: row.tty, quiet: row.quiet}
		p := startProgress(term, row.mode, "captured", func() (int64, int64) { return 5 << 20, 7 }, func() int64 { return 10 << 20 })
		require.Equal(t, row.bar, p.bar != nil, row)
		if row.bar || row.lines {
			p.tick()
		}
		term.warn("type this", "something")
		p.stop()
		text := out.String()
		if row.bar {
			require.Contains(t, text, "\r\x1b[Kimage-capture: warning: something\n", row)
			require.Regexp(t, `captured .*5.0.*MiB.*50%`, text, row)
			require.True(t, bytes.HasSuffix(out.Bytes(), []byte("\r\x1b[K")), "%q", text)
		} else {
			require.NoError(t, clitest.MessageRules(text), row)
		}
		require.Equal(t, row.lines, bytes.Contains(out.Bytes(), []byte("image-capture: captured 5.0 MiB in 7 entries, ")), "%v: %q", row, text)
	}
}

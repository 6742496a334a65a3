package cli

import (
	"bytes"
	"io"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestPaint(t *testing.T) {
	for line, want := range map[string]string{
		"ok    curtin  there is one":      "\x1b[32mok\x1b[0m    curtin  there is one",
		"warn  kernel  fail: ok":          "\x1b[33mwarn\x1b[0m  kernel  fail: ok",
		"fail  curtin  x":                 "\x1b[31mfail\x1b[0m  curtin  x",
		"image-capture: check fail: x: y": "image-capture: check \x1b[31mfail\x1b[0m: x: y",
		"image-capture: warning: x":       "image-capture: \x1b[33mwarning\x1b[0m: x",
		"image-capture: check: 3 ok":      "image-capture: check: 3 ok",
		"image-capture: open fail: x":     "image-capture: open fail: x",
		"hint: warn ":                     "hint: warn ",
		"okay then":                       "okay then",
		"failure: x":                      "failure: x",
		"":                                "",
	} {
		require.Equal(t, want, paint(line))
	}
}

// TestColours: on a terminal, unless NO_COLOR or TERM say no; the terminal is a real one.
func TestColours(t *testing.T) {
	pty, tty := openTerminal(t)
	_ = pty
	env := func(list ...string) func(string) string {
		return func(name string) string {
			for i := 0; i < len(list); i += 2 {
				if list[i] == name {
					return list[i+1]
				}
			}
			return ""
		}
	}
	require.True(t, colours(tty, env("TERM", "xterm")))
	require.True(t, colours(tty, env()))
	require.False(t, colours(tty, env("NO_COLOR", "0")))
	require.True(t, colours(tty, env("NO_COLOR", "")), "no-color.org: when present and not an empty string")
	require.False(t, colours(tty, env("TERM", "dumb")))
	require.False(t, colours(&bytes.Buffer{}, env()))

	a := New(nil, tty, tty, env("TERM", "xterm"))
	a.term.warn("", "x\x1b[31m")
	require.NoError(t, tty.Close())
	got, _ := io.ReadAll(pty) // a terminal whose other end is closed ends with EIO
	require.Equal(t, "image-capture: \x1b[33mwarning\x1b[0m: x\\x1b[31m\r\n", string(got))
}

// openTerminal makes a pair as openpty(3) does.
func openTerminal(t *testing.T) (pty, tty *os.File) {
	t.Helper()
	pty, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	require.NoError(t, err)
	t.Cleanup(func() { pty.Close() })
	require.NoError(t, unix.IoctlSetPointerInt(int(pty.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(pty.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	tty, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { tty.Close() })
	return pty, tty
}

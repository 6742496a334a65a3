package remote

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestHidden: what the user answered is never shown, wherever the host repeats it, and what
// it says is bounded.
func TestHidden(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	lines := make(chan string, 100)
	s := newStderr(r, func(l string) { lines <- l })
	s.keep("open sesame")
	s.keep("")
	_, err = w.WriteString("pam: got 'open sesame'\r\n\n" + strings.Repeat("x", 100<<10) + "\nopen sesame?")
	require.NoError(t, err)
	require.Equal(t, "pam: got '[hidden]'", <-lines)
	require.Less(t, len(<-lines), 10<<10)
	require.Eventually(t, func() bool { return s.prompt(0) == "[hidden]?" }, 10*time.Second, time.Millisecond)
	w.WriteString("no open sesame")
	w.Close()
	<-s.ended
	require.Equal(t, "no [hidden]", s.said())
	require.Equal(t, "with [hidden] in it", s.clean("with open sesame in it"))
	require.Less(t, len(s.clean(strings.Repeat("\u00fc", 1<<20))), 5<<10)
}

package remote_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/upload/drptest"
)

// TestUpload: the image goes on to the endpoint, by a second walk over the same connection
// when the first upload breaks, and the token stays here, whatever ssh sends on.
func TestUpload(t *testing.T) {
	h, tree := host(t), root(t)
	before := h.state(t)
	s := drptest.New(t, drptest.Options{TLS: drptest.Plain, Faults: []drptest.Fault{{Method: "POST", Path: "img.tgz", After: 10, Drop: true, Times: 1}}})
	seen := filepath.Join(t.TempDir(), "seen")
	cmd := h.command(h.url("root", tree), "--check", "off", "--upload", "--rootfs-name", "img", "--manifest-name", "man",
		"--pre-hook", "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline >"+seen)
	cmd.Env = append(os.Environ(), "RS_ENDPOINT="+s.URL, "RS_TOKEN="+s.Token, "RS_OTHER=this one goes there")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "attempt 1 of 5 failed")
	require.NotContains(t, string(out), "attempt 2 of 5 failed")
	text, err := os.ReadFile(seen)
	require.NoError(t, err)
	require.Contains(t, string(text), "RS_OTHER=this one goes there", "or nothing is shown")
	require.NotContains(t, string(text), s.Token)
	image, err := s.Content("images/img.tgz")
	require.NoError(t, err)
	local := filepath.Join(t.TempDir(), "x.tgz")
	require.NoError(t, quiet(h.agent, tree, "--check", "off", "-o", local))
	want, err := os.ReadFile(local)
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, image))
	_, err = s.Content("images/man.txt")
	require.NoError(t, err)
	h.settled(t, before)
}

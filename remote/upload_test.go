package remote_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/cli"
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
	storedWhole(t, h, s, tree)
	h.settled(t, before)
}

// TestUploadFromHost: the host sends by itself, with the token that came over its stdin and
// is in no argument, environment or file; all is told here as if it were sent from here.
func TestUploadFromHost(t *testing.T) {
	h, tree := host(t), root(t)
	before := h.state(t)
	s := drptest.New(t, drptest.Options{TLS: drptest.Plain, Faults: []drptest.Fault{{Method: "POST", Path: "img.tgz", After: 10, Drop: true, Times: 1}}})
	seen := filepath.Join(t.TempDir(), "seen")
	run := func(token string, more ...string) (int, string, string) {
		cmd := h.command(append([]string{h.url("root", tree), "--check", "off", "--upload", "--upload-from", "host", "--rootfs-name", "img", "--manifest-name", "man"}, more...)...)
		// Only the host knows that name.
		cmd.Env = append(os.Environ(), "RS_ENDPOINT="+strings.Replace(s.URL, "127.0.0.1", "drp.test", 1), "RS_TOKEN="+token)
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		_ = cmd.Run()
		return cmd.ProcessState.ExitCode(), out.String(), errs.String()
	}
	code, out, errs := run(s.Token, "--save-profile", "prof", "-v",
		"--pre-hook", "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline /dev/shm/* /tmp/image-capture* 2>&1 >"+seen+"; :")
	require.Zero(t, code, errs)
	for _, line := range []string{
		"the token goes to root@127.0.0.1", "attempt 1 of 5 failed", "sending ", "image-capture: ./etc/hostname\n",
		"stored images/img.tgz; the endpoint reports the same SHA-256", "created the Profile prof",
	} {
		require.Contains(t, errs, line)
	}
	require.Contains(t, out, "upload tarball:  images/img.tgz")
	require.Contains(t, out, "Profile that deploys it:")
	text, err := os.ReadFile(seen)
	require.NoError(t, err)
	require.Contains(t, string(text), "__serve", "or nothing is shown")
	require.NotContains(t, string(text), s.Token)
	storedWhole(t, h, s, tree)
	code, out, errs = run("wrong-token-of-somebody", "--json", "--overwrite")
	require.Equal(t, cli.ExitRefused, code, errs)
	require.Contains(t, out, `"exit_code": 5`)
	require.NotContains(t, out+errs, "wrong-token-of-somebody")
	h.settled(t, before)
}

// storedWhole: what is on the endpoint is what a capture of the tree here makes.
func storedWhole(t *testing.T, h *sshd, s *drptest.Server, tree string) {
	t.Helper()
	image, err := s.Content("images/img.tgz")
	require.NoError(t, err)
	local := filepath.Join(t.TempDir(), "x.tgz")
	require.NoError(t, quiet(h.agent, tree, "--check", "off", "-o", local))
	want, err := os.ReadFile(local)
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, image))
	_, err = s.Content("images/man.txt")
	require.NoError(t, err)
}

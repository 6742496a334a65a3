package remote_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

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
	s.AddFault(drptest.Fault{Drop: true})
	code, _, errs = run(s.Token, "--dry-run", "--attempts", "1")
	require.Equal(t, cli.ExitEndpoint, code, errs)
	require.Contains(t, errs, fmt.Sprintf("image-capture: root@127.0.0.1:%d: look for images/img.tgz: ", h.port), "it is not this machine that does not reach it")
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

// TestLayerFromHost: a host that sends by itself makes the layer of a capture through this
// machine, over a base that only this machine has. GNU tar makes the source again of both, by
// the names to delete that were written here.
func TestLayerFromHost(t *testing.T) {
	h, tree := host(t), root(t)
	for i := range 2000 { // more than is on its way at any moment
		require.NoError(t, os.WriteFile(fmt.Sprintf("%s/etc/f%04d", tree, i), fmt.Appendf(nil, "%04d", i), 0o644))
	}
	before, dir := h.state(t), t.TempDir()
	base := filepath.Join(dir, "base.tgz")
	require.NoError(t, quiet(h.agent, tree, "-o", base, "--check", "off"))
	require.NoError(t, os.WriteFile(tree+"/etc/new", []byte("new"), 0o644))
	require.NoError(t, os.WriteFile(tree+"/etc/f0001", []byte("another"), 0o600))
	require.NoError(t, os.Remove(tree+"/etc/f0002"))
	require.NoError(t, os.RemoveAll(tree+"/usr"))
	require.NoError(t, os.WriteFile(tree+"/usr", nil, 0o644))
	for i, more := range [][]string{nil, {"--base-content", "--add-curtin"}} {
		s := drptest.New(t, drptest.Options{TLS: drptest.Plain, Faults: []drptest.Fault{{Method: "POST", Path: "img.tgz", After: 10, Drop: true, Times: 1}}})
		require.NoError(t, os.Mkdir(s.File("images"), 0o755))
		file := func(name string) string { return filepath.Join(dir, fmt.Sprintf("%s%d", name, i)) }
		flags := append([]string{"--base", base, "--check", "off", "--rootfs-name", "img", "--manifest-name", "man"}, more...)
		require.NoError(t, quiet(h.agent, append([]string{tree, "-o", file("here"), "--deletions", file("gone-here")}, flags...)...))
		flags = append([]string{h.url("root", tree), "--upload-from", "host", "--save-profile", "prof",
			"--manifest", file("man"), "--profile", file("prof"), "--deletions", file("gone"), "--result", file("result")}, flags...)
		code, out, errs := h.runTo(t, s, s.Token, append(flags, "--dry-run")...)
		require.Zero(t, code, errs)
		require.Contains(t, out, "deleted from the base:\n  ./etc/f0002: gone\n  ./usr: was a directory, and is a file")
		require.Contains(t, errs, ", which asks the endpoint itself\n")
		require.Empty(t, slices.DeleteFunc(s.Requests(), func(r drptest.Request) bool { return r.Method == "GET" || r.Method == "HEAD" }))
		code, out, errs = h.runTo(t, s, s.Token, flags...)
		require.Zero(t, code, errs)
		require.NotContains(t, out+errs, s.Token)
		require.Contains(t, errs, "attempt 1 of 5 failed")
		require.Contains(t, errs, "differs from the base: ")
		require.Contains(t, errs, "< "+file("gone"), "the hint names the file")
		require.Contains(t, errs, ", and the Profile says that the base is there")
		require.NoError(t, quiet("sh", "-ec", `tar -tzf "$0" | grep -q image-capture-layers`, s.File("images/img-hooks.tgz")))
		image, err := s.Content("images/img.tgz")
		require.NoError(t, err)
		there := file("there")
		require.NoError(t, os.WriteFile(there, image, 0o644))
		same(t, file("here"), there)
		same(t, file("gone-here"), file("gone"))
		same(t, s.File("images/man.txt"), file("man"))
		same(t, file("here")+".MANIFEST.txt", file("man"))
		for _, name := range []string{"man", "prof", "gone", "result"} {
			text, err := os.ReadFile(file(name))
			require.NoError(t, err)
			require.NotEmpty(t, text)
			require.NotContains(t, string(text), s.Token)
		}
		root := file("root")
		require.NoError(t, quiet("sh", "-ec", `mkdir "$0"; tar --xattrs '--xattrs-include=*' -Sxpf "$1" --numeric-owner -C "$0"
			(cd "$0" && xargs -0 -r rm -rf --) <"$2"; tar --xattrs '--xattrs-include=*' -Sxpf "$3" --numeric-owner -C "$0"; rm -rf "$0/curtin"`, root, base, file("gone"), there))
		changed, err := exec.Command("rsync", "-naHAXSi", "--checksum", "--delete", "--omit-dir-times", tree+"/", root+"/").CombinedOutput()
		require.NoError(t, err, string(changed))
		require.Empty(t, string(changed))
		require.NoError(t, quiet("diff", "-r", "--no-dereference", tree, root))
	}
	h.settled(t, before)
}

// TestBadBaseFromHost: what is wrong with a base in its middle, which is found when the host
// compares, ends as it does for a tree of this machine, and nothing is stored.
func TestBadBaseFromHost(t *testing.T) {
	h, tree := host(t), root(t)
	before, dir := h.state(t), t.TempDir()
	require.NoError(t, quiet(h.agent, tree, "-o", dir+"/base.tgz", "--check", "off"))
	text, err := os.ReadFile(dir + "/base.MANIFEST.txt")
	require.NoError(t, err)
	base := filepath.Join(dir, "bad.MANIFEST.txt")
	require.NoError(t, os.WriteFile(base, bytes.Replace(text, []byte("./usr/big type=file"), []byte("./usr/big type=none"), 1), 0o644))
	local := exec.Command(h.agent, tree, "-o", dir+"/x.tgz", "--check", "off", "--base", base)
	near, _ := local.CombinedOutput()
	require.Equal(t, cli.ExitVerify, local.ProcessState.ExitCode(), string(near))
	s := drptest.New(t, drptest.Options{TLS: drptest.Plain})
	code, _, errs := h.runTo(t, s, s.Token, h.url("root", tree), "--check", "off", "--upload-from", "host", "--base", base)
	require.Equal(t, cli.ExitVerify, code, errs)
	_, far, _ := strings.Cut(errs, "image-capture: --base: ")
	_, here, _ := strings.Cut(string(near), "image-capture: --base: ")
	require.NotEmpty(t, here)
	require.Equal(t, here, far)
	require.Eventually(t, func() bool { files, err := s.Files(); return err == nil && len(files) == 0 }, time.Minute, 50*time.Millisecond)
	h.settled(t, before)
}

// TestUnsentFromHost: a MANIFEST that the endpoint does not take from the host is kept here,
// as one of an image that is sent from here.
func TestUnsentFromHost(t *testing.T) {
	h, tree := host(t), root(t)
	before := h.state(t)
	s := drptest.New(t, drptest.Options{TLS: drptest.Plain, Faults: []drptest.Fault{{Method: "POST", Path: "man.txt", Status: 403}}})
	name := filepath.Join(t.TempDir(), "list")
	for _, want := range [][]string{nil, {"--manifest", name}} {
		code, _, errs := h.runTo(t, s, s.Token, append([]string{h.url("root", tree), "--check", "off", "--upload-from", "host", "--rootfs-name", "img", "--manifest-name", "man", "--overwrite"}, want...)...)
		require.Equal(t, cli.ExitRefused, code, errs)
		kept := name
		if want == nil {
			_, after, _ := strings.Cut(errs, "it is kept in ")
			kept, _, _ = strings.Cut(after, ":")
			require.Equal(t, "man.txt", filepath.Base(kept))
		}
		require.Contains(t, errs, "the image is stored as images/img.tgz, but its MANIFEST is not; it is kept in "+kept+":")
		require.Contains(t, errs, "then send it with image-capture upload "+kept)
		require.NotContains(t, errs, s.Token)
		image, err := s.Content("images/img.tgz")
		require.NoError(t, err)
		text, err := os.ReadFile(kept)
		require.NoError(t, err)
		require.Contains(t, string(text), fmt.Sprintf("sha256sum: %x\n", sha256.Sum256(image)))
		require.NoError(t, quiet("sh", "-c", `tail -n 1 "$0" | grep -qx '# end'`, kept))
	}
	h.settled(t, before)
}

// TestHostDies: a host that dies in the middle of its upload, or whose connection breaks then,
// leaves nothing on the endpoint, here and there, and it is said what to do.
func TestHostDies(t *testing.T) {
	h, tree := host(t), root(t)
	before := h.state(t)
	noise := make([]byte, 64<<20) // far more than is in buffers on the way
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise)
	require.NoError(t, os.WriteFile(tree+"/usr/noise", noise, 0o644))
	for script, want := range map[string]string{
		`for p in /proc/[0-9]*; do case $(tr "\0" " " <$p/cmdline) in *" __serv"[e]" "*) kill -9 ${p#/proc/};; esac; done 2>/dev/null; :`: "the program on root@127.0.0.1:%d was killed by signal 9",
		"": "the connection to root@127.0.0.1:%d broke",
	} {
		s := drptest.New(t, drptest.Options{TLS: drptest.Plain, Faults: []drptest.Fault{{Method: "POST", Slow: 4 << 20}}})
		cmd := h.command(h.url("root", tree), "--check", "off", "--upload", "--upload-from", "host", "--manifest", filepath.Join(t.TempDir(), "list"))
		cmd.Env = append(os.Environ(), "RS_ENDPOINT="+strings.Replace(s.URL, "127.0.0.1", "drp.test", 1), "RS_TOKEN="+s.Token)
		cmd.Dir = t.TempDir()
		var errs bytes.Buffer
		cmd.Stderr = &errs
		require.NoError(t, cmd.Start())
		require.Eventually(t, func() bool { files, _ := s.Files(); return len(files) > 0 }, time.Minute, 10*time.Millisecond)
		if script == "" {
			h.cut(t)
		} else {
			h.there(t, script)
		}
		_ = cmd.Wait()
		require.Equal(t, cli.ExitEndpoint, cmd.ProcessState.ExitCode(), errs.String())
		require.Contains(t, errs.String(), fmt.Sprintf(want, h.port))
		require.Contains(t, errs.String(), "; what it had sent may be on the endpoint, where image-capture prune ")
		require.NotContains(t, errs.String(), s.Token)
		require.Eventually(t, func() bool { files, err := s.Files(); return err == nil && len(files) == 0 }, time.Minute, 50*time.Millisecond)
		for _, dir := range []string{cmd.Dir, filepath.Dir(cmd.Args[len(cmd.Args)-2])} {
			list, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Empty(t, list)
		}
		h.settled(t, before)
	}
}

// runTo runs the program as a user does, with an endpoint by a name that only the host knows.
func (s *sshd) runTo(t *testing.T, e *drptest.Server, token string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := s.command(append(args, "--upload")...)
	cmd.Env = append(os.Environ(), "RS_ENDPOINT="+strings.Replace(e.URL, "127.0.0.1", "drp.test", 1), "RS_TOKEN="+token)
	cmd.Dir = t.TempDir()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run()
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

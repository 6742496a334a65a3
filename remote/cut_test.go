package remote_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"image-capture/cli"
	"image-capture/entry"
)

// TestCut: a connection that breaks, at any moment, leaves nothing: no process, no file, no
// memory and no mount on the host, and no file here.
func TestCut(t *testing.T) {
	h, tree := host(t), root(t)
	before, dir := h.state(t), t.TempDir()
	cuts := 4
	if os.Getenv("IMAGE_CAPTURE_NIGHTLY") != "" {
		cuts = 20
	}
	for i := range cuts {
		if i == cuts/2 { // the program runs from a memfd
			h.there(t, "mount -o remount,noexec /dev/shm; mount -o remount,noexec /run")
			t.Cleanup(func() { h.there(t, "mount -o remount,exec /dev/shm; mount -o remount,exec /run") })
			before = h.state(t)
		}
		cmd := h.command(h.url("root", tree), "-o", dir+"/x.tgz", "--check", "off", "--limit-rate", "read=100K", "--quiet")
		var errs bytes.Buffer
		cmd.Stderr = &errs
		require.NoError(t, cmd.Start())
		if i == 0 { // in the middle of the walk, for sure; later ones anywhere
			require.Eventually(t, func() bool { return len(h.processes(t)) >= 3 }, time.Minute, 50*time.Millisecond)
			time.Sleep(time.Second)
		} else {
			time.Sleep(time.Duration(rand.IntN(4000)) * time.Millisecond)
		}
		if i%2 == 0 { // the server's side ends, here or there
			h.cut(t)
		} else {
			require.NoError(t, cmd.Process.Kill())
		}
		_, broke := cmd.Wait().(*exec.ExitError)
		switch {
		case i%2 == 0 && broke:
			require.Equal(t, cli.ExitEndpoint, cmd.ProcessState.ExitCode(), errs.String())
			list, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Empty(t, list)
		default: // it was killed, or came to its end before
			require.NoError(t, os.RemoveAll(dir))
			require.NoError(t, os.Mkdir(dir, 0o700))
		}
		h.settled(t, before)
	}
}

// TestCutDiff: a connection that breaks while the host reads files is an error of the
// connection, and not of the files.
func TestCutDiff(t *testing.T) {
	h, tree := host(t), root(t)
	before, image := h.state(t), filepath.Join(t.TempDir(), "x.tgz")
	for i := range 500 { // holes that are read: seconds for all
		require.NoError(t, os.WriteFile(fmt.Sprintf("%s/usr/huge%d", tree, i), []byte("x"), 0o644))
	}
	require.NoError(t, quiet(h.agent, tree, "-o", image, "--check", "off"))
	for i := range 500 {
		require.NoError(t, os.Truncate(fmt.Sprintf("%s/usr/huge%d", tree, i), entry.MaxHashedHoles))
	}
	list := strings.TrimSuffix(image, ".tgz") + ".MANIFEST.txt"
	text, err := os.ReadFile(list)
	require.NoError(t, err)
	text = regexp.MustCompile(`(?m)^(./usr/huge.*size=)1 `).ReplaceAll(text, fmt.Appendf(nil, "${1}%d ", entry.MaxHashedHoles))
	require.NoError(t, os.WriteFile(list, text, 0o644))
	cmd := h.command("diff", list, h.url("root", tree))
	var errs bytes.Buffer
	cmd.Stderr = &errs
	require.NoError(t, cmd.Start())
	require.Eventually(t, func() bool { return len(h.processes(t)) >= 3 }, time.Minute, 50*time.Millisecond)
	require.Eventually(t, func() bool { // it reads them
		return strings.Contains(h.there(t, "ls -l /proc/[0-9]*/fd 2>/dev/null; :"), "/usr/huge499")
	}, time.Minute, 50*time.Millisecond)
	h.cut(t)
	_ = cmd.Wait()
	require.Equal(t, cli.ExitEndpoint, cmd.ProcessState.ExitCode(), errs.String())
	h.settled(t, before)
}

// cut ends all connections from the server's side.
func (s *sshd) cut(t *testing.T) {
	s.there(t, `for p in /proc/[0-9]*; do case $(tr "\0" " " <$p/cmdline) in "sshd: "*) [ $p = /proc/1 ] || kill -9 ${p#/proc/};; esac; done 2>/dev/null; :`)
}

// TestLooks: a check and a dry run say what they say on the host itself.
func TestLooks(t *testing.T) {
	h, tree := host(t), root(t)
	before := h.state(t)
	for _, args := range [][]string{{"check"}, {"check", "--json", "--fix"}, {"capture", "--dry-run"}, {"capture", "--dry-run", "--json"}} {
		code, there, _ := h.run(t, append(args, h.url("root", tree))...)
		here, _ := exec.Command(h.agent, append(args, tree)...).Output()
		require.NotEmpty(t, here)
		own := regexp.MustCompile(`(?m)^.*("filename"|free).*\n`) // names are new each time, and disks fill
		require.Equal(t, own.ReplaceAllString(string(here), ""), own.ReplaceAllString(there, ""), args)
		require.Contains(t, []int{cli.ExitDone, cli.ExitCheck}, code)
	}
	h.settled(t, before)
}

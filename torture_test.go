package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"image-capture/upload/drptest"
)

// tortures is how often TestTorture kills each command, and makes the endpoint fail.
func tortures(t *testing.T) int {
	n, err := strconv.Atoi(os.Getenv("IMAGE_CAPTURE_TORTURE"))
	if err != nil {
		t.Skip("IMAGE_CAPTURE_TORTURE is no number of kills; make torture sets it")
	}
	return n
}

// torture is an endpoint, and a folder with an image that was captured before.
type torture struct {
	t      *testing.T
	s      *drptest.Server
	root   string
	dir    string
	alone  bool // an image is there without its MANIFEST
	counts map[string]int
}

// TestTorture kills the commands that speak to an endpoint at random moments, and makes
// the endpoint fail at random. Whatever happens, an image that has a MANIFEST is the one
// that it describes, and "nothing is left behind" is true.
func TestTorture(t *testing.T) {
	n := tortures(t)
	x := &torture{t: t, s: drptest.New(t, drptest.Options{TLS: drptest.Plain}), root: smallRoot(t), dir: t.TempDir(), counts: map[string]int{}}
	require.NoError(t, os.WriteFile(filepath.Join(x.root, "big"), noise("torture", 3<<20), 0o600))
	require.Zero(t, x.run(nil, x.root, "--check", "off", "--output", "a.tgz", "--rootfs-name", "img", "--manifest-name", "man").wait().ExitStatus())

	capture := []string{x.root, "--check", "off", "--upload", "--overwrite", "--rootfs-name", "img", "--manifest-name", "man", "--attempts", "2"}
	send := []string{"upload", "a.tgz", "a.MANIFEST.txt", "--overwrite", "--attempts", "2"}
	for _, c := range []struct {
		name   string
		within time.Duration
		args   []string
	}{{"capture", 300 * time.Millisecond, capture}, {"upload", 80 * time.Millisecond, send}} {
		for i := range n {
			require.NoError(t, os.WriteFile(filepath.Join(x.root, "changed"), fmt.Appendf(nil, "%d", i), 0o600))
			x.kill(c.name, i, c.within, c.args...)
		}
	}
	for range n {
		x.s.ClearFaults()
		f := randomFault()
		x.s.AddFault(f)
		p := x.run(nil, capture...)
		x.judge("fault", fmt.Sprintf("%+v", f), p, p.wait())
	}
	x.s.ClearFaults()
	for i := range n {
		x.fill()
		x.kill("prune", i, 60*time.Millisecond, "prune", "--keep", "0", "many*", "--orphans", "--yes")
	}
	t.Log(x.counts)
}

func (x *torture) run(env []string, args ...string) *process {
	return startProgram(x.t, x.dir, append(endpointEnv(x.s), env...), nil, args...)
}

// kill runs the program and ends it within a time, by SIGTERM or SIGKILL in turn.
func (x *torture) kill(what string, i int, within time.Duration, args ...string) {
	p := x.run(nil, args...)
	time.Sleep(rand.N(within))
	sig := []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL}[i%2]
	_ = p.cmd.Process.Signal(sig)
	x.judge(what, fmt.Sprintf("%s, kill %d", sig, i), p, p.wait())
}

// fill puts pairs on the endpoint.
func (x *torture) fill() {
	for i := range 5 {
		stamp := fmt.Sprintf("2026010%d-000000-aaaaaaaaaa", i+1)
		for from, to := range map[string]string{"a.tgz": "many-rootfs-" + stamp + ".tgz", "a.MANIFEST.txt": "many-MANIFEST-" + stamp + ".txt"} {
			b, err := os.ReadFile(filepath.Join(x.dir, from))
			require.NoError(x.t, err)
			if strings.HasSuffix(to, ".txt") {
				b = bytes.ReplaceAll(b, []byte("images/img.tgz"), []byte("images/many-rootfs-"+stamp+".tgz"))
			}
			require.NoError(x.t, os.MkdirAll(filepath.Join(x.s.Dir, "images"), 0o755))
			require.NoError(x.t, os.WriteFile(filepath.Join(x.s.Dir, "images", to), b, 0o600))
		}
	}
}

func randomFault() drptest.Fault {
	f := drptest.Fault{Method: []string{"POST", "GET", "HEAD", "DELETE", ""}[rand.N(5)], Skip: rand.N(4), Times: 1 + rand.N(3)}
	switch rand.N(8) {
	case 0:
		f.Drop = true
	case 1:
		f.Status, f.Late = []int{400, 401, 403, 404, 409, 500, 503, 507}[rand.N(8)], true
	case 2:
		f.Method, f.Kill, f.After = "POST", true, rand.N(int64(3<<20))
	case 3:
		f.Lost = true
	case 4:
		f.WrongSize = 1
	case 5:
		f.Corrupt = true
	case 6:
		f.Method, f.CutAfter = "GET", 1+rand.N(int64(1000))
	case 7:
		f.Method, f.Drop, f.After = "POST", true, rand.N(int64(3<<20))
	}
	return f
}

var saysSHA256 = regexp.MustCompile(`(?m)^# sha256sum: ([0-9a-f]{64})$`)

// judge looks at what the program says and at what is on the endpoint.
func (x *torture) judge(what, how string, p *process, status syscall.WaitStatus) {
	text := what + ", " + how + ":\n" + p.stderr.String()
	code := status.ExitStatus()
	if status.Signaled() {
		code = 128 + int(status.Signal())
	}
	x.counts[fmt.Sprintf("%s %d", what, code)]++
	require.Contains(x.t, []int{0, 1, 5, 6, 7, 8, 9, 128 + 9, 128 + 15}, code, text)
	require.NotContains(x.t, p.stderr.String(), "panic", text)
	requireNoSecret(x.t, p.stderr.String()+p.stdout.String())
	x.s.Requests() // waits until those that run have ended
	files, err := x.s.Files()
	require.NoError(x.t, err)
	has := func(name string) bool { return slices.Contains(files, name) }
	alone := has("images/img.tgz") && !has("images/man.txt")
	if strings.Contains(p.stderr.String(), "nothing is left behind") && !x.alone {
		require.False(x.t, alone, text)
	}
	x.alone = alone
	for _, f := range files {
		if !strings.HasSuffix(f, ".txt") {
			continue
		}
		image := strings.NewReplacer("images/man.txt", "images/img.tgz", "-MANIFEST-", "-rootfs-", ".txt", ".tgz").Replace(f)
		text := text + f
		said, err := os.ReadFile(x.s.File(f))
		require.NoError(x.t, err, text)
		m := saysSHA256.FindSubmatch(said)
		require.NotNil(x.t, m, text)
		stored, err := os.ReadFile(x.s.File(image))
		if os.IsNotExist(err) && code == 128+9 {
			// The endpoint took the new image, and deleted the old one when it broke off,
			// before the program could delete the old MANIFEST.
			x.counts["orphaned MANIFEST"]++
			p := x.run(nil, "prune", "--orphans", "--yes", "--older-than", "0s")
			require.Zero(x.t, p.wait().ExitStatus(), text+p.stderr.String())
			require.NoFileExists(x.t, x.s.File(f), text)
			continue
		}
		require.NoError(x.t, err, text)
		sum := sha256.Sum256(stored)
		// A body that the endpoint stored wrongly is named, as the program cannot mend it.
		if hex.EncodeToString(sum[:]) != string(m[1]) {
			require.Contains(x.t, p.stderr.String(), "SHA-256", text)
			require.NotZero(x.t, code, text)
			require.NoError(x.t, os.Remove(x.s.File(f)))
		}
	}
	// A killed server leaves the .part, which ends every later upload.
	for _, f := range files {
		if strings.HasSuffix(f, ".part") {
			require.NoError(x.t, os.Remove(x.s.File(f)))
		}
	}
}

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"image-capture/cli"
	"image-capture/upload/drptest"
)

// noise is data that does not compress, the same for the same name.
func noise(name string, size int) []byte {
	b := make([]byte, size)
	_, _ = rand.NewChaCha8(sha256.Sum256([]byte(name))).Read(b) // never fails
	return b
}

// requireNoSecret looks for any part of the token.
func requireNoSecret(t testing.TB, text string) {
	t.Helper()
	for i := 0; i+10 <= len(drptest.DefaultToken); i++ {
		require.NotContains(t, text, drptest.DefaultToken[i:i+10])
	}
}

// TestFleet: a hundred agents at once store their roots on one endpoint, where
// connections break, answers get lost, the disk is full for a moment and reading is
// slow. All images arrive, each is the one that its MANIFEST is about, and what
// broken attempts have left can be told apart and cleared.
func TestFleet(t *testing.T) {
	t.Parallel()
	agents := 100
	if testing.Short() {
		agents = 20
	}
	s := drptest.New(t, drptest.Options{Seed: 20261123, Faults: []drptest.Fault{
		{Method: "POST", Chance: 0.05, After: 100_000, Drop: true},
		{Method: "POST", Chance: 0.05, Late: true, Status: 503, Messages: []string{"busy: " + drptest.DefaultToken}, Header: map[string]string{"Retry-After": "1"}},
		{Method: "POST", Chance: 0.05, Lost: true},
		{Method: "POST", Chance: 0.02, After: 50_000, Status: 507, Messages: []string{"no space left on device"}},
		{Method: "POST", Chance: 0.10, Slow: 2 << 20},
		{Method: "HEAD", Chance: 0.05, Drop: true},
		{Method: "GET", Chance: 0.05, Drop: true},
		{Method: "DELETE", Chance: 0.05, Drop: true},
	}})
	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, s.CAPEM, 0o600))
	env := map[string]string{"RS_ENDPOINT": s.URL, "RS_TOKEN": s.Token, "TMPDIR": t.TempDir()}
	runs := make([]ran, agents)
	var all sync.WaitGroup
	for i := range agents {
		root := smallRoot(t)
		require.NoError(t, os.WriteFile(filepath.Join(root, fmt.Sprintf("agent-%d", i)), []byte("whose it is"), 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(root, "data"), noise(root, 100_000+3_000*i), 0o600))
		all.Go(func() {
			runs[i] = runHere(t.Context(), env, root, "--check", "off", "--jobs", "1", "--upload", "--json", "--ca-cert", ca, "--attempts", "12", "--tag", "fleet")
		})
	}
	all.Wait()

	attempts, images := 0, map[string]bool{}
	for i, r := range runs {
		require.Equal(t, cli.ExitDone, r.code, r.stderr)
		requireRules(t, r.stderr)
		requireNoSecret(t, r.stderr+r.stdout)
		attempts += strings.Count(r.stderr, "next attempt in")
		var doc document
		require.NoError(t, json.Unmarshal([]byte(r.stdout), &doc))
		require.True(t, doc.Stored && doc.Verified && doc.Complete)
		require.False(t, images[doc.UploadTarball], "two have the same name")
		images[doc.UploadTarball] = true
		image, err := s.Content(doc.UploadTarball)
		require.NoError(t, err)
		sum := sha256.Sum256(image)
		require.Equal(t, doc.SHA256, hex.EncodeToString(sum[:]))
		require.Contains(t, members(t, image), fmt.Sprintf("./agent-%d", i), "that is another's")
		v := runHere(t.Context(), nil, "verify", "--quiet", s.File(doc.UploadTarball), s.File(doc.UploadManifest))
		require.Zero(t, v.code, v.stderr)
	}
	require.Greater(t, attempts, agents/20, "no faults")

	// Nothing but pairs and orphans; and no pair is an orphan to prune.
	s.Requests()
	r := runHere(t.Context(), env, "prune", "--ca-cert", ca, "--attempts", "12", "--orphans", "--older-than", "0s", "--yes", "--json")
	require.Equal(t, cli.ExitDone, r.code, r.stderr)
	requireNoSecret(t, r.stderr+r.stdout)
	var doc struct {
		Files []struct{ Action, Image, Manifest, Part, Reason string }
	}
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &doc))
	orphans := 0
	for _, f := range doc.Files {
		if f.Action == "deleted" {
			orphans++
			require.Empty(t, f.Manifest)
			require.False(t, images[f.Image], "%s is not left over", f.Image)
		}
	}
	files, err := s.Files()
	require.NoError(t, err)
	require.Len(t, files, 2*agents)
	t.Logf("%d agents, %d attempts were repeated, %d orphans", agents, attempts, orphans)
}

// TestLimitRate: no faster than it may be; the walk waits for the line.
func TestLimitRate(t *testing.T) {
	s := drptest.New(t, drptest.Options{TLS: drptest.Plain})
	root := smallRoot(t)
	require.NoError(t, os.WriteFile(filepath.Join(root, "data"), noise("rate", 300<<10), 0o600))
	env := map[string]string{"RS_ENDPOINT": s.URL, "RS_TOKEN": s.Token}
	start := time.Now()
	r := runHere(t.Context(), env, root, "--check", "off", "--upload", "--limit-rate", "600k")
	require.Zero(t, r.code, r.stderr)
	require.GreaterOrEqual(t, time.Since(start), 450*time.Millisecond)
}

// TestLimitReadRate: files are read no faster, small and large ones, in one go or in pieces;
// what is sent is another rate.
func TestLimitReadRate(t *testing.T) {
	s := drptest.New(t, drptest.Options{TLS: drptest.Plain})
	root := smallRoot(t)
	for i := range 4 {
		require.NoError(t, os.WriteFile(filepath.Join(root, "small-"+strconv.Itoa(i)), make([]byte, 500<<10), 0o600))
	}
	require.NoError(t, os.WriteFile(filepath.Join(root, "large"), make([]byte, 3<<20), 0o600))
	env := map[string]string{"RS_ENDPOINT": s.URL, "RS_TOKEN": s.Token}
	for _, args := range [][]string{
		{"--limit-rate", "8M", "-o", filepath.Join(t.TempDir(), "image.tgz")},
		{"--limit-rate", "8M", "--upload"},
		{"--limit-rate", "read=8M,send=1G", "--upload"},
	} {
		start := time.Now()
		r := runHere(t.Context(), env, append([]string{root, "--check", "off"}, args...)...)
		require.Zero(t, r.code, r.stderr)
		require.GreaterOrEqual(t, time.Since(start), 550*time.Millisecond, args)
	}
}

// TestRetryAfterIsHonoured: in the program, from the header to the wait.
func TestRetryAfterIsHonoured(t *testing.T) {
	s := drptest.New(t, drptest.Options{TLS: drptest.Plain, Faults: []drptest.Fault{
		{Method: "POST", Status: 503, Times: 1, Header: map[string]string{"Retry-After": "90"}},
		{Method: "POST", Status: 503, Times: 1, Header: map[string]string{"Retry-After": "86400"}},
	}})
	env := map[string]string{"RS_ENDPOINT": s.URL, "RS_TOKEN": s.Token}
	var out, errs bytes.Buffer
	a := cli.New(nil, &out, &errs, func(k string) string { return env[k] })
	a.Jitter = func(time.Duration) time.Duration { return time.Second }
	var waits []time.Duration
	a.After = func(d time.Duration) <-chan time.Time {
		waits = append(waits, d)
		return time.After(0)
	}
	require.Zero(t, a.Run(t.Context(), []string{smallRoot(t), "--check", "off", "--upload"}), errs.String())
	require.Equal(t, []time.Duration{91 * time.Second, 301 * time.Second}, waits)
	require.Contains(t, errs.String(), "next attempt in 1m31s")
}

// TestInterruptedWait: a signal ends the wait for another attempt.
func TestInterruptedWait(t *testing.T) {
	t.Chdir(t.TempDir())
	s := drptest.New(t, drptest.Options{TLS: drptest.Plain, Faults: []drptest.Fault{{Method: "POST", Status: 503}}})
	env := map[string]string{"RS_ENDPOINT": s.URL, "RS_TOKEN": s.Token}
	ctx, cancel := context.WithCancel(t.Context())
	var out, errs bytes.Buffer
	a := cli.New(nil, &out, &errs, func(k string) string { return env[k] })
	a.After = func(time.Duration) <-chan time.Time {
		cancel()
		return nil
	}
	require.Equal(t, cli.ExitInterrupted, a.Run(ctx, []string{smallRoot(t), "--check", "off", "--upload", "--json"}))
	var doc document
	require.NoError(t, json.Unmarshal(out.Bytes(), &doc))
	require.Equal(t, cli.ExitInterrupted, doc.ExitCode)
	require.Equal(t, "interrupted, nothing is left behind", doc.Error)
	require.False(t, doc.Stored || doc.Complete)
	require.Empty(t, names(t, "."))
}

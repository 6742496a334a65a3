package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/content"
	"image-capture/rootfs/roottest"
)

// TestBundle: what it writes is a pack of that version with the checksums of these
// binaries, and SHA256SUMS is right about all of it, as sha256sum sees it.
func TestBundle(t *testing.T) {
	_, err := exec.LookPath("sha256sum")
	roottest.Need(t, err == nil, "sha256sum")
	out := t.TempDir()
	args := []string{"--pack", "../pack", "--version", "1.0.0-dev.3+gabc", "--out", out}
	require.ErrorContains(t, run(args, &bytes.Buffer{}), "linux-amd64/image-capture")
	for _, platform := range content.Platforms {
		require.NoError(t, os.Mkdir(filepath.Join(out, platform), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(out, platform, "image-capture"), []byte(platform), 0o755))
	}
	var stdout bytes.Buffer
	require.NoError(t, run(args, &stdout))

	check := exec.Command("sha256sum", "-c", "SHA256SUMS")
	check.Dir = out
	text, err := check.CombinedOutput()
	require.NoError(t, err, "%s", text)
	require.Equal(t, 4, strings.Count(string(text), ": OK\n"), "%s", text)
	sums, err := os.ReadFile(filepath.Join(out, "SHA256SUMS"))
	require.NoError(t, err)
	require.Equal(t, string(sums), stdout.String())

	for _, name := range []string{"image-capture.yaml", "image-capture-beside.yaml"} {
		text, err := os.ReadFile(filepath.Join(out, name))
		require.NoError(t, err)
		p, err := content.Parse(text)
		require.NoError(t, err)
		require.NoError(t, p.Check())
		require.Equal(t, "1.0.0-dev.3+gabc", p.Meta["Version"])
		release := p.Sections.Templates["image-capture-release.tmpl"].Contents
		require.Contains(t, release, "version='1.0.0-dev.3+gabc'")
		for line := range strings.Lines(string(sums)) {
			if sum, file, _ := strings.Cut(strings.TrimSpace(line), "  "); strings.HasPrefix(file, "linux-") {
				require.Contains(t, release, "'"+sum+"'")
			}
		}
	}

	require.ErrorContains(t, run([]string{"--pack", "../pack", "--out", out}, &stdout), "is not a version")
	require.ErrorContains(t, run([]string{"--pack", "none", "--version", "1", "--out", out}, &stdout), "read the pack")
	require.ErrorContains(t, run([]string{"extra"}, &stdout), "extra")
	require.NoError(t, run([]string{"--help"}, &stdout))
}

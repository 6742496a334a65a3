package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v4"

	"image-capture/rootfs/roottest"
)

// TestUnits: systemd takes the units of the release as they are, but for the path of a
// binary that is not installed here.
func TestUnits(t *testing.T) {
	_, err := exec.LookPath("systemd-analyze")
	roottest.Need(t, err == nil, "systemd-analyze")
	dir := t.TempDir()
	units, err := filepath.Glob("packaging/systemd/*")
	require.NoError(t, err)
	require.Len(t, units, 2)
	args := []string{"verify", "--man=no"}
	for _, unit := range units {
		text, err := os.ReadFile(unit)
		require.NoError(t, err)
		name := filepath.Join(dir, filepath.Base(unit))
		require.NoError(t, os.WriteFile(name, []byte(strings.ReplaceAll(string(text), "/usr/bin/image-capture", "/bin/true")), 0o644))
		args = append(args, name)
	}
	out, err := exec.Command("systemd-analyze", args...).CombinedOutput()
	require.NoError(t, err, string(out))
	require.Empty(t, strings.TrimSpace(string(out)))
}

// TestPackaged: what the packages are made of is in the repository, or made by the script,
// and no page is left out.
func TestPackaged(t *testing.T) {
	text, err := os.ReadFile("packaging/nfpm.yaml")
	require.NoError(t, err)
	var config struct {
		Contents []struct{ Src, Dst string }
	}
	require.NoError(t, yaml.Unmarshal(text, &config))
	script, err := os.ReadFile("packaging/release.sh")
	require.NoError(t, err)
	makes := strings.NewReplacer("$common", "dist/stage/common", "$stage", "dist/stage").Replace(string(script))
	for _, c := range config.Contents {
		require.Regexp(t, `^/usr/(bin|share)/`, c.Dst)
		if name, staged := strings.CutPrefix(c.Src, "dist/stage/common/"); staged && !strings.Contains(makes, c.Src) {
			require.Contains(t, makes, filepath.Base(name), "nothing makes %s", c.Src)
		}
	}
	pages, err := filepath.Glob("docs/*.md")
	require.NoError(t, err)
	for _, page := range pages {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, link := range regexp.MustCompile(`\]\(([\w-]+\.(md|svg))`).FindAllStringSubmatch(string(text), -1) {
			require.FileExists(t, filepath.Join("docs", link[1]), page)
		}
	}
}

package content

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/rootfs/roottest"
)

// TestVersion: what make gives to binaries and pack, by the changelog and the commits
// since; never what an endpoint refuses.
func TestVersion(t *testing.T) {
	_, err := exec.LookPath("git")
	roottest.Need(t, err == nil, "git")
	script, err := os.ReadFile("../testdata/version.sh")
	require.NoError(t, err)
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755))
	}
	// Of nobody's configuration, nor a repository around it.
	env := append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir),
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	git := func(args ...string) string {
		cmd := exec.Command("git", args...)
		cmd.Dir, cmd.Env = dir, env
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return strings.TrimSpace(string(out))
	}
	version := func() string {
		cmd := exec.Command(filepath.Join(dir, "testdata/version.sh"))
		cmd.Env = env
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		v := strings.TrimSpace(string(out))
		require.Regexp(t, semver, v)
		return v
	}
	commit := func(name, text string) string {
		write(name, text)
		git("add", ".")
		git("commit", "-q", "-m", name)
		return "g" + git("rev-parse", "--short=9", "HEAD")
	}
	write("testdata/version.sh", string(script))
	write("CHANGELOG.md", "# Changes\n\n## 1.9.0\n\n## 1.8.3\n")
	require.Equal(t, "1.9.0", version(), "an archive of a release")
	git("init", "-q")
	commit("a", "1")
	require.Equal(t, "1.9.0", version())
	hash := commit("a", "2")
	require.Equal(t, "1.9.1-dev.1+"+hash, version(), "after a release")
	write("a", "3")
	require.Equal(t, "1.9.1-dev.1+"+hash+".dirty", version())
	hash = commit("CHANGELOG.md", "# Changes\n\n## 1.10.0 (not released)\n\n## 1.9.0\n")
	require.Equal(t, "1.10.0-dev.0+"+hash, version())
	commit("a", "4")
	hash = commit("CHANGELOG.md", "# Changes\n\n## 1.10.0 (not released)\n\n- a\n\n## 1.9.0\n")
	require.Equal(t, "1.10.0-dev.2+"+hash, version(), "entries are no new heading")
	commit("CHANGELOG.md", "# Changes\n\n## 1.10.0\n\n- a\n\n## 1.9.0\n")
	require.Equal(t, "1.10.0", version(), "the release")
	write("a", "5")
	require.NotEqual(t, "1.10.0", version())
	require.NoError(t, os.RemoveAll(filepath.Join(dir, ".git")))
	write("CHANGELOG.md", "# Changes\n\n## 1.11.0 (not released)\n")
	require.Equal(t, "1.11.0-dev", version(), "an archive of no release")
}

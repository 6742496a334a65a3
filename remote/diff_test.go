package remote_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/cli"
)

// TestDiff: a tree on a host is compared as on the host itself, whatever differs, and what
// a MANIFEST says was left out or edited on purpose is none.
func TestDiff(t *testing.T) {
	h, tree := host(t), root(t)
	for i := range 1500 { // more than waits open at any moment
		require.NoError(t, os.WriteFile(fmt.Sprintf("%s/usr/f%04d", tree, i), fmt.Appendf(nil, "%04d", i), 0o644))
	}
	require.NoError(t, os.Link(tree+"/usr/big", tree+"/usr/zbig"))
	before, image := h.state(t), filepath.Join(t.TempDir(), "x.tgz")
	require.NoError(t, quiet(h.agent, tree, "-o", image, "--exclude", "./etc/os-release", "--add-curtin", "--check", "off"))
	list := strings.TrimSuffix(image, ".tgz") + ".MANIFEST.txt"
	compare := func(want int, args ...string) string {
		t.Helper()
		far := make([]string, len(args))
		for i, a := range args {
			if far[i] = a; a == tree {
				far[i] = h.url("root", tree)
			}
		}
		code, there, errs := h.run(t, append([]string{"diff"}, far...)...)
		require.Equal(t, want, code, errs)
		local := h.command(append([]string{"diff"}, args...)...)
		local.Args = local.Args[:len(local.Args)-1]
		here, _ := local.Output()
		require.Equal(t, want, local.ProcessState.ExitCode())
		require.Equal(t, string(here), strings.ReplaceAll(there, h.url("root", tree), tree), args)
		return there
	}
	require.Contains(t, compare(cli.ExitDone, list, tree), "edited", "what --add-curtin added")
	info, err := os.Stat(tree + "/usr/f0001")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(tree+"/usr/f0001", []byte("0000"), 0o644))
	require.NoError(t, os.Chtimes(tree+"/usr/f0001", info.ModTime(), info.ModTime())) // --quick does not see it
	require.NoError(t, os.WriteFile(tree+"/usr/f0002", []byte("00000"), 0o600))
	require.NoError(t, os.Remove(tree+"/usr/f0003"))
	require.NoError(t, os.WriteFile(tree+"/usr/new\nname\x1b", nil, 0o644))
	all := compare(cli.ExitVerify, list, tree, "--exclude", "./etc/os-release")
	require.Contains(t, all, "usr/f0001")
	require.NotContains(t, all, "\x1b")
	require.NoError(t, os.Remove(list)) // all of the image is read
	require.NotContains(t, compare(cli.ExitVerify, tree, image, "--quick", "--json", "--only", "mode,content"), "usr/f0001")
	compare(cli.ExitDone, tree, tree) // both on hosts
	require.NoError(t, os.Chmod(filepath.Dir(tree), 0o755))
	require.NoError(t, os.Mkdir(tree+"/usr/shut", 0o700))
	require.NoError(t, os.WriteFile(tree+"/usr/shut/a", nil, 0o600))
	code, out, errs := h.run(t, "diff", tree, h.url("bash", tree), "--only", "mode")
	require.Equal(t, cli.ExitIncomplete, code, errs)
	require.Empty(t, out, "what the user cannot see is not gone")
	require.Contains(t, errs, "and were not compared: 1")
	require.Contains(t, errs, "hint: log in as root, or add --sudo")
	h.settled(t, before)
}

// TestLayer: a layer of a tree on a host is that of the host itself, byte for byte.
func TestLayer(t *testing.T) {
	h, tree := host(t), root(t)
	before, dir := h.state(t), t.TempDir()
	base := filepath.Join(dir, "base.tgz")
	require.NoError(t, quiet(h.agent, tree, "-o", base, "--check", "off"))
	require.NoError(t, os.WriteFile(tree+"/etc/new", []byte("new"), 0o644))
	require.NoError(t, os.RemoveAll(tree+"/usr"))
	require.NoError(t, os.WriteFile(tree+"/usr", nil, 0o644))
	for _, more := range [][]string{{}, {"--base-content", "--add-curtin"}} {
		here, there := filepath.Join(dir, "here"), filepath.Join(dir, "there")
		flags := append([]string{"--base", base, "--overwrite", "--deletions", dir + "/gone", "--tag", "debian-12"}, more...)
		require.NoError(t, quiet(h.agent, append([]string{tree, "-o", here}, flags...)...))
		code, _, errs := h.run(t, append([]string{h.url("root", tree), "-o", there}, flags...)...)
		require.Zero(t, code, errs)
		require.Contains(t, errs, "layer")
		same(t, here, there)
		same(t, here+".MANIFEST.txt", there+".MANIFEST.txt")
		gone, err := os.ReadFile(dir + "/gone")
		require.NoError(t, err)
		require.Equal(t, "./usr\x00", string(gone))
		code, near, errs := h.run(t, append([]string{h.url("root", tree), "--dry-run"}, flags[:2]...)...)
		require.Zero(t, code, errs)
		require.Contains(t, near, "deleted from the base:\n  ./usr")
	}
	h.settled(t, before)
}

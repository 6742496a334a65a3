package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/rootfs/roottest"
)

// TestPageCacheAsFound: what another program has in the page cache is there after a
// capture, and what was not there is not; as fincore(1) tells.
func TestPageCacheAsFound(t *testing.T) {
	fincore, err := exec.LookPath("fincore")
	roottest.Need(t, err == nil, "fincore of util-linux")
	root := smallRoot(t)
	const mib = 1 << 20
	for name, size := range map[string]int{"database": 200 * mib, "archive": 40 * mib, "small": 3000} {
		require.NoError(t, os.WriteFile(filepath.Join(root, name), make([]byte, size), 0o600))
		sh(t, root, "sync "+name+" && dd if="+name+" iflag=nocache count=0 status=none")
	}
	cached := func(name string) string {
		out, err := exec.Command(fincore, "--bytes", "--noheadings", "--output", "RES", filepath.Join(root, name)).Output()
		require.NoError(t, err)
		return strings.TrimSpace(string(out))
	}
	roottest.Need(t, cached("archive") == "0" && cached("small") == "0", "a filesystem on a disk below TMPDIR")
	// A machine short of memory gives some pages up by itself: too few count only if they
	// are too few each time.
	for try := range 5 {
		sh(t, root, "cat database > /dev/null")
		r := runHere(t.Context(), nil, root, "--format", "tar-zst", "--output", filepath.Join(t.TempDir(), "image.tar.zst"))
		require.Zero(t, r.code, r.stderr)
		held, err := strconv.Atoi(cached("database"))
		require.NoError(t, err)
		if held >= 190*mib {
			break
		}
		require.Less(t, try, 4, "only %d bytes of 200 MiB are still there", held)
	}
	require.Equal(t, "0", cached("archive"))
	require.Equal(t, "0", cached("small"))
}

func sh(t *testing.T, dir, script string) {
	t.Helper()
	cmd := exec.Command("sh", "-ec", script)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

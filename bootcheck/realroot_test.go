package bootcheck

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"image-capture/rootfs"
)

// TestRealRoot checks a root that testdata/debian-root.sh made, and compares all
// findings, by level and rule, with testdata/root-debian-N.txt. The root is
// IMAGE_CAPTURE_ROOT; without it the test is skipped. It is a good one for UEFI and
// BIOS, but for /curtin, which the capture adds.
func TestRealRoot(t *testing.T) {
	dir := os.Getenv("IMAGE_CAPTURE_ROOT")
	if dir == "" {
		t.Skip("IMAGE_CAPTURE_ROOT names no root")
	}
	root, err := rootfs.Open(dir)
	require.NoError(t, err)
	defer root.Close()
	view := rootfs.Follow(root.FS())
	start := time.Now()
	report, err := Check(t.Context(), view, Options{Firmware: Both})
	require.NoError(t, err)
	t.Logf("checked in %s", time.Since(start).Round(time.Millisecond))
	require.Len(t, report.System.Kernels, 1)

	var b strings.Builder
	for _, f := range report.Findings {
		fmt.Fprintf(&b, "%-4s %s\n", f.Level, f.Rule)
	}
	b.WriteString(verdicts(report.Verdicts))
	golden := filepath.Join("testdata", "root-"+report.System.Tag()+".txt")
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(b.String()), 0o644))
		return
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), b.String(), "all findings:\n%s", text(report.Findings))
}

package bootcheck

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSubRoot finds a root in a folder, and none where the top is one.
func TestSubRoot(t *testing.T) {
	const root = "-- srv/images/web/etc/os-release --\nID=debian\n-- srv/images/web/usr/bin/x --\n"
	report, err := Check(t.Context(), parse(t, root), Options{})
	require.NoError(t, err)
	all := text(report.Findings)
	require.Contains(t, all, "the root is in this folder: its etc and usr belong at the top of the image")
	require.Contains(t, all, "/srv/images/web")
	for _, good := range []string{root + "-- etc/x --\n", root + "-- usr/x --\n", "-- srv/x --\n", "-- a/b/c/d/e/etc/x --\n-- a/b/c/d/e/usr/x --\n"} {
		report, err := Check(t.Context(), parse(t, good), Options{})
		require.NoError(t, err)
		require.NotContains(t, text(report.Findings), "the root is in this folder")
	}
}

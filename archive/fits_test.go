package archive_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/archive"
	"image-capture/entry"
)

// TestOddNameEndsNothing: a name that the MANIFEST cannot hold is reported as unreadable,
// whatever it is of, and the rest is captured.
func TestOddNameEndsNothing(t *testing.T) {
	dir := t.TempDir()
	for name, size := range map[string]int{"odd-small": 3, "odd-big": 9 << 20, "z": 4} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), make([]byte, size), 0o644))
	}
	require.NoError(t, os.Symlink("x", filepath.Join(dir, "odd-link")))
	require.NoError(t, os.Link(filepath.Join(dir, "odd-big"), filepath.Join(dir, "other")))
	odd := errors.New("odd")
	_, sum, members := capture(t, dir, archive.Options{Fits: func(m *entry.Member) error {
		if strings.HasPrefix(m.Path, "./odd") {
			return odd
		}
		return nil
	}})
	var bad, good []string
	for _, n := range sum.Unreadable {
		bad = append(bad, n.Path+" "+n.Reason)
	}
	for _, m := range members {
		good = append(good, m.Path)
	}
	require.Equal(t, []string{"./odd-big odd", "./odd-link odd", "./odd-small odd"}, bad)
	require.Equal(t, []string{".", "./other", "./z"}, good)
}

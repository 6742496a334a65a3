package capture

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"image-capture/rootfs/roottest"
)

// TestTotal: what will be left out is not in the total of a filesystem either.
func TestTotal(t *testing.T) {
	roottest.NeedRoot(t)
	dir := t.TempDir()
	require.NoError(t, unix.Mount("none", dir, "tmpfs", 0, "size=16m"))
	t.Cleanup(func() { require.NoError(t, unix.Unmount(dir, 0)) })
	of := func(n int) roottest.Node { return roottest.File(strings.Repeat("x", n<<20)) }
	roottest.Tree{"./srv/a": of(1), "./srv/b": of(2), "./tmp/d/c": of(4), "./var/tmp/e": of(1), "./var/lib": of(0)}.MakeIn(t, dir)
	for _, row := range []struct {
		tree Tree
		want int64
	}{
		{Tree{Root: dir}, 8 << 20},
		{Tree{Root: dir, DefaultExcludes: true}, 3 << 20},
		{Tree{Root: dir, Exclude: []string{"./srv/b"}}, 6 << 20},
		{Tree{Root: dir, DefaultExcludes: true, Exclude: []string{"b"}}, 1 << 20},
	} {
		src, err := row.tree.Open()
		require.NoError(t, err)
		total := newTotal(t.Context(), src)
		total.get()
		total.wait.Wait()
		require.InDelta(t, row.want, total.get(), 64<<10, row)
		total.stop()
		src.Close()
	}
}

package capture

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/entry"
	"image-capture/rootfs/roottest"
)

// TestEntries: files that are opened at once and those that are opened later have the same
// digests, also where something else has the name by then; and none stays open, nor the
// directory that it is in.
func TestEntries(t *testing.T) {
	open := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		require.NoError(t, err)
		return len(list)
	}
	for _, quick := range []bool{false, true} {
		dir := t.TempDir()
		tree := roottest.Tree{}
		for i := range 300 {
			tree[fmt.Sprintf("./d%d/file", i)] = roottest.File(fmt.Sprint("content ", i))
		}
		tree.MakeIn(t, dir)
		before := open()
		src, err := Tree{Root: dir}.Open()
		require.NoError(t, err)
		e := src.Entries(t.Context(), quick)
		files := 0
		for {
			m, err := e.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			c := e.Content()
			require.Equal(t, m.Type == entry.File, c != nil)
			if c == nil {
				continue
			}
			want, err := os.ReadFile(dir + m.Path[1:])
			require.NoError(t, err)
			if quick && files%10 == 0 {
				want = append(want, "of later"...)
				require.NoError(t, os.Remove(dir+m.Path[1:]))
				require.NoError(t, os.WriteFile(dir+m.Path[1:], want, 0o600))
			}
			if files%2 == 0 {
				sum := sha256.Sum256(want)
				got, _, err := c.Digests()
				require.NoError(t, err)
				require.Equal(t, sum[:], got)
			}
			require.NoError(t, c.Close())
			files++
		}
		require.Equal(t, 300, files)
		e.Close()
		src.Close()
		require.Equal(t, before, open())
	}
}

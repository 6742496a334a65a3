package edit

import (
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/entry"
	"image-capture/rootfs"
)

// TestNoEditsCostNothing: a plan without edits takes nothing for an entry, and one that
// has some takes nothing for the others.
func TestNoEditsCostNothing(t *testing.T) {
	for _, edits := range []bool{false, true} {
		var p Plan
		p.Defaults()
		if edits {
			require.NoError(t, p.Remove("./etc/a"))
			require.NoError(t, p.Empty("./etc/b"))
			require.NoError(t, p.AddDir("./etc/c", 0o755))
		}
		w := &walker{plan: &p, added: p.addedByDir(), visit: func(n Node) error {
			if n.Source(&entry.Entry{}) != Original {
				t.Error("an edit of what has none")
			}
			return nil
		}}
		const path = "./usr/lib/some/file"
		require.Zero(t, testing.AllocsPerRun(100, func() {
			if p.drop(path, false) || p.Hidden(path) || w.node(rootfs.Node{Path: path}) != nil {
				t.Error("an edit of what has none")
			}
		}))
	}
}

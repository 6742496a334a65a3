package edit_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/edit"
	"image-capture/entry"
	"image-capture/rootfs"
)

// TestApply plans each operation by its name, and says in words what came of it.
func TestApply(t *testing.T) {
	var p edit.Plan
	for _, e := range []edit.Edit{
		{Op: entry.Exclude, Subject: "*.log"}, {Op: entry.KeepOnly, Subject: "./tmp"}, {Op: entry.KeepOnly, Subject: "./dev"}, {Op: entry.Drop, Subject: "./proc/1"},
		{Op: entry.Empty, Subject: "./etc/mtab"}, {Op: entry.Rewrite, Subject: "./etc/fstab", Why: "--fix"}, {Op: entry.AddDir, Subject: "./curtin"}, {Op: entry.AddFile, Subject: "./.autorelabel"},
	} {
		require.NotEmpty(t, e.Op.Does())
		require.NoError(t, p.Apply(e.Op, e.Subject, e.Why, upper), e.Op)
	}
	require.EqualError(t, p.Apply("burn", "./etc", "", nil), `there is no edit "burn"`)
	require.ErrorContains(t, p.Apply(entry.Drop, ".", "", nil), "not a path below the root")

	tree := edit.NewTree(made(t), rootfs.NewMounts([]rootfs.Mount{{Path: "./dev", Reason: "devices"}}), &p)
	require.NoError(t, tree.Walk(t.Context(), func(n edit.Node) error {
		defer n.Release()
		var e entry.Entry
		require.NoError(t, n.Stat(&e))
		if n.Source(&e) == edit.Rewritten {
			_, err := n.Rewrite(nil)
			require.NoError(t, err)
		}
		if n.Path == "./curtin" || n.Path == "./.autorelabel" {
			require.Equal(t, map[entry.Type]uint32{entry.Dir: 0o755, entry.File: 0o644}[e.Type], e.Perm)
		}
		return nil
	}))
	require.Equal(t, []entry.Note{
		{Path: "*.log", Reason: "excluded 2"}, {Path: "./tmp", Reason: "kept without what is in it"}, {Path: "./proc/1", Reason: "left out"},
		{Path: "./etc/mtab", Reason: "emptied"}, {Path: "./etc/fstab", Reason: "rewritten (--fix)"}, {Path: "./curtin", Reason: "added"}, {Path: "./.autorelabel", Reason: "added"},
	}, tree.Notes())
}

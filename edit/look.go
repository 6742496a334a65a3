package edit

import (
	"context"

	"image-capture/entry"
	"image-capture/rootfs"
)

// Look calls visit with the inode of each name of the tree that goes into the image, as
// it will be there but for the size of what is rewritten, without link targets; what is
// added is left out, and so is what cannot be looked at. Extended attributes are there
// when they are asked for and the filesystem may have more of them than ext4. It walks
// the tree for itself, opens directories only, and leaves no trace in the plan and the
// mounts: so it may run beside Walk.
func (t *Tree) Look(ctx context.Context, xattrs bool, visit func(*entry.Entry)) error {
	opt := rootfs.WalkOptions{Drop: func(path string, _ bool) bool { return t.leftOut(path) || t.plan.Hidden(path) }}
	if t.mounts != nil {
		opt.Mounts = t.mounts.Copy()
	}
	return t.root.Walk(ctx, opt, func(n rootfs.Node) error {
		defer n.Release()
		node := Node{Node: n, change: t.plan.contents.byPath[n.Path]}
		var e entry.Entry
		if node.Stat(&e) != nil {
			return nil
		}
		if xattrs {
			_ = n.ManyXattrs(&e) // the capture tells of what cannot be read
			plain(&e)
		}
		visit(&e)
		return nil
	})
}

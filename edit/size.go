package edit

import (
	"context"
	"slices"

	"image-capture/entry"
	"image-capture/rootfs"
)

// Size returns how many bytes of files there are to capture, holes and what is added
// left out, by the sizes alone; a file counts under each of its names. It may run beside
// Walk.
func (t *Tree) Size(ctx context.Context) (int64, error) {
	sum := int64(0)
	err := t.Look(ctx, false, func(e *entry.Entry) { sum += min(e.Size, e.Blocks*512) })
	return sum, err
}

func onDisk(n *rootfs.Node) int64 {
	var e entry.Entry
	if n.Stat(&e) != nil {
		return 0
	}
	return min(e.Size, e.Blocks*512)
}

// Searched reports whether excludes other than Defaults, or tags, leave something out: how much
// that is, a walk of the whole tree tells.
func (t *Tree) Searched() bool {
	return t.plan.tags.wanted() || slices.ContainsFunc(t.plan.excludes.list, func(e *exclude) bool { return !e.byDefault })
}

// Live returns how many bytes Defaults leave out. It walks, as Size does, where that is
// and nowhere else.
func (t *Tree) Live(ctx context.Context) (int64, error) {
	var dirs []string
	for _, dir := range defaults {
		if t.plan.excludes.byText[dir+belowIt] != nil {
			dirs = append(dirs, dir)
		}
	}
	within := func(path string) bool {
		return slices.ContainsFunc(dirs, func(dir string) bool { return entry.IsBelow(path, dir) })
	}
	opt := rootfs.WalkOptions{Drop: func(path string, _ bool) bool {
		return !within(path) && !slices.ContainsFunc(dirs, func(dir string) bool { return path == dir || entry.IsBelow(dir, path) })
	}}
	if t.mounts != nil {
		opt.Mounts = t.mounts.Copy()
	}
	sum := int64(0)
	err := t.root.Walk(ctx, opt, func(n rootfs.Node) error {
		defer n.Release()
		if within(n.Path) {
			sum += onDisk(&n)
		}
		return nil
	})
	return sum, err
}

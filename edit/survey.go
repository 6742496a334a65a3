package edit

import (
	"context"

	"image-capture/entry"
	"image-capture/rootfs"
)

// Left is what an edit leaves out of the image.
type Left struct {
	Op entry.Op
	// Subject is the pattern of an exclude, else the path.
	Subject string
	// Entries and Bytes are all that is gone with it, what is below directories too; of
	// holes nothing, and a file counts under each of its names. What several edits leave
	// out counts for each.
	Entries, Bytes int64
}

// Survey is Walk, and looks into what is left out besides, by the inodes alone: mount
// points that are left out are not entered. What cannot be listed there counts as empty.
// Each edit that leaves something out is in the result, in the order in which they did.
func (t *Tree) Survey(ctx context.Context, visit func(Node) error) ([]*Left, error) {
	s := &survey{plan: t.plan, byEdit: map[edited]*Left{}}
	w := &walker{plan: t.plan, visit: visit, added: t.plan.addedByDir(), leftOut: t.leftOut}
	drop := func(path string, dir bool) bool { return t.leftOut(path) || s.drop(path, dir) }
	err := t.root.Walk(ctx, rootfs.WalkOptions{Mounts: t.mounts, Drop: drop}, func(n rootfs.Node) error {
		if s.gone(n.Path) {
			defer n.Release()
			s.count(&n)
			return nil
		}
		return w.node(n)
	})
	if err == nil {
		err = w.leave(0)
	}
	return s.list, err
}

// survey goes on where the plan drops something, and keeps the account.
type survey struct {
	plan   *Plan
	top    string // what was dropped last
	by     []*Left
	list   []*Left
	byEdit map[edited]*Left
}

type edited struct {
	op      entry.Op
	subject string
}

// drop asks the plan as a walk does, but not below what is dropped, and drops nothing.
func (s *survey) drop(path string, dir bool) bool {
	if s.gone(path) {
		return false
	}
	s.top, s.by = "", s.by[:0]
	if !s.plan.drop(path, dir) {
		return false
	}
	s.top = path
	for e := range s.plan.excludes.matching(path) {
		s.charge(edited{entry.Exclude, e.text})
	}
	if s.plan.keptAbove(path) != nil {
		above, _ := splitPath(path)
		s.charge(edited{entry.KeepOnly, above})
	}
	if above, name := splitPath(path); s.plan.tags.wanted() && s.plan.tags.beside(above, name) {
		s.charge(edited{entry.KeepTagged, above})
	}
	if s.plan.removed.byPath[path] != nil {
		s.charge(edited{entry.Drop, path})
	}
	return false
}

func (s *survey) gone(path string) bool {
	return s.top != "" && (path == s.top || entry.IsBelow(path, s.top))
}

// charge notes whose doing it is.
func (s *survey) charge(e edited) {
	l := s.byEdit[e]
	if l == nil {
		l = &Left{Op: e.op, Subject: e.subject}
		s.byEdit[e] = l
		s.list = append(s.list, l)
	}
	s.by = append(s.by, l)
}

func (s *survey) count(n *rootfs.Node) {
	var e entry.Entry
	size := int64(0)
	if n.Stat(&e) == nil && e.Type == entry.File {
		size = min(e.Size, e.Blocks*512)
	}
	for _, l := range s.by {
		l.Entries++
		l.Bytes += size
	}
}

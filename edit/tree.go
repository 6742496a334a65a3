package edit

import (
	"context"
	"strings"

	"image-capture/entry"
	"image-capture/rootfs"
)

// Tree is a root as its image will be: what is mounted in it, less what the plan
// leaves out, with the contents that the plan gives, and what it adds.
type Tree struct {
	root   *rootfs.Root
	mounts *rootfs.Mounts
	plan   *Plan
	only   func(path string) bool // nil: all
}

// Only leaves out of the walks to come what keep does not name, with all that is below
// it. It is asked about each name but the root, and leaves no trace in the plan: names
// that keep leaves out are in no Edits.
func (t *Tree) Only(keep func(path string) bool) { t.only = keep }

func (t *Tree) leftOut(path string) bool { return t.only != nil && !t.only(path) }

// NewTree puts together what the image is made of. Without mounts none is entered,
// and without a plan nothing is edited. It takes over the plan, which gets a KeepOnly
// for each mount point that is left out and hides what lies under it; more edits may be planned up to the walk.
func NewTree(root *rootfs.Root, mounts *rootfs.Mounts, plan *Plan) *Tree {
	if plan == nil {
		plan = &Plan{}
	}
	if mounts != nil {
		for _, m := range mounts.List() {
			if !m.Captured && !m.Beneath {
				// The walk knows; this is for the view.
				plan.kept.at(m.Path)
			}
		}
	}
	plan.LookIn(root.FS())
	return &Tree{root: root, mounts: mounts, plan: plan}
}

// FS returns the tree as a file system; see Plan.FS.
func (t *Tree) FS() *View { return t.plan.FS(t.root.FS()) }

// Notes are what the walk edited, for the MANIFEST. Mount points have their own; see
// rootfs.Mounts.
func (t *Tree) Notes() []entry.Note {
	left := map[string]bool{}
	if t.mounts != nil {
		for _, m := range t.mounts.List() {
			left[m.Path] = !m.Captured && !m.Beneath
		}
	}
	var notes []entry.Note
	for _, e := range t.plan.Edits() {
		if e.Op != entry.KeepOnly || !left[e.Subject] {
			notes = append(notes, e.Note())
		}
	}
	return notes
}

// Walk calls visit for each entry of the image, in the order of rootfs.Root.Walk, what
// is added at its place among them. The node passes to visit, which must release it.
// Walk returns the first error of visit, of ctx, or of the walk of the root.
//
// The plan counts what becomes of it, so that there is one walk to a plan.
func (t *Tree) Walk(ctx context.Context, visit func(Node) error) error {
	w := &walker{plan: t.plan, visit: visit, added: t.plan.addedByDir(), leftOut: t.leftOut}
	drop := func(path string, dir bool) bool { return t.leftOut(path) || t.plan.drop(path, dir) }
	err := t.root.Walk(ctx, rootfs.WalkOptions{Mounts: t.mounts, Drop: drop}, w.node)
	if err != nil {
		return err
	}
	return w.leave(0)
}

// walker makes nodes of the image of those of the root.
type walker struct {
	plan    *Plan
	visit   func(Node) error
	added   map[string][]string // paths to add, sorted, by the directory above
	leftOut func(path string) bool
	// open are the directories that get something and that the walk is in, each in the
	// one before.
	open []openDir
}

type openDir struct {
	path  string
	mtime entry.Time
	added []string // still to come
}

// node takes a name of the root.
func (w *walker) node(n rootfs.Node) error {
	if len(w.open) > 0 {
		if err := w.before(n.Path); err != nil {
			n.Release()
			return err
		}
	}
	node := Node{Node: n}
	if len(w.plan.contents.order) > 0 {
		if node.change = w.plan.contents.byPath[n.Path]; node.change != nil {
			node.change.present = true
		}
	}
	if n.Dir && len(w.added) > 0 {
		if err := w.enter(&n); err != nil {
			n.Release()
			return err
		}
	}
	return w.visit(node)
}

// enter notes a directory that gets something.
func (w *walker) enter(n *rootfs.Node) error {
	list := w.added[n.Path]
	if len(list) == 0 || !n.Entered() {
		return nil
	}
	var e entry.Entry
	if err := n.Stat(&e); err != nil {
		return err
	}
	for _, path := range list {
		w.plan.added.byPath[path].asked = true
	}
	w.open = append(w.open, openDir{n.Path, e.Mtime, list})
	return nil
}

// before adds what comes before a path of the tree.
func (w *walker) before(path string) error {
	in := len(w.open)
	for in > 0 && !entry.IsBelow(path, w.open[in-1].path) {
		in--
	}
	if err := w.leave(in); err != nil || in == 0 {
		return err
	}
	top := &w.open[in-1]
	if strings.IndexByte(path[len(top.path)+1:], '/') >= 0 {
		return nil // deeper: the walk was at the directory in between
	}
	for len(top.added) > 0 && top.added[0] < path {
		if err := w.add(top); err != nil {
			return err
		}
	}
	if len(top.added) > 0 && top.added[0] == path {
		w.plan.added.byPath[path].present = true
		top.added = top.added[1:]
	}
	return nil
}

// leave adds what is left of the directories that the walk is through with, all but
// the first n.
func (w *walker) leave(n int) error {
	for len(w.open) > n {
		top := &w.open[len(w.open)-1]
		for len(top.added) > 0 {
			if err := w.add(top); err != nil {
				return err
			}
		}
		w.open = w.open[:len(w.open)-1]
	}
	return nil
}

// add visits the next addition of a directory.
func (w *walker) add(dir *openDir) error {
	path := dir.added[0]
	dir.added = dir.added[1:]
	return w.addAll(path, dir.mtime)
}

// addAll visits an addition, and what is added below it.
func (w *walker) addAll(path string, mtime entry.Time) error {
	if w.leftOut(path) {
		return nil
	}
	a := &added{w.plan.entry(path), w.plan.added.byPath[path].content}
	a.Mtime, a.Nlink = mtime, 1 // so that an image depends on the tree only
	if err := w.visit(Node{Node: rootfs.Node{Path: path, Dir: a.Type == entry.Dir}, added: a}); err != nil {
		return err
	}
	for _, below := range w.added[path] {
		w.plan.added.byPath[below].asked = true
		if err := w.addAll(below, mtime); err != nil {
			return err
		}
	}
	return nil
}

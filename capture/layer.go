package capture

import (
	"bufio"
	"context"
	"errors"
	"io"
	"maps"
	"runtime"
	"slices"
	"sort"
	"strings"

	"image-capture/compare"
	"image-capture/deploy"
	"image-capture/entry"
	"image-capture/manifest"
)

// Layer is what a layer holds, besides what the MANIFEST says.
type Layer struct {
	// Added, Changed and Gone count names, and what is below a directory that is gone
	// once. What is in the layer only as it must be is not counted: directories above
	// what differs, and other names of a file.
	Added, Changed, Gone int64
	// Replaced are directories of the base in whose place tar can put something only when
	// they were deleted before.
	Replaced []entry.Note
	// Deletions is where the names to delete are written; "" for the MANIFEST only.
	Deletions string
}

// layer is the tree compared with the base.
type layer struct {
	Layer
	base Base
	// ship are the names that go into the layer; made are those of them that tar makes
	// new, which it does with all but directories that are there.
	ship, made map[string]bool
	gone       []string
	// other are directories of the base in whose place is something else, whole those
	// that are made new with all that is in them, each with the reason.
	other, whole map[string]string
	lost         []entry.Note // what no tar can do
	queue        []string     // of ship, and not looked at yet
	groups       map[entry.FileID][]string
	groupOf      map[string]entry.FileID
	inherit      map[string]bool // directories of the base that have a default ACL
	overlaid     bool            // the tree has files that a deployer puts over the image
}

// compare compares the tree with the base, if there is one: once, by a walk of its own, so
// that all that differs is known before the first byte is written: which directories a
// change touches, and the other names of a file. The walks to come leave out what is equal.
// It is done where Run runs, wherever the tree is: what runs there takes the base's entries.
func (r *run) compare(ctx context.Context) error {
	if r.opt.Base == nil || r.layer != nil {
		return nil
	}
	live, err := r.origin.Entries(ctx, manifest.Facts{})
	if err != nil {
		return err
	}
	l, err := over(ctx, live, *r.opt.Base, r.opt.workers())
	live.Close()
	if err != nil {
		return err
	}
	l.Deletions = r.opt.Deletions
	r.events.Layered(l.Layer)
	if err := r.origin.Only(ctx, l.selection()); err != nil {
		return err
	}
	r.layer = l
	return nil
}

// workers is how many files are digested at once. Elsewhere that is what is asked for at
// once: how many are read is up to the machine that has them.
func (o Options) workers() int {
	if o.Origin != nil {
		return FarWorkers
	}
	return runtime.GOMAXPROCS(0)
}

// FarWorkers is how many digests are asked for at once of a tree that is on another host,
// so that the way there and back does not count much.
const FarWorkers = 128

// over compares a tree with a base.
func over(ctx context.Context, live Live, base Base, workers int) (*layer, error) {
	l := &layer{
		base: base, ship: map[string]bool{".": true}, made: map[string]bool{}, other: map[string]string{}, whole: map[string]string{},
		groups: map[entry.FileID][]string{}, groupOf: map[string]entry.FileID{}, inherit: map[string]bool{},
	}
	if err := l.compare(ctx, live, workers); err != nil {
		return nil, err
	}
	l.settle()
	return l, nil
}

// selection is what the layer holds.
func (l *layer) selection() Selection {
	s := Selection{Names: l.ship, Whole: map[string]bool{}}
	for dir := range l.whole {
		s.Whole[dir] = true
	}
	return s
}

// compare finds what differs.
func (l *layer) compare(ctx context.Context, tree Live, workers int) error {
	live := &liveEntries{Live: tree, layer: l}
	var unreadable []string
	res, err := compare.Diff(ctx, &baseEntries{l.base.Entries, l.inherit}, live, compare.DiffOptions{
		Quick: !l.base.Content, Workers: workers, Changed: l.change,
		Unreadable: func(path string, _ error) { unreadable = append(unreadable, path) },
	})
	if err != nil {
		var bad *compare.ReadError
		if errors.As(err, &bad) && !bad.Second {
			return &BaseError{bad.Err}
		}
		return err
	}
	if l.base.Content && res.Undigested > 0 {
		return &BaseError{&UndigestedError{res.Undigested}}
	}
	unreadable = append(unreadable, entry.Paths(live.Unreadable())...)
	// The archive says why it cannot have them. What is below a directory that cannot be
	// listed is not known to be gone.
	for _, path := range unreadable {
		l.put(path)
		l.gone = slices.DeleteFunc(l.gone, func(gone string) bool { return gone == path || strings.HasPrefix(gone, path+"/") })
	}
	l.Gone = int64(len(l.gone))
	return nil
}

// change takes a difference.
func (l *layer) change(c compare.Change) {
	switch c.Kind {
	case compare.Added:
		l.Added++
		l.make(c.Path)
	case compare.Removed:
		if n := len(l.gone); n > 0 && strings.HasPrefix(c.Path, l.gone[n-1]+"/") || hasAbove(l.other, c.Path) {
			return // it goes with the directory
		}
		l.gone = append(l.gone, c.Path)
		l.put(parent(c.Path)) // whose time that changes
	default:
		l.Changed++
		if c.Old.Type != entry.Dir || c.New.Type != entry.Dir {
			l.make(c.Path)
		} else {
			l.put(c.Path)
		}
		if c.Old.Type == entry.Dir {
			l.directory(c)
		}
	}
}

// directory looks at a directory of the base that changed. GNU tar makes no room for what
// is no directory where one is that holds something, and takes no attribute from one that
// is there.
func (l *layer) directory(c compare.Change) {
	if c.New.Type != entry.Dir {
		l.other[c.Path] = "was a directory, and is a " + kinds[c.New.Type]
		return
	}
	for _, x := range c.Old.Xattrs {
		if !slices.ContainsFunc(c.New.Xattrs, func(y entry.Xattr) bool { return x.Name == y.Name }) {
			l.whole[c.Path] = "has lost its xattr " + x.Name
			return
		}
	}
}

var kinds = map[entry.Type]string{
	entry.File: "file", entry.Symlink: "symbolic link", entry.CharDevice: "character device", entry.BlockDevice: "block device", entry.FIFO: "FIFO",
}

// put puts a name into the layer.
func (l *layer) put(path string) {
	if !l.ship[path] {
		l.ship[path] = true
		l.queue = append(l.queue, path)
	}
}

// make is put for what tar makes new.
func (l *layer) make(path string) {
	if l.made[path] {
		return
	}
	l.made[path], l.ship[path] = true, true
	l.queue = append(l.queue, path)
}

// settle puts in what else the names need: the directories above them, so that tar sets
// their times after it has changed them, and all names of a file of which one is in the
// layer, so that they become names of one file again.
func (l *layer) settle() {
	for dir, why := range maps.Clone(l.whole) {
		delete(l.whole, dir)
		l.replace(dir, why)
	}
	for len(l.queue) > 0 {
		path := l.queue[len(l.queue)-1]
		l.queue = l.queue[:len(l.queue)-1]
		if path == "." {
			continue
		}
		dir := parent(path)
		l.put(dir)
		if id, ok := l.groupOf[path]; ok {
			for _, name := range l.groups[id] {
				l.make(name)
			}
		}
		if l.made[path] && l.inherit[dir] {
			l.replace(dir, "has a default ACL, which what tar makes in it would get")
		}
	}
	for _, list := range []map[string]string{l.other, l.whole} {
		for dir, why := range list {
			l.Replaced = append(l.Replaced, entry.Note{Path: dir, Reason: why})
		}
	}
	sortNotes(l.Replaced)
}

// replace has a directory made new, with all that is in it.
func (l *layer) replace(dir, why string) {
	switch _, done := l.whole[dir]; {
	case done:
	case dir == ".":
		delete(l.inherit, dir)
		l.lost = append(l.lost, entry.Note{Path: dir, Reason: "it " + why + ": a layer cannot mend that"})
	default:
		l.whole[dir] = why
		l.make(dir)
		for path := range l.groupOf {
			if strings.HasPrefix(path, dir+"/") {
				l.make(path)
			}
		}
	}
}

func sortNotes(list []entry.Note) {
	sort.Slice(list, func(i, j int) bool { return list[i].Path < list[j].Path })
}

// hasAbove says whether a directory above a path is in a set.
func hasAbove[T any](set map[string]T, path string) bool {
	if len(set) == 0 {
		return false
	}
	for dir := parent(path); dir != "."; dir = parent(dir) {
		if _, ok := set[dir]; ok {
			return true
		}
	}
	return false
}

// parent is the directory above a path, "." for that of a name in the root and the root.
func parent(path string) string { return path[:max(1, strings.LastIndexByte(path, '/'))] }

// deleted are the names to delete, for the MANIFEST.
func (l *layer) deleted() []entry.Note {
	list := slices.Clone(l.Replaced)
	for _, path := range l.gone {
		list = append(list, entry.Note{Path: path, Reason: manifest.Gone})
	}
	sortNotes(list)
	return list
}

// liveEntries notes the names of files that have several.
type liveEntries struct {
	Live
	layer *layer
}

func (e *liveEntries) Next() (*entry.Member, error) {
	m, err := e.Live.Next()
	if err == nil && m.Nlink > 1 && m.Type != entry.Dir {
		e.layer.groups[m.ID] = append(e.layer.groups[m.ID], m.Path)
		e.layer.groupOf[m.Path] = m.ID
	}
	if err == nil && deploy.Overlaid(m.Path) {
		e.layer.overlaid = true
	}
	return m, err
}

// writeDeletions writes the names that a layer deletes, for xargs -0.
func (r *run) writeDeletions(w io.Writer) error {
	out := bufio.NewWriter(w)
	for _, n := range r.facts.Deleted {
		out.WriteString(n.Path)
		out.WriteByte(0)
	}
	return out.Flush()
}

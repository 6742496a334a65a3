package edit

// Verb is a kind of edit.
type Verb string

// The verbs, as Plan's methods of like names do them.
const (
	Exclude  Verb = "exclude"
	KeepOnly Verb = "keep-only"
	Add      Verb = "add"
)

// Edit is one difference between the tree and the image.
type Edit struct {
	Verb Verb
	// Subject is the pattern of an exclude, else the path. It is bytes: escape it
	// before it is shown.
	Subject string
	// Count is how many entries were dropped or added, not counting what is below
	// them. An entry that several patterns match counts for each.
	Count int
}

// Edits returns what the walk did: the excludes that dropped something, the
// directories that were shipped empty (also when nothing below them was met), and
// those that were added; each kind in the order given.
func (p *Plan) Edits() []Edit {
	var list []Edit
	for _, e := range p.excludes.list {
		if e.count > 0 {
			list = append(list, Edit{Exclude, e.text, e.count})
		}
	}
	for _, path := range p.kept.order {
		if k := p.kept.byPath[path]; k.seen {
			list = append(list, Edit{KeepOnly, path, k.count})
		}
	}
	for _, path := range p.added.order {
		if a := p.added.byPath[path]; a.asked && !a.present {
			list = append(list, Edit{Add, path, 1})
		}
	}
	return list
}

// Unmatched returns the excludes that matched nothing, in the order given: most
// likely a slip. It leaves out those of Defaults, and those for one place below a
// directory that was dropped or kept only itself: what they are for is not in the
// image either.
func (p *Plan) Unmatched() []string {
	var list []string
	for _, e := range p.excludes.list {
		if e.count == 0 && !e.byDefault && !e.hidden {
			list = append(list, e.text)
		}
	}
	return list
}

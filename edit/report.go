package edit

import (
	"fmt"
	"strings"

	"image-capture/entry"
)

// Edit is one difference between the tree and the image.
type Edit struct {
	Op entry.Op
	// Subject is the pattern of an exclude, else the path. It is bytes: escape it
	// before it is shown.
	Subject string
	// Why is what Rewrite was given, or the tags that KeepTagged found, joined by slashes;
	// else it is empty.
	Why string
	// Count is how many entries were dropped, changed or added, not counting what is
	// below them. An entry that several patterns match counts for each.
	Count int
}

// Note is the edit in the words of the MANIFEST: "excluded 3", "rewritten (why)".
func (e Edit) Note() entry.Note {
	reason := e.Op.Done()
	switch {
	case e.Op == entry.Exclude:
		reason = fmt.Sprintf("%s %d", reason, e.Count)
	case e.Why != "":
		reason += " (" + e.Why + ")"
	}
	return entry.Note{Path: e.Subject, Reason: reason}
}

// Edits returns what the walk did: the excludes and removals that dropped
// something, the directories that were shipped empty (also when nothing below them
// was met), or with their tags only, the files that were emptied or rewritten (also when they were so
// before), and what was added; each kind in the order given.
func (p *Plan) Edits() []Edit {
	var list []Edit
	add := func(op entry.Op, subject, why string, count int) {
		list = append(list, Edit{op, subject, why, count})
	}
	for _, e := range p.excludes.list {
		if e.count > 0 {
			add(entry.Exclude, e.text, "", e.count)
		}
	}
	for _, path := range p.kept.order {
		if k := p.kept.byPath[path]; k.seen {
			add(entry.KeepOnly, path, "", k.count)
		}
	}
	for _, path := range p.tags.met.order {
		m := p.tags.met.byPath[path]
		add(entry.KeepTagged, path, strings.Join(m.tags, "/"), m.count)
	}
	for _, path := range p.removed.order {
		if p.removed.byPath[path].seen {
			add(entry.Drop, path, "", 1)
		}
	}
	for _, path := range p.contents.order {
		if c := p.contents.byPath[path]; c.empty && c.typ == entry.File {
			add(entry.Empty, path, "", 1)
		}
	}
	for _, r := range p.rewrites {
		if r.done {
			add(entry.Rewrite, r.path, r.why, 1)
		}
	}
	for _, path := range p.added.order {
		if a := p.added.byPath[path]; a.asked && !a.present {
			add(a.op(), path, "", 1)
		}
	}
	return list
}

// Unapplied is an edit that was planned and not made.
type Unapplied struct {
	Edit          // its Count is 0
	Reason string // in plain words
}

// Unapplied returns what the walk could not do: to empty or rewrite what is no
// regular file or was not captured, to rewrite what is not there or left out, to add
// where there is no directory. Each kind is in the order given.
//
// It leaves out what needs no edit any more: to remove or empty what is not there or
// left out, to add what is there.
func (p *Plan) Unapplied() []Unapplied {
	var list []Unapplied
	add := func(op entry.Op, path, why, reason string) {
		list = append(list, Unapplied{Edit{op, path, why, 0}, reason})
	}
	for _, path := range p.contents.order {
		c := p.contents.byPath[path]
		if reason := c.unapplied(); c.empty && c.present && reason != "" {
			add(entry.Empty, path, "", reason)
		}
	}
	for _, r := range p.rewrites {
		if r.done {
			continue
		}
		c := p.contents.byPath[r.path]
		reason := c.unapplied()
		switch {
		case !c.present && p.Hidden(r.path):
			reason = "it is left out"
		case c.empty && reason == "":
			reason = "it is emptied"
		case reason == "":
			reason = notCaptured // it vanished, or could not be read
		}
		add(entry.Rewrite, r.path, r.why, reason)
	}
	for _, path := range p.added.order {
		if a := p.added.byPath[path]; !a.asked {
			add(a.op(), path, "", "the directory above it is not there, or left out")
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

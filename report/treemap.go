package report

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"image-capture/entry"
)

// Box is a rectangle of a treemap.
type Box struct {
	X, Y, W, H float64
	Label      string // short enough for the rectangle; empty where none fits
	Small      string // the size, under the label, where that fits
	Title      string // path and size
	Colour     int    // 0 to colours-1, that of its top directory
	Depth      int
}

const (
	colours   = 8
	leastArea = 500 // of a box that is divided, in square units of the drawing
	deepest   = 7
	letter    = 7.2 // width of one, at the size of labels
)

// part is what a box is made of.
type part struct {
	name, title string
	bytes       int64
	parts       func() []part
}

// treemap lays out parts in a rectangle, the area of each by its bytes: squarified, as
// Bruls, Huizing and van Wijk, "Squarified Treemaps" (2000).
func treemap(parts []part, w, h float64) []Box {
	t := &layout{}
	for _, p := range parts {
		t.total += p.bytes
	}
	t.divide(parts, Box{W: w, H: h, Colour: -1})
	return t.boxes
}

type layout struct {
	boxes []Box
	total int64
}

// divide puts parts into a box.
func (t *layout) divide(parts []part, in Box) {
	parts = slices.DeleteFunc(parts, func(p part) bool { return p.bytes <= 0 })
	slices.SortStableFunc(parts, func(a, b part) int { return cmp.Or(cmp.Compare(b.bytes, a.bytes), cmp.Compare(a.name, b.name)) })
	total := int64(0)
	for _, p := range parts {
		total += p.bytes
	}
	if total == 0 || in.W <= 0 || in.H <= 0 {
		return
	}
	scale := in.W * in.H / float64(total)
	x, y, w, h := in.X, in.Y, in.W, in.H
	first := 0
	for first < len(parts) {
		side := min(w, h)
		n, sum := row(parts[first:], scale, side)
		thick := sum / side
		at := 0.0
		for i, p := range parts[first : first+n] {
			length := float64(p.bytes) * scale / thick
			b := Box{X: x, Y: y + at, W: thick, H: length, Depth: in.Depth + 1, Colour: in.Colour}
			if w < h {
				b = Box{X: x + at, Y: y, W: length, H: thick, Depth: in.Depth + 1, Colour: in.Colour}
			}
			if in.Colour < 0 {
				b.Colour = (first + i) % colours
			}
			t.put(p, b)
			at += length
		}
		if w < h {
			y, h = y+thick, h-thick
		} else {
			x, w = x+thick, w-thick
		}
		first += n
		if w < 0.5 || h < 0.5 {
			return // the rest is too small to be seen
		}
	}
}

// row is how many parts go side by side, so that none gets too long, and their area.
func row(parts []part, scale, side float64) (n int, sum float64) {
	worst := math.Inf(1)
	for _, p := range parts {
		area := float64(p.bytes) * scale
		most, least := float64(parts[0].bytes)*scale, area
		s := sum + area
		ratio := max(side*side*most/(s*s), s*s/(side*side*least))
		if n > 0 && ratio > worst {
			break
		}
		worst, sum, n = ratio, s, n+1
	}
	return n, sum
}

// put adds a box, and those in it.
func (t *layout) put(p part, b Box) {
	b.Title = p.title
	const head = 15 // room for the label above what is in it
	inner := Box{X: b.X + 2, Y: b.Y + head, W: b.W - 4, H: b.H - head - 2, Depth: b.Depth, Colour: b.Colour}
	divided := p.parts != nil && b.Depth < deepest && inner.W*inner.H > leastArea && inner.W > 12 && inner.H > 12
	if b.H > head && b.W > 4*letter {
		b.Label = clip(p.name, int((b.W-6)/letter))
		if size := sizeText(p.bytes); divided && len(b.Label)+len(size)+2 < int((b.W-6)/letter) {
			b.Label += "  " + size
		} else if !divided && b.H > 2*head && len(size) < int((b.W-6)/letter) {
			b.Small = size
		}
	}
	t.boxes = append(t.boxes, b)
	if divided {
		if p.bytes > t.total/2 {
			inner.Colour = -1 // else all would have one
		}
		t.divide(p.parts(), inner)
	}
}

// clip shortens a name to n characters.
func clip(name string, n int) string {
	runes := []rune(name)
	if len(runes) <= n {
		return name
	}
	if n < 4 {
		return ""
	}
	return strings.TrimSpace(string(runes[:n-1])) + "…"
}

// parts are those of a directory: the directories in it, and its own files as one. One
// that holds nothing but another is told with that in one.
func (d *folder) parts() []part {
	var list []part
	for _, f := range d.folders {
		name := f.name
		for f.own == 0 && len(f.folders) == 1 {
			for _, only := range f.folders {
				f, name = only, name+"/"+only.name
			}
		}
		list = append(list, part{entry.Escape(name), entry.Escape(f.path) + ": " + sizeText(f.bytes), f.bytes, f.parts})
	}
	if d.own > 0 {
		list = append(list, part{"files", "files in " + entry.Escape(d.path) + ": " + sizeText(d.own), d.own, nil})
	}
	return list
}

// packageParts are the parts of a treemap of packages, those that are too small to be
// seen as one.
func packageParts(list []Package, most int) []part {
	var parts []part
	rest := int64(0)
	for i, p := range list {
		if i >= most {
			rest += p.Bytes
			continue
		}
		parts = append(parts, part{entry.Escape(p.Name), entry.Escape(p.Name) + ": " + sizeText(p.Bytes), p.Bytes, nil})
	}
	if rest > 0 {
		parts = append(parts, part{"others", "other packages: " + sizeText(rest), rest, nil})
	}
	return parts
}

package compare

import (
	"errors"
	"io"
	"strings"

	"image-capture/entry"
)

// Over is an image with a layer unpacked over it, as a stream: what both have is the
// layer's, and names that the layer deletes are gone with all that is below them. Both
// streams are in the order of an image, and so is the result. Link counts are those of
// the image that an entry comes from.
func Over(base, layer Stream, deleted []entry.Note) Stream {
	o := &over{base: base, layer: layer, deleted: make(map[string]bool, len(deleted))}
	for _, n := range deleted {
		o.deleted[n.Path] = true
	}
	return o
}

type over struct {
	base, layer Stream
	deleted     map[string]bool
	b, l        *entry.Member // the next of each; nil before the first and after the last
	begun       bool
	// gone is the last name that hides what the base has below it.
	gone string
}

// Next returns the next entry.
func (o *over) Next() (*entry.Member, error) {
	if !o.begun {
		o.begun = true
		if err := errors.Join(o.nextBase(), advance(o.layer, &o.l)); err != nil {
			return nil, err
		}
	}
	for {
		switch {
		case o.b == nil && o.l == nil:
			return nil, io.EOF
		case o.l == nil || o.b != nil && entry.ComparePaths(o.b.Path, o.l.Path) < 0:
			m := o.b
			if err := o.nextBase(); err != nil {
				return nil, err
			}
			if o.deleted[m.Path] || o.gone != "" && strings.HasPrefix(m.Path, o.gone) {
				o.hide(m.Path)
				continue
			}
			return m, nil
		}
		m := o.l
		if o.b != nil && o.b.Path == m.Path {
			if err := o.nextBase(); err != nil {
				return nil, err
			}
		}
		if m.Type != entry.Dir || o.deleted[m.Path] {
			o.hide(m.Path)
		}
		return m, advance(o.layer, &o.l)
	}
}

// hide hides what the base has below a name, where that is not below one already.
func (o *over) hide(path string) {
	if o.gone == "" || !strings.HasPrefix(path, o.gone) {
		o.gone = path + "/"
	}
}

func (o *over) nextBase() error { return advance(o.base, &o.b) }

// advance reads the next entry, nil at the end.
func advance(s Stream, m **entry.Member) error {
	next, err := s.Next()
	if errors.Is(err, io.EOF) {
		next, err = nil, nil
	}
	*m = next
	return err
}

package edit

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"image-capture/entry"
)

// addition is a name that the tree may lack: a directory or a file.
type addition struct {
	typ     entry.Type
	perm    uint32
	content []byte
	asked   bool // the walk came to the directory above
	present bool // the tree has the name, and it stays
}

func (a *addition) op() entry.Op {
	if a.typ == entry.Dir {
		return entry.AddDir
	}
	return entry.AddFile
}

// AddDir adds a directory of root:root, empty but for what else is added,
// where the image would have nothing
// by that name; what the tree has there, of whatever type, is left as it is. perm is
// as in rootfs.Entry. Neither excludes nor Remove apply to it, so that it takes the
// place of what they drop. The directory above must be one of the tree that the walk
// enters, or be added itself: else nothing is added, which Unapplied tells. Of several
// calls for one path the last counts. It is an error to add a file where a directory is
// added, and the other way round.
func (p *Plan) AddDir(path string, perm uint32) error {
	return p.add("add directory", path, &addition{typ: entry.Dir, perm: perm})
}

// AddFile adds a regular file of root:root with at most MaxRewrite bytes, by the
// rules of AddDir. Empty and Rewrite do not apply to it.
func (p *Plan) AddFile(path string, perm uint32, content []byte) error {
	return p.add("add file", path, &addition{typ: entry.File, perm: perm, content: bytes.Clone(content)})
}

func (p *Plan) add(what, path string, a *addition) error {
	if err := checkPath(what, path); err != nil {
		return err
	}
	if err := p.fits(path, a); err != nil {
		return pathError(what, path, err)
	}
	*p.added.at(path) = *a
	return nil
}

// fits says why something cannot be added.
func (p *Plan) fits(path string, a *addition) error {
	if a.perm&^0o7777 != 0 {
		return fmt.Errorf("mode %#o has bits other than permissions", a.perm)
	}
	if len(a.content) > MaxRewrite {
		return tooLong(len(a.content))
	}
	for _, other := range p.added.order {
		if entry.IsBelow(path, other) && p.added.byPath[other].typ != entry.Dir || entry.IsBelow(other, path) && a.typ != entry.Dir {
			return fmt.Errorf("%q is added too, as no directory", min(path, other))
		}
	}
	if other := p.added.byPath[path]; other != nil && other.typ != a.typ {
		return errors.New("it is added as " + kinds[other.typ] + " too")
	}
	return nil
}

// addedByDir returns the paths to add, sorted, by the directory above.
func (p *Plan) addedByDir() map[string][]string {
	if len(p.added.order) == 0 {
		return nil
	}
	byDir := map[string][]string{}
	for _, path := range slices.Sorted(slices.Values(p.added.order)) {
		dir, _ := splitPath(path)
		byDir[dir] = append(byDir[dir], path)
	}
	return byDir
}

// addedIn returns the paths to add directly below a directory, sorted.
func (p *Plan) addedIn(dir string) []string {
	var list []string
	for _, path := range p.added.order {
		if parent, _ := splitPath(path); parent == dir {
			list = append(list, path)
		}
	}
	slices.Sort(list)
	return list
}

func (p *Plan) entry(path string) entry.Entry {
	a := p.added.byPath[path]
	return entry.Entry{Path: path, Type: a.typ, Perm: a.perm, Size: int64(len(a.content))}
}

// Package edit plans what shall differ between a tree and its image: what is left
// out, which directories are shipped empty, which files are emptied or get another
// content, which names are added. The source itself is never touched: a Tree walks it by the plan, and
// gives the entries as they will be in the image.
//
// Paths are written as tar writes them with -C ROOT: "." and "./a/b", in bytes,
// without a slash at the end. Names need not be UTF-8.
//
// # Contents
//
// Empty and Rewrite change the content of a regular file, and its size. All else
// stays: mode, owner, times, inode flags, xattrs; also an attribute that is about
// the content, such as the hash in security.ima. An inode with several names is
// changed under the given one only: that becomes a file of its own, and the others
// stay what they are, linked with each other. What is not a regular file is left as it
// is, and Unapplied tells.
//
// To rewrite takes memory for the old content and the new, MaxRewrite bytes each.
// Nothing is read of a file that is emptied.
//
// # Attributes
//
// One rule needs no plan: at ./boot/efi and below, owners are 0 and there are no xattrs,
// inode flags, hard links, and set-id and sticky bits. It is vfat where the image is deployed, and an extracting
// tar fails when it has to make them.
//
// # Exclude patterns
//
// They follow GNU tar's --exclude at its defaults, which are --wildcards,
// --no-anchored and --wildcards-match-slash (see tar's manual, "Controlling
// Pattern-Matching", and gnulib's exclude.c):
//
//   - A pattern matches some parts of a path in a row, as a whole: "log" drops
//     ./log and ./var/log, but not ./var/log2. What is below a dropped directory is
//     gone with it. As all names start with "./", so does a pattern for one place.
//   - "*" matches anything and "?" one character, slashes and leading dots too.
//   - "[a-z]", "[!a-z]", "[^a-z]", "[[:alpha:]]", "[[=x=]]" and "[[.x.]]" match one
//     character; "[" without its "]" is an ordinary character.
//   - A backslash takes the special meaning from what follows it.
//
// It differs from tar where tar is silent or depends on the host:
//
//   - A pattern that can match no name is an error: an empty one, with a slash at
//     its begin or end or two in a row, with a NUL byte or (between wildcards) a
//     backslash at its end, with an unknown character class. tar leaves nothing out
//     then. One that matches the root itself, such as "*" or ".*", is an error too;
//     tar writes an empty archive and calls it a success.
//   - The locale does not matter. A character is a UTF-8 character, or else a
//     single byte, which ranges order after all characters. glibc tries bytes for
//     the whole name when characters do not match, or when there is a stray byte.
//     Ranges go by code point, classes beyond ASCII by Unicode.
//   - A pattern has MaxPattern bytes at most, a file of them MaxExcludeFile.
//
// Matching takes time in proportion to the length of the pattern times that of
// the path, at most.
package edit

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"image-capture/entry"
	"image-capture/rootfs"
)

// Plan is what shall differ. The zero value changes nothing. It is built first. Then a
// Tree is walked with it, once; after the walk Unmatched, Edits and Unapplied tell what
// came of it. Hidden, and a View, only read what was built and may be used by several
// goroutines, during the walk too.
type Plan struct {
	excludes excludes
	tags     tags
	removed  places[removal]
	kept     places[keep]
	contents places[content]
	rewrites []*rewrite // of all contents, in the order given
	added    places[addition]
}

// places are what to do at single paths, in the order given.
type places[T any] struct {
	byPath map[string]*T
	order  []string
}

// at returns what is planned for the path, which it begins with when there is
// nothing yet.
func (d *places[T]) at(path string) *T {
	if d.byPath == nil {
		d.byPath = map[string]*T{}
	}
	t := d.byPath[path]
	if t == nil {
		t = new(T)
		d.byPath[path] = t
		d.order = append(d.order, path)
	}
	return t
}

// keep is a directory that is shipped empty.
type keep struct {
	seen  bool // the tree has it
	count int  // names directly below that were dropped
}

// removal is a name that is left out.
type removal struct {
	seen bool // the tree has it
}

// Exclude leaves out what the pattern matches, and all that is below it. The
// error says why the pattern cannot be right; see the package comment.
func (p *Plan) Exclude(pattern string) error {
	c, err := compile(pattern)
	if err != nil {
		return err
	}
	p.excludes.add(c, false)
	return nil
}

// ExcludeFrom excludes by the patterns that r holds, as tar -X does: one a line,
// white space at the end of a line cut off, empty lines skipped, no comments. More
// than MaxExcludeFile bytes are an error. Errors call the file by name; after one,
// the plan is as it was.
func (p *Plan) ExcludeFrom(name string, r io.Reader) error {
	list, err := readPatterns(name, r)
	if err != nil {
		return err
	}
	for _, c := range list {
		p.excludes.add(c, false)
	}
	return nil
}

// defaults hold what lives while a system runs. The directories stay, as a system
// mounts on them when it boots. Digital Rebar's Image Builder leaves out the same.
var defaults = []string{"./proc", "./sys", "./dev", "./run", "./tmp", "./var/tmp"}

// belowIt makes the pattern of a directory of defaults.
const belowIt = "/*"

// DefaultDirs are the directories that Defaults empties.
func DefaultDirs() []string { return slices.Clone(defaults) }

// Defaults excludes what no image should hold: what is in /proc, /sys, /dev, /run,
// /tmp and /var/tmp, but for those of DefaultDirs that are in whole. Unmatched never names
// these patterns.
func (p *Plan) Defaults(whole ...string) {
	for _, dir := range defaults {
		if slices.Contains(whole, dir) {
			continue
		}
		c, err := compile(dir + belowIt)
		if err != nil {
			panic(err) // a constant of this file; a test compiles them all
		}
		p.excludes.add(c, true)
	}
}

// ExcludeAlways is Exclude for a pattern that nobody typed: Unmatched never names it.
func (p *Plan) ExcludeAlways(pattern string) error {
	c, err := compile(pattern)
	if err != nil {
		return err
	}
	p.excludes.add(c, true)
	return nil
}

// KeepOnly keeps a directory, such as a mount point that is left out, and drops
// what it holds. No character of the path has a special meaning. The root cannot be
// emptied.
func (p *Plan) KeepOnly(path string) error {
	if err := checkPath("keep only directory", path); err != nil {
		return err
	}
	p.kept.at(path)
	return nil
}

// Remove leaves out exactly this path, and all that is below it. No character of
// the path has a special meaning. It is not a slip to remove what is not there.
func (p *Plan) Remove(path string) error {
	if err := checkPath("remove", path); err != nil {
		return err
	}
	p.removed.at(path)
	return nil
}

// Apply plans an edit by the name of its operation, as a finding offers it. subject is
// a pattern to Exclude, else a path; why and f are for Rewrite. What is added is empty,
// a directory with mode 755 or a file with mode 644.
func (p *Plan) Apply(op entry.Op, subject, why string, f func(old []byte) ([]byte, error)) error {
	switch op {
	case entry.Exclude:
		return p.Exclude(subject)
	case entry.KeepOnly:
		return p.KeepOnly(subject)
	case entry.Drop:
		return p.Remove(subject)
	case entry.Empty:
		return p.Empty(subject)
	case entry.Rewrite:
		return p.Rewrite(subject, why, f)
	case entry.AddDir:
		return p.AddDir(subject, 0o755)
	case entry.AddFile:
		return p.AddFile(subject, 0o644, nil)
	}
	return fmt.Errorf("there is no edit %q", op)
}

// drop says whether to leave the path out, and counts what matched. The walk calls
// it once for each name, and not for what is below a dropped one. dir says that the
// path is a directory. The root is never dropped.
func (p *Plan) drop(path string, dir bool) bool {
	dropped := false
	for e := range p.excludes.matching(path) {
		e.count++
		dropped = true
	}
	if k := p.keptAbove(path); k != nil {
		k.count++
		dropped = true
	}
	if r := p.removed.byPath[path]; r != nil {
		r.seen = true
		dropped = true
	}
	if p.tags.drop(path) {
		dropped = true
	}
	if dropped {
		if dir {
			p.excludes.cover(path)
		}
		return true
	}
	if k := p.kept.byPath[path]; k != nil && dir {
		k.seen = true
		p.excludes.cover(path)
	}
	return false
}

// Hidden says whether the path, or a directory above it, is dropped. It may be
// asked for any path in any order, and counts nothing. It is about the tree only:
// what is added can stand at a hidden path.
func (p *Plan) Hidden(path string) bool {
	return p.HiddenByName(path) || p.tags.hide(path)
}

// HiddenByName is Hidden without a look at the tree: what tags leave out is not hidden.
func (p *Plan) HiddenByName(path string) bool {
	return p.keptAbove(path) != nil || p.isRemoved(path) || p.excludes.hides(path)
}

// keptAbove returns the directory above the path that is shipped empty, if any.
func (p *Plan) keptAbove(path string) *keep {
	if len(p.kept.order) == 0 {
		return nil
	}
	for i := len(path) - 1; i > 0; i-- {
		if path[i] != '/' {
			continue
		}
		if k := p.kept.byPath[path[:i]]; k != nil {
			return k
		}
	}
	return nil
}

// isRemoved says whether the path or a directory above it is removed.
func (p *Plan) isRemoved(path string) bool {
	if len(p.removed.order) == 0 {
		return false
	}
	for i := len(path); i > 0; i = strings.LastIndexByte(path[:i], '/') {
		if p.removed.byPath[path[:i]] != nil {
			return true
		}
	}
	return false
}

// checkPath makes sure that a path is that of a name below the root. what is to be
// done there.
func checkPath(what, path string) error {
	name, ok := strings.CutPrefix(path, "./")
	if !ok || !rootfs.ValidName(name) || name == "." {
		return pathError(what, path, errors.New(`not a path below the root, such as "./a/b"`))
	}
	return nil
}

func pathError(what, path string, err error) error { return fmt.Errorf("%s %q: %w", what, path, err) }

func splitPath(path string) (parent, name string) {
	i := strings.LastIndexByte(path, '/')
	return path[:i], path[i+1:]
}

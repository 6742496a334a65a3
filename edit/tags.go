package edit

import (
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
)

// CacheTag is the name of the file that marks a directory as a cache, which can be made
// again, where it begins with cacheSignature; see https://bford.info/cachedir/.
const CacheTag = "CACHEDIR.TAG"

const cacheSignature = "Signature: 8a477f597d28d172789f06886806bc55"

// mostTagged is how many directories' tags are remembered; others are looked at again.
const mostTagged = 1 << 14

// tags are names that say of the directory which they are in that what is beside them
// is left out, as GNU tar's --exclude-caches and --exclude-tag have it.
type tags struct {
	caches bool
	names  []string
	fixed  map[string][]string // by directory: known beforehand, and not looked for

	mu    sync.Mutex
	view  fs.FS
	known map[string][]string // by directory, what is there
	met   places[tagged]
}

// tagged is a directory that only its tags are kept of.
type tagged struct {
	tags  []string
	count int // names directly below that were dropped
}

// ExcludeCaches leaves out what is in directories with a CACHEDIR.TAG, but that file. The
// root cannot be left out so.
func (p *Plan) ExcludeCaches() { p.tags.caches = true }

// ExcludeIfPresent leaves out what is in directories that hold a file or a directory of
// this name, but that itself. The root cannot be left out so.
func (p *Plan) ExcludeIfPresent(name string) error {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
		return fmt.Errorf("%q is not a name", name)
	}
	if !slices.Contains(p.tags.names, name) {
		p.tags.names = append(p.tags.names, name)
	}
	return nil
}

// KeepTagged leaves out what is in a directory, but names there, as if they were tags.
func (p *Plan) KeepTagged(path string, names []string) error {
	if err := checkPath("keep only tags of directory", path); err != nil {
		return err
	}
	if p.tags.fixed == nil {
		p.tags.fixed = map[string][]string{}
	}
	p.tags.fixed[path] = names
	return nil
}

// LookIn says where tags are looked for: in a view that follows no link. A Tree looks in
// its root; before there is one, Hidden knows of tags only by this.
func (p *Plan) LookIn(view fs.FS) {
	p.tags.mu.Lock()
	defer p.tags.mu.Unlock()
	p.tags.view, p.tags.known = view, nil
}

// wanted says whether there can be tags at all.
func (t *tags) wanted() bool { return t.caches || len(t.names) > 0 || t.fixed != nil }

// RootTag returns the name of a tag in the root, or "".
func (t *Tree) RootTag() string {
	if found := t.plan.tags.look("."); len(found) > 0 {
		return found[0]
	}
	return ""
}

// in returns the tags of a directory: none of the root, as nothing would be left.
func (t *tags) in(dir string) []string {
	if found, ok := t.fixed[dir]; ok || dir == "." {
		return found
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	found, ok := t.known[dir]
	if !ok {
		if found = t.look(dir); t.known == nil || len(t.known) >= mostTagged {
			t.known = map[string][]string{}
		}
		t.known[dir] = found
	}
	return found
}

// look finds the tags of a directory. A link is none, as it may lead anywhere.
func (t *tags) look(dir string) []string {
	if t.view == nil {
		return nil
	}
	var found []string
	at := func(name string) string { return viewName(dir + "/" + name) }
	for _, name := range t.names {
		info, err := fs.Lstat(t.view, at(name))
		if err == nil && (info.IsDir() || info.Mode().IsRegular()) {
			found = append(found, name)
		}
	}
	if t.caches && !slices.Contains(found, CacheTag) && t.isCache(at(CacheTag)) {
		found = append(found, CacheTag)
	}
	return found
}

func (t *tags) isCache(name string) bool {
	f, err := t.view.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	begin := make([]byte, len(cacheSignature))
	_, err = io.ReadFull(f, begin)
	return err == nil && string(begin) == cacheSignature
}

// hide says whether tags leave a path out.
func (t *tags) hide(path string) bool {
	if !t.wanted() {
		return false
	}
	for i := range len(path) {
		if path[i] == '/' && t.beside(path[:i], path[i+1:]) {
			return true
		}
	}
	return false
}

// beside says whether what is at rest in a directory is left out for its tags.
func (t *tags) beside(dir, rest string) bool {
	found := t.in(dir)
	if len(found) == 0 {
		return false
	}
	first, _, _ := strings.Cut(rest, "/")
	return !slices.Contains(found, first)
}

// drop is hide of a name whose directory is not left out, and counts.
func (t *tags) drop(path string) bool {
	if !t.wanted() {
		return false
	}
	dir, name := splitPath(path)
	found := t.in(dir)
	if len(found) == 0 {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	m := t.met.at(dir)
	m.tags = found
	if slices.Contains(found, name) {
		return false
	}
	m.count++
	return true
}

package edit

import (
	"fmt"
	"io"
	"iter"
	"strings"
)

// excludes are the patterns in the order given. Those without wildcards are found
// by name, so that a long list of files costs no more than a short one.
type excludes struct {
	list   []*exclude
	byText map[string]*exclude
	paths  map[string]*exclude // "./a/b"
	names  map[string]*exclude // "a": at any depth
	rest   []*exclude
}

type exclude struct {
	*pattern
	byDefault bool
	// count is how many names it matched.
	count int
	// hidden says that a directory was dropped which all that it could match is below.
	hidden bool
}

// add takes a pattern in; one that is there already is not there twice.
func (x *excludes) add(p *pattern, byDefault bool) {
	if e := x.byText[p.text]; e != nil {
		e.byDefault = e.byDefault || byDefault
		return
	}
	if x.byText == nil {
		x.byText = map[string]*exclude{}
		x.paths = map[string]*exclude{}
		x.names = map[string]*exclude{}
	}
	e := &exclude{pattern: p, byDefault: byDefault}
	x.list = append(x.list, e)
	x.byText[p.text] = e

	text, ok := p.literal()
	switch {
	case ok && p.anchor != "" && x.paths[text] == nil:
		x.paths[text] = e
	case ok && !strings.Contains(text, "/") && x.names[text] == nil:
		x.names[text] = e
	default:
		// Also what is written in two ways, like "a" and "\a".
		x.rest = append(x.rest, e)
	}
}

// matching yields the patterns that match the path or a directory above it.
func (x *excludes) matching(path string) iter.Seq[*exclude] {
	return func(yield func(*exclude) bool) {
		if len(x.paths) > 0 || len(x.names) > 0 {
			for begin := 0; begin < len(path); {
				end := len(path)
				if slash := strings.IndexByte(path[begin:], '/'); slash >= 0 {
					end = begin + slash
				}
				if e := x.paths[path[:end]]; e != nil && !yield(e) {
					return
				}
				if len(x.names) > 0 {
					if e := x.names[path[begin:end]]; e != nil && !yield(e) {
						return
					}
				}
				begin = end + 1
			}
		}
		for _, e := range x.rest {
			if e.match(path) && !yield(e) {
				return
			}
		}
	}
}

func (x *excludes) hides(path string) bool {
	for range x.matching(path) {
		return true
	}
	return false
}

// cover notes which patterns have lost their chance with the directory.
func (x *excludes) cover(dir string) {
	for _, e := range x.list {
		if e.count == 0 && !e.hidden && e.below(dir) {
			e.hidden = true
		}
	}
}

// MaxExcludeFile is how many bytes a file of exclude patterns may hold.
const MaxExcludeFile = 1 << 20

// readPatterns reads patterns as tar -X does: one a line, white space at its end
// cut off (all that isspace(3) knows in the C locale), empty lines skipped, no
// comments; the last line may lack its newline.
func readPatterns(name string, r io.Reader) ([]*pattern, error) {
	text, err := io.ReadAll(io.LimitReader(r, MaxExcludeFile+1))
	if err != nil {
		return nil, fmt.Errorf("read exclude patterns of %s: %w", name, err)
	}
	if len(text) > MaxExcludeFile {
		return nil, fmt.Errorf("exclude patterns of %s: more than %d bytes", name, MaxExcludeFile)
	}
	var list []*pattern
	n := 0
	for line := range strings.SplitSeq(string(text), "\n") {
		n++
		line = strings.TrimRight(line, " \t\n\v\f\r")
		if line == "" {
			continue
		}
		p, err := compile(line)
		if err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", name, n, err)
		}
		list = append(list, p)
	}
	return list, nil
}

package cli

import (
	"path"
	"slices"
	"strings"
)

// selection are patterns of paths of an image: those of path.Match, from the root on, and
// each is for all that is below what it matches, too.
type selection struct {
	patterns []string
	parts    [][]string
	matched  []bool
}

func newSelection(patterns []string) (*selection, error) {
	s := &selection{patterns: patterns, matched: make([]bool, len(patterns))}
	for _, p := range patterns {
		name := strings.Trim(strings.TrimPrefix(p, "./"), "/")
		if p == "." {
			name = ""
		}
		if _, err := path.Match(name, ""); err != nil {
			return nil, usagef("quote what is not meant as a pattern with a backslash", "%s is not a pattern: %w", p, err)
		}
		parts := strings.Split(name, "/")
		if name == "" {
			parts = nil // all
		}
		if slices.Contains(parts, "") || slices.Contains(parts, "..") {
			return nil, usagef("such as etc/ssh or 'var/log/*.log'", "%s is not a path from the root of the image", p)
		}
		s.parts = append(s.parts, parts)
	}
	return s, nil
}

// selector is nil where all is wanted.
func (s *selection) selector() func(string) bool {
	if len(s.patterns) == 0 {
		return nil
	}
	return s.selects
}

// selects says whether a path, as entry.Entry has it, is wanted.
func (s *selection) selects(p string) bool {
	var names []string
	if p != "." {
		names = strings.Split(strings.TrimPrefix(p, "./"), "/")
	}
	wanted := false
	for i, parts := range s.parts {
		if matchesAbove(parts, names) {
			s.matched[i], wanted = true, true
		}
	}
	return wanted
}

// matchesAbove matches a path, or a directory above it.
func matchesAbove(parts, names []string) bool {
	if len(parts) > len(names) {
		return false
	}
	for i, part := range parts {
		if ok, _ := path.Match(part, names[i]); !ok {
			return false
		}
	}
	return true
}

// unmatched are the patterns that matched nothing.
func (s *selection) unmatched() []string {
	var list []string
	for i, p := range s.patterns {
		if !s.matched[i] {
			list = append(list, p)
		}
	}
	return list
}

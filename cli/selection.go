package cli

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"image-capture/entry"
)

// selection are patterns of paths of an image: those of path.Match, from the root on, and
// each is for all that is below what it matches, too. A path as list and diff print it is
// a pattern of that one, whatever is in it: it has the escapes of entry.Escape.
type selection struct {
	patterns []string
	parts    [][]string
	names    [][]string // what each is when it is no pattern
	matched  []bool
}

func newSelection(patterns []string) (*selection, error) {
	s := &selection{patterns: patterns, matched: make([]bool, len(patterns))}
	for _, p := range patterns {
		name := strings.Trim(strings.TrimPrefix(p, "./"), "/")
		if p == "." {
			name = ""
		}
		parts := strings.Split(name, "/")
		if name == "" {
			parts = nil // all
		}
		if slices.Contains(parts, "") || slices.Contains(parts, "..") {
			return nil, usagef("such as etc/ssh or 'var/log/*.log'", "%s is not a path from the root of the image", p)
		}
		plain, printed := entry.Unescape(name)
		if !printed {
			plain = name // a backslash stands for itself, or is of a pattern
		}
		s.names = append(s.names, strings.Split(plain, "/"))
		for i := range parts {
			parts[i] = unescapePattern(parts[i])
			if _, err := path.Match(parts[i], ""); err != nil {
				if !printed {
					return nil, usagef("quote what is not meant as a pattern with a backslash", "%s is not a pattern: %w", p, err)
				}
				parts = []string{""} // no name is empty: it is a name and no pattern
				break
			}
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
		if matchesAbove(parts, names) || isAbove(s.names[i], names) {
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

// isAbove says whether a path is the other, or above it.
func isAbove(name, names []string) bool {
	return len(name) <= len(names) && slices.Equal(name, names[:len(name)])
}

// unescapePattern writes the bytes of entry.Escape's escapes into a pattern, where path.Match
// would take an octal digit or a letter after a backslash for itself.
func unescapePattern(pattern string) string {
	if !strings.Contains(pattern, `\`) {
		return pattern
	}
	var b strings.Builder
	for i := 0; i < len(pattern); {
		c, n := byte(0), 0
		if pattern[i] == '\\' {
			c, n = entry.UnescapeByte(pattern[i:])
		}
		switch {
		case n == 0 && pattern[i] == '\\' && i+1 < len(pattern): // a quoted sign of a pattern
			b.WriteString(pattern[i : i+2])
			i += 2
		case n == 0:
			b.WriteByte(pattern[i])
			i++
		default:
			if strings.IndexByte(`*?[\`, c) >= 0 {
				b.WriteByte('\\')
			}
			b.WriteByte(c)
			i += n
		}
	}
	return b.String()
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

// named are some of many names, and how many more there are.
func named(list []string) string {
	more := len(list) - mostDifferences
	if more <= 0 {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s, and %d more", strings.Join(list[:mostDifferences], ", "), more)
}

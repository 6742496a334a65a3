package hardware

import (
	"bytes"
	"slices"
	"strings"
)

// aliases are patterns and the modules that they stand for. A distribution's
// kernel has 30,000 of them, of which a device asks for a few: they are found by
// what stands before the first wildcard.
type aliases struct {
	list  []alias          // in the order of the file, which is that of the answers
	heads map[string][]int // indexes into list by the literal head of the pattern
}

type alias struct{ pattern, module string }

// parseText reads modules.alias: "alias PATTERN MODULE". A pattern may hold
// blanks, a module's name does not.
func (a *aliases) parseText(data []byte) {
	text := string(data) // one allocation, which all patterns share
	n := bytes.Count(data, []byte("\n"))
	a.list = make([]alias, 0, n)
	a.heads = make(map[string][]int, n)
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(strings.TrimRight(line, "\r\n"), "alias ")
		if !ok {
			continue
		}
		if i := strings.LastIndexByte(rest, ' '); i > 0 {
			a.add(rest[:i], Canonical(rest[i+1:]))
		}
	}
}

func (a *aliases) add(pattern, module string) {
	pattern, ok := normalise(pattern)
	if !ok || module == "" {
		return
	}
	if a.heads == nil {
		a.heads = map[string][]int{}
	}
	head := literal(pattern)
	a.heads[head] = append(a.heads[head], len(a.list))
	a.list = append(a.list, alias{pattern, module})
}

// match returns the modules whose patterns match, each once. Steps below zero
// say that it gave up.
func (a *aliases) match(key string, steps *int) []string {
	var found []int
	for n := range len(key) + 1 {
		for _, i := range a.heads[key[:n]] {
			if glob(a.list[i].pattern[n:], key[n:], steps) {
				found = append(found, i)
			}
			if *steps--; *steps < 0 {
				return nil
			}
		}
	}
	slices.Sort(found)
	var names []string
	for _, i := range found {
		if name := a.list[i].module; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// hasBus says whether there is a pattern for devices of a bus.
func (a *aliases) hasBus(bus string) bool {
	return slices.ContainsFunc(a.list, func(x alias) bool { return strings.HasPrefix(x.pattern, bus+":") })
}

package identity

import (
	"path"
	"slices"
	"strings"
)

// places are patterns by the first two parts of their paths, as far as these are no patterns
// themselves.
type places map[string][][]string

func (w places) add(patterns []string) {
	for _, p := range patterns {
		parts := strings.Split(p, "/")
		key := parts[0]
		if len(parts) > 1 && !strings.ContainsAny(parts[1], "*?[") {
			key += "/" + parts[1]
		}
		w[key] = append(w[key], parts)
	}
}

// concern says whether a path is one that a pattern names, leads to one, or is directly in
// one.
func (w places) concern(name string) bool {
	parts := strings.Split(name, "/")
	match := func(pattern []string) bool {
		if len(parts) > len(pattern)+1 {
			return false
		}
		for i := range min(len(parts), len(pattern)) {
			if ok, _ := path.Match(pattern[i], parts[i]); !ok {
				return false
			}
		}
		return true
	}
	if slices.ContainsFunc(w[parts[0]], match) {
		return true
	}
	if len(parts) > 1 {
		return slices.ContainsFunc(w[parts[0]+"/"+parts[1]], match)
	}
	for key := range w {
		if strings.HasPrefix(key, name+"/") {
			return true
		}
	}
	return false
}

// ofOperations and ofSecrets are the places of the two tables.
var ofOperations, ofSecrets = func() (operations, kinds places) {
	operations, kinds = places{}, places{}
	for _, o := range table {
		if o.Name == UnlistedID.Name || o.Name == UnlistedKey.Name {
			continue // they are for what no row names
		}
		operations.add(o.Paths)
		operations.add(o.Unless)
	}
	for _, k := range Secrets() {
		kinds.add(k.Paths)
	}
	return operations, kinds
}()

// Concerns says whether a path, as in io/fs, is one that the table of operations names,
// leads to one, or is directly in one.
func Concerns(name string) bool { return ofOperations.concern(name) }

// SecretsConcern says the same of the kinds of secrets.
func SecretsConcern(name string) bool { return ofSecrets.concern(name) }

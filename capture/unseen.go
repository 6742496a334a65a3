package capture

import (
	"strings"
	"sync"
)

// Unseen are the paths of a stream of entries at which nothing could be read, so that what
// is below them is not in it.
type Unseen struct {
	mu    sync.Mutex
	paths map[string]bool
	fresh []string
}

// Add adds a path.
func (u *Unseen) Add(path string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.paths == nil {
		u.paths = map[string]bool{}
	}
	u.paths[path] = true
	u.fresh = append(u.fresh, path)
}

// Hides says why a path, which the stream lacks, may be in the tree all the same: by is the
// path itself, or a directory above it, that could not be read; empty where there is none. It
// may be called at any time, for paths that the stream has passed.
func (u *Unseen) Hides(name string) (by string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.paths) == 0 {
		return ""
	}
	for name != "." && !u.paths[name] {
		name = name[:max(0, strings.LastIndexByte(name, '/'))]
		if name == "" {
			name = "."
		}
	}
	if !u.paths[name] {
		return ""
	}
	return name
}

// Fresh are the paths that were added since it was called last.
func (u *Unseen) Fresh() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	f := u.fresh
	u.fresh = nil
	return f
}

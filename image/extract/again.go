package extract

import "hash/maphash"

// mostOwn is how many paths are remembered. What comes again of others is kept as it is.
const mostOwn = 4 << 20

// replaces says whether what is at a path may be replaced.
func (x *extraction) replaces(path string) bool {
	if x.opt.Overwrite || x.own == nil {
		return x.opt.Overwrite
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	_, ok := x.own[maphash.String(x.seed, path)]
	return ok
}

// count counts an entry that is there.
func (x *extraction) count(path string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.result.Entries++
	if x.own != nil && len(x.own) < mostOwn {
		x.own[maphash.String(x.seed, path)] = struct{}{}
	}
}

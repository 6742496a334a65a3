package imagefs

import (
	"fmt"
	"slices"

	"image-capture/entry"
)

const (
	// maxXattrs is how many attributes are kept.
	maxXattrs = 8
	// maxValue is the size up to which the value of one is kept, in bytes.
	maxValue = 4096
	// maxSets is how many different sets of values are kept. Of a new one after that it
	// is only known which attributes are there, for which room is left in 16 bits.
	maxSets = 1<<16 - 1 - 1<<maxXattrs
	// setCost is about what a set takes beside its values, in bytes.
	setCost = 128
)

// xattrs are the sets of attributes that members have. There are few: a root of
// 300,000 files has some hundred SELinux contexts.
type xattrs struct {
	names []string
	sets  []string // by number; 0 is none
	known map[string]uint16
}

// How a set tells of each attribute, in the order of the names.
const (
	missing = iota
	present // with a value: two bytes of length and so many bytes follow
	dropped // with a value that was not kept
)

func newXattrs(names []string) (xattrs, error) {
	if len(names) > maxXattrs {
		return xattrs{}, fmt.Errorf("%d extended attributes to keep: at most %d can be", len(names), maxXattrs)
	}
	return xattrs{names: slices.Clone(names), sets: []string{""}, known: map[string]uint16{}}, nil
}

// add returns the number of a member's set. room is the memory that sets with values
// may take, and what they took is returned.
func (x *xattrs) add(all []entry.Xattr, room int64) (n uint16, took int64) {
	if len(all) == 0 || len(x.names) == 0 {
		return 0, 0
	}
	set := x.encode(all, maxValue)
	if set == "" {
		return 0, 0
	}
	if n, ok := x.known[set]; ok {
		return n, 0
	}
	if len(x.sets) > maxSets || int64(len(set)+setCost) > room {
		set = x.encode(all, -1)
		if n, ok := x.known[set]; ok {
			return n, 0
		}
	}
	n = uint16(len(x.sets))
	x.sets = append(x.sets, set)
	x.known[set] = n
	return n, int64(len(set) + setCost)
}

// encode writes a set with the values up to a size; empty is none at all.
func (x *xattrs) encode(all []entry.Xattr, most int) string {
	var b []byte
	some := false
	for _, name := range x.names {
		i := slices.IndexFunc(all, func(a entry.Xattr) bool { return a.Name == name })
		if i < 0 {
			b = append(b, missing)
			continue
		}
		some = true
		v := all[i].Value
		if len(v) > most {
			b = append(b, dropped)
			continue
		}
		b = append(b, present, byte(len(v)), byte(len(v)>>8))
		b = append(b, v...)
	}
	if !some {
		return ""
	}
	return string(b)
}

// value returns the state of the i-th attribute in a set, and its value.
func (x *xattrs) value(n uint16, i int) (state byte, value string) {
	if n == 0 {
		return missing, ""
	}
	for s := x.sets[n]; ; i-- {
		state, value = s[0], ""
		s = s[1:]
		if state == present {
			size := 2 + (int(s[0]) | int(s[1])<<8)
			value, s = s[2:size], s[size:]
		}
		if i == 0 {
			return state, value
		}
	}
}

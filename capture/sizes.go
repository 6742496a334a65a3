package capture

import (
	"slices"
	"strings"
)

// dirSizes adds up what is in and below directories, as they come in the order of a walk.
type dirSizes struct {
	open    []Sized // from the root down to where the walk is
	bytes   int64   // of all
	largest []Sized
}

func (d *dirSizes) add(path string, dir bool, size int64) {
	in := len(d.open)
	for in > 1 && !strings.HasPrefix(path, d.open[in-1].Path+"/") {
		in--
	}
	d.leave(in)
	d.bytes += size
	if dir {
		d.open = append(d.open, Sized{path, 0})
	}
	if n := len(d.open); n > 0 {
		d.open[n-1].Bytes += size
	}
}

// leave ends all but the first n.
func (d *dirSizes) leave(n int) {
	for last := len(d.open) - 1; last >= n; last-- {
		s := d.open[last]
		d.open = d.open[:last]
		if last > 0 { // the root holds all, which says nothing
			d.open[last-1].Bytes += s.Bytes
			d.largest = largest(d.largest, s)
		}
	}
}

// largest keeps the largest of all that come, from the largest on; of two that are as
// large the later stands in front: a directory before the only one in it.
func largest(list []Sized, s Sized) []Sized {
	if s.Bytes == 0 || len(list) == mostSized && s.Bytes <= list[mostSized-1].Bytes {
		return list
	}
	at := len(list)
	for at > 0 && list[at-1].Bytes <= s.Bytes {
		at--
	}
	if list = slices.Insert(list, at, s); len(list) > mostSized {
		list = list[:mostSized]
	}
	return list
}

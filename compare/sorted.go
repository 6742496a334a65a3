package compare

import (
	"errors"
	"io"
	"slices"

	"image-capture/entry"
)

// Sorted holds all members of a stream in memory, in the order of an image, for List.
// Of a name that comes twice the last counts, as when tar unpacks it.
func Sorted(s Stream) ([]*entry.Member, error) {
	var list []*entry.Member
	for {
		m, err := s.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	slices.SortStableFunc(list, func(a, b *entry.Member) int { return entry.ComparePaths(a.Path, b.Path) })
	last := list[:0]
	for i, m := range list {
		if i+1 == len(list) || list[i+1].Path != m.Path {
			last = append(last, m)
		}
	}
	return last, nil
}

// List is a stream of what is in memory.
func List(list []*entry.Member) Stream { return &listStream{list} }

type listStream struct{ list []*entry.Member }

func (s *listStream) Next() (*entry.Member, error) {
	if len(s.list) == 0 {
		return nil, io.EOF
	}
	m := s.list[0]
	s.list = s.list[1:]
	return m, nil
}

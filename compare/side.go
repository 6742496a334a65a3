package compare

import (
	"context"
	"errors"
	"io"

	"image-capture/entry"
)

// batchItems is how many members are handed over at once.
const batchItems = 64

// side is one of two streams, read ahead by a goroutine of its own.
type side struct {
	batches chan []*item
	now     []*item
	last    string
	// first are the first names of inodes that have several.
	first map[string]*entry.Member
}

// item is a member, nil at the end, with its content where that may have to be read.
type item struct {
	m       *entry.Member
	content Content
	err     error
}

func (i *item) close() {
	if i.content != nil {
		i.content.Close()
		i.content = nil
	}
}

// take gives the content away.
func (i *item) take() Content {
	c := i.content
	i.content = nil
	return c
}

func newSide(ctx context.Context, s Stream) *side {
	d := &side{batches: make(chan []*item, 4), first: map[string]*entry.Member{}}
	lazy, _ := s.(Lazy)
	go func() {
		defer close(d.batches)
		for {
			batch := make([]*item, 0, batchItems)
			ended := false
			for len(batch) < batchItems && !ended {
				i := &item{}
				i.m, i.err = s.Next()
				if ended = i.err != nil; ended {
					i.m = nil
				} else if lazy != nil {
					i.content = lazy.Content()
				}
				batch = append(batch, i)
			}
			select {
			case d.batches <- batch:
			case <-ctx.Done():
				for _, i := range batch {
					i.close()
				}
				return
			}
			if ended {
				return
			}
		}
	}()
	return d
}

// next returns the next member, with nil at the end.
func (d *side) next(second bool) (*item, error) {
	if len(d.now) == 0 {
		batch, ok := <-d.batches
		if !ok {
			return &item{}, nil
		}
		d.now = batch
	}
	i := d.now[0]
	d.now = d.now[1:]
	switch {
	case errors.Is(i.err, io.EOF):
		return i, nil
	case i.err != nil:
		return nil, &ReadError{second, i.err}
	}
	if d.last != "" && entry.ComparePaths(d.last, i.m.Path) >= 0 {
		i.close()
		return nil, &ReadError{second, &OrderError{i.m.Path, d.last}}
	}
	d.last = i.m.Path
	if i.m.HardLink == "" && i.m.Type != entry.Dir && i.m.Nlink != 1 {
		d.first[i.m.Path] = i.m // an image does not say how many names there are
	}
	return i, nil
}

// resolve returns what is known of a hard link: an image has that with the first name only.
func (d *side) resolve(m *entry.Member) *entry.Member {
	if m.HardLink == "" || m.Type != 0 {
		return m
	}
	first := d.first[m.HardLink]
	if first == nil {
		return m
	}
	c := *first
	c.Path, c.HardLink = m.Path, m.HardLink
	return &c
}

// drain closes what nobody took. The context of the stream is done.
func (d *side) drain() {
	for _, i := range d.now {
		i.close()
	}
	for batch := range d.batches {
		for _, i := range batch {
			i.close()
		}
	}
}

package remote

import (
	"bytes"
	"slices"

	"image-capture/entry"
)

// batch sends entries, many in a message.
type batch struct {
	send func([]entry.Member) error
	list []entry.Member
	size int
}

// add takes an entry, of which nothing is kept.
func (b *batch) add(m *entry.Member) error {
	const most, mostSize = 512, 256 << 10
	c := *m
	c.Xattrs = slices.Clone(m.Xattrs)
	for _, x := range m.Xattrs {
		b.size += len(x.Name) + len(x.Value)
	}
	c.SHA256, c.SparseSHA256 = bytes.Clone(m.SHA256), bytes.Clone(m.SparseSHA256)
	b.list = append(b.list, c)
	if b.size += len(m.Path) + len(m.Link) + len(m.HardLink); len(b.list) < most && b.size < mostSize {
		return nil
	}
	return b.flush()
}

func (b *batch) flush() error {
	if len(b.list) == 0 {
		return nil
	}
	err := b.send(b.list)
	b.list, b.size = b.list[:0], 0
	return err
}

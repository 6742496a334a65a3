package imagefs

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// ErrNotKept says that the content of a file, or the rest of it, passed without being
// kept.
var ErrNotKept = errors.New("content not kept")

// content is what is kept of a file that somebody asked for.
type content struct {
	data []byte // the first bytes
	most int64  // how many are kept
	err  error  // why none are
	made any    // what Interest.Make returned
}

// contents are those that were asked for.
type contents struct {
	list []*content
	left int64 // room, in bytes
	most int64 // room that there was
}

// begin makes room for the content of a file of a size.
func (c *contents) begin(size int64, in Interest) *content {
	k := &content{most: max(min(size, in.Content), 0)}
	switch {
	case in.Content <= 0:
		k.err = fmt.Errorf("%w: it was not asked for", ErrNotKept)
	case k.most > c.left:
		k.most = 0
		k.err = fmt.Errorf("%w: all that was asked for is more than %d bytes", ErrNotKept, c.most)
	}
	c.left -= k.most
	return k
}

// add gives a content a number from 1; old is that of one whose place it takes, or 0.
func (c *contents) add(old uint32, k *content) uint32 {
	if old == 0 {
		c.list = append(c.list, k)
		return uint32(len(c.list))
	}
	c.drop(old)
	c.list[old-1] = k
	return old
}

// drop forgets a content.
func (c *contents) drop(n uint32) {
	c.left += c.list[n-1].most
	c.list[n-1] = &content{}
}

// take reads of a file's content what is to be kept of it, after what makes reads.
func (c *content) take(from *watched, makes func(io.Reader) any) error {
	if makes != nil {
		c.made = makes(io.TeeReader(from, c))
	}
	for from.err == nil && int64(len(c.data)) < c.most {
		c.grow(1)
		n, _ := from.Read(c.data[len(c.data):min(int64(cap(c.data)), c.most)])
		c.data = c.data[:len(c.data)+n]
	}
	if from.err != io.EOF {
		return from.err
	}
	return nil
}

// Write keeps what there is room for, and takes all.
func (c *content) Write(p []byte) (int, error) {
	if kept := p[:min(int64(len(p)), c.most-int64(len(c.data)))]; len(kept) > 0 {
		c.grow(len(kept))
		c.data = append(c.data, kept...)
	}
	return len(p), nil
}

// grow makes memory for n bytes more. The room was taken by the size in the header,
// which may lie; memory is taken as content comes.
func (c *content) grow(n int) {
	if need := len(c.data) + n; need > cap(c.data) {
		const least = 4 << 10
		grown := make([]byte, len(c.data), min(int64(max(need, 2*cap(c.data), least)), c.most))
		copy(grown, c.data)
		c.data = grown
	}
}

// watched remembers how the content ended, and ends with the context: zeros of a hole
// may come for years.
type watched struct {
	ctx context.Context
	r   io.Reader
	err error
}

func (w *watched) Read(p []byte) (int, error) {
	if w.err == nil {
		w.err = w.ctx.Err()
	}
	if w.err != nil {
		return 0, w.err
	}
	n, err := w.r.Read(p)
	w.err = err
	return n, err
}

package imagefs

import (
	"context"
	"errors"
	"fmt"
	"io"

	"image-capture/archive"
)

// ErrNotKept says that the content of a file, or the rest of it, passed without being
// kept.
var ErrNotKept = errors.New("content not kept")

// content is what is kept of a file that somebody asked for.
type content struct {
	data []byte // the first bytes
	most int64  // how many are kept
	err  error  // why none are
	sink Sink
}

// contents are those that were asked for.
type contents struct {
	list []*content
	left int64 // room, in bytes
	most int64 // room that there was
}

// begin makes room for the content of a file of a size.
func (c *contents) begin(size int64, in Interest) *content {
	k := &content{most: max(min(size, in.Content), 0), sink: in.Sink}
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

// feed is where the reader writes a file's content.
type feed struct {
	ctx  context.Context
	keep *content
	sink Sink // nil when it wants no more
}

func (f *feed) Write(p []byte) (int, error) {
	if err := f.ctx.Err(); err != nil {
		return 0, err // zeros of a hole may come for years
	}
	f.keep.append(p)
	if f.sink != nil {
		n, err := f.sink.Write(p)
		switch {
		case errors.Is(err, archive.ErrEnough), errors.Is(err, io.ErrClosedPipe):
			f.sink = nil
		case err == nil && n < len(p):
			return 0, io.ErrShortWrite
		case err != nil:
			return 0, err
		}
	}
	if f.sink == nil && int64(len(f.keep.data)) == f.keep.most {
		return len(p), archive.ErrEnough
	}
	return len(p), nil
}

// append keeps what there is room for. The room was taken by the size in the header,
// which may lie; memory is taken as content comes.
func (c *content) append(p []byte) {
	p = p[:min(int64(len(p)), c.most-int64(len(c.data)))]
	if need := len(c.data) + len(p); need > cap(c.data) {
		grown := make([]byte, len(c.data), min(int64(max(need, 2*cap(c.data))), c.most))
		copy(grown, c.data)
		c.data = grown
	}
	c.data = append(c.data, p...)
}

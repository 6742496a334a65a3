package compress

import (
	"cmp"
	"fmt"
	"slices"

	"image-capture/entry"
)

// FrameError is that a frame does not begin where one is said to.
type FrameError struct{ entry.Frame }

func (e *FrameError) Error() string {
	return fmt.Sprintf("no frame begins at byte %d of the image with byte %d of the tar, where the MANIFEST lists one", e.Image, e.Tar)
}

// frameCheck holds the places where frames are said to begin against where they do.
type frameCheck struct {
	said []entry.Frame
	next int
	err  error
}

// begin is called with each frame in order.
func (c *frameCheck) begin(tar, image int64) {
	if c.err != nil || c.next == len(c.said) {
		return
	}
	switch f := c.said[c.next]; {
	case f.Tar == tar && f.Image == image:
		c.next++
	case f.Tar <= tar || f.Image <= image:
		c.err = &FrameError{f}
	}
}

// end returns what was wrong.
func (c *frameCheck) end() error {
	if c.err == nil && c.next < len(c.said) {
		c.err = &FrameError{c.said[c.next]}
	}
	return c.err
}

// length returns how many bytes the frame that begins at a byte of the image has there, 0
// where nobody says that.
func (c *frameCheck) length(image int64) int64 {
	i, ok := slices.BinarySearchFunc(c.said, image, func(f entry.Frame, at int64) int { return cmp.Compare(f.Image, at) })
	if !ok || i+1 >= len(c.said) {
		return 0
	}
	return c.said[i+1].Image - image
}

package edit

import (
	"errors"
	"fmt"

	"image-capture/entry"
)

// MaxRewrite is how many bytes a file may have that is rewritten, before and
// after, or added.
const MaxRewrite = 1 << 20

func tooLong(n int) error {
	return fmt.Errorf("it has %d bytes, and at most %d are edited", n, MaxRewrite)
}

// content is a file that gets another content.
type content struct {
	empty    bool
	rewrites []*rewrite // in the order given
	present  bool       // the tree has the name, and it stays
	// typ is what the capture met there, zero when it met nothing.
	typ entry.Type
}

// rewrite is one edit of a content.
type rewrite struct {
	path, why string
	make      func(old []byte) ([]byte, error)
	done      bool
}

// Empty ships a regular file without its content, whatever its size. Of a path that
// is to be rewritten too, nothing is rewritten. No character of the path has a
// special meaning. A name that is not there is empty enough.
func (p *Plan) Empty(path string) error {
	if err := checkPath("empty", path); err != nil {
		return err
	}
	p.contents.at(path).empty = true
	return nil
}

// Rewrite ships a regular file with the content that f makes of the old one, which
// is what the capture reads: an edit never brings back what the file held before. f
// must depend on old alone, as a View calls it too, at any time and from any
// goroutine. It may change old, and must not keep it. Several edits of one path are
// made one after the other, in the order given.
//
// A file of more than MaxRewrite bytes, before or after, and an error of f make the
// capture fail: there is no image with an edit that was not made. why says what
// for, in a few words; it is in Edits, and in errors.
func (p *Plan) Rewrite(path, why string, f func(old []byte) ([]byte, error)) error {
	if err := checkPath("rewrite", path); err != nil {
		return err
	}
	if f == nil {
		return pathError("rewrite", path, errors.New("there is nothing that makes its content"))
	}
	r := &rewrite{path: path, why: why, make: f}
	c := p.contents.at(path)
	c.rewrites = append(c.rewrites, r)
	p.rewrites = append(p.rewrites, r)
	return nil
}

// rewriteAndNote notes what was done, for Edits.
func (c *content) rewriteAndNote(old []byte) ([]byte, error) {
	b, err := c.rewrite(old)
	for _, r := range c.rewrites {
		r.done = err == nil
	}
	return b, err
}

// rewrite makes the edits of the content one after the other.
func (c *content) rewrite(b []byte) ([]byte, error) {
	if len(b) > MaxRewrite {
		return nil, tooLong(len(b))
	}
	for _, r := range c.rewrites {
		var err error
		b, err = r.make(b)
		if err == nil && len(b) > MaxRewrite {
			err = fmt.Errorf("what comes out: %w", tooLong(len(b)))
		}
		if err != nil && r.why != "" {
			err = fmt.Errorf("%s: %w", r.why, err)
		}
		if err != nil {
			return nil, err
		}
	}
	return b, nil
}

const notCaptured = "it was not captured"

// unapplied reports why an edit of the content was not made, "" when it was.
func (c *content) unapplied() string {
	switch {
	case !c.present:
		return "it is not there"
	case c.typ == 0:
		return notCaptured
	case c.typ != entry.File:
		return "it is not a regular file: " + kinds[c.typ]
	}
	return ""
}

var kinds = [...]string{
	entry.File: "a regular file", entry.Dir: "a directory", entry.Symlink: "a symbolic link", entry.CharDevice: "a character device",
	entry.BlockDevice: "a block device", entry.FIFO: "a FIFO", entry.Socket: "a socket",
}

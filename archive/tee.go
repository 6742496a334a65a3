package archive

import (
	"errors"
	"fmt"
	"io"

	"image-capture/entry"
)

// ErrEnough is what a writer that Tee was given returns when it wants no more of a
// member's content. It is no failure, like fs.SkipDir.
var ErrEnough = errors.New("enough content")

// Tee has want called with each regular file before its content is read, with all
// that Next returns but the digest; a file with HardLink has no content, and does
// not come. What want returns gets the content in order while Next reads it, holes
// as the zeros that they read as; nil means that nobody wants it.
//
// A sparse file may have exabytes of holes in an image of some kilobytes, so a writer
// needs a bound, and returns ErrEnough there. Any other error, and a write that is too
// short, end the reading. The map of a sparse file that is wanted may have up to
// 1048576 runs of data.
//
// Tee is to be called before Next.
func (r *Reader) Tee(want func(*entry.Member) io.Writer) { r.want = want }

// SkipDigests has Next leave SHA256 and SparseSHA256 nil: reading is faster when
// nobody compares them. It is to be called before Next.
func (r *Reader) SkipDigests() { r.hash = nil }

// part is handed each part of a file's content.
func (r *Reader) part(b []byte) error {
	if r.hash != nil {
		r.hash.Write(b)
	}
	if r.to != nil {
		return r.pass(b)
	}
	return nil
}

// pass writes content to the one that wants it.
func (r *Reader) pass(b []byte) error {
	n, err := r.to.Write(b)
	switch {
	case err == ErrEnough:
		r.to = nil
		return nil
	case err == nil && n < len(b):
		err = io.ErrShortWrite
	case err == nil:
		return nil
	}
	r.refused = true
	return fmt.Errorf("pass the content on: %w", err)
}

// hole is a run of zeros that are not in the tar; hashed is whether they count for
// the digest.
func (r *Reader) hole(n int64, hashed bool) error {
	hashed = hashed && r.hash != nil
	for n > 0 && (hashed || r.to != nil) {
		b := zeroPage[:min(n, int64(len(zeroPage)))]
		if hashed {
			r.hash.Write(b)
		}
		if r.to != nil {
			if err := r.pass(b); err != nil {
				return err
			}
		}
		n -= int64(len(b))
	}
	return nil
}

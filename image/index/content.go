package index

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"image-capture/compress"
	"image-capture/entry"
	"image-capture/image"
)

// Source is an image of which any part can be read: a file, or a server that gives parts.
type Source interface {
	io.ReaderAt
	Size() int64 // in bytes
}

// Content reads the content of a file, holes as zeros. At its end it is an error, a
// *WrongError, when it was not what the MANIFEST lists: what was read until then is not to
// be believed.
type Content struct {
	file *File
	in   *image.Reader
	got  *entry.Member
	r    io.Reader
	err  error
}

// Known says whether Open can be called: the MANIFEST has to say where the file is, and the
// digest of its content.
func (f *File) Known() bool {
	return f.steps >= 0 && (f.Member.SHA256 != nil || f.Member.SparseSHA256 != nil) && !slices.ContainsFunc(f.via, func(link *File) bool { return link.steps < 0 })
}

// Open goes to where the file is in the image. The links that lead to it are looked at before.
func (f *File) Open(src Source) (*Content, error) {
	if src.Size() != f.size {
		return nil, wrongSize(src.Size(), f.size)
	}
	if len(f.via) > 0 {
		both := &remembering{Source: src}
		for _, link := range f.via {
			if link.agreed {
				continue
			}
			c, err := link.Open(both)
			if err != nil {
				return nil, err
			}
			c.Close()
			link.agreed = true
		}
		both.whole = true
		src = both
	}
	in, err := image.NewReaderAt(&forward{src: src, at: f.from.frame.Image}, f.codec, f.from.frame, f.from.at)
	if err != nil {
		return nil, f.wrong(err)
	}
	c := &Content{file: f, in: in}
	if err := c.find(); err != nil {
		in.Close()
		return nil, f.wrong(err)
	}
	c.r = in.Content()
	return c, nil
}

// find reads up to the member and compares it with what is listed.
func (c *Content) find() (err error) {
	for range c.file.steps + 1 {
		if c.got, err = c.in.Next(); err != nil {
			if err == io.EOF {
				err = errors.New("the image ends before it")
			}
			return err
		}
	}
	c.in.TakeDigests()
	return agrees(c.got, c.file.Member)
}

// Read reads on.
func (c *Content) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.r.Read(p)
	if err == io.EOF {
		if wrong := sameDigests(c.got, c.file.Member); wrong != nil {
			err = c.file.wrong(wrong)
		}
	} else if err != nil {
		err = c.file.wrong(err)
	}
	c.err = err
	return n, err
}

// Close ends the reading.
func (c *Content) Close() error { return c.in.Close() }

// wrong tells what is wrong with the image or the index from an error of the source.
func (f *File) wrong(err error) error { return wrongAt(f.Member.Path, err) }

func wrongAt(path string, err error) error {
	var source *sourceError
	if errors.As(err, &source) {
		return source.error
	}
	return &WrongError{path, err}
}

func wrongSize(got, want int64) error {
	return &WrongError{"", fmt.Errorf("the image has %d bytes, and the MANIFEST is of one of %d", got, want)}
}

// sourceError is one of reading the source.
type sourceError struct{ error }

func (e *sourceError) Unwrap() error { return e.error }

const (
	leastPart = 64 << 10
	mostPart  = 4 << 20
)

// forward reads a source from a place on, in parts that grow with what was read: little is
// read of it in vain, and much is not asked for bit by bit.
type forward struct {
	src  Source
	at   int64
	buf  []byte
	left []byte
	read int64
}

func (f *forward) Read(p []byte) (int, error) {
	if len(f.left) == 0 {
		n := int(min(max(f.read/4, leastPart), mostPart))
		if cap(f.buf) < n {
			f.buf = make([]byte, n)
		}
		k, err := f.src.ReadAt(f.buf[:n], f.at)
		if k == 0 && err == io.EOF {
			return 0, io.EOF
		}
		if err != nil && err != io.EOF {
			return 0, &sourceError{err}
		}
		f.left = f.buf[:k]
		f.at += int64(k)
		f.read += int64(k)
	}
	n := copy(p, f.left)
	f.left = f.left[n:]
	return n, nil
}

// remembering is a source of which the part that was read last is not read again: a link and
// the file mostly are in one frame, and both are found from its beginning on.
type remembering struct {
	Source
	at    int64
	b     []byte
	whole bool // nothing more is remembered
}

func (r *remembering) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	if from := off - r.at; from >= 0 && from < int64(len(r.b)) {
		if n = copy(p, r.b[from:]); n == len(p) {
			return n, nil
		}
	}
	k, err := r.Source.ReadAt(p[n:], off+int64(n))
	if !r.whole {
		if off+int64(n) != r.at+int64(len(r.b)) || len(r.b)+k > compress.MaxPackedFrame {
			r.at, r.b = off+int64(n), r.b[:0]
		}
		r.b = append(r.b, p[n:n+k]...)
	}
	return n + k, err
}

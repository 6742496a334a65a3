package image

import (
	"fmt"
	"io"
	"math"

	"image-capture/entry"
)

// content is where the reading of a file's content stands.
type content struct {
	m       *entry.Member  // nil when nothing is left of it
	format  sparseFormat   // how its holes are told
	list    []entry.Extent // the map of formats before 1.0
	listed  *uint64        // how many runs that should have
	started bool           // the map is read

	padding int64          // after what is stored, in bytes
	stored  int64          // bytes in the tar that were not read
	at      int64          // where in the file reading stands
	data    []entry.Extent // runs of data from there on
	one     [1]entry.Extent
	// overMap says that the digest is over map and data as they are stored.
	overMap bool
}

// file prepares for the content of a regular file, of which size bytes are stored.
func (r *Reader) file(m *entry.Member, ext *paxHeader, size uint64) error {
	if size > math.MaxInt64-blockSize {
		return fmt.Errorf("absurd size of %d bytes", size)
	}
	stored := int64(size)
	c := content{m: m, stored: stored, padding: padding(stored)}
	var err error
	if c.format, err = r.sparseFormat(ext); err != nil {
		return err
	}
	m.Size = stored
	if c.format != notSparse {
		if err := r.sparse(&c, ext); err != nil {
			return err
		}
	}
	r.content = c
	return nil
}

// Content reads the content of the member that Next returned last, from where reading
// stands, until Next is called again. Holes come as the zeros that they read as: a
// sparse file may have exabytes of them in an image of some kilobytes. The map of one
// that is read so may have up to 1048576 runs of data. What is no File, and what has
// HardLink, has no content.
//
// An error other than io.EOF is final, as those of Next are.
func (r *Reader) Content() io.Reader { return &contentReader{r, r.content.m} }

// contentReader reads the content of one member and of no later one.
type contentReader struct {
	r *Reader
	m *entry.Member
}

func (c *contentReader) Read(p []byte) (int, error) {
	if c.r.err != nil && c.r.err != io.EOF {
		return 0, c.r.err
	}
	if c.m == nil || c.r.content.m != c.m {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := c.r.readContent(p)
	if err != nil && err != io.EOF {
		c.r.err = c.r.explain(err)
		err = c.r.err
	}
	return n, err
}

// readContent reads into p, which has room, a part of a run of data or of a hole.
func (r *Reader) readContent(p []byte) (int, error) {
	c := &r.content
	if err := r.start(true); err != nil {
		return 0, err
	}
	if c.at == c.m.Size {
		if err := r.finish(); err != nil {
			return 0, err
		}
		return 0, io.EOF
	}
	if hole := c.hole(); hole > 0 {
		n := min(hole, int64(len(p)), int64(len(zeros)))
		clear(p[:n])
		c.at += n
		r.hashHole(n)
		return int(n), nil
	}
	b, err := r.in.take(min(c.data[0].Length, int64(len(p))))
	if err != nil {
		return 0, noEOF(err)
	}
	c.took(int64(copy(p, b)))
	if r.hash != nil {
		r.hash.Write(b)
	}
	return len(b), nil
}

// hole is how many bytes of hole come next.
func (c *content) hole() int64 {
	if len(c.data) == 0 {
		return c.m.Size - c.at
	}
	return c.data[0].Offset - c.at
}

// took counts bytes of the next run of data, which is not a hole.
func (c *content) took(n int64) {
	c.at += n
	c.stored -= n
	run := &c.data[0]
	run.Offset += n
	if run.Length -= n; run.Length == 0 {
		c.data = c.data[1:]
	}
}

// hashHole takes a run of zeros that are not in the tar into the digest, if they
// count for it.
func (r *Reader) hashHole(n int64) {
	if r.hash == nil || r.content.overMap {
		return
	}
	for n > 0 {
		b := zeros[:min(n, int64(len(zeros)))]
		r.hash.Write(b)
		n -= int64(len(b))
	}
}

// Skip passes over what is left of the content of the member that Next returned last.
// Then its digest is in the member, if digests are taken.
func (r *Reader) Skip() error {
	if r.err == nil && r.content.m != nil {
		if err := r.skip(); err != nil {
			r.err = r.explain(err)
		}
	}
	if r.err == io.EOF {
		return nil
	}
	return r.err
}

func (r *Reader) skip() error {
	c := &r.content
	if err := r.start(false); err != nil {
		return err
	}
	if r.hash == nil || c.overMap {
		if err := r.pass(c.stored); err != nil {
			return err
		}
		return r.finish()
	}
	for len(c.data) > 0 {
		r.hashHole(c.hole())
		run := c.data[0]
		if err := r.pass(run.Length); err != nil {
			return err
		}
		c.at = run.Offset
		c.took(run.Length)
	}
	r.hashHole(c.hole())
	return r.finish()
}

// pass passes over stored bytes, which count for the digest.
func (r *Reader) pass(n int64) error {
	if r.hash == nil {
		return r.in.each(n, nil)
	}
	return r.in.each(n, func(b []byte) error { r.hash.Write(b); return nil })
}

// start reads the map of a sparse file, which comes before its data. keep says that
// the content is wanted with its holes.
func (r *Reader) start(keep bool) error {
	c := &r.content
	if c.started {
		return nil
	}
	c.started = true
	if r.hash != nil {
		r.hash.Reset()
	}
	if c.format == notSparse {
		if c.m.Size > 0 {
			c.one[0] = entry.Extent{Length: c.m.Size}
			c.data = c.one[:]
		}
		return nil
	}
	return r.startSparse(keep)
}

// finish comes after the last byte of the content.
func (r *Reader) finish() error {
	c := &r.content
	if err := r.in.each(c.padding, nil); err != nil {
		return err
	}
	if r.hash != nil {
		if sum := r.hash.Sum(nil); c.overMap {
			c.m.SparseSHA256 = sum
		} else {
			c.m.SHA256 = sum
		}
	}
	*c = content{}
	return nil
}

package image

import "io"

// Data returns the next run of data of the content of the member that Next returned
// last, at most so many bytes of it, and where in the file it belongs. What lies between
// runs, and after the last up to the size of the file, are holes, which cost nothing. The
// bytes are valid until the next call; io.EOF comes after the last. Data takes digests as
// Content does, and both may be used in turn.
//
// An error other than io.EOF is final, as those of Next are.
func (r *Reader) Data(most int) (off int64, b []byte, err error) {
	if r.err != nil && r.err != io.EOF {
		return 0, nil, r.err
	}
	if r.content.m == nil {
		return 0, nil, io.EOF
	}
	off, b, err = r.nextData(most)
	if err != nil && err != io.EOF {
		r.err = r.explain(err)
		err = r.err
	}
	return off, b, err
}

func (r *Reader) nextData(most int) (int64, []byte, error) {
	c := &r.content
	if err := r.start(true); err != nil {
		return 0, nil, err
	}
	if hole := c.hole(); hole > 0 {
		r.hashHole(hole)
		c.at += hole
	}
	if len(c.data) == 0 {
		if err := r.finish(); err != nil {
			return 0, nil, err
		}
		return 0, nil, io.EOF
	}
	off := c.at
	b, err := r.in.take(min(c.data[0].Length, int64(most)))
	if err != nil {
		return 0, nil, noEOF(err)
	}
	c.took(int64(len(b)))
	if r.hash != nil {
		r.hash.Write(b)
	}
	return off, b, nil
}

// LeaveDigests ends what TakeDigests began. Both may be called for each member, before
// its content is read.
func (r *Reader) LeaveDigests() { r.hash = nil }

package image

import "io"

// Pieces are what is unpacked, such as a *compress.Reader or a *compress.FrameReader.
type Pieces interface {
	// Next returns the next piece, valid until the next call, io.EOF after the last.
	Next() ([]byte, error)
	Close()
}

// tarStream reads the unpacked tar.
type tarStream struct {
	from Pieces
	buf  []byte // what is left of the current piece
	off  int64  // bytes of tar that were taken
	tmp  [blockSize]byte
	head []byte // the first bytes, for what they tell when they are of no tar
}

// fill makes sure that buf has something.
func (s *tarStream) fill() error {
	for len(s.buf) == 0 {
		b, err := s.from.Next()
		if err != nil {
			return err
		}
		s.buf = b
		if n := diskHead - len(s.head); n > 0 {
			s.head = append(s.head, b[:min(n, len(b))]...)
		}
	}
	return nil
}

// take returns up to n bytes, at least one, valid until the next call.
func (s *tarStream) take(n int64) ([]byte, error) {
	if err := s.fill(); err != nil {
		return nil, err
	}
	b := s.buf[:min(int64(len(s.buf)), n)]
	s.buf = s.buf[len(b):]
	s.off += int64(len(b))
	return b, nil
}

// block returns a whole block, valid until the next call; io.EOF when there is
// nothing at all.
func (s *tarStream) block() ([]byte, error) {
	if len(s.buf) >= blockSize {
		return s.take(blockSize)
	}
	for n := 0; n < blockSize; {
		b, err := s.take(int64(blockSize - n))
		if err != nil {
			if n > 0 {
				err = noEOF(err)
			}
			return nil, err
		}
		n += copy(s.tmp[n:], b)
	}
	return s.tmp[:], nil
}

// each hands n bytes to f, in parts, up to an error; f may be nil.
func (s *tarStream) each(n int64, f func([]byte) error) error {
	for n > 0 {
		b, err := s.take(n)
		if err != nil {
			return noEOF(err)
		}
		if f != nil {
			if err := f(b); err != nil {
				return err
			}
		}
		n -= int64(len(b))
	}
	return nil
}

// appendBody appends n bytes to dst, which grows as they come, and passes over the
// padding.
func (s *tarStream) appendBody(dst []byte, n int64) ([]byte, error) {
	if err := s.each(n, func(b []byte) error { dst = append(dst, b...); return nil }); err != nil {
		return dst, err
	}
	return dst, s.each(padding(n), nil)
}

// zeros reads to the end of the stream, which has to come without an error, and
// reports whether there were zeros only.
func (s *tarStream) zeros() (bool, error) {
	for {
		b, err := s.take(1 << 62)
		if err == io.EOF {
			return true, nil
		}
		if err != nil {
			return false, err
		}
		if !isZero(b) {
			return false, nil
		}
	}
}

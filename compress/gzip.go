package compress

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
)

// gzipMember has z read the one member that br starts with.
func gzipMember(z *gzip.Reader, br *bufio.Reader) error {
	if err := z.Reset(br); err != nil {
		return err
	}
	z.Multistream(false)
	return nil
}

func openGzip(br *bufio.Reader) (io.Reader, error) {
	z := new(gzip.Reader)
	return z, gzipMember(z, br)
}

// gzip unpacks gzip members up to the end of the image. Each is checked against its
// CRC; what follows one must be another one or the end. Members are taken one by
// one, because a multistream gzip.Reader takes an end within the name in a header
// for the end of the stream.
func (u *Reader) gzip(br *bufio.Reader) error {
	z := new(gzip.Reader)
	for first := true; ; first = false {
		if _, err := br.Peek(1); err != nil {
			return err // io.EOF where it may be
		}
		err := gzipMember(z, br)
		if err == nil {
			if err = u.copy(z); err == io.EOF {
				continue
			}
		}
		switch err = noEOF(err); {
		case errors.Is(err, gzip.ErrHeader) && !first:
			return errors.New("decompress gzip: what follows a member is not another one")
		case err == ErrClosed || err == io.ErrUnexpectedEOF:
			return err
		}
		return fmt.Errorf("decompress gzip: %w", err)
	}
}

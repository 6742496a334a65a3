package archive

import (
	"bufio"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
)

// bzip2 unpacks bzip2 streams up to the end of the image. Each block and each stream
// is checked against its CRC; what follows a stream must be another one or the end.
func (u *unpacker) bzip2(br *bufio.Reader) error {
	err := u.copy(wholeBlocks{bzip2.NewReader(br)})
	var broken bzip2.StructuralError
	switch {
	case err == io.EOF || err == errStopped || err == io.ErrUnexpectedEOF:
		return err
	case errors.As(err, &broken):
		return fmt.Errorf("decompress bzip2: %s", string(broken))
	}
	return err // of the source
}

// wholeBlocks leaves out what package bzip2 returns together with an error: that is
// a block which was made up from zeros, because the input ended within it.
type wholeBlocks struct{ r io.Reader }

func (w wholeBlocks) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if err != nil {
		return 0, err
	}
	return n, nil
}

package archive

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/mikelolasagasti/xz"
)

// xz unpacks xz streams up to the end of the image, zeros between them included; see
// "The .xz File Format", 2 and 2.2. Blocks are checked against their checksums,
// where the stream has any, and against the index at its end. What follows a stream
// must be another one or the end.
func (u *unpacker) xz(br *bufio.Reader) error {
	in := &watched{r: br}
	z, err := xz.NewReader(in, maxWindow)
	if err == nil {
		err = u.copy(z)
	}
	switch {
	case err == io.EOF || err == errStopped:
		return err
	case in.err != nil && in.err != io.EOF:
		return in.err
	case errors.Is(err, xz.ErrBuf) && in.err == io.EOF:
		// It wants more input, and there is none.
		return io.ErrUnexpectedEOF
	case errors.Is(err, xz.ErrMemlimit):
		return fmt.Errorf("decompress xz: it needs a dictionary of more than %d bytes", maxWindow)
	case errors.Is(err, xz.ErrFormat):
		return errors.New("decompress xz: what follows a stream is not another one")
	}
	return fmt.Errorf("decompress %w", err) // "xz: ..."
}

// watched remembers how its reader ended.
type watched struct {
	r   io.Reader
	err error
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if err != nil {
		w.err = err
	}
	return n, err
}

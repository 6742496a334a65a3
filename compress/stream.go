package compress

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/mikelolasagasti/xz"
)

// MaxWindow is the biggest dictionary of xz and window of zstd, in bytes.
const MaxWindow = 128 << 20

const (
	// lookahead is the size of the buffer that Open needs; the longest piece that
	// is looked at before it is taken is the header of a zstd frame, 18 bytes.
	lookahead = 64
	// streamBuffer is how much is read at once where the caller has no buffer.
	streamBuffer = 64 << 10
)

// openers open a stream of each codec.
var openers = map[Codec]func(*bufio.Reader) (io.Reader, error){
	Gzip: openGzip, Zstd: openZstd, XZ: openXZ, Bzip2: openBzip2, Lzop: openLzop, LZ4Legacy: openLZ4Legacy, LZ4: openLZ4, LZMA: openLZMA,
}

// Open returns the content of the one stream that r starts with, and how it is
// compressed.
//
// When r is a *bufio.Reader with a buffer of at least 64 bytes, it stands right
// behind the stream after io.EOF; any other reader may have been read further.
//
// The codec is valid with an error too. An error of r itself is wrapped, and so is
// io.ErrUnexpectedEOF where the stream is cut off. Close frees memory; it does not
// close r.
func Open(r io.Reader) (rc io.ReadCloser, c Codec, err error) {
	br, ok := r.(*bufio.Reader)
	if !ok {
		br = bufio.NewReaderSize(r, streamBuffer)
	} else if br.Size() < lookahead {
		br = bufio.NewReaderSize(r, lookahead)
	}
	first, err := br.Peek(9)
	if err != nil && err != io.EOF {
		return nil, None, err
	}
	c = Sniff(first)
	if c == None {
		return io.NopCloser(br), None, nil
	}
	s := &stream{codec: c}
	if s.r, err = openers[c](br); err != nil {
		if err == io.EOF { // in the midst of a header
			err = io.ErrUnexpectedEOF
		}
		return nil, c, s.explain(err)
	}
	return s, c, nil
}

// stream is a decoder that says in its errors what it is.
type stream struct {
	codec Codec
	r     io.Reader
	err   error // final
}

func (s *stream) Read(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.r.Read(p)
	if err != nil {
		s.err = s.explain(err)
	}
	return n, s.err
}

func (s *stream) Close() error {
	if z, ok := s.r.(*zstd.Decoder); ok && s.err != errStreamClosed {
		z.Close()
	}
	s.err, s.r = errStreamClosed, nil
	return nil
}

var errStreamClosed = errors.New("read of a closed stream")

func (s *stream) explain(err error) error {
	switch {
	case err == io.EOF:
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("unpack %s: it is cut off: %w", s.codec, io.ErrUnexpectedEOF)
	case errors.Is(err, xz.ErrMemlimit), errors.Is(err, zstd.ErrWindowSizeExceeded):
		return fmt.Errorf("unpack %s: it needs a window of more than %d MiB", s.codec, MaxWindow>>20)
	}
	return fmt.Errorf("unpack %s: %w", s.codec, err)
}

func openLZMA(*bufio.Reader) (io.Reader, error) {
	return nil, errors.New("this format is not read here")
}

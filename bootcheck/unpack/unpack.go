// Package unpack decompresses what the kernel is given compressed: the archives
// of an initramfs and kernel modules.
//
// # Formats
//
// gzip, xz, zstd, bzip2, lzop and lz4, told apart by their first bytes. lz4 is
// either the legacy format (lz4 -l), the one that the kernel reads, or the frame
// format, which the kernel does not read. lzma (the format before xz, without a
// magic of its own) is recognized and refused. Whatever else comes out as it is.
//
// One stream is unpacked: one gzip member, zstd frame, xz stream and so on; but
// bzip2 streams one after the other count as one. No byte is read past its end
// (see Open), so that what follows it can be looked at: an initramfs may be
// several archives, one behind the other, see the kernel's
// Documentation/driver-api/early-userspace/buffer-format.rst. Legacy lz4 has no
// end of its own: it ends where no block follows, that is, at the end of the
// input or at zeros, see the kernel's lib/decompress_unlz4.c.
//
// Checksums are checked where the format has them.
//
// # Bounds
//
// Nothing runs in the background. Memory is bounded for each stream: gzip 64 KiB,
// bzip2 8 MiB, lzop 0.6 MiB, lz4 17 MiB, xz its dictionary and zstd its window,
// each of at most 128 MiB (what zstd -22 needs, and the most that the kernel's
// lib/decompress_unzstd.c takes), and 2 MiB more. How much comes out is not
// bounded: that is up to who reads.
package unpack

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/mikelolasagasti/xz"
)

// None is the name of no compression.
const None = "none"

// MaxWindow is the biggest dictionary of xz and window of zstd, in bytes.
const MaxWindow = 128 << 20

const (
	// lookahead is the size of the buffer that Open needs; the longest piece that
	// is looked at before it is taken is the header of a zstd frame, 18 bytes.
	lookahead = 64
	// inputBuffer is how much is read at once where the caller has no buffer.
	inputBuffer = 64 << 10
)

// format is one way of compression.
type format struct {
	name, magic string
	open        func(*bufio.Reader) (io.Reader, error)
}

// formats are in the order of the kernel's lib/decompress.c, then the others.
var formats = []format{
	{"gzip", "\x1f\x8b", openGzip},
	{"bzip2", "BZh", openBzip2},
	{"xz", "\xfd7zXZ\x00", openXZ},
	{"lzop", "\x89LZO\x00\r\n\x1a\n", openLzop},
	{"lz4 legacy", lz4Legacy, openLZ4Legacy},
	{"zstd", zstdMagic, openZstd},
	{"lz4", lz4Frame, openLZ4},
	{"lzma", "\x5d\x00\x00", openLZMA},
}

// Sniff tells by its first bytes how a stream is compressed: the name of its
// format, or None. 9 bytes are enough.
func Sniff(first []byte) string {
	if f := sniff(first); f != nil {
		return f.name
	}
	return None
}

func sniff(first []byte) *format {
	for i := range formats {
		if bytes.HasPrefix(first, []byte(formats[i].magic)) {
			return &formats[i]
		}
	}
	return nil
}

// Open returns the content of the one stream that r starts with, and the name of
// its format: gzip, xz, zstd, bzip2, lzop, lz4, "lz4 legacy", lzma or none.
//
// When r is a *bufio.Reader with a buffer of at least 64 bytes, it stands right
// behind the stream after io.EOF; any other reader may have been read further.
//
// The name is valid with an error too. An error of r itself is wrapped, and so is
// io.ErrUnexpectedEOF where the stream is cut off. Close frees memory; it does not
// close r.
func Open(r io.Reader) (rc io.ReadCloser, name string, err error) {
	br, ok := r.(*bufio.Reader)
	if !ok {
		br = bufio.NewReaderSize(r, inputBuffer)
	} else if br.Size() < lookahead {
		br = bufio.NewReaderSize(r, lookahead)
	}
	first, err := br.Peek(9)
	if err != nil && err != io.EOF {
		return nil, None, err
	}
	f := sniff(first)
	if f == nil {
		return io.NopCloser(br), None, nil
	}
	s := &stream{name: f.name}
	if s.r, err = f.open(br); err != nil {
		if err == io.EOF { // in the midst of a header
			err = io.ErrUnexpectedEOF
		}
		return nil, f.name, s.explain(err)
	}
	return s, f.name, nil
}

// stream is a decoder that says in its errors what it is.
type stream struct {
	name string
	r    io.Reader
	err  error // final
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
	if z, ok := s.r.(*zstd.Decoder); ok && s.err != errClosed {
		z.Close()
	}
	s.err, s.r = errClosed, nil
	return nil
}

var errClosed = errors.New("read of a closed stream")

func (s *stream) explain(err error) error {
	switch {
	case err == io.EOF:
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("unpack %s: it is cut off: %w", s.name, io.ErrUnexpectedEOF)
	case errors.Is(err, xz.ErrMemlimit), errors.Is(err, zstd.ErrWindowSizeExceeded):
		return fmt.Errorf("unpack %s: it needs a window of more than %d MiB", s.name, MaxWindow>>20)
	}
	return fmt.Errorf("unpack %s: %w", s.name, err)
}

func openGzip(br *bufio.Reader) (io.Reader, error) {
	z, err := gzip.NewReader(br)
	if err != nil {
		return nil, err
	}
	z.Multistream(false)
	return z, nil
}

func openXZ(br *bufio.Reader) (io.Reader, error) {
	return xz.NewReader(&framed{br: br, next: new(xzFrame).next}, MaxWindow)
}

func openZstd(br *bufio.Reader) (io.Reader, error) {
	return zstd.NewReader(&framed{br: br, next: new(zstdFrame).next},
		zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(MaxWindow))
}

func openLZMA(*bufio.Reader) (io.Reader, error) {
	return nil, errors.New("this format is not read here")
}

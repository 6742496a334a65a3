package image

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"

	"image-capture/compress"
	"image-capture/entry"
)

// Reader reads the members of an image one after the other: see the comment of the
// package. It is for one goroutine.
type Reader struct {
	codec  compress.Codec
	in     tarStream
	hash   hash.Hash // nil when no digests are taken
	global paxHeader
	ext    []byte // room for extended headers
	raw    rawHeader
	at     int64  // where the headers of the member begin
	name   string // of the member, when it is known
	last   string // the member before it

	content content // of the member that Next returned last
	err     error
}

// NewReader tells by the first bytes how an image is compressed and starts to
// unpack it. What is not an image is an error that says what it looks like. The Reader
// has to be closed, after which r is not read any more; Close does not close r.
func NewReader(r io.Reader) (*Reader, error) { return NewIndexedReader(r, nil) }

// NewIndexedReader is NewReader for an image of which somebody says where its frames begin,
// such as manifest.Frames. Where that is wrong Next returns a *compress.FrameError in place
// of io.EOF, after the same members.
func NewIndexedReader(r io.Reader, frames []entry.Frame) (*Reader, error) {
	br := bufio.NewReaderSize(r, inputBuffer)
	codec, err := sniff(br)
	if err != nil {
		return nil, err
	}
	u, err := compress.NewReader(br, codec, frames)
	if err != nil {
		return nil, err
	}
	return &Reader{codec: codec, in: tarStream{from: u}}, nil
}

// NewReaderAt reads the members of an image from one that begins at a byte of the tar, in
// the frame f, on: r reads the image from the beginning of that frame on. It is read no
// further than is asked for. The caller closes the Reader, which does not close r.
//
// Whether a member begins there is for who knows what it should be: a file may hold a tar.
func NewReaderAt(r io.Reader, codec compress.Codec, f entry.Frame, at int64) (*Reader, error) {
	u, err := compress.NewFrameReader(r, codec)
	if err != nil {
		return nil, err
	}
	return NewPiecesReader(u, codec, f, at)
}

// NewPiecesReader is NewReaderAt of what is unpacked already, from the beginning of the
// frame f on. Closing the Reader closes the pieces.
func NewPiecesReader(from Pieces, codec compress.Codec, f entry.Frame, at int64) (*Reader, error) {
	n := &Reader{codec: codec, in: tarStream{from: from, off: f.Tar}}
	if err := n.in.each(at-f.Tar, nil); err != nil {
		n.Close()
		return nil, fmt.Errorf("read the frame at byte %d of the image: %w", f.Image, err)
	}
	return n, nil
}

// Codec returns how the image is compressed.
func (r *Reader) Codec() compress.Codec { return r.codec }

// Unpacked returns how many bytes of tar were read so far: when Next returned
// io.EOF, all of them, as in Summary.Unpacked.
func (r *Reader) Unpacked() int64 { return r.in.off }

// Padding returns how many bytes of zeros follow the gzip data of an image that was read
// to its end: GNU tar, gzip and the deployers pass over them.
func (r *Reader) Padding() int64 {
	if u, ok := r.in.from.(*compress.Reader); ok {
		return u.Padding()
	}
	return 0
}

// Checksums says whether the compression of an image that was read to its end has a checksum
// of all its data: a plain tar has none of contents, and zstd and xz can be told to make none.
func (r *Reader) Checksums() bool {
	u, ok := r.in.from.(*compress.Reader)
	return ok && u.Checksums()
}

// TakeDigests has the digest of each file taken, as the capture takes it, while its
// content is read or passed over. It is to be called before Next.
func (r *Reader) TakeDigests() { r.hash = sha256.New() }

// Close ends the unpacking and waits for it, and so for a Read that is under way.
func (r *Reader) Close() error {
	r.in.from.Close()
	r.in.buf = nil
	if r.err == nil {
		r.err = compress.ErrClosed
	}
	return nil
}

// Next passes over what is left of a member and returns the next, of which nothing but
// the headers was read: Content reads on, Skip and Next go on without it. A digest is
// in the member from when all of its content was read or passed over.
//
// A member with HardLink has what its own header says: no Type and no digest, as those
// are of its first name, and mostly no xattrs. ctime, ID, Nlink and Blocks are not in a
// tar.
//
// Next returns io.EOF when the image was read to its end and is whole. Any error is
// final.
func (r *Reader) Next() (*entry.Member, error) {
	if r.err != nil {
		return nil, r.err
	}
	if err := r.Skip(); err != nil {
		return nil, err
	}
	r.last = cmp.Or(r.name, r.last)
	r.at, r.name = r.in.off, ""
	m, err := r.member()
	if err != nil {
		r.err = r.explain(err)
		return nil, r.err
	}
	return m, nil
}

// explain wraps an error with the place.
func (r *Reader) explain(err error) error {
	if err == io.EOF || err == compress.ErrClosed {
		return err
	}
	if r.last == "" && r.name == "" {
		if what := disk(r.in.head); what != "" {
			return &DiskError{what}
		}
	}
	cut := errors.Is(err, io.ErrUnexpectedEOF)
	switch {
	case cut && r.name != "":
		return fmt.Errorf("image ends in the middle of %s, at byte %d of the tar: %w", entry.Escape(clip(r.name)), r.in.off, err)
	case cut && r.last != "":
		return fmt.Errorf("image ends before the end of the tar, after %s, at byte %d: %w", entry.Escape(clip(r.last)), r.in.off, err)
	case cut:
		return fmt.Errorf("image ends before the first member: %w", err)
	case r.name != "":
		return fmt.Errorf("read image: %s, at byte %d of the tar: %w", entry.Escape(clip(r.name)), r.at, err)
	case r.last != "":
		return fmt.Errorf("read image: after %s, at byte %d of the tar: %w", entry.Escape(clip(r.last)), r.at, err)
	}
	return fmt.Errorf("read image: byte %d of the tar: %w", r.at, err)
}

// member reads headers up to that of a member.
func (r *Reader) member() (*entry.Member, error) {
	ext := r.global
	ext.present = false
	var name, link string // of GNU tar's long ones
	for {
		b, err := r.in.block()
		if err != nil {
			return nil, noEOF(err)
		}
		if isZero(b) {
			if ext.present || name != "" || link != "" {
				return nil, errors.New("extended header without a member")
			}
			return nil, r.end()
		}
		copy(r.raw[:], b)
		if !isHeader(r.raw[:]) {
			return nil, errors.New("header with a wrong checksum")
		}
		switch flag := r.raw.flag(); flag {
		case 'x', 'X':
			if ext.present {
				return nil, errors.New("two extended headers for one member")
			}
			err = r.extended(&ext, false)
		case 'g':
			if ext.present {
				return nil, errors.New("extended header without a member")
			}
			if err = r.extended(&r.global, true); err == nil {
				ext = r.global
				ext.present = false
			}
		case 'L':
			name, err = r.long(name)
		case 'K':
			link, err = r.long(link)
		case 'V': // a volume's label
			var size uint64
			if size, err = r.raw.count(fieldSize); err == nil {
				err = r.skipBody(size)
			}
		default:
			ext.path = cmp.Or(ext.path, name)
			ext.link = cmp.Or(ext.link, link)
			return r.entry(&ext)
		}
		if err != nil {
			return nil, err
		}
	}
}

// body reads what follows an extended header or is a long name.
func (r *Reader) body() (err error) {
	size, err := r.raw.count(fieldSize)
	if err != nil {
		return err
	}
	if size > maxExtended {
		return fmt.Errorf("extended header of %d bytes: more than %d are not read", size, maxExtended)
	}
	if cap(r.ext) > 1<<20 {
		r.ext = nil // big ones are rare
	}
	r.ext, err = r.in.appendBody(r.ext[:0], int64(size))
	return err
}

func (r *Reader) extended(p *paxHeader, global bool) error {
	if err := r.body(); err != nil {
		return err
	}
	return p.parse(r.ext, global)
}

// long reads a long name of GNU tar, which ends with NUL.
func (r *Reader) long(old string) (string, error) {
	if old != "" {
		return "", errors.New("two long names for one member")
	}
	if err := r.body(); err != nil {
		return "", err
	}
	s := cString(r.ext)
	if s == "" {
		return "", errors.New("empty long name")
	}
	return s, nil
}

// skipBody passes over what follows a header.
func (r *Reader) skipBody(size uint64) error {
	if size > math.MaxInt64-blockSize {
		return fmt.Errorf("absurd size of %d bytes", size)
	}
	return r.in.each(int64(size)+padding(int64(size)), nil)
}

// end reads what follows the first block of zeros: another one, and zeros up to
// the end of the image. Tars fill up a record with them.
func (r *Reader) end() error {
	b, err := r.in.block()
	if err != nil {
		return noEOF(err)
	}
	if !isZero(b) {
		return errors.New("a single block of zeros between members")
	}
	zeros, err := r.in.zeros()
	if err != nil {
		return err
	}
	if !zeros {
		return fmt.Errorf("the tar ends at byte %d, but something other than zeros follows", r.at+2*blockSize)
	}
	return io.EOF
}

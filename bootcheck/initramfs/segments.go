package initramfs

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"image-capture/compress"
)

const bufferSize = 64 << 10

// limits are the bounds, see the comment of the package.
type limits struct {
	read, unpacked           int64
	segments, entries, names int
	versions, file, files    int
}

// reader reads the archives of an initramfs.
type reader struct {
	*Content
	limits limits
	in     *counted // the initramfs as it is
	raw    *bufio.Reader

	unpacked int64 // bytes of compressed archives, up to here
	names    int   // bytes of names that are kept
	kept     int   // bytes of files that are kept
	links    map[inode][]string
}

// counted counts what is read, and ends it at a bound.
type counted struct {
	r    io.Reader
	n    int64
	most int64
	what string
}

func (c *counted) Read(p []byte) (int, error) {
	if c.n >= c.most {
		return 0, fmt.Errorf("%s more than %d bytes", c.what, c.most)
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.most-c.n)])
	c.n += int64(n)
	return n, err
}

func read(r io.Reader, l limits) (*Content, error) {
	in := &counted{r: r, most: l.read, what: "it is"}
	x := &reader{
		Content: &Content{modules: map[string][]string{}, files: map[string][]byte{}, marks: map[string]bool{}},
		limits:  l, in: in, raw: bufio.NewReaderSize(in, bufferSize),
	}
	err := x.run()
	slices.Sort(x.Versions)
	slices.Sort(x.Firmware)
	x.Firmware = slices.Compact(x.Firmware)
	slices.Sort(x.Waits)
	x.Waits = slices.Compact(x.Waits)
	if err != nil {
		return x.Content, fmt.Errorf("read initramfs: %w", err)
	}
	return x.Content, nil
}

// offset is how much of the initramfs is taken.
func (x *reader) offset() int64 { return x.in.n - int64(x.raw.Buffered()) }

// run reads archive by archive, as the kernel's unpack_to_rootfs does.
func (x *reader) run() error {
	for {
		if _, err := skipZeros(x.raw); err != nil {
			switch {
			case err != io.EOF:
				return err
			case x.in.n == 0:
				return errors.New("it is empty")
			case len(x.Segments) == 0:
				return errors.New("it is nothing but zeros")
			}
			return nil
		}
		first, err := x.raw.Peek(9)
		if err != nil && err != io.EOF {
			return err
		}
		s := Segment{Compression: compress.Sniff(first), Offset: x.offset()}
		n := len(x.Segments)
		switch {
		case s.Compression == compress.None && !isHeader(first):
			return x.junk(s.Offset)
		case n == x.limits.segments:
			return fmt.Errorf("more than %d archives", n)
		case s.Offset%4 != 0 && (s.Compression == compress.None || n > 0 && x.Segments[n-1].Compression == compress.None):
			// Around plain archives the kernel counts by fours; what is behind a
			// compressed one it takes wherever it is.
			return fmt.Errorf("an archive starts at byte %d, which is not a multiple of 4", s.Offset)
		}
		if s.Compression == compress.None {
			err = x.plain(&s)
		} else {
			err = x.compressed(&s)
		}
		s.Packed = x.offset() - s.Offset
		x.Segments = append(x.Segments, s)
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("archive at byte %d (%s) is cut off at byte %d: %w", s.Offset, compression(s), x.offset(), io.ErrUnexpectedEOF)
		} else if err != nil {
			return fmt.Errorf("archive at byte %d (%s): %w", s.Offset, compression(s), err)
		}
	}
}

func compression(s Segment) string {
	if s.Compression == compress.None {
		return "not compressed"
	}
	return s.Compression.String()
}

// plain reads an archive that is not compressed.
func (x *reader) plain(s *Segment) error {
	a := &archive{reader: x, seg: s, r: x.raw, early: true}
	defer a.done()
	for !a.trailed {
		more, err := a.next()
		if err == io.EOF {
			// The kernel would not notice, but what makes such archives ends them.
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		if !more {
			break // another archive may follow without a trailer in between
		}
	}
	return nil
}

// compressed reads what a compressed archive holds: archives, and zeros.
func (x *reader) compressed(s *Segment) error {
	rc, _, err := compress.Open(x.raw)
	if err != nil {
		return err
	}
	defer rc.Close()
	if s.Compression == compress.LZ4 {
		return errors.New("the kernel reads the legacy format of lz4 (lz4 -l), and not this one")
	}
	in := &counted{r: rc, n: x.unpacked, most: x.limits.unpacked, what: "it unpacks to"}
	defer func() { x.unpacked = in.n }()
	a := &archive{reader: x, seg: s, r: bufio.NewReaderSize(in, bufferSize), early: true}
	defer a.done()
	for {
		more, err := a.next()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case !more:
			return fmt.Errorf("in it, at byte %d, there is %s", a.at, looksLike(a.r))
		}
	}
}

// skipZeros takes zeros, and reports how many; io.EOF when nothing else comes.
func skipZeros(br *bufio.Reader) (skipped int64, err error) {
	for {
		if _, err := br.Peek(1); err != nil {
			return skipped, err
		}
		b, _ := br.Peek(br.Buffered())
		n := len(b) - len(bytes.TrimLeft(b, "\x00"))
		skipped += int64(n)
		if _, err := br.Discard(n); err != nil || n < len(b) {
			return skipped, err
		}
	}
}

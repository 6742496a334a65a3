package manifest

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/klauspost/compress/zstd"

	"image-capture/rootfs"
)

// spoolWindow is the zstd window in bytes: it bounds the memory of both
// directions, and neighbouring entries are alike anyway.
const spoolWindow = 256 << 10

// endLine ends a MANIFEST.
const endLine = "# end"

// Spool keeps the entries' text until the facts and the link counts, which come
// first in a MANIFEST or depend on later entries, are known. In memory it holds
// two numbers for each inode with several names; the text goes to a file,
// compressed, since in some places that file is RAM.
//
// A Spool is for one goroutine at a time. An entry that Add refuses is not in it;
// after an error of the file only Reset and Close make sense.
type Spool struct {
	f       *os.File
	w       *io.OffsetWriter
	zw      *zstd.Encoder
	enc     encoder
	head    []byte
	links   map[rootfs.FileID]uint64
	entries int64
	// whole: the compressed stream is finished and nothing can be added.
	whole bool
	err   error
}

// NewSpool takes over f, which should be an empty and unlinked temporary file, and
// writes it from its beginning.
func NewSpool(f *os.File) *Spool {
	s := &Spool{f: f, links: make(map[rootfs.FileID]uint64)}
	s.w = io.NewOffsetWriter(f, 0)
	s.zw, s.err = zstd.NewWriter(s.w, zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(spoolWindow))
	return s
}

// Entries returns how many entries were added.
func (s *Spool) Entries() int64 { return s.entries }

// Add takes the next entry in the order of the capture: the root first, and every
// directory before what it holds. It keeps nothing of e.
//
// Names of one inode are recognised by ID where Nlink is over 1 or HardLink is set.
func (s *Spool) Add(e *Entry) error {
	if s.err != nil {
		return s.err
	}
	if s.whole {
		return errors.New("add to the manifest: it is written already")
	}
	if err := e.check(); err != nil {
		return fmt.Errorf("add %q to the manifest: %w", e.Path, err)
	}
	c := &s.enc
	c.encode(e)
	if len(c.line)+len(c.extra) > maxEntry-maxPhysical {
		return fmt.Errorf("add %q to the manifest: its names and attributes are over %d bytes", e.Path, maxEntry-maxPhysical)
	}
	// A record: lengths of the line and the extra lines, where the link count goes
	// (0: nowhere), the inode if that count is still open, then the text.
	counted := c.nlink > 0 && (e.Nlink > 1 || e.HardLink != "")
	h := binary.AppendUvarint(s.head[:0], uint64(len(c.line)))
	h = binary.AppendUvarint(h, uint64(len(c.extra)))
	h = binary.AppendUvarint(h, uint64(c.nlink))
	if counted {
		h = append(h, 1)
		h = binary.LittleEndian.AppendUint64(h, e.ID.Dev)
		h = binary.LittleEndian.AppendUint64(h, e.ID.Ino)
	} else {
		h = append(h, 0)
	}
	s.head = h
	for _, b := range [][]byte{h, c.line, c.extra} {
		if _, err := s.zw.Write(b); err != nil {
			s.err = fmt.Errorf("write the manifest's spool: %w", err)
			return s.err
		}
	}
	if counted {
		s.links[e.ID]++
	}
	s.entries++
	return nil
}

// Write writes the MANIFEST. f.Entries does not matter. No entry can be added
// afterwards, but Write can be called again.
func (s *Spool) Write(w io.Writer, f Facts) error {
	if s.err != nil {
		return s.err
	}
	f.Entries = s.entries
	if err := f.check(); err != nil {
		return fmt.Errorf("write the manifest: %w", err)
	}
	if !s.whole {
		if err := s.zw.Close(); err != nil {
			s.err = fmt.Errorf("write the manifest's spool: %w", err)
			return s.err
		}
		s.whole = true
	}
	size, err := s.w.Seek(0, io.SeekCurrent)
	if err != nil {
		return fmt.Errorf("read the manifest's spool: %w", err)
	}
	zr, err := zstd.NewReader(io.NewSectionReader(s.f, 0, size),
		zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(spoolWindow))
	if err != nil {
		return fmt.Errorf("read the manifest's spool: %w", err)
	}
	defer zr.Close()

	out := bufio.NewWriterSize(w, 64<<10)
	put := func(b []byte) error {
		if _, err := out.Write(b); err != nil {
			return fmt.Errorf("write the manifest: %w", err)
		}
		return nil
	}
	if err := put([]byte(signature + "\n")); err != nil {
		return err
	}
	if err := f.write(put); err != nil {
		return err
	}
	if err := s.replay(bufio.NewReaderSize(zr, 64<<10), put); err != nil {
		return err
	}
	if err := put([]byte(endLine + "\n")); err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write the manifest: %w", err)
	}
	return nil
}

// replay puts each entry's lines, with the link counts.
func (s *Spool) replay(r *bufio.Reader, put func([]byte) error) error {
	var text, line, folded []byte
	for range s.entries {
		rec, err := readRecord(r, &text)
		if err != nil {
			return fmt.Errorf("read the manifest's spool: %w", err)
		}
		line = append(line[:0], text[:rec.nlink]...)
		if rec.nlink > 0 {
			n := uint64(1)
			if rec.counted {
				n = s.links[rec.id]
			}
			line = strconv.AppendUint(line, n, 10)
		}
		line = append(line, text[rec.nlink:rec.line]...)
		folded = appendFolded(folded[:0], line)
		if err := put(folded); err != nil {
			return err
		}
		if err := put(text[rec.line:]); err != nil {
			return err
		}
	}
	return nil
}

// record is what stands before an entry's text in the spool.
type record struct {
	line, extra, nlink uint64
	counted            bool
	id                 rootfs.FileID
}

// readRecord reads one record, and its text into *text.
func readRecord(r *bufio.Reader, text *[]byte) (record, error) {
	var rec record
	for _, n := range []*uint64{&rec.line, &rec.extra, &rec.nlink} {
		var err error
		if *n, err = binary.ReadUvarint(r); err != nil {
			return rec, err
		}
	}
	// The file is ours alone, but a wrong length must not become an allocation.
	if rec.line > maxEntry || rec.extra > maxEntry || rec.nlink > rec.line {
		return rec, errors.New("damaged")
	}
	counted, err := r.ReadByte()
	if err != nil {
		return rec, err
	}
	if rec.counted = counted == 1; rec.counted {
		var id [16]byte
		if _, err := io.ReadFull(r, id[:]); err != nil {
			return rec, err
		}
		rec.id.Dev = binary.LittleEndian.Uint64(id[:])
		rec.id.Ino = binary.LittleEndian.Uint64(id[8:])
	}
	n := int(rec.line + rec.extra)
	if cap(*text) < n {
		*text = make([]byte, n)
	}
	*text = (*text)[:n]
	_, err = io.ReadFull(r, *text)
	return rec, err
}

// Reset forgets all entries and errors, for a second attempt.
func (s *Spool) Reset() error {
	if s.zw == nil {
		return s.err
	}
	if err := s.f.Truncate(0); err != nil {
		s.err = fmt.Errorf("empty the manifest's spool: %w", err)
		return s.err
	}
	s.w = io.NewOffsetWriter(s.f, 0)
	s.zw.Reset(s.w)
	clear(s.links)
	s.entries, s.whole, s.err = 0, false, nil
	return nil
}

// Close closes the file that NewSpool took over. What was added and not written is
// lost.
func (s *Spool) Close() error {
	s.err = fmt.Errorf("manifest's spool: %w", os.ErrClosed)
	// The encoder keeps no goroutine and no file: with nothing to flush to, it is
	// left to the garbage collector.
	s.zw = nil
	return s.f.Close()
}

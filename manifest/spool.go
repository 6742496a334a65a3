package manifest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"image-capture/entry"
)

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
	file    *spoolFile
	enc     encoder
	links   map[entry.FileID]uint64
	entries int64
	last    string // the path of the last entry
	at      int64  // where that begins in the tar
	// whole: all of it is in the file and nothing can be added.
	whole bool
	err   error
}

// NewSpool takes over f, which should be an empty and unlinked temporary file, and
// writes it from its beginning.
func NewSpool(f *os.File) *Spool {
	s := &Spool{links: make(map[entry.FileID]uint64)}
	s.file, s.err = newSpoolFile(f)
	return s
}

// Entries returns how many entries were added.
func (s *Spool) Entries() int64 { return s.entries }

// Fits says whether an entry can be in a MANIFEST: what Add would refuse of it. It is
// strict with names and attributes of megabytes, whose exact text is not made for it.
func Fits(e *entry.Member) error {
	if err := checkMember(e); err != nil {
		return err
	}
	const longest = 4                               // bytes of text for one byte of a name
	size := longest * (2*len(e.Path) + len(e.Link)) // of a hard link the first name may be as long
	for _, x := range e.Xattrs {
		size += longest*len(x.Name) + len(x.Value)/3*4 + 64
	}
	if size > maxEntry-1<<20 {
		return fmt.Errorf("its names and attributes take %d bytes, too many for a MANIFEST", size)
	}
	return nil
}

// Add takes the next entry in the order of the capture: the root first, and every
// directory before what it holds, with its place in the tar. It keeps nothing of e.
//
// Names of one inode are recognised by ID where Nlink is over 1 or HardLink is set.
func (s *Spool) Add(e *entry.Member) error {
	if s.err != nil {
		return s.err
	}
	if s.whole {
		return errors.New("add to the manifest: it is written already")
	}
	if err := checkMember(e); err != nil {
		return fmt.Errorf("add %q to the manifest: %w", e.Path, err)
	}
	if err := inOrder(s.entries, s.last, e.Path); err != nil {
		return fmt.Errorf("add to the manifest: %w", err)
	}
	if e.At < s.at || e.At%tarBlock != 0 {
		return fmt.Errorf("add %q to the manifest: its place in the tar, %d, is not one after %d", e.Path, e.At, s.at)
	}
	c := &s.enc
	c.encode(e)
	if len(c.line)+len(c.extra) > maxEntry-maxPhysical {
		return fmt.Errorf("add %q to the manifest: its names and attributes are over %d bytes", e.Path, maxEntry-maxPhysical)
	}
	counted := c.nlink > 0 && (e.Nlink > 1 || e.HardLink != "")
	if err := s.file.add(c, counted, e.ID, uint64(e.At-s.at)/tarBlock); err != nil {
		s.err = fmt.Errorf("write the manifest's spool: %w", err)
		return s.err
	}
	if counted {
		s.links[e.ID]++
	}
	s.entries++
	s.last, s.at = e.Path, e.At
	return nil
}

// Write writes the MANIFEST, with the places of the image's frames, if there are any.
// f.Entries does not matter. No entry can be added afterwards, but Write can be called
// again.
func (s *Spool) Write(w io.Writer, f Facts, frames []entry.Frame) error {
	if s.err != nil {
		return s.err
	}
	f.Entries = s.entries
	if err := f.check(); err != nil {
		return fmt.Errorf("write the manifest: %w", err)
	}
	if !s.whole {
		if err := s.file.flush(); err != nil {
			s.err = fmt.Errorf("write the manifest's spool: %w", err)
			return s.err
		}
		s.whole = true
	}
	r, err := s.file.reader()
	if err != nil {
		return fmt.Errorf("read the manifest's spool: %w", err)
	}
	defer r.close()

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
	if err := put(versionLine); err != nil {
		return err
	}
	if err := s.replay(r, frames, put); err != nil {
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

// replay puts each entry's lines, with the link counts, and the frames between them.
func (s *Spool) replay(r *spoolReader, frames []entry.Frame, put func([]byte) error) error {
	var line, out []byte
	at := int64(0)
	for range s.entries {
		rec, err := r.next()
		if err != nil {
			return fmt.Errorf("read the manifest's spool: %w", err)
		}
		line = append(line[:0], rec.line[:rec.nlink]...)
		if rec.nlink > 0 {
			n := uint64(1)
			if rec.counted {
				n = s.links[rec.id]
			}
			line = appendDigest(strconv.AppendUint(line, n, 10), rec.digest)
		}
		line = append(line, rec.line[rec.nlink:]...)
		at += int64(rec.gap) * tarBlock
		out = out[:0]
		first := entry.Frame{Tar: -1}
		for len(frames) > 0 && frames[0].Tar <= at {
			first, frames = frames[0], frames[1:]
			out = appendFrame(out, first)
		}
		out = append(appendFolded(out, line), rec.extra...)
		if first.Tar >= 0 {
			out = appendPlace(out, at-first.Tar)
		}
		if err := put(out); err != nil {
			return err
		}
	}
	for _, f := range frames {
		if err := put(appendFrame(out[:0], f)); err != nil {
			return err
		}
	}
	return nil
}

// Reset forgets all entries and errors, for a second attempt.
func (s *Spool) Reset() error {
	if err := s.file.reset(); err != nil {
		s.err = fmt.Errorf("empty the manifest's spool: %w", err)
		return s.err
	}
	clear(s.links)
	s.entries, s.last, s.at, s.whole, s.err = 0, "", 0, false, nil
	return nil
}

// Close closes the file that NewSpool took over. What was added and not written is
// lost.
func (s *Spool) Close() error {
	s.err = fmt.Errorf("manifest's spool: %w", os.ErrClosed)
	return s.file.f.Close()
}

package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"image-capture/edit"
	"image-capture/entry"
)

// encoder writes items as tar, in order. It belongs to one goroutine.
type encoder struct {
	opt     Options
	pre     *prefetcher
	frames  *frames
	links   *links
	hash    *contentHash
	headers headers
	scratch []byte
	sum     *Summary
}

// encode writes all items that the prefetcher hands over, and the end of the
// archive.
func (w *encoder) encode(ctx context.Context) error {
	for {
		b, err := w.pre.next(ctx)
		if err != nil {
			return err
		}
		if b == nil {
			break
		}
		for i := range b.items {
			if err := w.item(&b.items[i]); err != nil {
				w.pre.recycle(b)
				return err
			}
			w.pre.drop(&b.items[i])
		}
		w.pre.recycle(b)
	}
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	// Two blocks of zeros end a tar.
	return w.zeros(2*blockSize, nil)
}

// item writes one entry, or reports why there is none.
func (w *encoder) item(it *item) error {
	m := &it.m
	m.At = w.frames.written
	if it.content != nil && !it.read && it.err == nil && m.Size <= maxSettled && (m.Nlink == 1 || !w.links.known(m.ID)) {
		// No buffer was free when its turn came to be read ahead.
		if w.scratch == nil {
			w.scratch = make([]byte, maxSettled+1)
		}
		it.settle(w.scratch, !w.opt.SkipFileDigests)
	}
	if m.Path == "." && (it.err != nil || it.node.Err != nil) {
		// Nothing is left to capture.
		return cmp.Or(it.err, it.node.Err)
	}
	switch {
	case it.skip != "":
		w.sum.Omitted = append(w.sum.Omitted, entry.Note{Path: m.Path, Reason: it.skip})
		return nil
	case errors.Is(it.err, fs.ErrNotExist):
		w.sum.Changed = append(w.sum.Changed, entry.Note{Path: m.Path, Reason: "vanished before it was read"})
		return nil
	case it.err != nil:
		w.unreadable(m.Path, it.err)
		return nil
	case m.Type == entry.Socket:
		w.sum.Omitted = append(w.sum.Omitted, entry.Note{Path: m.Path, Reason: "socket"})
		return nil
	}
	if w.opt.Fits != nil {
		if err := w.opt.Fits(m); err != nil {
			w.unreadable(m.Path, err)
			return nil
		}
	}
	if it.node.Err != nil {
		w.unreadable(m.Path, it.node.Err)
	}
	if it.node.Unsettled {
		w.sum.Changed = append(w.sum.Changed, entry.Note{Path: m.Path, Reason: "changed each time that it was listed: names that were renamed meanwhile may be missing"})
	}
	if it.lost != nil {
		for _, err := range unjoin(it.lost) {
			w.unreadable(m.Path, err)
		}
	}
	linked := m.Nlink > 1 && m.Type != entry.Dir
	if linked {
		later, what := w.links.resolve(m)
		if what != "" {
			w.sum.Changed = append(w.sum.Changed, entry.Note{Path: m.Path, Reason: what})
		}
		if later {
			if _, err := w.frames.Write(w.headers.encode(m, nil)); err != nil {
				return err
			}
			return w.done(m)
		}
	}
	if m.Type == entry.File {
		ok, err := w.file(it)
		if err != nil || !ok {
			return err
		}
		if w.opt.SkipFileDigests {
			m.SHA256 = nil // of a content that was edited
		}
	} else if _, err := w.frames.Write(w.headers.encode(m, nil)); err != nil {
		return err
	}
	if linked {
		w.links.add(m)
	}
	return w.done(m)
}

// done reports a member that is in the archive.
func (w *encoder) done(m *entry.Member) error {
	w.sum.Entries++
	if p := w.opt.Progress; p != nil {
		p.Entries.Add(1)
	}
	if w.opt.Member == nil {
		return nil
	}
	return w.opt.Member(m)
}

// file writes a regular file. It is false when the file could not be read and is
// left out.
func (w *encoder) file(it *item) (bool, error) {
	m := &it.m
	switch {
	case it.from == edit.Rewritten:
		if err := it.apply(); err != nil {
			return false, err
		}
	case !it.read && it.content != nil && it.sparse == nil:
		it.sparse, it.err = mapOf(it.content, &m.Entry)
	}
	if it.err != nil {
		w.unreadable(m.Path, it.err)
		return false, nil
	}
	if it.changed != "" {
		w.sum.Changed = append(w.sum.Changed, entry.Note{Path: m.Path, Reason: it.changed})
	}
	if _, err := w.frames.Write(w.headers.encode(m, it.sparse)); err != nil {
		return false, err
	}
	if it.read && it.sparse == nil {
		if _, err := w.frames.Write(it.data); err != nil {
			return false, err
		}
		w.progress(len(it.data))
		return true, w.zeros(padding(m.Size), nil)
	}
	return true, w.stream(it)
}

// stream writes the content of a file that was not read whole, or that has holes,
// and takes its digest.
func (w *encoder) stream(it *item) error {
	m := &it.m
	runs, stored := []entry.Extent{{Offset: 0, Length: m.Size}}, m.Size
	sum := w.hash
	sum.begin()
	payload := false // whether the digest is over map and data
	if s := it.sparse; s != nil {
		runs, stored = s.Data, s.Stored()
		payload = s.Holes() > entry.MaxHashedHoles
		var h *contentHash
		if payload {
			h = sum
		}
		if err := w.write(s.Text, h); err != nil {
			return err
		}
	}
	at, used := int64(0), 0
	for _, run := range runs {
		if !payload {
			sum.zeros(run.Offset - at)
		}
		at = run.Offset + run.Length
		var err error
		if it.read {
			err = w.write(it.data[used:used+int(run.Length)], sum)
			used += int(run.Length)
			w.progress(int(run.Length))
		} else {
			err = w.copy(it, run, sum)
		}
		if err != nil {
			return err
		}
	}
	if !payload {
		sum.zeros(m.Size - at)
	}
	if err := w.zeros(padding(stored), nil); err != nil {
		return err
	}
	digest := sum.end()
	if payload {
		m.SparseSHA256 = digest
	} else {
		m.SHA256 = digest
	}
	if it.read {
		return nil
	}
	what, err := it.changedSince()
	if err != nil {
		w.unreadable(m.Path, err)
	} else if what = cmp.Or(what, it.cut()); what != "" {
		w.sum.Changed = append(w.sum.Changed, entry.Note{Path: m.Path, Reason: what})
	}
	return nil
}

// copy reads a run of a file into the archive. What the file lacks by now, or
// cannot be read any more, is filled with zeros: the header is out.
func (w *encoder) copy(it *item, run entry.Extent, sum *contentHash) error {
	if it.broken {
		return w.zeros(run.Length, sum)
	}
	for done := int64(0); done < run.Length; {
		room, err := w.frames.room()
		if err != nil {
			return err
		}
		// Pieces small enough that hashing and reading overlap.
		room = room[:min(int64(len(room)), run.Length-done, 1<<20)]
		if it.pace != nil {
			room = room[:min(len(room), it.pace.Portion())]
		}
		n, err := it.readAt(room, run.Offset+done)
		if n > 0 {
			sum.add(w.frames, room[:n])
			w.frames.advance(n)
			w.progress(n)
			done += int64(n)
		}
		if err == nil {
			continue
		}
		if err == io.EOF {
			it.endedAt(run.Offset + done)
		} else {
			it.broken = true
			w.unreadable(it.m.Path, fmt.Errorf("zeros are in place of what follows byte %d: %w", run.Offset+done, err))
		}
		return w.zeros(run.Length-done, sum)
	}
	return nil
}

// write takes p into the archive, and into the digest when there is one.
func (w *encoder) write(p []byte, sum *contentHash) error {
	for len(p) > 0 {
		room, err := w.frames.room()
		if err != nil {
			return err
		}
		n := copy(room, p)
		if sum != nil {
			sum.add(w.frames, room[:n])
		}
		w.frames.advance(n)
		p = p[n:]
	}
	return nil
}

var zeroPage [64 << 10]byte

// zeros writes n bytes of zeros.
func (w *encoder) zeros(n int64, sum *contentHash) error {
	for n > 0 {
		k := min(n, int64(len(zeroPage)))
		if err := w.write(zeroPage[:k], sum); err != nil {
			return err
		}
		n -= k
	}
	return nil
}

func (w *encoder) progress(n int) {
	if p := w.opt.Progress; p != nil {
		p.Bytes.Add(int64(n))
	}
}

// unreadable notes something that should be in the archive and is not.
func (w *encoder) unreadable(path string, err error) {
	w.sum.Unreadable = append(w.sum.Unreadable, Unread(path, err))
}

// Unread is the note of something that could not be read.
func Unread(path string, err error) entry.Note {
	return entry.Note{Path: path, Reason: reason(path, err)}
}

// reason is the error without the path, which the note names already.
func reason(path string, err error) string {
	s := err.Error()
	for _, of := range []string{" of ", " "} {
		if before, after, ok := strings.Cut(s, of+entry.Escape(path)+": "); ok {
			return before + ": " + after
		}
	}
	return s
}

// unjoin splits what errors.Join put together.
func unjoin(err error) []error {
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		return j.Unwrap()
	}
	return []error{err}
}

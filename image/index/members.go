package index

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"

	"image-capture/compress"
	"image-capture/entry"
	"image-capture/image"
	"image-capture/manifest"
)

// Members are what a Plan takes of an image, in its order, as image.Reader gives all of it:
// frames are decoded side by side, and no others are read. A hard link whose first name is
// not taken has the content of that. An error is a *WrongError where the image is not as the
// MANIFEST says, else that of reading the source or the MANIFEST, and final.
type Members struct {
	ctx      context.Context
	plan     *Plan
	src      *guarded
	manifest *manifest.Reader
	text     io.Closer
	frames   *compress.Reader
	part     *part         // of the frames, which in reads
	in       *image.Reader // nil before the first
	stretch  int           // which that reads
	at       int64         // the entry where it stands
	listed   int64         // entries that were read of the MANIFEST
	left     int64
	aside    *Content      // instead of in, of a hard link
	cur      *image.Reader // one of both
	want     *entry.Member
	instead  map[string]string        // the names that first names of inodes have here
	firsts   map[string]*entry.Member // as the MANIFEST lists them
	err      error
}

// Read begins to read the image. The caller closes the Members, which does not close src.
func (p *Plan) Read(ctx context.Context, src Source) (*Members, error) {
	if p.why != "" {
		return nil, errors.New(p.why)
	}
	if src.Size() != p.facts.Size {
		return nil, wrongSize(src.Size(), p.facts.Size)
	}
	s := &Members{ctx: ctx, plan: p, src: &guarded{Source: src}, stretch: -1, left: p.left, instead: map[string]string{}, firsts: map[string]*entry.Member{}}
	text, err := p.open()
	if err != nil {
		return nil, err
	}
	s.text = text
	if s.manifest, err = manifest.Parse(text); err == nil {
		s.frames, err = compress.NewPackedReader(s.src, codecs[p.facts.Format], p.wantedFrames())
	}
	if err != nil {
		text.Close()
		return nil, err
	}
	return s, nil
}

// Received is how many bytes of the image were read. It may be asked at any time.
func (s *Members) Received() int64 { return s.src.n.Load() }

// Close ends the reading and waits for it.
func (s *Members) Close() error {
	s.closeAside()
	s.frames.Close()
	return s.text.Close()
}

func (s *Members) closeAside() {
	if s.aside != nil {
		s.aside.Close()
		s.aside = nil
	}
}

// Next returns the next member, io.EOF after the last.
func (s *Members) Next() (*entry.Member, error) {
	if s.err != nil {
		return nil, s.err
	}
	m, err := s.next()
	if err != nil {
		s.want, s.err = nil, err
		return nil, err
	}
	return m, nil
}

func (s *Members) next() (*entry.Member, error) {
	s.closeAside()
	if s.left == 0 {
		return nil, io.EOF
	}
	for {
		if err := s.ctx.Err(); err != nil {
			return nil, context.Cause(s.ctx)
		}
		want, err := s.manifest.Next()
		if err == io.EOF {
			err = io.ErrUnexpectedEOF // it was longer before
		}
		if err != nil {
			return nil, err
		}
		if s.plan.aside[want.Path] != nil && want.HardLink == "" {
			s.firsts[want.Path] = want
		}
		s.listed++
		if !s.plan.isTaken(s.listed - 1) {
			continue
		}
		s.left--
		m, err := s.find(s.listed-1, want)
		if err != nil {
			return nil, wrongAt(want.Path, err)
		}
		return s.linked(m)
	}
}

// find goes to an entry in the image.
func (s *Members) find(n int64, want *entry.Member) (*entry.Member, error) {
	next := s.stretch
	for next+1 < len(s.plan.stretches) && n >= s.plan.stretches[next+1].entry {
		next++
	}
	if next != s.stretch {
		if err := s.open(next); err != nil {
			return nil, err
		}
	}
	s.in.LeaveDigests()
	var got *entry.Member
	for ; s.at < n; s.at++ {
		var err error
		if got, err = s.in.Next(); err != nil {
			if err == io.EOF {
				err = errors.New("the image ends before it")
			}
			return nil, err
		}
	}
	s.cur, s.want = s.in, want
	return got, agrees(got, want)
}

// open begins a stretch.
func (s *Members) open(next int) error {
	for s.part != nil && s.part.left > 0 {
		if _, err := s.part.Next(); err != nil {
			return err
		}
	}
	from := s.plan.stretches[next]
	s.stretch, s.at = next, from.entry-1
	s.part = &part{s.frames, from.last - from.first + 1}
	var err error
	s.in, err = image.NewPiecesReader(s.part, codecs[s.plan.facts.Format], s.plan.frames[from.first], from.at)
	return err
}

// linked gives a hard link to a name that is not taken what that has.
func (s *Members) linked(m *entry.Member) (*entry.Member, error) {
	first := s.plan.aside[m.HardLink]
	if first == nil {
		return m, nil
	}
	if name, ok := s.instead[m.HardLink]; ok {
		c := *m
		c.HardLink = name
		w := *s.want
		w.HardLink = name
		s.want = &w
		return &c, nil
	}
	if first.Member = s.firsts[m.HardLink]; first.Member == nil {
		return nil, &WrongError{m.Path, fmt.Errorf("the MANIFEST does not say where the content of %s is", entry.Escape(m.HardLink))}
	}
	content, err := first.Open(s.src)
	if err != nil {
		return nil, err
	}
	s.aside, s.cur = content, content.in
	s.instead[m.HardLink] = m.Path
	got, want := *content.got, *first.Member
	got.Path, want.Path = m.Path, m.Path
	s.want = &want
	return &got, nil
}

// Data is as that of image.Reader.
func (s *Members) Data(most int) (int64, []byte, error) {
	off, b, err := s.cur.Data(most)
	if err != nil && err != io.EOF {
		s.err = wrongAt(s.want.Path, err)
		err = s.err
	}
	return off, b, err
}

// TakeDigests is as that of image.Reader, for the member that Next returned last.
func (s *Members) TakeDigests() { s.cur.TakeDigests() }

// LeaveDigests ends what TakeDigests began.
func (s *Members) LeaveDigests() { s.cur.LeaveDigests() }

// Listed are the members as the MANIFEST lists them, in step with Next: what that returned
// last.
func (s *Members) Listed() interface {
	Next() (*entry.Member, error)
} {
	return listed{s}
}

type listed struct{ s *Members }

func (l listed) Next() (*entry.Member, error) {
	if l.s.want == nil {
		return nil, io.EOF
	}
	return l.s.want, nil
}

// agrees compares a member with what is listed, but for its content.
func agrees(got, want *entry.Member) error {
	if got.Path != want.Path {
		return fmt.Errorf("%s is at its place", entry.Escape(got.Path))
	}
	other := ""
	switch {
	case got.HardLink != want.HardLink:
		other = "another first name"
	case got.Perm != want.Perm:
		other = "another mode"
	case got.UID != want.UID || got.GID != want.GID:
		other = "another owner"
	case got.Mtime != want.Mtime:
		other = "another time"
	case want.HardLink != "": // of another name the image has no more
	case got.Type != want.Type:
		other = "another type"
	case got.Size != want.Size:
		other = "another size"
	case got.Link != want.Link:
		other = "another link target"
	case got.Major != want.Major || got.Minor != want.Minor:
		other = "another device number"
	case got.Flags != want.Flags:
		other = "other inode flags"
	case !slices.Equal(got.Xattrs, want.Xattrs):
		other = "other xattrs"
	}
	if other != "" {
		return errors.New("it has " + other + " there")
	}
	return nil
}

// part are some of the next frames.
type part struct {
	from *compress.Reader
	left int
}

func (p *part) Next() ([]byte, error) {
	if p.left == 0 {
		return nil, errors.New("it goes on after where the next is listed")
	}
	p.left--
	return p.from.Next()
}

func (p *part) Close() {}

// guarded is a source that two read by turns.
type guarded struct {
	Source
	mu sync.Mutex
	n  atomic.Int64
}

func (g *guarded) ReadAt(p []byte, off int64) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	n, err := g.Source.ReadAt(p, off)
	g.n.Add(int64(n))
	if err != nil && err != io.EOF {
		err = &sourceError{err}
	}
	return n, err
}

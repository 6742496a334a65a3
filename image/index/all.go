package index

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"image-capture/compress"
	"image-capture/entry"
)

// All are all members of an image, in its order, as the MANIFEST lists them, with the contents
// that a plan of MakeContentPlan wants, which are read of the image. Of what is not read the
// MANIFEST is believed: who wants to be sure compares the image's SHA-256 with it. What is
// read has to agree: contents have their digests, and all members up to the last that is
// wanted of frames that stand side by side are those that are listed there. Errors are as
// those of Members.
type All struct {
	s     *Members
	want  *entry.Member // as it is listed
	got   *entry.Member // as the image has it; nil where that was not read
	taken bool          // its content is wanted
}

// All begins to read the image. The caller closes what is returned, which does not close src.
func (p *Plan) All(ctx context.Context, src Source) (*All, error) {
	s, err := p.Read(ctx, src)
	if err != nil {
		return nil, err
	}
	return &All{s: s}, nil
}

// EndsAsListed says whether a tgz ends with the trailer of the gzip data (RFC 1952), by the
// size that it has there: zeros may follow it, which only who reads all of it can tell of.
func (p *Plan) EndsAsListed(src Source) (bool, error) {
	if codecs[p.facts.Format] != compress.Gzip {
		return true, nil
	}
	var b [4]byte
	if p.facts.Size < int64(len(b)) {
		return false, nil
	}
	if _, err := src.ReadAt(b[:], p.facts.Size-int64(len(b))); err != nil && err != io.EOF {
		return false, err
	}
	return binary.LittleEndian.Uint32(b[:]) == uint32(p.facts.UnpackedSize), nil
}

// Padding is 0, as that of image.Reader: see EndsAsListed.
func (a *All) Padding() int64 { return 0 }

// Close ends the reading and waits for it.
func (a *All) Close() error { return a.s.Close() }

// Next returns the next member, io.EOF after the last.
func (a *All) Next() (*entry.Member, error) {
	if a.s.err != nil {
		return nil, a.s.err
	}
	if a.s.err = a.next(); a.s.err != nil {
		return nil, a.s.err
	}
	if a.got != nil {
		return a.got, nil
	}
	return inTar(a.want), nil
}

func (a *All) next() (err error) {
	if err := a.settle(); err != nil {
		return wrongAt(a.want.Path, err)
	}
	s := a.s
	if s.ctx.Err() != nil {
		return context.Cause(s.ctx)
	}
	a.got = nil
	if a.want, err = s.manifest.Next(); err != nil {
		if err == io.EOF && s.left > 0 {
			err = io.ErrUnexpectedEOF // it was longer before
		}
		return err
	}
	n := s.listed
	s.listed++
	if !s.plan.isRead(n, s.stretch) {
		return nil
	}
	if a.got, err = s.find(n, a.want); err != nil {
		return wrongAt(a.want.Path, err)
	}
	if a.taken = s.plan.isTaken(n); a.taken {
		s.left--
		s.in.TakeDigests()
	}
	return nil
}

// isRead says whether an entry is read of the image, where the reading stands at a stretch.
func (p *Plan) isRead(n int64, at int) bool {
	if at+1 < len(p.stretches) && n >= p.stretches[at+1].entry {
		return true
	}
	return at >= 0 && n <= p.stretches[at].until
}

// settle compares the content of the last member with its digest.
func (a *All) settle() error {
	if !a.taken {
		return nil
	}
	a.taken = false
	if err := a.s.in.Skip(); err != nil {
		return err
	}
	return sameDigests(a.got, a.want)
}

func sameDigests(got, want *entry.Member) error {
	for _, d := range [][2][]byte{{got.SHA256, want.SHA256}, {got.SparseSHA256, want.SparseSHA256}} {
		if !bytes.Equal(d[0], d[1]) {
			return fmt.Errorf("its content has the SHA-256 %s instead of %s", hex.EncodeToString(d[0]), hex.EncodeToString(d[1]))
		}
	}
	return nil
}

// Content reads the content of the member that Next returned last, as image.Reader does. That
// of one that is not wanted is an error. Next compares it with the digest.
func (a *All) Content() io.Reader {
	switch {
	case a.taken:
		return wrongReader{a.s.in.Content(), a.want.Path}
	case a.want.Size == 0:
		return bytes.NewReader(nil)
	}
	return wrongReader{unwanted{}, a.want.Path}
}

type unwanted struct{}

func (unwanted) Read([]byte) (int, error) { return 0, errors.New("it was not to be read") }

// wrongReader names the member in errors.
type wrongReader struct {
	r    io.Reader
	path string
}

func (w wrongReader) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if err != nil && err != io.EOF {
		err = wrongAt(w.path, err)
	}
	return n, err
}

// inTar makes of what the MANIFEST lists what the tar has of it: a hard link has nothing of
// the inode there, and nothing says how many names that has.
func inTar(listed *entry.Member) *entry.Member {
	m := *listed
	m.Nlink = 0
	if m.HardLink != "" {
		m.Type, m.Size, m.Link, m.Major, m.Minor, m.Flags, m.Xattrs = 0, 0, "", 0, 0, 0, nil
	}
	return &m
}

package compare

import (
	"cmp"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"sync/atomic"

	"image-capture/entry"
	"image-capture/image"
	"image-capture/manifest"
)

// What is of the image as a whole. Size is its own too.
const (
	MD5         Field = "md5sum"
	ImageSHA256 Field = "sha256sum"
	Unpacked    Field = "unpacked size" // bytes of tar
	// Place is where an entry begins in the tar, and in which frame.
	Place Field = "place"
	// BrokenImage is that the image cannot be read to its end: Got says why.
	BrokenImage Field = "image"
	// BrokenManifest is the same of the MANIFEST: Want says why.
	BrokenManifest Field = "MANIFEST"
)

// Of makes a stream of an image of which nothing was read, with the digests of files.
func Of(r *image.Reader) Stream {
	r.TakeDigests()
	return members{r}
}

type members struct{ r *image.Reader }

func (m members) Next() (*entry.Member, error) {
	e, err := m.r.Next()
	if err != nil {
		return nil, err
	}
	return e, m.r.Skip()
}

// Source counts and hashes an image while it is read.
type Source struct {
	r           io.Reader
	md5, sha256 hash.Hash // nil for a digest that nobody wants
	size        atomic.Int64
	err         atomic.Pointer[error] // of r, and not io.EOF
}

// NewSource returns the source of an image that r reads.
func NewSource(r io.Reader) *Source { return &Source{r: r, sha256: sha256.New()} }

// Size is how many bytes were read. It may be asked at any time.
func (s *Source) Size() int64 { return s.size.Load() }

func (s *Source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if s.md5 != nil {
		s.md5.Write(p[:n])
	}
	s.sha256.Write(p[:n])
	s.size.Add(int64(n))
	if err != nil && err != io.EOF {
		s.err.Store(&err)
	}
	return n, err
}

// SHA256 is the digest of what was read.
func (s *Source) SHA256() []byte { return s.sha256.Sum(nil) }

// failed says whether an error is that of reading the source, such as of a connection,
// which says nothing of what is in it.
func (s *Source) failed(err error) bool {
	cause := s.err.Load()
	return cause != nil && errors.Is(err, *cause)
}

// Image reads all of an image, of which nothing was read, and compares it with its MANIFEST: entries, digests of
// files, and size and digests of the whole. The error is one of ctx or of reading the
// source; what is wrong with image or MANIFEST is a difference. Frames are the index of the
// MANIFEST, as manifest.Frames returns it: one that is wrong is a difference too.
func Image(ctx context.Context, src *Source, want *manifest.Reader, frames []entry.Frame, found func(Difference)) (Result, error) {
	src.md5 = md5.New()
	res, err := entriesOf(ctx, src, want, frames, found)
	if err != nil {
		return res, err
	}
	// The digests are of all bytes, also after a place that cannot be read.
	if _, err := io.Copy(io.Discard, src); err != nil {
		return res, err
	}
	facts := want.Facts()
	for _, d := range []Difference{
		{"", Size, fmt.Sprint(src.Size()), fmt.Sprint(facts.Size)},
		{"", MD5, hex.EncodeToString(src.md5.Sum(nil)), facts.MD5},
		{"", ImageSHA256, hex.EncodeToString(src.sha256.Sum(nil)), facts.SHA256},
	} {
		if d.Got != d.Want {
			found(d)
		}
	}
	return res, nil
}

func entriesOf(ctx context.Context, src *Source, want *manifest.Reader, frames []entry.Frame, found func(Difference)) (Result, error) {
	broken := func(err error) error {
		if src.failed(err) {
			return err
		}
		found(Difference{Field: BrokenImage, Got: err.Error()})
		return nil
	}
	r, err := image.NewIndexedReader(src, frames)
	if err != nil {
		return Result{}, broken(err)
	}
	defer r.Close()
	p := &placed{Stream: Of(r), want: want, frames: frames, found: found}
	res, err := Entries(ctx, p, listed{p}, found)
	var bad *ReadError
	switch {
	case errors.As(err, &bad) && bad.Second:
		found(Difference{Field: BrokenManifest, Want: bad.Err.Error()})
		return res, nil
	case bad != nil:
		return res, broken(bad.Err)
	case err != nil:
		return res, err
	}
	if facts := want.Facts(); res.Ended && facts.UnpackedSize != r.Unpacked() {
		found(Difference{"", Unpacked, fmt.Sprint(r.Unpacked()), fmt.Sprint(facts.UnpackedSize)})
	}
	return res, nil
}

// placed is the members of an image, whose places in the tar are compared with those that the
// MANIFEST lists.
type placed struct {
	Stream
	want   *manifest.Reader
	frames []entry.Frame
	found  func(Difference)
	got    *entry.Member
}

func (p *placed) Next() (m *entry.Member, err error) {
	p.got, err = p.Stream.Next()
	return p.got, err
}

// listed is the MANIFEST, in step with the image.
type listed struct{ *placed }

func (l listed) Next() (*entry.Member, error) {
	m, err := l.want.Next()
	if err == nil && l.got != nil && l.got.Path == m.Path {
		l.compare(l.got)
	}
	return m, err
}

// compare compares what only the index has: by a wrong one the entry would not be found.
func (p *placed) compare(got *entry.Member) {
	listed, at, ok := p.want.Place()
	if !ok {
		return
	}
	i, found := slices.BinarySearchFunc(p.frames, got.At, func(f entry.Frame, at int64) int { return cmp.Compare(f.Tar, at) })
	if !found {
		i--
	}
	if i < 0 {
		return // a wrong frame is told of its own
	}
	if in := p.frames[i].Tar; in != listed.Tar || at >= 0 && at != got.At {
		want := "unknown"
		if at >= 0 {
			want = fmt.Sprint(at)
		}
		p.found(Difference{got.Path, Place, fmt.Sprintf("byte %d of the tar, in the frame of byte %d", got.At, in), fmt.Sprintf("%s, in that of %d", want, listed.Tar)})
	}
}

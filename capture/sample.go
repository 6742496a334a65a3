package capture

import (
	"archive/tar"
	"bytes"
	"slices"
	"time"

	"image-capture/compress"
	"image-capture/entry"
)

// sampler estimates how small a tar gets: it compresses pieces of it that lie evenly in
// it. At first each piece is taken; whenever there are mostSamples of them, every second
// is forgotten and from then on half as many are taken. So small trees are compressed
// whole, and of large ones about as much as mostSamples, each time that they double.
type sampler struct {
	encoder compress.Encoder // nil: nothing is compressed
	at      int64            // bytes of tar so far
	next    int64            // where the next sample begins
	size    int64            // of a sample
	stride  int64
	buf     []byte // of the sample that is being taken, which began at next
	out     []byte
	taken   []sample
}

type sample struct{ at, raw, packed int64 }

const (
	// zstd looks back as far as its frame reaches, and a short sample gives it less.
	gzipSample  = 256 << 10
	zstdSample  = 1 << 20
	mostSamples = 128
	block       = 512
)

func newSampler(codec compress.Codec, level compress.Level) (*sampler, error) {
	s := &sampler{size: gzipSample}
	if codec == compress.Zstd {
		s.size = zstdSample
	}
	s.stride = s.size
	if codec == compress.None {
		return s, nil
	}
	var err error
	s.encoder, err = compress.NewEncoder(codec, level)
	return s, err
}

// add takes an entry: its header and, for a file, the bytes that are stored.
func (s *sampler) add(c *contentOf) error {
	head := int64(block)
	if c.entry.Mtime.Nsec != 0 || len(c.entry.Path) > 100 {
		head = 3 * block // with an extended header
	}
	start := s.at
	s.at += head + (c.size+block-1)&^(block-1)
	if s.encoder == nil {
		return nil
	}
	for s.next+int64(len(s.buf)) < s.at {
		from := s.next + int64(len(s.buf)) - start
		room := s.size - int64(len(s.buf))
		if from < head {
			h := header(c.entry, c.size, head)[from:]
			s.buf = append(s.buf, h[:min(room, int64(len(h)))]...)
		} else {
			n := min(room, s.at-start-from)
			piece := make([]byte, n) // what cannot be read, and what fills the last block, is zeros
			if from-head < c.size {
				c.readAt(piece[:min(n, c.size-(from-head))], from-head)
			}
			s.buf = append(s.buf, piece...)
		}
		if int64(len(s.buf)) < s.size {
			continue
		}
		if err := s.take(); err != nil {
			return err
		}
	}
	return nil
}

// take compresses a sample, and finds where the next begins.
func (s *sampler) take() (err error) {
	if s.out, err = s.encoder.Encode(s.out[:0], s.buf); err != nil {
		return err
	}
	s.taken = append(s.taken, sample{s.next, int64(len(s.buf)), int64(len(s.out))})
	if len(s.taken) >= mostSamples {
		s.stride *= 2
		s.taken = slices.DeleteFunc(s.taken, func(t sample) bool { return t.at%s.stride != 0 })
	}
	s.next = (s.next/s.stride + 1) * s.stride
	s.buf = s.buf[:0]
	return nil
}

// estimate returns the bytes of the tar, those of the image, and of how many that is known.
func (s *sampler) estimate() (tar, image, sampled int64, err error) {
	tar = s.at + 2*block
	if s.encoder == nil {
		return tar, tar, tar, nil
	}
	if len(s.buf) > 0 {
		if err := s.take(); err != nil {
			return 0, 0, 0, err
		}
	}
	packed := int64(0)
	for _, t := range s.taken {
		sampled += t.raw
		packed += t.packed
	}
	if sampled == 0 {
		return tar, tar, 0, nil
	}
	return tar, int64(float64(tar) * float64(packed) / float64(sampled)), sampled, nil
}

// header is a header like the one in the image, for its size only.
func header(e *entry.Entry, size, length int64) []byte {
	var b bytes.Buffer
	h := tar.Header{
		Typeflag: tar.TypeReg, Name: e.Path, Size: size, Mode: int64(e.Perm), Uid: int(e.UID), Gid: int(e.GID),
		ModTime: time.Unix(e.Mtime.Sec, int64(e.Mtime.Nsec)), Format: tar.FormatPAX,
	}
	_ = tar.NewWriter(&b).WriteHeader(&h) // a name that it does not take leaves zeros
	out := make([]byte, length)
	copy(out, b.Bytes())
	return out
}

package compress

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zstd"

	"image-capture/entry"
)

// PackedFrame is a frame, and how many bytes it has.
type PackedFrame struct {
	entry.Frame
	Packed, Unpacked int64
	// Last says that it is the image's last: what ends the image comes after it.
	Last bool
}

// MaxPackedFrame is how many bytes, packed and unpacked, a frame may have that
// NewPackedReader reads.
const MaxPackedFrame = maxWholeFrame

// mostAtOnce is how many bytes of frames that stand side by side are read at once.
const mostAtOnce = 4 << 20

// NewPackedReader decompresses some frames of an image side by side, and reads no more of
// it than these. Each piece is one of the frames, in the order of the list. One that does
// not have the bytes that the list says is an error. Only one goroutine reads src, up to
// Close.
func NewPackedReader(src io.ReaderAt, codec Codec, list []PackedFrame) (*Reader, error) {
	for _, f := range list {
		if f.Packed < 0 || f.Unpacked < 0 || f.Packed > MaxPackedFrame || f.Unpacked > MaxPackedFrame {
			return nil, fmt.Errorf("the frame at byte %d of the image has more than %d bytes", f.Image, MaxPackedFrame)
		}
	}
	jobs := min(runtime.GOMAXPROCS(0), maxDecoders)
	unpack, err := unpacker(codec, jobs)
	if err != nil {
		return nil, err
	}
	n := jobs + 2
	u := &Reader{
		free: make(chan *piece, n), ordered: make(chan *piece, n), work: make(chan *piece, n),
		stop: make(chan struct{}),
	}
	for range n {
		u.free <- &piece{done: make(chan struct{}, 1)}
	}
	for range jobs {
		u.wait.Go(func() {
			one := unpack()
			for p := range u.work {
				if err := one(p); err != nil {
					f := p.packed
					p.err = fmt.Errorf("the frame at byte %d of the image is not that of bytes %d to %d of the tar: %w", f.Image, f.Tar, f.Tar+f.Unpacked, err)
				}
				p.done <- struct{}{}
			}
		})
	}
	u.wait.Go(func() {
		defer close(u.work)
		defer close(u.ordered)
		u.err = u.packed(src, list)
	})
	return u, nil
}

// packed reads the frames, those that stand side by side together.
func (u *Reader) packed(src io.ReaderAt, list []PackedFrame) error {
	br := bufio.NewReaderSize(nil, mostAtOnce)
	end := int64(-1)
	for i, f := range list {
		if f.Image != end {
			end = f.Image
			for _, next := range list[i:] {
				if next.Image != end {
					break
				}
				end += next.Packed
			}
			br.Reset(io.NewSectionReader(src, f.Image, end-f.Image))
		}
		p, err := u.take()
		if err != nil {
			return err
		}
		p.packed = f
		p.in = slices.Grow(p.in[:0], int(f.Packed)+len(emptyLast))[:f.Packed]
		if _, err := io.ReadFull(br, p.in); err != nil {
			return noEOF(err)
		}
		end = f.Image + f.Packed
		u.ordered <- p
		u.work <- p
	}
	return io.EOF
}

var errOtherLength = errors.New("it has another length")

// unpacker returns what makes decoders of whole frames, each for one goroutine.
func unpacker(codec Codec, jobs int) (func() func(*piece) error, error) {
	switch codec {
	case None:
		return func() func(*piece) error {
			return func(p *piece) error {
				p.in, p.data = p.data, p.in
				return lengthIs(p)
			}
		}, nil
	case Gzip:
		return func() func(*piece) error {
			in := new(bytes.Reader)
			z := flate.NewReader(in)
			return func(p *piece) error { return inflatePacked(p, in, z) }
		}, nil
	case Zstd:
		z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(jobs), zstd.WithDecoderMaxWindow(MaxWindow), zstd.WithDecoderMaxMemory(MaxPackedFrame))
		if err != nil {
			return nil, err
		}
		return func() func(*piece) error {
			return func(p *piece) (err error) {
				if p.data, err = z.DecodeAll(p.in, p.data[:0]); err != nil {
					return err
				}
				return lengthIs(p)
			}
		}, nil
	}
	return nil, fmt.Errorf("no images are written through %s", codec)
}

func lengthIs(p *piece) error {
	if int64(len(p.data)) != p.packed.Unpacked {
		return errOtherLength
	}
	return nil
}

// inflatePacked inflates a piece of deflate, which ends where the next begins: at a byte
// boundary; see emptyLast.
func inflatePacked(p *piece, in *bytes.Reader, z io.Reader) error {
	if !p.packed.Last {
		p.in = append(p.in, emptyLast...)
	}
	in.Reset(p.in)
	if err := z.(flate.Resetter).Reset(in, nil); err != nil {
		return err
	}
	most := int(p.packed.Unpacked) + 1
	p.data = slices.Grow(p.data[:0], most)
	for len(p.data) < most {
		n, err := z.Read(p.data[len(p.data):most])
		p.data = p.data[:len(p.data)+n]
		switch {
		case err == io.EOF && in.Len() > 0 && !p.packed.Last:
			return errOtherLength
		case err == io.EOF:
			return lengthIs(p)
		case err != nil:
			return noEOF(err)
		}
	}
	return errOtherLength
}

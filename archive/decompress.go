package archive

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"github.com/klauspost/compress/gzip"
)

const (
	// inputBuffer is how much is read of an image at once.
	inputBuffer = 256 << 10
	// pieceSize is the size of the pieces of tar that are unpacked ahead, but for
	// zstd frames that are decoded whole.
	pieceSize = 256 << 10
	// piecesAhead is how many of them there are.
	piecesAhead = 8
)

// piece is a run of the tar.
type piece struct {
	in   []byte // the zstd frame that data is decoded from, if it is
	at   int64  // where that starts in the image
	data []byte
	err  error         // why data is not there
	done chan struct{} // gets a value when data or err is
}

// unpacker decompresses a stream ahead of whoever takes its pieces, in order. There
// is a fixed number of pieces, so memory is bounded.
type unpacker struct {
	free, ordered, work chan *piece
	stop                chan struct{} // closed when nobody wants more
	cur                 *piece
	// err is why there are no more pieces, io.EOF at a whole end; valid when ordered
	// is closed.
	err    error
	wait   sync.WaitGroup
	closer sync.Once
}

// errStopped ends what unpacks when the reader is closed.
var errStopped = errors.New("image reader closed")

// newUnpacker starts to unpack br.
func newUnpacker(br *bufio.Reader, codec Codec) (*unpacker, error) {
	jobs, n := 0, piecesAhead
	if codec == Zstd {
		// Whole frames are decoded side by side: one for each worker, one being
		// read, one being taken.
		jobs = min(runtime.GOMAXPROCS(0), maxDecoders)
		n = jobs + 2
	}
	u := &unpacker{
		free: make(chan *piece, n), ordered: make(chan *piece, n), work: make(chan *piece, n),
		stop: make(chan struct{}),
	}
	for range n {
		u.free <- &piece{done: make(chan struct{}, 1)}
	}
	var fill func() error
	switch codec {
	case Gzip:
		fill = func() error { return u.gzip(br) }
	case XZ:
		fill = func() error { return u.xz(br) }
	case Bzip2:
		fill = func() error { return u.bzip2(br) }
	case Zstd:
		z, err := newZstdFrames(br, u, jobs)
		if err != nil {
			return nil, err
		}
		for range jobs {
			u.wait.Go(z.decodeFrames)
		}
		fill = func() error {
			defer z.close()
			return z.run()
		}
	default:
		fill = func() error { return u.copy(br) }
	}
	u.wait.Go(func() {
		defer close(u.work)
		defer close(u.ordered)
		u.err = fill()
	})
	return u, nil
}

// next returns the next piece of the tar, valid until the next call.
func (u *unpacker) next() ([]byte, error) {
	if u.cur != nil {
		u.free <- u.cur // has room for every piece there is
		u.cur = nil
	}
	p, ok := <-u.ordered
	if !ok {
		return nil, u.err
	}
	<-p.done // a worker always gets there
	u.cur = p
	return p.data, p.err
}

// close ends the unpacking and waits for it.
func (u *unpacker) close() {
	u.closer.Do(func() { close(u.stop) })
	u.wait.Wait()
}

// take returns a piece to fill.
func (u *unpacker) take() (*piece, error) {
	select {
	case <-u.stop:
		return nil, errStopped
	default:
	}
	select {
	case p := <-u.free:
		p.err = nil
		return p, nil
	case <-u.stop:
		return nil, errStopped
	}
}

// give hands over a piece that is filled.
func (u *unpacker) give(p *piece) {
	p.done <- struct{}{}
	u.ordered <- p
}

// copy cuts what r reads into pieces, up to its end or an error, which comes after
// all that was read before it.
func (u *unpacker) copy(r io.Reader) error {
	for {
		p, err := u.take()
		if err != nil {
			return err
		}
		if cap(p.data) < pieceSize {
			p.data = make([]byte, pieceSize)
		}
		p.data = p.data[:pieceSize]
		n := 0
		for n < pieceSize && err == nil {
			var k int
			k, err = r.Read(p.data[n:])
			n += k
		}
		p.data = p.data[:n]
		if n > 0 {
			u.give(p)
		} else {
			u.free <- p
		}
		if err != nil {
			return err
		}
	}
}

// gzip unpacks gzip members up to the end of the image. Each is checked against its
// CRC; what follows one must be another one or the end. Members are taken one by
// one, because a multistream gzip.Reader takes an end within the name in a header
// for the end of the stream.
func (u *unpacker) gzip(br *bufio.Reader) error {
	z := new(gzip.Reader)
	for first := true; ; first = false {
		if _, err := br.Peek(1); err != nil {
			return err // io.EOF where it may be
		}
		err := z.Reset(br)
		if err == nil {
			z.Multistream(false)
			if err = u.copy(z); err == io.EOF {
				continue
			}
		}
		switch err = noEOF(err); {
		case errors.Is(err, gzip.ErrHeader) && !first:
			return errors.New("decompress gzip: what follows a member is not another one")
		case err == errStopped || err == io.ErrUnexpectedEOF:
			return err
		}
		return fmt.Errorf("decompress gzip: %w", err)
	}
}

// magics are the first bytes of what is taken for an image now and then.
var magics = []struct{ magic, what string }{
	{"\x04\x22\x4d\x18", "lz4"},
	{"LZIP", "lzip"},
	{"\x5d\x00\x00", "lzma"},
	{"PK\x03\x04", "a zip archive"},
	{"07070", "a cpio archive"},
	{"\xc7\x71", "a cpio archive"},
	{"!<arch>\n", "an ar archive"},
	{"hsqs", "a squashfs image"},
	{"QFI\xfb", "a qcow2 disk image"},
	{"KDMV", "a VMDK disk image"},
	{"\x7fELF", "an ELF program"},
}

const wanted = "an image is a tar, plain or through gzip, zstd, xz or bzip2"

// sniff tells by its first bytes how an image is compressed.
func sniff(br *bufio.Reader) (Codec, error) {
	b, err := br.Peek(blockSize)
	if err != nil && err != io.EOF {
		return 0, fmt.Errorf("read image: %w", err)
	}
	switch {
	case len(b) == 0:
		return 0, errors.New("not an image: it is empty")
	case bytes.HasPrefix(b, []byte{0x1f, 0x8b}):
		return Gzip, nil
	case bytes.HasPrefix(b, []byte(zstdMagic)), len(b) >= 4 && b[0]&0xf0 == 0x50 && string(b[1:4]) == zstdSkippable:
		return Zstd, nil
	case bytes.HasPrefix(b, []byte("\xfd7zXZ\x00")):
		return XZ, nil
	case len(b) == blockSize && (string(b[257:262]) == "ustar" || isHeader(b) || isZero(b)):
		return None, nil
	case len(b) > 4 && string(b[:3]) == "BZh" && b[3] >= '1' && b[3] <= '9' && (b[4] == '1' || b[4] == 0x17):
		// Only now: a file in a plain tar may have such a name.
		return Bzip2, nil
	}
	for _, m := range magics {
		if bytes.HasPrefix(b, []byte(m.magic)) {
			return 0, fmt.Errorf("not an image: it looks like %s; "+wanted, m.what)
		}
	}
	what := "data of no kind that is known here"
	if isText(b) {
		what = "text"
	}
	return 0, fmt.Errorf("not an image: it looks like %s; "+wanted, what)
}

func isZero(b []byte) bool {
	for len(b) > len(zeroPage) {
		if !bytes.Equal(b[:len(zeroPage)], zeroPage[:]) {
			return false
		}
		b = b[len(zeroPage):]
	}
	return bytes.Equal(b, zeroPage[:len(b)])
}

func isText(b []byte) bool {
	for _, c := range b {
		if (c < ' ' && c != '\n' && c != '\r' && c != '\t') || c == 0x7f {
			return false
		}
	}
	return true
}

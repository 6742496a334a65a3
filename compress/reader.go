package compress

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"image-capture/entry"
)

const (
	// pieceSize is the size of the pieces that are decompressed ahead, but for zstd
	// frames that are decoded whole.
	pieceSize = 256 << 10
	// piecesAhead is how many of them there are.
	piecesAhead = 8
)

// piece is a run of what is decompressed.
type piece struct {
	in     []byte      // the frame that data is decoded from, if it is
	at     int64       // where that starts in the image
	packed PackedFrame // the same, where it was listed
	data   []byte
	crc    uint32        // of data, for gzip
	err    error         // why data is not there
	done   chan struct{} // gets a value when data or err is
}

// Reader decompresses a whole file ahead of whoever takes its pieces, in order. There
// is a fixed number of pieces, so memory is bounded. But for Close it is for one
// goroutine.
type Reader struct {
	free, ordered, work chan *piece
	stop                chan struct{} // closed when nobody wants more
	cur                 *piece
	// err is why there are no more pieces, io.EOF at a whole end; valid when ordered
	// is closed.
	err    error
	frames frameCheck
	// padding counts the zeros that followed gzip data; valid when ordered is closed.
	padding int64
	// unsummed says that some data came without a checksum; valid when ordered is closed.
	unsummed bool
	wait     sync.WaitGroup
	closer   sync.Once
}

// ErrClosed is the error of a Reader that was closed before the end.
var ErrClosed = errors.New("image reader closed")

// NewReader starts to decompress br, which is read ahead, to its end. The Reader has
// to be closed, after which br is not read any more. Lzop, LZ4 and LZMA are not read so.
//
// Frames are where those of the file are said to begin, in order; nil where nobody says
// that. Gzip is cut into pieces there. What comes out does not depend on them: where they
// are wrong, all of it comes, and then a *FrameError in place of io.EOF.
func NewReader(br *bufio.Reader, codec Codec, frames []entry.Frame) (*Reader, error) {
	jobs, n := 0, piecesAhead
	switch codec {
	case Zstd:
		// Whole frames are decoded side by side: one for each worker, one being
		// read, one being taken.
		jobs = min(runtime.GOMAXPROCS(0), maxDecoders)
		n = jobs + 2
	case Gzip:
		jobs = min(runtime.GOMAXPROCS(0), maxDecoders)
		n = gzipUnderWay(jobs) + 4
	}
	u := &Reader{
		free: make(chan *piece, n), ordered: make(chan *piece, n), work: make(chan *piece, n),
		stop:   make(chan struct{}),
		frames: frameCheck{said: frames},
	}
	for range n {
		u.free <- &piece{done: make(chan struct{}, 1)}
	}
	var fill func() error
	switch codec {
	case Gzip:
		for range jobs {
			u.wait.Go(u.inflate)
		}
		fill = func() error { return newGzipPieces(br, u, jobs).run() }
	case XZ:
		fill = func() error { return u.xz(br) }
	case Bzip2:
		fill = func() error { return u.bzip2(br) }
	case None:
		u.unsummed = true
		fill = func() error {
			for _, f := range frames {
				u.frames.begin(f.Image, f.Image)
			}
			return u.copy(br)
		}
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
		return nil, fmt.Errorf("a whole file of %s is not read", codec)
	}
	u.wait.Go(func() {
		defer close(u.work)
		defer close(u.ordered)
		u.err = fill()
		if u.err == io.EOF {
			u.err = cmp.Or(u.frames.end(), io.EOF)
		}
	})
	return u, nil
}

// Next returns the next piece of what is decompressed, valid until the next call:
// io.EOF after the last, when the file was read to its end and is whole.
func (u *Reader) Next() ([]byte, error) {
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

// Checksums says whether the format has a checksum of all that was decompressed, when Next
// returned io.EOF. Of xz files that are several streams the first tells.
func (u *Reader) Checksums() bool { return !u.unsummed }

// Padding returns how many bytes of zeros came after gzip data, when Next returned io.EOF.
func (u *Reader) Padding() int64 { return u.padding }

// Close ends the decompression and waits for it.
func (u *Reader) Close() {
	u.closer.Do(func() { close(u.stop) })
	u.wait.Wait()
}

// take returns a piece to fill.
func (u *Reader) take() (*piece, error) {
	select {
	case <-u.stop:
		return nil, ErrClosed
	default:
	}
	select {
	case p := <-u.free:
		p.err = nil
		return p, nil
	case <-u.stop:
		return nil, ErrClosed
	}
}

// give hands over a piece that is filled.
func (u *Reader) give(p *piece) {
	p.done <- struct{}{}
	u.ordered <- p
}

// copy cuts what r reads into pieces, up to its end or an error, which comes after
// all that was read before it.
func (u *Reader) copy(r io.Reader) error {
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

// noEOF is for where the input must not end.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

package compress

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
)

const (
	// gzipPiece is the most that a piece which is inflated beside others has,
	// decompressed: what our own have.
	gzipPiece = 1 << 20
	// maxPacked is the most that it has compressed. One that cannot be compressed is
	// stored, in blocks of at most 64 KiB.
	maxPacked = gzipPiece + gzipPiece/16
	// gzipWindow is how far deflate looks back.
	gzipWindow = 32 << 10
	// mostMisses is how many marks of one member may be none.
	mostMisses = 64
)

// flushMark is how an empty stored block ends, which ends a piece; see Z_FULL_FLUSH in
// zlib.h. The same bytes may stand anywhere else.
var flushMark = []byte{0x00, 0x00, 0xff, 0xff}

// emptyLast is a last block of deflate that is empty. It begins with the bits 1, 1, 0,
// and all of flushMark's last byte is ones: so it is only read as a block where one
// ended right before it, at a byte boundary. Three ones are a block of no type.
var emptyLast = []byte{0x03, 0x00}

// gzipUnderWay is how many pieces are inflated, or wait for it.
func gzipUnderWay(jobs int) int { return 2 * jobs }

// gzipPieces reads gzip members. What stands between two flush marks is inflated beside
// others, as if nothing stood before it. It is taken only where that comes to a block's
// end right at the second mark: then it does not look back over the first one, and one
// decoder that reads all would have made the same of it. Where it does not, a mark was
// none, or somebody else's flush kept the window; then that decoder reads on, with the
// window it would have. So nothing is accepted that it would refuse.
type gzipPieces struct {
	u    *Reader
	in   input
	most int           // pieces under way
	z    io.ReadCloser // reads on where there are no pieces

	under  []*piece // in order
	misses int
	crc    uint32 // of what was given of the member
	size   uint64
	tar    int64  // the same of all members
	window []byte // the last of what was given of the member
}

func newGzipPieces(br *bufio.Reader, u *Reader, jobs int) *gzipPieces {
	return &gzipPieces{u: u, in: input{br: br}, most: gzipUnderWay(jobs)}
}

// run unpacks gzip members up to the end of the image. Each is checked against its
// CRC and size; what follows one must be another one or the end. Members are taken one
// by one, because a multistream gzip.Reader takes an end within the name in a header
// for the end of the stream. Zeros up to the end are passed over, as gzip does: tapes and
// block devices pad with them.
func (g *gzipPieces) run() error {
	z := new(gzip.Reader)
	for first := true; ; first = false {
		if more, err := g.in.fill(1); !more {
			return err // io.EOF where it may be
		}
		if !first && g.in.left[0] == 0 {
			return g.padding()
		}
		err := z.Reset(&g.in) // reads the header and no more
		if err == nil {
			if err = g.member(); err == nil {
				continue
			}
		}
		switch err = noEOF(err); {
		case errors.Is(err, gzip.ErrHeader) && !first:
			return errors.New("decompress gzip: what follows a member is not another one")
		case err == ErrClosed || err == io.ErrUnexpectedEOF:
			return err
		}
		return fmt.Errorf("decompress gzip: %w", err)
	}
}

// padding reads to the end, where only zeros may come.
func (g *gzipPieces) padding() error {
	for {
		select {
		case <-g.u.stop:
			return ErrClosed
		default:
		}
		more, err := g.in.fill(1)
		if !more {
			return err
		}
		if len(bytes.TrimLeft(g.in.left, "\x00")) > 0 {
			return errors.New("decompress gzip: zeros follow a member, and then something else")
		}
		g.u.padding += int64(len(g.in.left))
		g.in.left = g.in.left[:0]
	}
}

// member reads what is between header and trailer, and the trailer.
func (g *gzipPieces) member() error {
	g.crc, g.size, g.window = 0, 0, g.window[:0]
	if g.misses < mostMisses {
		if err := g.pieces(); err != nil {
			return err
		}
		if g.size == 0 {
			g.misses = mostMisses // such as of another tool: it is not searched again
		}
	}
	in := flate.Reader(&g.in)
	if g.misses >= mostMisses {
		in = g.in.straight()
	}
	if g.z == nil {
		g.z = flate.NewReaderDict(in, g.window)
	} else if err := g.z.(flate.Resetter).Reset(in, g.window); err != nil {
		return err
	}
	rest := &checked{r: g.z, crc: g.crc}
	if err := g.u.copy(rest); err != io.EOF {
		return err
	}
	var trailer [8]byte
	if _, err := io.ReadFull(&g.in, trailer[:]); err != nil {
		return noEOF(err)
	}
	if rest.crc != binary.LittleEndian.Uint32(trailer[:]) || uint32(g.size+rest.n) != binary.LittleEndian.Uint32(trailer[4:]) {
		return gzip.ErrChecksum
	}
	g.tar += int64(rest.n)
	return nil
}

// pieces gives pieces up to where there is no further one, which is at the last block.
func (g *gzipPieces) pieces() error {
	for after := 0; ; {
		for len(g.under) < g.most {
			n := g.cut(after)
			if n < 0 {
				break
			}
			p, err := g.u.take()
			if err != nil {
				return err
			}
			p.in = append(p.in[:0], g.in.left[:n]...)
			p.at = g.in.at
			g.in.left = g.in.left[n:]
			g.in.at += int64(n)
			g.under = append(g.under, p)
			g.u.work <- p
			after = 0
		}
		if len(g.under) == 0 {
			return nil
		}
		p := g.under[0]
		if <-p.done; p.err == nil {
			g.under = slices.Delete(g.under, 0, 1)
			g.give(p)
			continue
		}
		after = len(p.in)
		if g.takeBack(); g.misses >= mostMisses {
			return nil
		}
		g.misses++
	}
}

// cut returns how long the piece is that begins here, as mark does; where a frame is said to
// end at a mark, up to there.
func (g *gzipPieces) cut(after int) int {
	if said := g.u.frames.length(g.in.at); said > int64(after) && said <= maxPacked {
		if n := g.in.mark(int(said) - 1); n == int(said) {
			return n
		}
	}
	return g.in.mark(after)
}

func (g *gzipPieces) give(p *piece) {
	g.crc = combineCRC(g.crc, p.crc, uint64(len(p.data)))
	g.u.frames.begin(g.tar, p.at)
	g.size += uint64(len(p.data))
	g.tar += int64(len(p.data))
	g.window = append(g.window, p.data[max(0, len(p.data)-gzipWindow):]...)
	g.window = g.window[:copy(g.window, g.window[max(0, len(g.window)-gzipWindow):])]
	g.u.give(p)
}

// takeBack puts what is under way back to what is left of the input. The first of it is
// done, and not good.
func (g *gzipPieces) takeBack() {
	var left []byte
	for i, p := range g.under {
		if i > 0 {
			<-p.done
		}
		left = append(left, p.in...)
		g.u.free <- p
	}
	g.under = g.under[:0]
	g.in.left = append(left, g.in.left...)
	g.in.at -= int64(len(left))
}

var errNoPiece = errors.New("not a piece of its own")

// inflate is one worker.
func (u *Reader) inflate() {
	in := new(bytes.Reader)
	z := flate.NewReader(in) // faster than from a bufio.Reader, by an eighth
	for p := range u.work {
		p.in = append(p.in, emptyLast...)
		in.Reset(p.in)
		p.err = z.(flate.Resetter).Reset(in, nil)
		p.data = slices.Grow(p.data[:0], gzipPiece+1)
		for p.err == nil && len(p.data) <= gzipPiece {
			var n int
			n, p.err = z.Read(p.data[len(p.data) : gzipPiece+1])
			p.data = p.data[:len(p.data)+n]
		}
		p.in = p.in[:len(p.in)-len(emptyLast)]
		if p.err == io.EOF && in.Len() == 0 && len(p.data) <= gzipPiece {
			p.err, p.crc = nil, crc32.ChecksumIEEE(p.data)
		} else {
			p.err = errNoPiece
		}
		p.done <- struct{}{}
	}
}

// input is what is left of the image: what was read ahead, then the rest.
type input struct {
	br   *bufio.Reader
	left []byte
	at   int64 // bytes of the image before what is left; no more counted once it is straight
}

// fill reads until n bytes are left, or says that there are not so many, and why.
func (i *input) fill(n int) (bool, error) {
	for len(i.left) < n {
		if _, err := i.br.Peek(1); err != nil {
			return false, err
		}
		b, _ := i.br.Peek(i.br.Buffered())
		if len(i.left)+len(b) > cap(i.left) {
			i.left = append(make([]byte, 0, max(2*maxPacked, 2*(len(i.left)+len(b)))), i.left...)
		}
		i.left = append(i.left, b...)
		_, _ = i.br.Discard(len(b)) // it is there
	}
	return true, nil
}

// mark returns how long a piece is that begins here and has more than after bytes; -1
// where no mark is near enough. An error of reading is met again by who reads on.
func (i *input) mark(after int) int {
	for {
		from := max(0, after-len(flushMark)+1)
		if from < len(i.left) {
			if at := bytes.Index(i.left[from:min(len(i.left), maxPacked)], flushMark); at >= 0 {
				return from + at + len(flushMark)
			}
		}
		if len(i.left) >= maxPacked {
			return -1
		}
		after = max(after, len(i.left))
		if more, _ := i.fill(len(i.left) + 1); !more {
			return -1
		}
	}
}

// straight returns the input as flate reads it fastest. To be called when nothing is
// put back any more: then it is made once.
func (i *input) straight() *bufio.Reader {
	if len(i.left) > 0 {
		i.br = bufio.NewReaderSize(io.MultiReader(bytes.NewReader(i.left), i.br), i.br.Size())
		i.left = nil
	}
	return i.br
}

func (i *input) Read(p []byte) (int, error) {
	if len(i.left) == 0 {
		n, err := i.br.Read(p)
		i.at += int64(n)
		return n, err
	}
	n := copy(p, i.left)
	i.left = i.left[n:]
	i.at += int64(n)
	return n, nil
}

// ReadByte is for flate, which else reads ahead.
func (i *input) ReadByte() (byte, error) {
	i.at++
	if len(i.left) == 0 {
		return i.br.ReadByte()
	}
	c := i.left[0]
	i.left = i.left[1:]
	return c, nil
}

// checked counts what is read and takes its CRC-32.
type checked struct {
	r   io.Reader
	crc uint32
	n   uint64
}

func (c *checked) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.crc = crc32.Update(c.crc, crc32.IEEETable, p[:n])
	c.n += uint64(n)
	return n, err
}

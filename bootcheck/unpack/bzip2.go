package unpack

import (
	"bufio"
	"compress/bzip2"
	"io"
)

// bzipBehind is how many bytes behind the end of a stream package bzip2 reads, to
// see whether another one follows.
const bzipBehind = 2

// lagging is an input of which the last bytes that were read are not yet taken.
type lagging struct {
	br   *bufio.Reader
	held int // bytes read, not yet taken
}

func (l *lagging) ReadByte() (byte, error) {
	b, err := l.br.Peek(l.held + 1)
	if err != nil {
		return 0, err
	}
	c := b[l.held]
	if l.held < bzipBehind {
		l.held++
		return c, nil
	}
	_, err = l.br.Discard(1)
	return c, err
}

// Read is for io.Reader: package bzip2 reads bytes where there is ReadByte.
func (l *lagging) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	c, err := l.ReadByte()
	if err != nil {
		return 0, err
	}
	p[0] = c
	return 1, nil
}

// bzip is a stream that ends where no other one follows; package bzip2 calls that
// an error.
type bzip struct {
	in *lagging
	z  io.Reader
}

func openBzip2(br *bufio.Reader) (io.Reader, error) {
	in := &lagging{br: br}
	return &bzip{in, bzip2.NewReader(in)}, nil
}

func (b *bzip) Read(p []byte) (int, error) {
	n, err := b.z.Read(p)
	if err == nil {
		return n, nil
	}
	switch err {
	case io.EOF:
		// What is held belongs to the stream, or all was taken before.
		_, derr := b.in.br.Discard(b.in.held)
		b.in.held = 0
		if derr != nil {
			err = derr
		}
	case bzip2.StructuralError("bad magic value in continuation file"):
		err = io.EOF
	}
	// Bytes that come with an error are of a block which was made up from zeros,
	// because the input ended within it.
	return 0, err
}

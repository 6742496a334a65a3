package compress

import (
	"bufio"
	"compress/bzip2"
	"errors"
	"fmt"
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

// bzip2Reader reads bzip2 streams, one after the other. Each block and each stream is
// checked against its CRC.
type bzip2Reader struct {
	z io.Reader
	// in is set where something else may follow the streams: it is not read, and no
	// error, as package bzip2 has it.
	in *lagging
}

func openBzip2(br *bufio.Reader) (io.Reader, error) {
	in := &lagging{br: br}
	return &bzip2Reader{bzip2.NewReader(in), in}, nil
}

// Read leaves out what package bzip2 returns together with an error: that is a block
// which was made up from zeros, because the input ended within it.
func (b *bzip2Reader) Read(p []byte) (int, error) {
	n, err := b.z.Read(p)
	if err == nil {
		return n, nil
	}
	if b.in == nil {
		return 0, err
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
	return 0, err
}

// bzip2 decompresses bzip2 streams up to the end of the input. What follows one must
// be another one or the end.
func (u *Reader) bzip2(br *bufio.Reader) error {
	err := u.copy(&bzip2Reader{z: bzip2.NewReader(br)})
	var broken bzip2.StructuralError
	switch {
	case err == io.EOF || err == ErrClosed || err == io.ErrUnexpectedEOF:
		return err
	case errors.As(err, &broken):
		return fmt.Errorf("decompress bzip2: %s", string(broken))
	}
	return err // of the source
}

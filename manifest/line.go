package manifest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

const (
	// maxPhysical bounds one line of the file, its newline included. gomtree stops
	// at 64 KiB.
	maxPhysical = 32 << 10
	// maxEntry bounds the text of one entry with its "#: " lines, and of one fact.
	maxEntry = 8 << 20

	continued = "#+"
)

// appendFolded writes an entry's line, folded where it is too long: a backslash
// before the newline, which gomtree and libarchive take out again. It breaks
// before a space where it can.
func appendFolded(dst, line []byte) []byte {
	const limit = maxPhysical - 2
	for len(line) > limit {
		n := bytes.LastIndexByte(line[:limit+1], ' ')
		if n <= 0 {
			n = unescapedCut(line, limit)
		}
		dst = append(dst, line[:n]...)
		dst = append(dst, '\\', '\n')
		line = line[n:]
	}
	dst = append(dst, line...)
	return append(dst, '\n')
}

// appendComment writes a comment's line, and goes on in "#+" lines where it is too
// long.
func appendComment(dst, line []byte) []byte {
	const limit = maxPhysical - 1
	room := limit
	for len(line) > room {
		n := unescapedCut(line, room)
		dst = append(dst, line[:n]...)
		dst = append(dst, '\n')
		dst = append(dst, continued...)
		line = line[n:]
		room = limit - len(continued)
	}
	dst = append(dst, line...)
	return append(dst, '\n')
}

// unescapedCut returns the place at or just before n that is not right after the
// backslash of an escape: libarchive would read the fold's own backslash as the
// escape's second half, and joins comments that end in a backslash.
func unescapedCut(line []byte, n int) int { return n - trailingBackslashes(line[:n])%2 }

func trailingBackslashes(b []byte) int {
	return len(b) - len(bytes.TrimRight(b, `\`))
}

// lineReader joins folded lines. It holds one line at a time.
type lineReader struct {
	r    *bufio.Reader
	n    int    // number of the last physical line read
	at   int    // number of the physical line where line begins
	line []byte // valid until the next call of advance
	err  error  // instead of line; io.EOF only after a whole line
}

func newLineReader(r io.Reader) *lineReader {
	l := &lineReader{r: bufio.NewReaderSize(r, maxPhysical)}
	l.advance()
	return l
}

// advance goes to the next line.
func (l *lineReader) advance() {
	l.line = l.line[:0]
	l.at = l.n + 1
	if l.err == nil {
		l.err = l.read()
	}
}

func (l *lineReader) read() error {
	if err := l.physical(); err != nil {
		return err
	}
	if len(l.line) > 0 && l.line[0] == '#' {
		for {
			b, err := l.r.Peek(len(continued))
			if err != nil && err != io.EOF {
				return err
			}
			if string(b) != continued {
				return nil
			}
			if _, err := l.r.Discard(len(continued)); err != nil {
				return err
			}
			if err := l.physical(); err != nil {
				return whole(err)
			}
		}
	}
	for trailingBackslashes(l.line)%2 == 1 {
		l.line = l.line[:len(l.line)-1]
		if err := l.physical(); err != nil {
			return whole(err)
		}
	}
	return nil
}

// physical adds the next line of the file to l.line, without its newline.
func (l *lineReader) physical() error {
	b, err := l.r.ReadSlice('\n')
	switch {
	case err == io.EOF && len(b) == 0:
		return io.EOF
	case err == io.EOF:
		l.n++
		return errors.New("the last line is cut short")
	case errors.Is(err, bufio.ErrBufferFull):
		l.n++
		return fmt.Errorf("line over %d bytes", maxPhysical)
	case err != nil:
		return err
	}
	l.n++
	if len(l.line)+len(b) > maxEntry {
		return fmt.Errorf("joined lines over %d bytes", maxEntry)
	}
	l.line = append(l.line, b[:len(b)-1]...)
	return nil
}

// whole turns the end of the file inside of a folded line into an error.
func whole(err error) error {
	if err == io.EOF {
		return errors.New("the last line is cut short")
	}
	return err
}

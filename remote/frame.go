package remote

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/gob"
	"fmt"
	"io"
	"sync"
	"time"

	"image-capture/capture"
	"image-capture/entry"
	"image-capture/manifest"
)

// A frame is one byte that says what it is, four bytes with the length of the rest, the
// highest first, and the rest.
const (
	aliveFrame   byte = 'A' // nothing: a sign of life
	imageFrame   byte = 'I' // bytes of the image
	messageFrame byte = 'M' // the next part of a stream of gob, which has one message
	// shellLine is no frame: sh on the host begins a line, which says that the program
	// ended. No frame follows.
	shellLine byte = '\n'
)

const (
	maxImageFrame = 256 << 10
	// maxMessage is more than the names of millions of changed files take.
	maxMessage = 256 << 20
)

// order is a message to the host.
type order struct {
	Upload *Upload         // of store
	Like   *manifest.Facts // of entries
	Only   *selected
	Answer *answer
	Base   *basePart // of based
	Verb   string
	Job    *Job         // of begin
	Mark   capture.Mark // of walk
}

// The verbs.
const (
	begin    = "begin" // has the job; the others are for its Origin
	ready    = "ready"
	check    = "check"
	estimate = "estimate"
	hold     = "hold"
	release  = "release"
	walk     = "walk"
	preview  = "preview"
	store    = "store"   // has the upload: the capture is the host's alone
	foresee  = "foresee" // has the upload: what would come of it
	based    = "based"   // has the next entries of the base; it is not answered
	entries  = "entries"
	only     = "only"     // has a piece of the selection
	answered = "answered" // what is done with entries that came; it is not answered
	cancel   = "cancel"   // what is being done
	total    = "total"    // somebody wants to know how much there is to walk
	end      = "end"
)

// report is a message from the host. One of the fields is set.
type report struct {
	Hello    *Hello
	Event    *event
	Members  []entry.Member
	Part     *part
	Digest   *digest
	Progress *progress
	Walking  *walking
	Retry    *retry
	Wanted   int // parts of the base
	Done     *done
}

// event is a call of a method of capture.Events, with its arguments each as gob.
type event struct {
	Method string
	Args   [][]byte
}

type progress struct{ Bytes, Entries, Total int64 }

// done ends an order.
type done struct {
	Checked  *capture.Checked
	Walked   *capture.Walked
	Forecast *capture.Forecast
	Bytes    int64
	Result   *capture.Result
	Error    *Error
}

// sender writes frames. It can be used by several goroutines.
type sender struct {
	mu   sync.Mutex
	out  *bufio.Writer
	text bytes.Buffer
	enc  *gob.Encoder
}

func newSender(w io.Writer) *sender {
	s := &sender{out: bufio.NewWriterSize(w, maxImageFrame+5)}
	s.enc = gob.NewEncoder(&s.text)
	return s
}

// frame writes one frame. The lock is held.
func (s *sender) frame(kind byte, text []byte) error {
	var head [5]byte
	head[0] = kind
	binary.BigEndian.PutUint32(head[1:], uint32(len(text)))
	s.out.Write(head[:])
	s.out.Write(text)
	return s.out.Flush() // has the error of those before
}

func (s *sender) message(m any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text.Reset()
	if err := s.enc.Encode(m); err != nil {
		return err
	}
	if s.text.Len() > maxMessage {
		return fmt.Errorf("a message of %d bytes is too long", s.text.Len())
	}
	return s.frame(messageFrame, s.text.Bytes())
}

func (s *sender) alive() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.frame(aliveFrame, nil)
}

// Write writes a part of the image.
func (s *sender) Write(p []byte) (n int, err error) {
	for len(p) > 0 && err == nil {
		part := p[:min(len(p), maxImageFrame)]
		s.mu.Lock()
		err = s.frame(imageFrame, part)
		s.mu.Unlock()
		if err == nil {
			n, p = n+len(part), p[len(part):]
		}
	}
	return n, err
}

// keepAlive gives signs of life until stop is called, or the other side is gone.
func (s *sender) keepAlive(gone func()) (stop func()) {
	return every(aliveEvery, func() bool {
		if s.alive() == nil {
			return true
		}
		gone()
		return false
	})
}

// every calls do again and again until it returns false, or stop is called, which waits for
// a call under way.
func every(interval time.Duration, do func() bool) (stop func()) {
	ended, stopped := make(chan struct{}), make(chan struct{})
	go func() { // stop waits for it
		defer close(stopped)
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			select {
			case <-ended:
				return
			case <-tick.C:
				if !do() {
					return
				}
			}
		}
	}()
	return func() {
		close(ended)
		<-stopped
	}
}

// receiver reads frames. What comes is from a host that may be anybody's: lengths are
// bounded, memory is taken as bytes come, and what does not decode is an error.
type receiver struct {
	in   *bufio.Reader
	text bytes.Buffer
	dec  *gob.Decoder
	part []byte // of an image
}

func newReceiver(in *bufio.Reader) *receiver {
	r := &receiver{in: in}
	r.dec = gob.NewDecoder(&r.text)
	return r
}

// next reads a frame. A message goes to m; image is valid until the next call.
func (r *receiver) next(m any) (kind byte, image []byte, err error) {
	var head [5]byte
	if head[0], err = r.in.ReadByte(); err != nil {
		return 0, nil, err
	}
	if kind = head[0]; kind == shellLine {
		return kind, nil, nil
	}
	if _, err = io.ReadFull(r.in, head[1:]); err != nil {
		return 0, nil, err
	}
	n := int64(binary.BigEndian.Uint32(head[1:]))
	switch {
	case kind == aliveFrame && n == 0:
		return kind, nil, nil
	case kind == imageFrame && n <= maxImageFrame:
		if r.part == nil {
			r.part = make([]byte, maxImageFrame)
		}
		_, err = io.ReadFull(r.in, r.part[:n])
		return kind, r.part[:n], err
	case kind == messageFrame && n <= maxMessage:
		if _, err = io.CopyN(&r.text, r.in, n); err == nil {
			err = r.decode(m)
		}
		return kind, nil, err
	}
	return 0, nil, &ProtocolError{fmt.Sprintf("a frame %q of %d bytes", kind, n)}
}

// decode decodes one message. The decoder of gob is not promised to stand all that an
// attacker makes up: that it panics is an error as others are.
func (r *receiver) decode(m any) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &ProtocolError{fmt.Sprintf("a message that does not decode: %v", p)}
		}
	}()
	if err := r.dec.Decode(m); err != nil {
		return &ProtocolError{fmt.Sprintf("a message that does not decode: %v", err)}
	}
	if r.text.Len() > 0 {
		return &ProtocolError{"more than one message in a frame"}
	}
	return nil
}

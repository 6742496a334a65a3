package archive

import (
	"crypto/sha256"
	"hash"
)

// contentHash takes the SHA-256 of a file that is streamed, beside the encoder.
type contentHash struct {
	parts chan hashPart
	off   bool // no digests are wanted
}

type hashPart struct {
	data   []byte
	frames *frames // holds data until it is hashed
	frame  *frame
	zeros  int64
	start  bool
	end    chan []byte
}

// run hashes what comes until the channel is closed.
func (h *contentHash) run() {
	var sum hash.Hash = sha256.New()
	for p := range h.parts {
		switch {
		case p.start:
			sum.Reset()
		case p.end != nil:
			p.end <- sum.Sum(nil)
		case p.frame != nil:
			sum.Write(p.data)
			p.frames.release(p.frame)
		default:
			for n := p.zeros; n > 0; n -= int64(len(zeroPage)) {
				sum.Write(zeroPage[:min(n, int64(len(zeroPage)))])
			}
		}
	}
}

func (h *contentHash) begin() {
	if !h.off {
		h.parts <- hashPart{start: true}
	}
}

// add hashes a part of the frame being filled, which stays until that is done.
func (h *contentHash) add(f *frames, data []byte) {
	if h.off {
		return
	}
	f.cur.refs.Add(1)
	h.parts <- hashPart{data: data, frames: f, frame: f.cur}
}

func (h *contentHash) zeros(n int64) {
	if n > 0 && !h.off {
		h.parts <- hashPart{zeros: n}
	}
}

// end returns the digest, nil where none are wanted.
func (h *contentHash) end() []byte {
	if h.off {
		return nil
	}
	end := make(chan []byte, 1)
	h.parts <- hashPart{end: end}
	return <-end
}

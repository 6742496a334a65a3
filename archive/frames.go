package archive

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"sync/atomic"

	"image-capture/compress"
	"image-capture/entry"

	"golang.org/x/sync/errgroup"
)

// frame is a piece of the tar and its compressed form.
type frame struct {
	data []byte
	out  []byte
	crc  uint32        // see compress.Checksum
	done chan struct{} // gets a value when out is ready
	refs atomic.Int32  // the pipeline, and whoever hashes a part of data
}

// frames cuts what is written to it into frames of a fixed size, compresses them
// in parallel and writes them in order. There are as many frames as workers and
// two more, one being filled and one being written: whoever fills waits for a free
// one, so memory is bounded.
type frames struct {
	ctx  context.Context
	size int
	cur  *frame
	free chan *frame
	// ordered gets each frame in the order of the tar, work the same for whoever
	// compresses it.
	ordered, work chan *frame
	written       int64 // bytes of tar
}

func newFrames(ctx context.Context, codec compress.Codec, jobs int) *frames {
	n := jobs + 2
	f := &frames{
		ctx: ctx, size: compress.FrameSize(codec),
		free: make(chan *frame, n), ordered: make(chan *frame, n), work: make(chan *frame, n),
	}
	for range n {
		f.free <- &frame{done: make(chan struct{}, 1)}
	}
	return f
}

// room returns where the next bytes of the tar go: at least one byte, at most a
// frame. The caller fills it from the start and says so by advance.
func (f *frames) room() ([]byte, error) {
	if f.cur == nil {
		select {
		case f.cur = <-f.free:
		case <-f.ctx.Done():
			return nil, context.Cause(f.ctx)
		}
		if f.cur.data == nil {
			f.cur.data = make([]byte, 0, f.size)
		}
		f.cur.data = f.cur.data[:0]
		f.cur.refs.Store(1)
	}
	return f.cur.data[len(f.cur.data):f.size], nil
}

// advance takes n bytes of room into the tar.
func (f *frames) advance(n int) {
	f.cur.data = f.cur.data[:len(f.cur.data)+n]
	f.written += int64(n)
	if len(f.cur.data) == f.size {
		f.submit()
	}
}

// submit never blocks: the channels have room for every frame there is.
func (f *frames) submit() {
	f.ordered <- f.cur
	f.work <- f.cur
	f.cur = nil
}

// Write takes p into the tar.
func (f *frames) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		room, err := f.room()
		if err != nil {
			return n - len(p), err
		}
		k := copy(room, p)
		f.advance(k)
		p = p[k:]
	}
	return n, nil
}

// close hands over the last frame and ends the pipeline.
func (f *frames) close() {
	if f.cur != nil && len(f.cur.data) > 0 {
		f.submit()
	}
	close(f.work)
	close(f.ordered)
}

// abandon ends the pipeline when the tar is not whole. Whoever writes the frames
// must not take that for the end of the archive: it waits for the context to end.
func (f *frames) abandon() { close(f.work) }

// release lets go of a frame; the last to do so makes it free.
func (f *frames) release(fr *frame) {
	if fr.refs.Add(-1) == 0 {
		f.free <- fr
	}
}

// compress is one worker.
func (f *frames) compress(codec compress.Codec, level compress.Level) error {
	if codec == compress.None {
		for fr := range f.work {
			fr.done <- struct{}{}
		}
		return nil
	}
	c, err := compress.NewEncoder(codec, level)
	if err != nil {
		return err
	}
	for fr := range f.work {
		if fr.out == nil {
			// Room for a frame that cannot be compressed, at once: growing would copy,
			// and leave garbage. What is not written to takes no memory.
			fr.out = make([]byte, 0, f.size+f.size/128+1024)
		}
		if fr.out, err = c.Encode(fr.out[:0], fr.data); err != nil {
			return fmt.Errorf("compress: %w", err)
		}
		fr.crc = compress.Checksum(codec, fr.data)
		fr.done <- struct{}{}
	}
	return nil
}

// digests hash what is written, each on a goroutine of its own: md5 is the slowest
// thing here that cannot be split up.
type digests struct {
	md5, sha256 hash.Hash
	size        int64
	frames      []entry.Frame
}

// write writes the frames to w in order and takes their digests.
func (f *frames) write(w io.Writer, opt Options) (*digests, error) {
	d := &digests{md5: md5.New(), sha256: sha256.New()}
	envelope := compress.NewEnvelope(opt.Codec)
	tar := int64(0)
	for first := true; ; first = false {
		var fr *frame
		var ok bool
		select {
		case fr, ok = <-f.ordered:
		case <-f.ctx.Done():
			return nil, context.Cause(f.ctx)
		}
		if !ok {
			break
		}
		select {
		case <-fr.done:
		case <-f.ctx.Done():
			return nil, context.Cause(f.ctx)
		}
		out := fr.out
		if opt.Codec == compress.None {
			out = fr.data
		}
		envelope.Add(len(out), len(fr.data), fr.crc)
		if first {
			if err := d.write(w, envelope.Head()); err != nil {
				return nil, err
			}
		}
		d.frames = append(d.frames, entry.Frame{Tar: tar, Image: d.size})
		tar += int64(len(fr.data))
		if err := d.write(w, out); err != nil {
			return nil, err
		}
		f.release(fr)
	}
	return d, d.write(w, envelope.Tail())
}

func (d *digests) write(w io.Writer, p []byte) error {
	if len(p) == 0 {
		return nil
	}
	var g errgroup.Group
	g.Go(func() error { d.md5.Write(p); return nil })
	g.Go(func() error { d.sha256.Write(p); return nil })
	n, err := w.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	d.size += int64(n)
	_ = g.Wait() // hashing does not fail
	return err
}

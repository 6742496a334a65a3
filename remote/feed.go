package remote

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"slices"
	"sync"

	"image-capture/capture"
	"image-capture/compare"
	"image-capture/entry"
)

const (
	// maxBatch is how many entries are in a message, maxBatches how many messages are on
	// their way before the other side has taken one.
	maxBatch, maxBatches = 256, 8
	// maxOpen is how many files are open for the other side to say whether it wants their
	// digests: more than wait there between its stages, and fewer than a process may have.
	maxOpen = 512
)

// part are the next entries of a tree.
type part struct {
	Members []entry.Member
	// Held has the places of those whose content may be wanted. These are counted from 0 on
	// over the whole tree: that is the number which both sides know a content by.
	Held []int
	// Unseen are paths below which nothing could be read, of those before the next part.
	Unseen []string
	// Ended says that no more come, and Unreadable what could not be read.
	Ended      bool
	Unreadable []entry.Note
}

// digest is what came of reading a content.
type digest struct {
	Number         uint64
	SHA256, Sparse []byte
	Error          string
}

// answer is what the other side has done with parts.
type answer struct {
	Taken int      // parts
	Want  []uint64 // contents whose digests it wants
	Drop  []uint64 // contents that it does not want
}

// feed sends a tree as entries, and the digests of those files for which they are asked.
// Files wait open for that: what is read is what was looked at.
type feed struct {
	send  *sender
	mu    sync.Mutex
	turn  *sync.Cond
	held  map[uint64]compare.Content // that nobody has decided on
	queue []wanted
	open  int // contents that are not closed
	room  int // parts that may go
	over  bool
	next  uint64
	part  part
}

type wanted struct {
	number  uint64
	content compare.Content
}

// feed sends a tree until all is sent, and all that was asked for is answered.
func (s *server) feed(ctx context.Context, live capture.Live) error {
	f := &feed{send: s.send, held: map[uint64]compare.Content{}, room: maxBatches}
	f.turn = sync.NewCond(&f.mu)
	s.feeding.Store(f)
	defer s.feeding.Store(nil)
	stop := context.AfterFunc(ctx, f.end)
	defer stop()
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(f.read)
	}
	defer func() {
		f.end()
		workers.Wait()
		for _, c := range f.held {
			c.Close()
		}
		for _, w := range f.queue {
			w.content.Close()
		}
	}()
	for {
		m, err := live.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		f.part.Unseen = append(f.part.Unseen, live.Fresh()...)
		if err := f.add(m, live.Content()); err != nil {
			return err
		}
	}
	f.part.Unseen = append(f.part.Unseen, live.Fresh()...)
	f.part.Ended, f.part.Unreadable = true, live.Unreadable()
	if err := f.flush(); err != nil {
		return err
	}
	return f.wait(func() bool { return f.open == 0 })
}

// add adds an entry to the part, and sends that where it is full, or nothing goes on
// before the other side has seen it.
func (f *feed) add(m *entry.Member, content compare.Content) error {
	c := *m
	c.Xattrs = slices.Clone(m.Xattrs)
	c.SHA256, c.SparseSHA256 = bytes.Clone(m.SHA256), bytes.Clone(m.SparseSHA256)
	f.part.Members = append(f.part.Members, c)
	f.mu.Lock()
	if content != nil {
		f.part.Held = append(f.part.Held, len(f.part.Members)-1)
		f.held[f.next] = content
		f.next++
		f.open++
	}
	full := f.open >= maxOpen
	f.mu.Unlock()
	if !full && len(f.part.Members) < maxBatch {
		return nil
	}
	if err := f.flush(); err != nil {
		return err
	}
	return f.wait(func() bool { return f.open < maxOpen })
}

func (f *feed) flush() error {
	if err := f.wait(func() bool { return f.room > 0 }); err != nil {
		return err
	}
	f.mu.Lock()
	f.room--
	f.mu.Unlock()
	p := f.part
	f.part = part{}
	return f.send.message(&report{Part: &p})
}

// wait waits until something is so, or all is over.
func (f *feed) wait(so func() bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for !so() {
		if f.over {
			return context.Canceled
		}
		f.turn.Wait()
	}
	return nil
}

func (f *feed) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.over = true
	f.turn.Broadcast()
}

// hear takes an answer. It does not wait.
func (f *feed) hear(a *answer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.room += a.Taken
	for _, n := range a.Drop {
		if c := f.held[n]; c != nil {
			delete(f.held, n)
			c.Close()
			f.open--
		}
	}
	for _, n := range a.Want {
		if c := f.held[n]; c != nil {
			delete(f.held, n)
			f.queue = append(f.queue, wanted{n, c})
		}
	}
	f.turn.Broadcast()
}

// take waits for a content that is wanted; not ok when all is over.
func (f *feed) take() (w wanted, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.queue) == 0 && !f.over {
		f.turn.Wait()
	}
	if f.over {
		return w, false
	}
	w, f.queue = f.queue[0], f.queue[1:]
	return w, true
}

// read reads contents that are wanted, one after the other.
func (f *feed) read() {
	for {
		w, ok := f.take()
		if !ok {
			return
		}
		d := digest{Number: w.number}
		var err error
		if d.SHA256, d.Sparse, err = w.content.Digests(); err != nil {
			d.Error = err.Error()
		}
		w.content.Close()
		_ = f.send.message(&report{Digest: &d}) // a broken connection ends all
		f.mu.Lock()
		f.open--
		f.turn.Broadcast()
		f.mu.Unlock()
	}
}

package remote

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"sync"

	"image-capture/capture"
	"image-capture/compare"
	"image-capture/entry"
	"image-capture/manifest"
)

// mostEntries ends a tree that never ends: it is what some hundred disks have.
const mostEntries = 1 << 30

// Entries walks the tree on the host. What is compared with it stays here: the host learns
// of which files the digests are wanted, and what of like was left out.
func (o *origin) Entries(ctx context.Context, like manifest.Facts) (capture.Live, error) {
	l := &live{origin: o, parts: make(chan *part, maxBatches), ended: make(chan struct{}), waiting: map[uint64]chan *digest{}}
	l.ctx, l.cancel = context.WithCancel(ctx)
	what := order{Verb: entries, Like: &manifest.Facts{Edits: like.Edits, Mounts: like.Mounts}}
	go func() { // Close waits for it
		defer close(l.ended)
		defer close(l.parts)
		_, l.err = o.call(l.ctx, what, l.take)
	}()
	return l, nil
}

// Only tells the host, in pieces that fit into messages.
func (o *origin) Only(ctx context.Context, these capture.Selection) error {
	const most = 1 << 20
	piece, size := &selected{}, 0
	send := func() error {
		_, err := o.call(ctx, order{Verb: only, Only: piece}, nil)
		piece, size = &selected{}, 0
		return err
	}
	for name := range these.Names {
		piece.Names = append(piece.Names, name)
		if size += len(name) + 8; size >= most {
			if err := send(); err != nil {
				return err
			}
		}
	}
	for dir := range these.Whole {
		piece.Whole = append(piece.Whole, dir)
		if size += len(dir) + 8; size >= most {
			if err := send(); err != nil {
				return err
			}
		}
	}
	return send()
}

// selected is a piece of a capture.Selection.
type selected struct{ Names, Whole []string }

// live is the tree of a host as entries.
type live struct {
	origin *origin
	ctx    context.Context
	cancel context.CancelFunc
	parts  chan *part // closed when no more come
	now    *part
	at     int    // of the next entry in now
	held   int    // of the next content in now
	number uint64 // of the next content
	last   *farContent
	all    int64
	lost   []entry.Note
	capture.Unseen
	ended chan struct{}
	err   error // once ended is closed

	mu      sync.Mutex
	waiting map[uint64]chan *digest
	drop    []uint64
}

// take takes what the host sends. It does not wait: the host sends no more than it was
// told to, or it is none of ours.
func (l *live) take(_ byte, _ []byte, r *report) (bool, error) {
	switch {
	case r.Part != nil:
		if err := l.right(r.Part); err != nil {
			return true, err
		}
		for _, path := range r.Part.Unseen {
			l.Add(path)
		}
		select {
		case l.parts <- r.Part:
			return true, nil
		default:
			return true, &ProtocolError{"more entries than it was asked for"}
		}
	case r.Digest != nil:
		l.mu.Lock()
		defer l.mu.Unlock()
		c := l.waiting[r.Digest.Number]
		if c == nil {
			return true, &ProtocolError{"a digest that it was not asked for"}
		}
		delete(l.waiting, r.Digest.Number)
		c <- r.Digest
		return true, nil
	}
	return false, nil
}

// right says whether entries are such as a walk gives. Their order is compare's to judge.
func (l *live) right(p *part) error {
	if l.all += int64(len(p.Members)); l.all > mostEntries {
		return &ProtocolError{fmt.Sprintf("more than %d entries", int64(mostEntries))}
	}
	if len(p.Members) > maxBatch || !p.Ended && len(p.Members) == 0 {
		return &ProtocolError{fmt.Sprintf("%d entries in a message", len(p.Members))}
	}
	for i := range p.Members {
		if err := rightName(p.Members[i].Path); err != nil {
			return err
		}
	}
	last := -1
	for _, i := range p.Held {
		if i <= last || i >= len(p.Members) || p.Members[i].Type != entry.File {
			return &ProtocolError{"a content of no file"}
		}
		last = i
	}
	return nil
}

// rightName says whether a name is as images have it: below the root, and written in one
// way only.
func rightName(name string) error {
	if name == "." || len(name) > 2 && strings.HasPrefix(name, "./") && path.Clean(name[1:]) == name[1:] && !strings.Contains(name, "\x00") {
		return nil
	}
	return &ProtocolError{fmt.Sprintf("the name %.1000q", name)}
}

// Next returns the next entry.
func (l *live) Next() (*entry.Member, error) {
	for l.now == nil || l.at == len(l.now.Members) {
		if l.now != nil && l.now.Ended {
			l.lost = l.now.Unreadable
			return nil, io.EOF
		}
		if l.now != nil {
			l.tell(answer{Taken: 1})
		}
		select {
		case p, more := <-l.parts:
			if !more {
				<-l.ended
				return nil, cmp.Or[error](l.err, &ProtocolError{"entries without an end"})
			}
			l.now, l.at, l.held = p, 0, 0
		case <-l.ctx.Done():
			return nil, context.Cause(l.ctx)
		}
	}
	m := &l.now.Members[l.at]
	l.last = nil
	if l.held < len(l.now.Held) && l.now.Held[l.held] == l.at {
		l.last = &farContent{live: l, number: l.number}
		l.held++
		l.number++
	}
	l.at++
	return m, nil
}

// tell answers the host, and says with it what is not wanted.
func (l *live) tell(a answer) {
	l.mu.Lock()
	a.Drop, l.drop = l.drop, nil
	l.mu.Unlock()
	_ = l.origin.host.send.message(&order{Verb: answered, Answer: &a}) // a broken connection is noticed by who reads
}

// Content is that of the entry that Next returned last.
func (l *live) Content() compare.Content {
	if l.last == nil {
		return nil
	}
	return l.last
}

// Unreadable is for capture.Live.
func (l *live) Unreadable() []entry.Note { return l.lost }

// Close ends the walk on the host.
func (l *live) Close() {
	l.cancel()
	<-l.ended
}

// farContent is the content of a file on the host.
type farContent struct {
	live   *live
	number uint64
	asked  bool
}

// Digests has the host read the file.
func (c *farContent) Digests() (whole, sparse []byte, err error) {
	l, got := c.live, make(chan *digest, 1)
	c.asked = true
	l.mu.Lock()
	l.waiting[c.number] = got
	l.mu.Unlock()
	l.tell(answer{Want: []uint64{c.number}})
	select {
	case d := <-got:
		switch {
		case d.Error != "":
			return nil, nil, errors.New(l.origin.host.errs.clean(d.Error))
		case len(d.SHA256)+len(d.Sparse) != sha256.Size:
			return nil, nil, errors.New("the host sent no digest")
		}
		return d.SHA256, d.Sparse, nil
	case <-l.ended:
		return nil, nil, cmp.Or(l.err, context.Canceled)
	case <-l.ctx.Done():
		return nil, nil, context.Cause(l.ctx)
	}
}

// Close says that no digest is wanted, with the next answer or when there are many.
func (c *farContent) Close() error {
	const many = 64 // fewer than maxOpen by what else may wait here
	if c.asked {
		return nil
	}
	l := c.live
	l.mu.Lock()
	l.drop = append(l.drop, c.number)
	full := len(l.drop) >= many
	l.mu.Unlock()
	if full {
		l.tell(answer{})
	}
	return nil
}

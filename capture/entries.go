package capture

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"sync"

	"image-capture/compare"
	"image-capture/edit"
	"image-capture/entry"
	"image-capture/rootfs"
)

// entriesAhead is how many entries are read before they are asked for; each may have its
// file open.
const entriesAhead = 128

// Live is a tree, here or elsewhere, as a stream of entries in the order that the image
// would have, with contents of which digests are taken when they are wanted.
type Live interface {
	compare.Lazy
	// Unreadable are entries that could not be read, once Next has returned io.EOF.
	Unreadable() []entry.Note
	// Hides and Fresh are those of Unseen.
	Hides(path string) (by string)
	Fresh() []string
	// Close ends the walk. All contents are closed by then, or never used again.
	Close()
}

// Entries is the tree of a Source as a stream of entries, in the order that the image would
// have, with contents of which digests are taken only when somebody asks. It is a
// Live.
type Entries struct {
	src     *Source
	ctx     context.Context
	cancel  context.CancelFunc
	ordered chan *treeEntry
	work    chan *treeEntry
	wait    sync.WaitGroup
	err     error // of the walk; valid when ordered is closed
	first   map[entry.FileID]*firstName
	content compare.Content
	lost    []entry.Note
	Unseen
}

type treeEntry struct {
	node    edit.Node
	quick   bool
	m       entry.Member
	content compare.Content
	lost    error
	err     error
	done    chan struct{}
}

// Entries starts to walk the tree. It is to be closed, and there is one walk to a Source.
// With quick a file is not opened before its digests are asked for: better where few are.
func (s *Source) Entries(ctx context.Context, quick bool) *Entries {
	e := &Entries{src: s, ordered: make(chan *treeEntry, entriesAhead), work: make(chan *treeEntry, entriesAhead), first: map[entry.FileID]*firstName{}}
	e.ctx, e.cancel = context.WithCancel(ctx)
	skip := swapFiles()
	for range runtime.GOMAXPROCS(0) {
		e.wait.Go(func() {
			for t := range e.work {
				t.read(e.ctx)
				close(t.done)
			}
		})
	}
	e.wait.Go(func() {
		defer close(e.ordered)
		defer close(e.work)
		e.err = s.Walk(e.ctx, func(n edit.Node) error {
			var st entry.Entry
			if len(skip) > 0 && n.Stat(&st) == nil && skip[st.ID] != "" {
				n.Release()
				return nil
			}
			t := &treeEntry{node: n, quick: quick, done: make(chan struct{})}
			select {
			case e.ordered <- t:
			case <-e.ctx.Done():
				n.Release()
				return context.Cause(e.ctx)
			}
			e.work <- t // has room: a worker took all but those that are ordered
			return nil
		})
	})
	return e
}

// read reads an entry, and lets go of its directory, unless its content is opened later.
func (t *treeEntry) read(ctx context.Context) {
	if t.quick && !t.node.Edited() {
		t.lost, t.err = t.node.Look(&t.m.Entry)
		if t.err == nil && t.m.Type == entry.File {
			t.content = &laterContent{t.node, ctx}
			return
		}
		t.lost = errors.Join(t.lost, t.node.Err)
		t.node.Release()
		return
	}
	defer t.node.Release()
	c, lost, err := t.node.Read(&t.m.Entry)
	t.lost, t.err = lost, err
	switch {
	case err != nil:
		return
	case t.node.Err != nil:
		t.lost = errors.Join(t.lost, t.node.Err)
	}
	switch t.node.Source(&t.m.Entry) {
	case edit.Added, edit.Emptied:
		t.made(t.node.Content())
	case edit.Rewritten:
		defer c.Close()
		old, err := io.ReadAll(io.NewSectionReader(c, 0, t.m.Size))
		if err == nil {
			old, err = t.node.Rewrite(old)
		}
		if t.err = err; err == nil {
			t.made(old)
		}
	default:
		if c != nil {
			t.content = &treeContent{c, t.m.Size, ctx}
		}
	}
}

// made gives the entry a content that is in memory.
func (t *treeEntry) made(content []byte) {
	if t.m.Type == entry.File {
		sum := sha256.Sum256(content)
		t.m.Size, t.m.SHA256 = int64(len(content)), sum[:]
	}
}

// Next returns the next entry, or io.EOF. What cannot be read is passed over.
func (e *Entries) Next() (*entry.Member, error) {
	for {
		t, ok := <-e.ordered
		if !ok && e.err == nil {
			if err := e.src.present(); err != nil {
				return nil, err
			}
			return nil, io.EOF
		}
		if !ok {
			return nil, e.err
		}
		<-t.done
		switch {
		case errors.Is(t.err, fs.ErrNotExist), t.err == nil && t.m.Type == entry.Socket:
			continue // it is gone, or in no image
		case t.err != nil:
			e.lost = append(e.lost, entry.Note{Path: t.node.Path, Reason: t.err.Error()})
			e.Add(t.node.Path)
			continue
		case t.lost != nil:
			if t.node.Err != nil {
				e.Add(t.node.Path)
			}
			e.lost = append(e.lost, entry.Note{Path: t.node.Path, Reason: t.lost.Error()})
		}
		e.content = t.content
		e.link(&t.m)
		return &t.m, nil
	}
}

// firstName is that of an inode.
type firstName struct {
	path  string
	typ   entry.Type
	names int
}

// link finds the later names of an inode, as far as the image has them as one.
func (e *Entries) link(m *entry.Member) {
	if m.Nlink < 2 || m.Type == entry.Dir {
		return
	}
	if first := e.first[m.ID]; first != nil && first.typ == m.Type && first.names < entry.MaxNames {
		first.names++
		m.HardLink = first.path
		return
	}
	e.first[m.ID] = &firstName{m.Path, m.Type, 1}
}

// Content is that of the entry that Next returned last.
func (e *Entries) Content() compare.Content { return e.content }

// Unreadable is for Live.
func (e *Entries) Unreadable() []entry.Note { return e.lost }

// Close ends the walk.
func (e *Entries) Close() {
	e.cancel()
	for t := range e.ordered {
		<-t.done
		if t.content != nil {
			t.content.Close()
		}
	}
	e.wait.Wait()
}

// treeContent takes the digests of a file of the tree, as the archive does.
type treeContent struct {
	*rootfs.Content
	size int64
	ctx  context.Context // of the walk
}

// laterContent is a treeContent that is not open yet.
type laterContent struct {
	node edit.Node
	ctx  context.Context // of the walk
}

// Digests are those of what the name is now.
func (c *laterContent) Digests() (whole, sparse []byte, err error) {
	var now entry.Entry
	open, _, err := c.node.Read(&now)
	if err != nil {
		return nil, nil, err
	}
	if open == nil {
		return nil, nil, fmt.Errorf("open %s: it is a %s by now", entry.Escape(now.Path), now.Type)
	}
	defer open.Close()
	return (&treeContent{open, now.Size, c.ctx}).Digests()
}

func (c *laterContent) Close() error {
	c.node.Release()
	return nil
}

const readSize = 256 << 10

var readBuffers = sync.Pool{New: func() any { b := make([]byte, readSize); return &b }}

func (c *treeContent) Digests() (whole, sparse []byte, err error) {
	runs, err := c.Data(c.size)
	if err != nil {
		return nil, nil, err
	}
	h := sha256.New()
	buf := readBuffers.Get().(*[]byte)
	defer readBuffers.Put(buf)
	m := entry.NewSparseMap(runs, c.size)
	overMap := m != nil && m.Holes() > entry.MaxHashedHoles
	if overMap {
		h.Write(m.Text)
		runs = m.Data
	} else {
		runs = []entry.Extent{{Length: c.size}} // holes read as zeros
	}
	for _, run := range runs {
		for off, end := run.Offset, run.Offset+run.Length; off < end; {
			if c.ctx.Err() != nil {
				return nil, nil, context.Cause(c.ctx)
			}
			n, err := c.ReadAt((*buf)[:min(end-off, readSize)], off)
			h.Write((*buf)[:n])
			off += int64(n)
			if err == io.EOF && off < end {
				return nil, nil, fmt.Errorf("it became shorter while it was read")
			}
			if err != nil && err != io.EOF {
				return nil, nil, err
			}
		}
	}
	if overMap {
		return nil, h.Sum(nil), nil
	}
	return h.Sum(nil), nil, nil
}

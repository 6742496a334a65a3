package compare

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"image-capture/entry"
)

// Content takes the digests of the content of a file when they are wanted.
type Content interface {
	// Digests returns one of the two, as entry.Member has them. It may be called by
	// another goroutine than the stream's.
	Digests() (sha256, sparse []byte, err error)
	// Close is called when no digest is wanted any more.
	Close() error
}

// Lazy is a stream whose members may come without digests, as it takes reading to make
// them.
type Lazy interface {
	Stream
	// Content is that of the member that Next returned last, for the caller to close; nil
	// where the digests are in the member, or are nowhere.
	Content() Content
}

// ChangeKind says what became of a path.
type ChangeKind string

// The kinds, as they are in documents.
const (
	Added   ChangeKind = "added"
	Removed ChangeKind = "removed"
	Changed ChangeKind = "changed"
)

// Change is what became of one path between the first stream and the second.
type Change struct {
	Path string
	Kind ChangeKind
	Type entry.Type // in the second stream, or where it was
	// Fields are what differs of an entry that changed: Got is of the second stream, Want of
	// the first. Of a type that changed nothing else is told.
	Fields []Difference
	// Old and New are what the first stream and the second have there; nil for nothing.
	Old, New *entry.Member
	// err is why a content could not be read.
	err error
}

// DiffOptions say how two streams are compared.
type DiffOptions struct {
	// Quick takes the content of files of the same size and time for equal, where it would
	// have to be read.
	Quick bool
	// Workers is how many files are read at once, at least 1.
	Workers int
	// Changed is called with each change, in the order of the streams.
	Changed func(Change)
	// Unreadable is called when a content cannot be read; nil for nobody. What an
	// end of ctx keeps from being read is none of these.
	Unreadable func(path string, err error)
}

// DiffResult is how far a comparison went.
type DiffResult struct {
	Entries int64 // that are in both
	// Undigested are files of the same size of whose content one stream does not know the
	// digest: it was not compared.
	Undigested int64
}

// OrderError is that a stream is not in the order of an image, in which the entries are
// compared: names sorted by bytes, and after a directory what it holds.
type OrderError struct{ Path, After string }

func (e *OrderError) Error() string { return e.Path + " comes after " + e.After }

// maxPending is how many entries wait for the digests of files before them.
const maxPending = 256

// Diff reports what became of the entries of one stream in another. Both are read ahead,
// and nothing is held but what waits for a digest and the first names of hard links. The
// error is that of ctx, or a *ReadError, whose Second is for the stream b.
func Diff(ctx context.Context, a, b Stream, opt DiffOptions) (DiffResult, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	d := &diff{opt: opt, ctx: ctx, a: newSide(ctx, a), b: newSide(ctx, b), pending: make(chan *pending, maxPending)}
	d.work.SetLimit(max(1, opt.Workers))
	told := make(chan struct{})
	go func() {
		defer close(told)
		for p := range d.pending {
			<-p.done
			d.tell(&p.change)
		}
	}()
	err := d.join()
	_ = d.work.Wait()
	close(d.pending)
	<-told
	if err == nil {
		err = context.Cause(ctx) // contents that were not read are no differences
	}
	cancel()
	d.a.drain()
	d.b.drain()
	return d.DiffResult, err
}

type diff struct {
	DiffResult
	opt     DiffOptions
	ctx     context.Context
	a, b    *side
	work    errgroup.Group
	pending chan *pending
}

// pending is a change that may still be none: digests are taken.
type pending struct {
	change Change
	done   chan struct{}
}

func (d *diff) tell(c *Change) {
	if c.err != nil && d.ctx.Err() == nil && d.opt.Unreadable != nil {
		d.opt.Unreadable(c.Path, c.err)
	}
	if c.Kind != Changed || len(c.Fields) > 0 {
		d.opt.Changed(*c)
	}
}

// join goes through both streams side by side.
func (d *diff) join() error {
	x, err := d.a.next(false)
	if err != nil {
		return err
	}
	y, err := d.b.next(true)
	if err != nil {
		return err
	}
	for x.m != nil || y.m != nil {
		if err := context.Cause(d.ctx); err != nil {
			return err
		}
		order := 0
		switch {
		case x.m == nil:
			order = 1
		case y.m == nil:
			order = -1
		default:
			order = entry.ComparePaths(x.m.Path, y.m.Path)
		}
		switch {
		case order < 0:
			old := d.a.resolve(x.m)
			d.put(Change{Path: x.m.Path, Kind: Removed, Type: old.Type, Old: old})
		case order > 0:
			now := d.b.resolve(y.m)
			d.put(Change{Path: y.m.Path, Kind: Added, Type: now.Type, New: now})
		default:
			d.Entries++
			d.both(x, y)
		}
		if order <= 0 {
			x.close()
			if x, err = d.a.next(false); err != nil {
				y.close()
				return err
			}
		}
		if order >= 0 {
			y.close()
			if y, err = d.b.next(true); err != nil {
				x.close()
				return err
			}
		}
	}
	return nil
}

var settled = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

func (d *diff) put(c Change) { d.pending <- &pending{c, settled} }

// both compares two entries of one path.
func (d *diff) both(x, y *item) {
	old, now := d.a.resolve(x.m), d.b.resolve(y.m)
	c := Change{Path: y.m.Path, Kind: Changed, Type: now.Type, Old: old, New: now}
	fields := &comparison{found: func(f Difference) { c.Fields = append(c.Fields, f) }}
	if old.Type != now.Type {
		text(fields, c.Path, Type, now.Type, old.Type, entry.Type.String)
		d.put(c)
		return
	}
	fields.attributes(now, old)
	sameLink := x.m.HardLink != "" && x.m.HardLink == y.m.HardLink
	if now.Type != entry.File || now.Size != old.Size || sameLink || now.Size == 0 {
		if len(c.Fields) > 0 {
			d.put(c)
		}
		return
	}
	if d.opt.Quick && now.Mtime == old.Mtime && (x.content != nil || y.content != nil) {
		if len(c.Fields) > 0 {
			d.put(c)
		}
		return
	}
	if x.content == nil && y.content == nil {
		d.digests(&c, now, old)
		if len(c.Fields) > 0 {
			d.put(c)
		}
		return
	}
	if (x.content == nil && !digested(old)) || (y.content == nil && !digested(now)) {
		d.Undigested++
		if len(c.Fields) > 0 {
			d.put(c)
		}
		return
	}
	// Only now the content has to be read.
	p := &pending{c, make(chan struct{})}
	xc, yc := x.take(), y.take()
	d.pending <- p
	d.work.Go(func() error {
		defer close(p.done)
		o, n := *old, *now
		p.change.err = errors.Join(digest(xc, &o), digest(yc, &n))
		if p.change.err == nil {
			compareDigests(&p.change, &n, &o)
		}
		return nil
	})
}

func digested(m *entry.Member) bool { return m.SHA256 != nil || m.SparseSHA256 != nil }

func (d *diff) digests(c *Change, now, old *entry.Member) {
	if !digested(now) || !digested(old) {
		d.Undigested++
		return
	}
	compareDigests(c, now, old)
}

func compareDigests(c *Change, now, old *entry.Member) {
	f := &comparison{found: func(f Difference) { c.Fields = append(c.Fields, f) }}
	f.digest(c.Path, SHA256, now.SHA256, old.SHA256)
	f.digest(c.Path, SparseSHA256, now.SparseSHA256, old.SparseSHA256)
}

// digest takes the digests of a content, and closes it.
func digest(c Content, m *entry.Member) error {
	if c == nil {
		return nil
	}
	defer c.Close()
	var err error
	m.SHA256, m.SparseSHA256, err = c.Digests()
	return err
}

package archive

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"image-capture/rootfs"
)

// A batch is a run of names that one worker reads: big enough that passing it
// around costs nothing, small enough that many are under way.
const (
	batchNames   = 32
	batchBytes   = 256 << 10 // room for the small files of a batch
	batchesAhead = 24        // at most, see affordable
	// readAhead is how much the kernel is asked to have ready of a file that the
	// encoder will read; of all such files together no more than allReadAhead, since
	// what does not fit into memory would be read twice.
	readAhead    = 4 << 20
	allReadAhead = 64 << 20
)

// batch holds names in the order of the walk. Batches wait in the order of the
// walk too, however the workers overtake each other.
type batch struct {
	items []item
	buf   []byte // contents of small files, one after the other
	done  chan struct{}
}

// item is a name and what was read of it.
type item struct {
	node rootfs.Node
	m    Member
	at   time.Time // just before m was read
	// content is open when the encoder has to read the file.
	content *rootfs.Content
	// data is what is stored of the file, when it was read already; own is the
	// buffer of the pool that it lies in, if any.
	data   []byte
	own    []byte
	read   bool
	sparse *sparseMap
	// skip says why the entry is left out on purpose, lost which attributes could
	// not be read, err why there is no entry, changed what happened while reading.
	skip    string
	lost    error
	err     error
	changed string
	// edited says that the content is not that of the tree; rewrite makes it, where it
	// is not empty.
	edited  bool
	rewrite func([]byte) ([]byte, error)
	// broken is set when reading the content failed on the way.
	broken bool
	// hinted is how many bytes of the content the kernel was asked to have ready.
	hinted int64
}

// prefetcher lets workers stat, open and read names ahead of the encoder, and
// hands them over in order.
type prefetcher struct {
	opt           Options
	links         *links
	free          chan *batch
	ordered, work chan *batch
	err           error        // why the walk ended early; set before ordered is closed
	buffers       chan []byte  // for files too big for the room of their batch
	hinted        atomic.Int64 // bytes that the kernel was asked for and the encoder has not dealt with
}

func newPrefetcher(opt Options, links *links) *prefetcher {
	p := &prefetcher{
		opt: opt, links: links,
		free: make(chan *batch, batchesAhead), ordered: make(chan *batch, batchesAhead), work: make(chan *batch, batchesAhead),
		buffers: make(chan []byte, 16),
	}
	for range affordable() {
		p.free <- &batch{done: make(chan struct{}, 1)}
	}
	for range cap(p.buffers) {
		p.buffers <- nil // made when first wanted
	}
	return p
}

// affordable is how many batches the process may fill with open files: each name can
// hold two descriptors, its directory's and its own. Go has raised the soft limit to
// the hard one; see getrlimit(2).
func affordable() int {
	const others = 192 // what the walk has open, what is written to, connections
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return batchesAhead
	}
	n := (limit.Cur - min(limit.Cur, others)) / (2 * batchNames)
	return int(max(1, min(n, batchesAhead)))
}

// walk fills batches with the names of the tree.
func (p *prefetcher) walk(ctx context.Context, root *rootfs.Root) error {
	defer close(p.ordered)
	defer close(p.work)
	var cur *batch
	submit := func() {
		p.ordered <- cur // has room for every batch there is
		p.work <- cur
		cur = nil
	}
	err := root.Walk(ctx, p.opt.Walk, func(n rootfs.Node) error {
		if cur == nil {
			select {
			case cur = <-p.free:
				cur.items = cur.items[:0]
			case <-ctx.Done():
				n.Release()
				return context.Cause(ctx)
			}
		}
		cur.items = append(cur.items, item{node: n})
		if len(cur.items) == batchNames {
			submit()
		}
		return nil
	})
	if cur != nil {
		submit() // also on failure: whoever takes it releases the nodes
	}
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	p.err = err
	return err
}

// reader is one worker.
func (p *prefetcher) reader(ctx context.Context) {
	for b := range p.work {
		if b.buf == nil {
			b.buf = make([]byte, 0, batchBytes)
		}
		b.buf = b.buf[:0]
		for i := range b.items {
			if ctx.Err() == nil {
				p.read(b, &b.items[i])
			}
			if b.items[i].content == nil {
				b.items[i].node.Release()
			}
		}
		b.done <- struct{}{}
	}
}

// next returns the next batch in order, read; nil at the end.
func (p *prefetcher) next(ctx context.Context) (*batch, error) {
	select {
	case b, ok := <-p.ordered:
		if !ok {
			return nil, p.err
		}
		<-b.done // a reader always gets there
		if ctx.Err() != nil {
			// Then it has left items out.
			p.recycle(b)
			return nil, context.Cause(ctx)
		}
		return b, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// abandon closes what is left in the batches that the encoder did not get to. All
// workers have ended.
func (p *prefetcher) abandon() {
	for b := range p.ordered {
		for i := range b.items {
			p.drop(&b.items[i])
		}
	}
}

// recycle gives back a batch whose items are all dealt with.
func (p *prefetcher) recycle(b *batch) {
	for i := range b.items {
		p.drop(&b.items[i])
	}
	p.free <- b
}

// drop lets go of what an item still holds.
func (p *prefetcher) drop(it *item) {
	it.node.Release()
	if it.content != nil {
		it.content.Close()
		it.content = nil
	}
	if it.own != nil {
		p.buffers <- it.own[:0]
		it.own = nil
	}
	if it.hinted != 0 {
		p.hinted.Add(-it.hinted)
		it.hinted = 0
	}
}

// hint asks the kernel to have ready what the encoder will read, which else would
// wait for the disk while nothing else is read.
func (p *prefetcher) hint(it *item) {
	n := min(it.m.Size, readAhead)
	if p.hinted.Add(n) > allReadAhead {
		p.hinted.Add(-n)
		return
	}
	it.hinted = n
	it.content.WillNeed(n)
}

// read takes one name: its metadata, and its content if that is small.
func (p *prefetcher) read(b *batch, it *item) {
	e := &it.m.Entry
	it.look()
	if it.err != nil {
		return
	}
	if why, skip := p.opt.Skip[e.ID]; skip && e.Type != rootfs.Dir {
		it.skip = why
		p.drop(it)
		return
	}
	if p.opt.Content != nil {
		it.ask(p.opt.Content)
	}
	if it.content == nil || (!it.edited && e.Nlink > 1 && p.links.known(e.ID)) {
		return // nothing to read, or a later name of a file that is stored already
	}
	for try := 1; try < tries && it.fresh(); try++ {
		time.Sleep(tick)
		if it.look(); it.content == nil {
			return
		}
	}
	if e.Size > maxSettled {
		if it.edited {
			return // the encoder ends the capture
		}
		it.sparse, it.err = mapOf(it.content, e)
		if it.err == nil && it.sparse == nil {
			p.hint(it)
		}
		return
	}
	// A buffer is never waited for: the encoder may be waiting for this item while
	// later ones hold all buffers. Without one, the encoder reads the file.
	free := b.buf[len(b.buf):cap(b.buf)]
	if int64(len(free)) < e.Size+1 {
		select {
		case it.own = <-p.buffers:
			if it.own == nil {
				it.own = make([]byte, 0, maxSettled+1)
			}
			free = it.own[:cap(it.own)]
		default:
			p.hint(it)
			return
		}
	}
	it.settle(free, !p.opt.SkipFileDigests)
	if !it.read {
		return
	}
	if it.own == nil {
		b.buf = b.buf[:len(b.buf)+len(it.data)]
	}
	it.content.Close()
	it.content = nil
}

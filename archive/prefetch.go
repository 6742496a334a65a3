package archive

import (
	"context"
	"sync/atomic"
	"time"

	"image-capture/edit"
	"image-capture/entry"
	"image-capture/pace"
	"image-capture/rootfs"
)

// A batch is a run of names that one worker reads: big enough that passing it
// around costs nothing, small enough that many are under way.
const (
	batchNames   = 32
	batchBytes   = 256 << 10 // room for the small files of a batch
	batchesAhead = 24        // to be read, see affordable
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
	buf   []byte // contents of small files, one after the other; nil until it is its turn
	// askedFor gets a value when the kernel was asked for the contents, done when they
	// are read.
	askedFor, done chan struct{}
}

// item is a name and what was read of it.
type item struct {
	node edit.Node
	m    entry.Member
	at   time.Time // just before m was read
	// content is open when the encoder has to read the file.
	content *rootfs.Content
	// cloner is that of the options; cloned says that content is a clone.
	cloner *rootfs.Cloner
	cloned bool
	// data is what is stored of the file, when it was read already; own is the
	// buffer of the pool that it lies in, if any.
	data   []byte
	own    []byte
	read   bool
	sparse *entry.SparseMap
	// skip says why the entry is left out on purpose, lost which attributes could
	// not be read, err why there is no entry, changed what happened while reading.
	skip    string
	lost    error
	err     error
	changed string
	// from is where the content in the archive comes from.
	from edit.Source
	// broken is set when reading the content failed on the way, short when it ended, at
	// byte end, before its size.
	broken, short bool
	end           int64
	// asked and hinted are how many bytes of the content the kernel was asked to have
	// ready, when the name was listed and when it was read.
	asked, hinted int64
	// pace, if not nil, says when the content may be read, and over when that is of no use
	// any more.
	pace *pace.Pacer
	over <-chan struct{}
}

// prefetcher lets workers stat, open and read names ahead of the encoder, and
// hands them over in order.
type prefetcher struct {
	opt   Options
	links *links
	free  chan *batch
	// Batches go from the walk to the askers and, in order, to the readers and the
	// encoder.
	listed, toAsk, ordered, work chan *batch
	err                          error       // why the walk ended early; set before listed is closed
	room                         chan []byte // for the batches that are read
	buffers                      chan []byte // for files too big for the room of their batch
	// Bytes that the kernel was asked for and the encoder has not dealt with.
	asked, hinted atomic.Int64
	unlisted      atomic.Int64 // batches that grow may add
	pace          *pace.Pacer
}

func newPrefetcher(opt Options, links *links) *prefetcher {
	read, listed := affordable()
	all := read + listed
	p := &prefetcher{
		opt: opt, links: links, pace: pace.New(opt.ReadRate),
		free: make(chan *batch, all), listed: make(chan *batch, all), toAsk: make(chan *batch, all),
		ordered: make(chan *batch, all), work: make(chan *batch, all),
		room: make(chan []byte, read), buffers: make(chan []byte, 16),
	}
	p.unlisted.Store(int64(listed))
	for range read {
		p.free <- newBatch()
		p.room <- nil // made when first wanted
	}
	for range cap(p.buffers) {
		p.buffers <- nil
	}
	return p
}

func newBatch() *batch {
	return &batch{askedFor: make(chan struct{}, 1), done: make(chan struct{}, 1)}
}

// walk fills batches with the names of the tree.
func (p *prefetcher) walk(ctx context.Context, tree Tree) error {
	defer close(p.listed)
	defer close(p.toAsk)
	var cur *batch
	submit := func() {
		p.listed <- cur // has room for every batch there is
		p.toAsk <- cur
		cur = nil
	}
	err := tree.Walk(ctx, func(n edit.Node) error {
		if cur == nil {
			select {
			case cur = <-p.free:
				cur.items = cur.items[:0]
			case <-ctx.Done():
				n.Release()
				return context.Cause(ctx)
			}
		}
		cur.items = append(cur.items, item{node: n, pace: p.pace, over: ctx.Done(), cloner: p.opt.Clone})
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
		if b.buf == nil && ctx.Err() == nil {
			b.buf = make([]byte, 0, batchBytes)
		}
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
	if b.buf != nil {
		p.room <- b.buf[:0]
		b.buf = nil
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
	p.asked.Add(-it.asked)
	p.hinted.Add(-it.hinted)
	it.asked, it.hinted = 0, 0
}

// hint asks the kernel to have ready what the encoder will read, which else would
// wait for the disk while nothing else is read.
func (p *prefetcher) hint(it *item) {
	if p.pace != nil {
		return // the kernel would read at its own rate
	}
	if it.hinted = take(&p.hinted, min(it.m.Size, readAhead), allReadAhead); it.hinted > 0 {
		it.content.WillNeed(it.hinted)
	}
}

// read takes one name: its metadata, and its content if that is small.
func (p *prefetcher) read(b *batch, it *item) {
	e := &it.m.Entry
	it.look()
	if it.err != nil {
		return
	}
	if why, skip := p.opt.Skip[e.ID]; skip && e.Type != entry.Dir {
		it.skip = why
		p.drop(it)
		return
	}
	it.ask()
	if it.content == nil || e.Nlink > 1 && p.links.known(e.ID) {
		return // nothing to read, or a later name of a file that is stored already
	}
	if it.cloner != nil && (e.Size > maxSettled || it.fresh() || it.cloner.First(e.Path)) {
		it.clone()
	}
	for try := 1; try < tries && it.fresh(); try++ {
		time.Sleep(entry.Tick)
		if it.look(); it.content == nil {
			return
		}
	}
	if e.Size > maxSettled {
		if it.from == edit.Rewritten {
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

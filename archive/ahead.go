package archive

import (
	"context"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Where the tree is not in the page cache, batches are listed far ahead of those that are
// read, and the kernel is asked to have ready what is in them: small files take longer to
// read than to compress, and big ones the other way round, so that the disk works on the
// next small ones while the processors work on a big one.
const (
	batchesListed = 128
	askers        = 8
	askAhead      = 1 << 20  // of each file; the readers ask for more of a bigger one
	allAskedAhead = 96 << 20 // in all: what does not fit into memory would be read twice
)

// affordable is how many batches may be read ahead, and how many more be listed, by how
// many files the process may have open: a name that is read can hold two descriptors, its
// directory's and its own, one that is listed only the first. Go has raised the soft limit
// to the hard one; see getrlimit(2).
func affordable() (read, listed int) {
	const others = 192 // what the walk has open, what is written to, connections
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return batchesAhead, 0
	}
	left := limit.Cur - min(limit.Cur, others)
	read = int(max(1, min(left/(2*batchNames), batchesAhead)))
	left -= min(left, uint64(read)*2*batchNames)
	return read, int(min(left/batchNames, batchesListed))
}

// asker is one who asks the kernel for what batches hold.
func (p *prefetcher) asker(ctx context.Context) {
	for b := range p.toAsk {
		if p.pace == nil && ctx.Err() == nil && b.cold() {
			p.grow(4)
			p.ask(b)
		}
		b.askedFor <- struct{}{}
	}
}

// ask asks the kernel for what the batch holds, as far as it fits into memory.
func (p *prefetcher) ask(b *batch) {
	for i := range b.items {
		it := &b.items[i]
		it.asked = it.node.WillNeed(func(size int64) int64 {
			if it.cloner != nil && size > maxSettled {
				return 0 // its clone is read, which has nothing of it in the cache
			}
			return take(&p.asked, min(size, askAhead), allAskedAhead)
		})
	}
}

// grow lets the walk list more batches, n of them at most: a tree in the cache needs no
// more than are read, and is captured faster with few.
func (p *prefetcher) grow(n int) {
	for range n {
		if p.unlisted.Add(-1) < 0 {
			p.unlisted.Store(0) // so that it does not go round
			return
		}
		p.free <- newBatch() // has room for every batch there may be
	}
}

// cold says whether asking is worth its calls. One file of the batch stands for all, so
// that a tree in the cache takes hardly longer.
func (b *batch) cold() bool {
	for i := range b.items {
		if yes, ok := b.items[i].node.Cached(); ok {
			return !yes
		}
	}
	return false
}

// take adds n to sum where that stays within limit, and returns what it added.
func take(sum *atomic.Int64, n, limit int64) int64 {
	if sum.Add(n) > limit {
		sum.Add(-n)
		return 0
	}
	return n
}

// pass hands the listed batches to the readers, when these have room for them.
func (p *prefetcher) pass(ctx context.Context) {
	defer close(p.ordered)
	defer close(p.work)
	for b := range p.listed {
		<-b.askedFor
		select {
		case b.buf = <-p.room:
		case <-ctx.Done(): // then nothing is read into it
		}
		p.ordered <- b // has room for every batch there is, as the others have
		p.work <- b
	}
}

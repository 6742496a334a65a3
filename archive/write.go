package archive

import (
	"context"
	"io"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"image-capture/compress"
	"image-capture/edit"
	"image-capture/entry"
	"image-capture/rootfs"
)

// Tree is what is archived: in practice an *edit.Tree.
type Tree interface {
	// Walk calls visit with each entry in the order of the archive. The node passes to
	// visit, which releases it. Nodes are read by other goroutines while the walk goes
	// on, each by one.
	Walk(ctx context.Context, visit func(edit.Node) error) error
}

// Options say how the archive is made. The zero value is gzip at the default level, one
// job a processor, nothing skipped.
type Options struct {
	Codec compress.Codec
	Level compress.Level
	// Jobs is the number of frames compressed at once; 0 means one a processor, but
	// no more than 16: memory grows with them, and taking the MD5 of the whole is
	// not faster. The bytes do not depend on it.
	Jobs int
	// ReadRate is how many bytes of files are read per second, at most; 0 is no bound.
	ReadRate int64
	// SkipFileDigests leaves SHA256 and SparseSHA256 of members nil.
	SkipFileDigests bool
	// Skip names files that are never captured, with the reason.
	Skip map[entry.FileID]string
	// Clone, if not nil, clones files before they are read: those that are not read whole
	// before their header is written, those that change while they are read, and those
	// that it names.
	Clone *rootfs.Cloner
	// Member, if not nil, is called with each member when it is in the archive, in
	// order, by one goroutine. The member is not used again.
	Member func(*entry.Member) error
	// Fits says why a member cannot be where Member brings it; it is then unreadable, and
	// the capture goes on. Nil takes all.
	Fits func(*entry.Member) error
	// Progress, if not nil, is kept up to date.
	Progress *Progress
}

// Progress counts what is in the archive so far. It may be read at any time.
type Progress struct {
	Entries atomic.Int64
	Bytes   atomic.Int64 // content of files, holes not counted
}

// Summary is what became of the tree.
type Summary struct {
	Entries  int64
	Unpacked int64 // bytes of tar
	Size     int64 // bytes written
	MD5      []byte
	SHA256   []byte
	// Frames are where the frames begin, in order: the first at the beginning of the tar.
	Frames []entry.Frame
	// Omitted entries are left out by design: sockets, which tar cannot hold, and
	// what Options.Skip names.
	Omitted []entry.Note
	// Unreadable entries are not in the archive, or lack something that the reason
	// names, although they should be there. With any, the archive is incomplete.
	Unreadable []entry.Note
	// Changed files changed while they were read, or vanished.
	Changed []entry.Note
}

// Jobs is how many frames are compressed at once where n are asked for; see Options.Jobs.
func Jobs(n int) int {
	if n <= 0 {
		return min(runtime.GOMAXPROCS(0), 16)
	}
	return n
}

// Memory is about how many bytes a program takes that writes an archive, as measured at
// the default level (docs/speed.md); lower levels take less, and higher ones more.
func Memory(codec compress.Codec, jobs int) int64 {
	const mib = 1 << 20
	if codec == compress.Zstd {
		return (74 + 32*int64(jobs)) * mib
	}
	return (45 + 4*int64(jobs)) * mib
}

// Write writes the tree to w. Names that cannot be read do not stop it: they are in
// the summary. It fails when w fails, when ctx ends, when the root itself cannot be
// read, or when an edit cannot be made; what w got by then is no archive.
func Write(ctx context.Context, w io.Writer, tree Tree, opt Options) (*Summary, error) {
	opt.Jobs = Jobs(opt.Jobs)
	g, ctx := errgroup.WithContext(ctx)
	links := newLinks()
	pre := newPrefetcher(opt, links)
	frames := newFrames(ctx, opt.Codec, opt.Jobs)
	sum := &Summary{}
	enc := &encoder{
		opt: opt, pre: pre, frames: frames, links: links, sum: sum,
		hash: &contentHash{parts: make(chan hashPart, 8), off: opt.SkipFileDigests},
	}

	g.Go(func() error { return pre.walk(ctx, tree) })
	for range askers {
		g.Go(func() error { pre.asker(ctx); return nil })
	}
	g.Go(func() error { pre.pass(ctx); return nil })
	for range readers(opt.Jobs) {
		g.Go(func() error { pre.reader(ctx); return nil })
	}
	g.Go(func() error { enc.hash.run(); return nil })
	g.Go(func() error {
		defer close(enc.hash.parts)
		if err := enc.encode(ctx); err != nil {
			frames.abandon()
			return err
		}
		frames.close()
		return nil
	})
	for range opt.Jobs {
		g.Go(func() error { return frames.compress(opt.Codec, opt.Level) })
	}
	var d *digests
	g.Go(func() (err error) {
		d, err = frames.write(w, opt)
		return err
	})
	err := g.Wait()
	pre.abandon()
	if err != nil {
		return nil, err
	}
	sum.Unpacked, sum.Size = frames.written, d.size
	sum.MD5, sum.SHA256 = d.md5.Sum(nil), d.sha256.Sum(nil)
	sum.Frames = d.frames
	return sum, nil
}

// readers is the number of files read at once. More than processors: reading waits
// for the disk.
func readers(jobs int) int { return min(max(8, 2*jobs), 16) }

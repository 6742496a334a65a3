package rootfs

import (
	"math"
	"os"
	"slices"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"image-capture/entry"
)

// A capture reads everything once, and what it reads would take the place of what the
// host's programs have in the page cache. So what was not cached before is given up after
// it was read, and what was cached stays.
//
// Where the filesystem takes RWF_DONTCACHE (Linux 6.14, see preadv2(2)) the kernel does
// that. Elsewhere cachestat(2), of Linux 6.5, is asked before a range is read, and
// POSIX_FADV_DONTNEED gives up what was cold: it throws out what others have cached too, so
// it is never called for more. Nothing else tells who cached what: mincore(2) says that all
// is there where it is not allowed to say. Then the cache is left alone.

// What was cached is looked up in steps, finer where some of a step is.
const (
	lookStep = 1 << 20
	lookPart = 64 << 10
	// lookAhead is beyond what the kernel reads ahead of a read by itself, which must not
	// be taken for something that was cached: up to 15 MiB were seen.
	lookAhead = 32 << 20
	// giveUpEvery is how many bytes of a file are read before they are given up, so that a
	// large file never fills the cache.
	giveUpEvery = 8 << 20
	// maxRemembered is how much is looked at of a file that is read out of turn.
	maxRemembered = 1 << 30
)

// cachestatMissing is set when the kernel has no cachestat(2), or a filter of a container
// does not let it through.
var cachestatMissing atomic.Bool

// cachedPages is how many pages of a range are in the page cache; -1 if unknown: a
// filesystem may not tell, and somebody who neither owns nor may write the file is not told.
func cachedPages(fd int, off, length int64) int64 {
	if cachestatMissing.Load() || length <= 0 {
		return -1
	}
	var st unix.Cachestat_t
	err := unix.Cachestat(uint(fd), &unix.CachestatRange{Off: uint64(off), Len: uint64(length)}, &st, 0)
	switch err {
	case nil:
		return int64(st.Cache)
	case unix.ENOSYS:
		cachestatMissing.Store(true)
	}
	return -1
}

// cacheMap says what of a file was cached before it was read here.
type cacheMap struct {
	size  int64
	known int64 // looked at below this; math.MaxInt64 when nothing can be told
	cold  []entry.Extent
	// up is below what was given up on the way.
	up int64
}

// look finds out what is cached below an offset, from where it ended.
func (f *cacheMap) look(fd int, below int64) {
	page := int64(os.Getpagesize())
	for below = min(below, f.size); f.known < below; {
		step := min(lookStep, f.size-f.known)
		switch n := cachedPages(fd, f.known, step); {
		case n < 0:
			f.known = math.MaxInt64
			return
		case n == 0:
			f.add(f.known, step)
		case n*page < step:
			for off, end := f.known, f.known+step; off < end; off += lookPart {
				if part := min(lookPart, end-off); cachedPages(fd, off, part) == 0 {
					f.add(off, part)
				}
			}
		}
		f.known += step
	}
}

func (f *cacheMap) add(off, length int64) {
	if n := len(f.cold); n > 0 && f.cold[n-1].Offset+f.cold[n-1].Length == off {
		f.cold[n-1].Length += length
		return
	}
	f.cold = append(f.cold, entry.Extent{Offset: off, Length: length})
}

// giveUp drops what was cold of a range. What is in no cache that cachestat knows is not
// touched: overlayfs passes the call on to a file of which it does not tell.
func (f *cacheMap) giveUp(fd int, from, to int64) {
	for _, e := range f.cold {
		off, end := max(e.Offset, from), min(e.Offset+e.Length, to)
		if off < end && cachedPages(fd, off, end-off) > 0 {
			_ = unix.Fadvise(fd, off, end-off, unix.FADV_DONTNEED) // only advice
		}
	}
}

// remember keeps what was found of a file that is read before the walk opens it.
func (r *Root) remember(fd int, e *entry.Entry, below int64) {
	if cachestatMissing.Load() {
		return
	}
	f := &cacheMap{size: e.Size}
	if old, ok := r.cold.Load(e.ID); ok && old.(*cacheMap).size == e.Size {
		f.known, f.cold = old.(*cacheMap).known, slices.Clone(old.(*cacheMap).cold)
	}
	if f.look(fd, below); len(f.cold) > 0 {
		r.cold.Store(e.ID, f)
	}
}

// recall gives back what was remembered of a file.
func (r *Root) recall(e *entry.Entry) (f cacheMap) {
	if old, ok := r.cold.LoadAndDelete(e.ID); ok {
		f = *old.(*cacheMap)
	}
	f.size = e.Size
	return f
}

// read is pread(2), which leaves the cache as it was.
func (c *Content) read(p []byte, off int64) (int, error) {
	if !c.holes && c.dontCache() {
		n, err := unix.Preadv2(c.fd, [][]byte{p}, off, unix.RWF_DONTCACHE)
		switch err {
		case unix.EOPNOTSUPP, unix.ENOSYS, unix.EINVAL, unix.EPERM:
			c.root.noDontCache.Store(c.dev, true)
		default:
			return n, err
		}
	}
	if c.cached.known < off {
		c.cached.known = off // what was passed over is not read
	}
	c.cached.look(c.fd, off+int64(len(p))+lookAhead)
	n, err := unix.Pread(c.fd, p, off)
	if at := off + int64(max(n, 0)); at-c.cached.up >= giveUpEvery {
		c.cached.giveUp(c.fd, c.cached.up, at)
		c.cached.up = at
	}
	return n, err
}

func (c *Content) dontCache() bool {
	_, no := c.root.noDontCache.Load(c.dev)
	return !no
}

package rootfs

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"image-capture/entry"
)

// dir is an open directory, shared by the walk and by the nodes that still have
// to be read in it. The last to let go closes it.
type dir struct {
	fd   int
	path string
	id   entry.FileID
	// bare says that no mount shows in it: it is seen through a copy of one mount.
	bare bool
	refs atomic.Int32
}

func newDir(fd int, path string, id entry.FileID, bare bool) *dir {
	d := &dir{fd: fd, path: path, id: id, bare: bare}
	d.refs.Store(1)
	return d
}

func (d *dir) retain() *dir {
	d.refs.Add(1)
	return d
}

func (d *dir) release() {
	if d.refs.Add(-1) == 0 {
		unix.Close(d.fd)
	}
}

// listing holds the names of one directory. Names lie one after the other in one
// buffer, because a directory may have millions.
type listing struct {
	names []byte
	items []listed
	most  int // names that are read; 0: mostNames
}

// mostNames bounds a directory that never ends, as a broken filesystem can show one; it is
// more than any has, and fits into memory.
const mostNames = 50_000_000

type listed struct {
	offset uint32
	length uint16
	kind   uint8 // DT_REG, ...; DT_UNKNOWN where the filesystem does not say
}

func (l *listing) name(i listed) []byte { return l.names[i.offset : i.offset+uint32(i.length)] }

// listTries is how often a directory is listed that does not hold still.
const listTries = 3

// settle lists the directory fd until it held still while it was listed: a name that is
// renamed meanwhile can come twice or not at all. It is false when the directory never
// did.
func (l *listing) settle(ctx context.Context, fd int, buf []byte) (bool, error) {
	for try := 1; ; try++ {
		var before, after entry.Entry
		_, errBefore := statFD(fd, &before)
		at := time.Now()
		switch err := l.read(ctx, fd, buf); {
		case err == unix.ENOENT && removed(fd):
			return false, nil // since it was opened: it holds nothing
		case err != nil:
			return true, err
		}
		_, errAfter := statFD(fd, &after)
		if err := cmp.Or(errBefore, errAfter); err != nil {
			return true, err
		}
		if !before.Fresh(at) && before.Mtime == after.Mtime && before.Ctime == after.Ctime {
			return true, nil
		}
		if try == listTries {
			return false, nil
		}
		select {
		case <-time.After(entry.Tick):
		case <-ctx.Done():
			return true, ctx.Err()
		}
	}
}

// removed says whether the directory fd has no name any more.
func removed(fd int) bool {
	var e entry.Entry
	_, err := statFD(fd, &e)
	return err == nil && e.Nlink == 0
}

// read lists the directory fd, without "." and "..", sorted by bytes, each name once; see
// getdents64(2). After an error the listing holds, sorted, what came before it. ENOENT is
// what the kernel says of a directory that was removed, and what a broken filesystem may
// say of any.
func (l *listing) read(ctx context.Context, fd int, buf []byte) error {
	l.names, l.items = l.names[:0], l.items[:0]
	most := l.most
	if most == 0 {
		most = mostNames
	}
	defer func() {
		if ctx.Err() == nil { // else nobody wants it
			l.sort()
		}
	}()
	if _, err := unix.Seek(fd, 0, unix.SEEK_SET); err != nil {
		return err
	}
	for {
		var n int
		err := retry(func() (err error) { n, err = unix.Getdents(fd, buf); return })
		switch {
		case err != nil:
			return err
		case n == 0:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case len(l.items) >= most || len(l.names) > math.MaxUint32-len(buf):
			return fmt.Errorf("it has more than %d names: the others are left out", len(l.items))
		}
		l.parse(buf[:n])
	}
}

// sort sorts the names by bytes, and drops what was listed twice.
func (l *listing) sort() {
	slices.SortFunc(l.items, func(a, b listed) int { return bytes.Compare(l.name(a), l.name(b)) })
	l.items = slices.CompactFunc(l.items, func(a, b listed) bool { return bytes.Equal(l.name(a), l.name(b)) })
}

func (l *listing) parse(b []byte) {
	const (
		reclen = int(unsafe.Offsetof(unix.Dirent{}.Reclen))
		kind   = int(unsafe.Offsetof(unix.Dirent{}.Type))
		name   = int(unsafe.Offsetof(unix.Dirent{}.Name))
	)
	for len(b) >= name {
		size := int(binary.NativeEndian.Uint16(b[reclen:]))
		rec := b[:size]
		b = b[size:]
		text := rec[name:]
		if end := bytes.IndexByte(text, 0); end >= 0 {
			text = text[:end]
		}
		if len(text) == 0 || string(text) == "." || string(text) == ".." {
			continue
		}
		l.items = append(l.items, listed{uint32(len(l.names)), uint16(len(text)), rec[kind]})
		l.names = append(l.names, text...)
	}
}

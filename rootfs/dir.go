package rootfs

import (
	"bytes"
	"cmp"
	"encoding/binary"
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
	refs atomic.Int32
}

func newDir(fd int, path string, id entry.FileID) *dir {
	d := &dir{fd: fd, path: path, id: id}
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
}

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
func (l *listing) settle(fd int, buf []byte) (bool, error) {
	for try := 1; ; try++ {
		var before, after entry.Entry
		_, errBefore := statFD(fd, &before)
		at := time.Now()
		if err := l.read(fd, buf); err != nil {
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
		time.Sleep(entry.Tick)
	}
}

// read lists the directory fd, without "." and "..", sorted by bytes, each name once; see
// getdents64(2). After an error the listing holds, sorted, what came before it.
func (l *listing) read(fd int, buf []byte) error {
	l.names, l.items = l.names[:0], l.items[:0]
	defer l.sort()
	if _, err := unix.Seek(fd, 0, unix.SEEK_SET); err != nil {
		return err
	}
	for {
		var n int
		err := retry(func() (err error) { n, err = unix.Getdents(fd, buf); return })
		if err == unix.ENOENT {
			return nil // the directory was removed since it was opened: it holds nothing
		}
		if err != nil {
			return err
		}
		if n == 0 {
			return nil
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

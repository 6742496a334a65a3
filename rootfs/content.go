package rootfs

import (
	"fmt"
	"io"
	"math"
	"time"

	"golang.org/x/sys/unix"

	"image-capture/entry"
)

// Content is a regular file opened for reading.
type Content struct {
	fd     int
	path   string
	root   *Root
	dev    uint64
	cached cacheMap
	// holes: it is read piece by piece, and what the kernel reads ahead in between nobody
	// reads; see Data.
	holes bool
}

// openFlags never follow a link, never block (a FIFO put in a file's place), never
// become a controlling terminal.
const openFlags = unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC

// openAt opens a name without changing its access time where that is allowed: the
// kernel grants O_NOATIME to the owner and to CAP_FOWNER only.
//
// A lease on a file, as Samba takes it, makes O_NONBLOCK fail with EAGAIN while its
// holder is asked to give it up; see "Leases" in fcntl(2).
func openAt(dirfd int, name string, flags int) (int, error) {
	for waited := time.Duration(0); ; waited += leasePoll {
		fd, err := tryOpenAt(dirfd, name, flags)
		if err != unix.EAGAIN || waited >= leaseWait {
			return fd, err
		}
		time.Sleep(leasePoll)
	}
}

const leaseWait, leasePoll = 2 * time.Second, 20 * time.Millisecond

func tryOpenAt(dirfd int, name string, flags int) (int, error) {
	var fd int
	err := retry(func() (err error) {
		fd, err = unix.Openat(dirfd, name, openFlags|flags|unix.O_NOATIME, 0)
		return
	})
	if err == unix.EPERM {
		err = retry(func() (err error) {
			fd, err = unix.Openat(dirfd, name, openFlags|flags, 0)
			return
		})
	}
	return fd, err
}

// Close closes the file, and leaves of it in the page cache what was there before.
func (c *Content) Close() error {
	c.cached.giveUp(c.fd, 0, math.MaxInt64)
	return unix.Close(c.fd)
}

// ReadAt reads like pread(2): it returns fewer bytes than asked for, with
// io.EOF, only at the end of the file.
func (c *Content) ReadAt(p []byte, off int64) (int, error) {
	total := 0
	// The kernel refuses to read at an offset that a file cannot have (EINVAL).
	if room := math.MaxInt64 - off; int64(len(p)) > room {
		n, err := c.ReadAt(p[:room], off)
		if err == nil {
			err = io.EOF
		}
		return n, err
	}
	for total < len(p) {
		n, err := c.read(p[total:], off+int64(total))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return total, fmt.Errorf("read %s: %w", entry.Escape(c.path), err)
		}
		if n == 0 {
			return total, io.EOF
		}
		total += n
	}
	return total, nil
}

// Stat returns the file's state now: the fields that a change of the file
// changes (Size, Mtime, Ctime) and the others of its inode.
func (c *Content) Stat() (entry.Entry, error) {
	var e entry.Entry
	if _, err := statFD(c.fd, &e); err != nil {
		return e, fmt.Errorf("stat %s: %w", entry.Escape(c.path), err)
	}
	e.Path = c.path
	return e, nil
}

// WillNeed asks the kernel to read the first n bytes ahead.
func (c *Content) WillNeed(n int64) {
	c.cached.look(c.fd, n)
	// Only a hint: what it answers does not matter.
	_ = unix.Fadvise(c.fd, 0, n, unix.FADV_WILLNEED)
}

// Data returns the runs of the file's first size bytes that hold data, in order;
// what lies between them are holes, which read as zeros and are never read. A
// filesystem that knows no holes gives one run.
func (c *Content) Data(size int64) ([]entry.Extent, error) {
	var runs []entry.Extent
	c.holes = true
	for off := int64(0); off < size; {
		start, err := unix.Seek(c.fd, off, unix.SEEK_DATA)
		if err == unix.ENXIO {
			break // nothing but a hole up to the end
		}
		if err == unix.EINVAL || err == unix.ENOTSUP {
			return []entry.Extent{{Offset: 0, Length: size}}, nil
		}
		if err != nil {
			return nil, fmt.Errorf("find data of %s: %w", entry.Escape(c.path), err)
		}
		if start >= size {
			break
		}
		end, err := unix.Seek(c.fd, start, unix.SEEK_HOLE)
		if err == unix.ENXIO {
			break // the file shrank between the calls
		}
		if err != nil {
			return nil, fmt.Errorf("find holes of %s: %w", entry.Escape(c.path), err)
		}
		end = min(end, size)
		if end <= start {
			return nil, fmt.Errorf("find holes of %s: the filesystem gives a run of no bytes at %d", entry.Escape(c.path), start)
		}
		if n := len(runs); n > 0 && runs[n-1].Offset+runs[n-1].Length == start {
			runs[n-1].Length = end - runs[n-1].Offset
		} else {
			runs = append(runs, entry.Extent{Offset: start, Length: end - start})
		}
		off = end
	}
	return runs, nil
}

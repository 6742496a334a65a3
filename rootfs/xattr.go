package rootfs

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sort"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"image-capture/entry"
)

// xattrBuf serves the usual case, few and short attributes, without an
// allocation for each file.
var xattrBuf = sync.Pool{New: func() any { b := make([]byte, 4096); return &b }}

// xattrCalls are flistxattr and fgetxattr on a descriptor, or llistxattr and
// lgetxattr on a path.
type xattrCalls struct {
	list func([]byte) (int, error)
	get  func(string, []byte) (int, error)
}

func xattrsOfFD(fd int) xattrCalls {
	return xattrCalls{
		list: func(b []byte) (int, error) { return unix.Flistxattr(fd, b) },
		get:  func(n string, b []byte) (int, error) { return unix.Fgetxattr(fd, n, b) },
	}
}

// xattrsOfName serves what must not be opened: links, devices, FIFOs; and what need not be.
// Before Linux 6.13 the calls exist on paths only.
func xattrsOfName(dirfd int, name string) xattrCalls {
	return xattrCalls{
		list: func(b []byte) (int, error) {
			if !listxattratMissing.Load() {
				n, err := listxattrat(dirfd, name, b)
				if err != unix.ENOSYS && err != unix.EPERM {
					return n, err
				}
				listxattratMissing.Store(true)
			}
			return unix.Llistxattr(procPath(dirfd, name), b)
		},
		get: func(n string, b []byte) (int, error) { return unix.Lgetxattr(procPath(dirfd, name), n, b) },
	}
}

// listxattratMissing is set when the kernel or a seccomp filter does not let listxattrat(2)
// through: then a path through /proc takes several times as long.
var listxattratMissing atomic.Bool

// listxattrat is llistxattr(2) of a name in a directory.
func listxattrat(dirfd int, name string, b []byte) (int, error) {
	path, err := unix.BytePtrFromString(name)
	if err != nil {
		return 0, err
	}
	n, _, errno := unix.Syscall6(unix.SYS_LISTXATTRAT, uintptr(dirfd), uintptr(unsafe.Pointer(path)), unix.AT_SYMLINK_NOFOLLOW,
		uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// readXattrs fills e.Xattrs, sorted by name. An attribute that is listed but
// cannot be read is left out and its error is in the result, joined; one that
// was removed between the two calls was never there.
func (r *Root) readXattrs(c xattrCalls, e *entry.Entry) error {
	e.Xattrs = nil
	if _, none := r.noXattr.Load(e.ID.Dev); none {
		return nil
	}
	buf := xattrBuf.Get().(*[]byte)
	defer xattrBuf.Put(buf)
	list, err := growing(*buf, c.list)
	if errors.Is(err, unix.ENOTSUP) {
		// Of a link or a device it says nothing about the filesystem: some have
		// attributes on files and directories only.
		if e.Type == entry.File || e.Type == entry.Dir {
			r.noXattr.Store(e.ID.Dev, true)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("list xattrs of %s: %w", entry.Escape(e.Path), err)
	}
	if len(list) == 0 {
		return nil
	}
	// The values go through the same buffer.
	list = bytes.Clone(list)
	var lost []error
	for name := range bytes.SplitSeq(bytes.TrimSuffix(list, []byte{0}), []byte{0}) {
		name := string(name)
		value, err := growing(*buf, func(b []byte) (int, error) { return c.get(name, b) })
		if errors.Is(err, unix.ENODATA) {
			continue
		}
		if err != nil {
			lost = append(lost, fmt.Errorf("read xattr %s of %s: %w", entry.Escape(name), entry.Escape(e.Path), err))
			continue
		}
		e.Xattrs = append(e.Xattrs, entry.Xattr{Name: name, Value: string(value)})
	}
	sort.Slice(e.Xattrs, func(i, j int) bool { return e.Xattrs[i].Name < e.Xattrs[j].Name })
	// NFS 4.2 lists security.selinux twice on some kernels.
	e.Xattrs = slices.CompactFunc(e.Xattrs, func(a, b entry.Xattr) bool { return a.Name == b.Name })
	return errors.Join(lost...)
}

// growing calls f with a buffer until the answer fits: it may have grown between
// asking for the size and asking for the value (ERANGE).
func growing(buf []byte, f func([]byte) (int, error)) ([]byte, error) {
	for {
		n, err := f(buf)
		switch {
		case err == nil:
			return buf[:n], nil
		case err == unix.EINTR:
			continue
		case err != unix.ERANGE:
			return nil, err
		}
		n, err = f(nil)
		if err != nil {
			return nil, err
		}
		buf = make([]byte, n+256)
	}
}

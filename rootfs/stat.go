package rootfs

import (
	"errors"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"image-capture/entry"
)

// statxMissing is set when the kernel (before 4.11) or a seccomp filter of an old
// container runtime, which answers EPERM, does not let statx(2) through.
var statxMissing atomic.Bool

// mountRoot reports whether a directory is the root of a mount.
type mountRoot uint8

const (
	mountUnknown mountRoot = iota // the kernel is too old (before 5.8) to tell
	mountNo
	mountYes
)

// statFD fills e, but for its path, link target and xattrs, from a descriptor.
func statFD(fd int, e *entry.Entry) (mountRoot, error) {
	return statAt(fd, "", unix.AT_EMPTY_PATH, e)
}

// statName fills e from a name in a directory, without following a link and
// without triggering an automount.
func statName(dirfd int, name string, e *entry.Entry) (mountRoot, error) {
	return statAt(dirfd, name, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT, e)
}

// peek is statName for who looks around: a filesystem over a network or of a FUSE server
// answers with what it knows, and does not ask a server that may be gone; see statx(2).
func peek(dirfd int, name string, e *entry.Entry) error {
	_, err := statAt(dirfd, name, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT|unix.AT_STATX_DONT_SYNC, e)
	return err
}

func statAt(dirfd int, name string, flags int, e *entry.Entry) (mountRoot, error) {
	if statxMissing.Load() {
		return mountUnknown, fstatAt(dirfd, name, flags, e)
	}
	var st unix.Statx_t
	err := retry(func() error { return unix.Statx(dirfd, name, flags, unix.STATX_BASIC_STATS, &st) })
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
		statxMissing.Store(true)
		return mountUnknown, fstatAt(dirfd, name, flags, e)
	}
	if err != nil {
		return mountUnknown, err
	}
	setMode(e, uint32(st.Mode))
	e.UID, e.GID = st.Uid, st.Gid
	e.Size, e.Blocks = int64(st.Size), int64(st.Blocks)
	e.Mtime = timeOf(st.Mtime.Sec, st.Mtime.Nsec)
	e.Ctime = timeOf(st.Ctime.Sec, st.Ctime.Nsec)
	e.ID = entry.FileID{Dev: unix.Mkdev(st.Dev_major, st.Dev_minor), Ino: st.Ino}
	e.Nlink = uint64(st.Nlink)
	e.Major, e.Minor = st.Rdev_major, st.Rdev_minor
	e.Flags = 0
	for _, f := range []struct {
		bit  uint64
		flag entry.Flags
	}{
		{unix.STATX_ATTR_IMMUTABLE, entry.Immutable},
		{unix.STATX_ATTR_APPEND, entry.AppendOnly},
		{unix.STATX_ATTR_NODUMP, entry.NoDump},
	} {
		if st.Attributes&f.bit != 0 {
			e.Flags |= f.flag
		}
	}
	clean(e)
	switch {
	case st.Attributes_mask&unix.STATX_ATTR_MOUNT_ROOT == 0:
		return mountUnknown, nil
	case st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0:
		return mountYes, nil
	}
	return mountNo, nil
}

// fstatAt is statAt for kernels without statx. Inode flags need a descriptor
// there, so they are left to readFlags.
func fstatAt(dirfd int, name string, flags int, e *entry.Entry) error {
	flags &^= unix.AT_STATX_DONT_SYNC
	var st unix.Stat_t
	var err error
	if name == "" {
		err = retry(func() error { return unix.Fstat(dirfd, &st) })
	} else {
		err = retry(func() error { return unix.Fstatat(dirfd, name, &st, flags) })
	}
	if err != nil {
		return err
	}
	setMode(e, st.Mode)
	e.UID, e.GID = st.Uid, st.Gid
	e.Size, e.Blocks = st.Size, st.Blocks
	e.Mtime = timeOf(st.Mtim.Sec, uint32(st.Mtim.Nsec))
	e.Ctime = timeOf(st.Ctim.Sec, uint32(st.Ctim.Nsec))
	e.ID = entry.FileID{Dev: st.Dev, Ino: st.Ino}
	e.Nlink = uint64(st.Nlink)
	e.Major, e.Minor = unix.Major(st.Rdev), unix.Minor(st.Rdev)
	clean(e)
	return nil
}

// timeOf carries nanoseconds that are a second or more, which a damaged inode can have:
// ext4 keeps 30 bits of them, and the kernel passes them on as they are.
func timeOf(sec int64, nsec uint32) entry.Time {
	return entry.Time{Sec: sec + int64(nsec/1e9), Nsec: nsec % 1e9}
}

// readFlags adds the inode flags of an open file or directory where statx did
// not tell them; see ioctl_iflags(2).
func readFlags(fd int, e *entry.Entry) {
	if !statxMissing.Load() {
		return
	}
	bits, err := unix.IoctlGetUint32(fd, unix.FS_IOC_GETFLAGS)
	if err != nil {
		return // this filesystem has no inode flags
	}
	// linux/fs.h
	const immutable, appendOnly, noDump = 0x10, 0x20, 0x40
	if bits&immutable != 0 {
		e.Flags |= entry.Immutable
	}
	if bits&appendOnly != 0 {
		e.Flags |= entry.AppendOnly
	}
	if bits&noDump != 0 {
		e.Flags |= entry.NoDump
	}
}

// clean drops what the kernel reports but has no meaning for the type.
func clean(e *entry.Entry) {
	if e.Type != entry.File {
		e.Size, e.Blocks = 0, 0
	}
	if e.Type != entry.CharDevice && e.Type != entry.BlockDevice {
		e.Major, e.Minor = 0, 0
	}
}

func setMode(e *entry.Entry, mode uint32) {
	e.Perm = mode & 0o7777
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		e.Type = entry.File
	case unix.S_IFDIR:
		e.Type = entry.Dir
	case unix.S_IFLNK:
		e.Type = entry.Symlink
	case unix.S_IFCHR:
		e.Type = entry.CharDevice
	case unix.S_IFBLK:
		e.Type = entry.BlockDevice
	case unix.S_IFIFO:
		e.Type = entry.FIFO
	case unix.S_IFSOCK:
		e.Type = entry.Socket
	default:
		e.Type = 0
	}
}

// retry calls f until a signal no longer interrupts it.
func retry(f func() error) error {
	for {
		if err := f(); err != unix.EINTR {
			return err
		}
	}
}

package extract

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"image-capture/entry"
)

const (
	aclAccess  = "system.posix_acl_access"
	aclDefault = "system.posix_acl_default"
)

// inodeBits are the flags as ioctl_iflags(2) has them.
var inodeBits = []struct {
	flag entry.Flags
	bit  uint32
}{{entry.Immutable, 0x10}, {entry.AppendOnly, 0x20}, {entry.NoDump, 0x40}}

// lateFlags forbid all other changes, and more names.
const lateFlags = entry.Immutable | entry.AppendOnly

func makeSpecial(dir int, name string, m *entry.Member) error {
	switch m.Type {
	case entry.Symlink:
		return unix.Symlinkat(m.Link, dir, name)
	case entry.FIFO:
		return unix.Mknodat(dir, name, unix.S_IFIFO|0o600, 0)
	case entry.CharDevice, entry.BlockDevice:
		kind := uint32(unix.S_IFCHR)
		if m.Type == entry.BlockDevice {
			kind = unix.S_IFBLK
		}
		dev := unix.Mkdev(m.Major, m.Minor)
		if uint64(int(dev)) != dev {
			return fmt.Errorf("device %d,%d: the number is too large for this machine", m.Major, m.Minor)
		}
		return unix.Mknodat(dir, name, kind|0o600, int(dev))
	}
	return fmt.Errorf("a %s is not made", m.Type)
}

// dress gives an inode its attributes: name in a directory, which was made by us, and fd if
// it is open. What cannot be given is a problem each. It may be called from any goroutine.
func (x *extraction) dress(fd int, in *folder, name string, m *entry.Member) {
	lost := func(what string, err error) {
		x.problem(Incomplete, m.Path, fmt.Errorf("%s: %w", what, err))
	}
	// The owner first: it takes set-id bits and capabilities away.
	perm := m.Perm
	if x.privileged || m.UID != x.uid || m.GID != x.gid {
		if err := chown(fd, in.fd, name, m); err != nil {
			// Set-id bits would lend the rights of somebody else.
			perm &^= unix.S_ISUID | unix.S_ISGID
			if !x.privileged && errors.Is(err, unix.EPERM) {
				x.problem(NotOurs, m.Path, nil)
			} else {
				lost("owner", err)
			}
		}
	}
	if in.inherits && fd != nowhere && name != "." {
		x.dropInherited(fd, m.Path, aclAccess)
	}
	if m.Type != entry.Symlink {
		if err := chmod(fd, in.fd, name, perm); err != nil {
			lost("mode", err)
		}
	}
	for _, a := range m.Xattrs {
		if err := setXattr(fd, in.fd, name, a); err != nil {
			lost("xattr "+a.Name, err)
		}
	}
	times := [2]unix.Timespec{{Nsec: unix.UTIME_OMIT}, {Sec: m.Mtime.Sec, Nsec: int64(m.Mtime.Nsec)}}
	if err := setTimes(fd, in.fd, name, &times); err != nil {
		lost("time", err)
	}
	if m.Flags == 0 {
		return
	}
	if m.Flags&lateFlags != 0 {
		x.mu.Lock()
		x.late = append(x.late, m)
		x.mu.Unlock()
	} else if err := setFlags(fd, m.Flags); err != nil {
		lost("inode flags", err)
	}
}

// dropInherited takes away the ACLs that a new file or directory got from the one it is in.
func (x *extraction) dropInherited(fd int, path string, names ...string) {
	for _, a := range names {
		err := unix.Fremovexattr(fd, a)
		if err != nil && !errors.Is(err, unix.ENODATA) && !errors.Is(err, unix.ENOTSUP) {
			x.problem(Incomplete, path, fmt.Errorf("take away the ACL of the directory above: %w", err))
		}
	}
}

func chown(fd, dir int, name string, m *entry.Member) error {
	if fd != nowhere {
		return unix.Fchown(fd, int(m.UID), int(m.GID))
	}
	return unix.Fchownat(dir, name, int(m.UID), int(m.GID), unix.AT_SYMLINK_NOFOLLOW)
}

func chmod(fd, dir int, name string, perm uint32) error {
	if fd != nowhere {
		return unix.Fchmod(fd, perm)
	}
	// It is a device or a FIFO that we made, no link.
	return unix.Fchmodat(dir, name, perm, 0)
}

func setXattr(fd, dir int, name string, a entry.Xattr) error {
	if fd != nowhere {
		return unix.Fsetxattr(fd, a.Name, []byte(a.Value), 0)
	}
	return unix.Lsetxattr(procPath(dir, name), a.Name, []byte(a.Value), 0)
}

// setTimes is futimens(3) on a descriptor, which the kernel takes as utimensat(2) without a
// name: a directory of mode 0 could not be reached by one.
func setTimes(fd, dir int, name string, times *[2]unix.Timespec) error {
	if fd == nowhere {
		return unix.UtimesNanoAt(dir, name, times[:], unix.AT_SYMLINK_NOFOLLOW)
	}
	_, _, errno := unix.Syscall6(unix.SYS_UTIMENSAT, uintptr(fd), 0, uintptr(unsafe.Pointer(times)), 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// procPath names what has no descriptor for the calls that take none; the name itself is
// not followed by them.
func procPath(dir int, name string) string {
	return "/proc/self/fd/" + strconv.Itoa(dir) + "/" + name
}

func setFlags(fd int, flags entry.Flags) error {
	if fd == nowhere {
		return unix.ENOTSUP
	}
	bits, err := unix.IoctlGetUint32(fd, unix.FS_IOC_GETFLAGS)
	if err != nil {
		return err
	}
	for _, b := range inodeBits {
		if flags&b.flag != 0 {
			bits |= b.bit
		}
	}
	return unix.IoctlSetPointerInt(fd, unix.FS_IOC_SETFLAGS, int(bits))
}

// setLateFlags sets what forbids all other changes, when there are no more.
func (x *extraction) setLateFlags() {
	defer unix.Close(x.rootFD)
	for i := len(x.late) - 1; i >= 0; i-- {
		m := x.late[i]
		if err := x.setLate(m); err != nil {
			x.problem(Incomplete, m.Path, fmt.Errorf("inode flags: %w", err))
		}
	}
}

func (x *extraction) setLate(m *entry.Member) error {
	if m.Path == "." {
		return setFlags(x.rootFD, m.Flags)
	}
	parent, name := split(m.Path)
	dir, err := descend(x.rootFD, strings.TrimPrefix(strings.TrimPrefix(parent, "."), "/"))
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	// Something else may have taken its place, and to open a device can do harm.
	var st unix.Stat_t
	if err := unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	if kind := st.Mode & unix.S_IFMT; kind != unix.S_IFREG && kind != unix.S_IFDIR {
		return unix.ENOTSUP
	}
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return setFlags(fd, m.Flags)
}

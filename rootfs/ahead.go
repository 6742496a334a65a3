package rootfs

import (
	"golang.org/x/sys/unix"

	"image-capture/entry"
)

// file opens the name when the listing of its directory says that it is a regular file.
// Should something else be in its place by now, openFlags make the opening harmless, and
// what is done with it too.
func (n *Node) file() (int, bool) {
	if n.kind != unix.DT_REG || n.at == nil || n.covered || n.hidden {
		return 0, false
	}
	fd, err := openAt(n.at.fd, n.name, 0)
	return fd, err == nil
}

// askedNowait is what some kernels read when they are asked for the first byte without
// waiting.
const askedNowait = 16 << 20

// Cached says of a regular file whether its first byte is in the page cache; ok is false
// of what is none. Without preadv2(2), before Linux 4.6, it says no. Where the filesystem
// cannot say, it says yes: such as tmpfs, which is nowhere else.
func (n *Node) Cached() (yes, ok bool) {
	fd, ok := n.file()
	if !ok {
		return false, false
	}
	defer unix.Close(fd)
	var e entry.Entry
	if _, err := statFD(fd, &e); err == nil {
		n.root.remember(fd, &e, askedNowait)
	}
	var first [1]byte
	_, err := unix.Preadv2(fd, [][]byte{first[:]}, 0, unix.RWF_NOWAIT)
	return err != unix.EAGAIN && err != unix.ENOSYS, true
}

// WillNeed asks the kernel to have ready the inode of a regular file, and its first
// bytes, as many as room is told of: with the size it returns how many there may be. It
// returns what it asked for; see posix_fadvise(2).
func (n *Node) WillNeed(room func(size int64) int64) int64 {
	fd, ok := n.file()
	if !ok {
		return 0
	}
	defer unix.Close(fd)
	var e entry.Entry
	if _, err := statFD(fd, &e); err != nil || e.Type != entry.File || e.Size == 0 {
		return 0
	}
	bytes := room(e.Size)
	if bytes > 0 {
		n.root.remember(fd, &e, bytes)
		_ = unix.Fadvise(fd, 0, bytes, unix.FADV_WILLNEED) // only advice
	}
	return bytes
}

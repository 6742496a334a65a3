package rootfs

import (
	"cmp"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"image-capture/entry"
)

// openTree is open_tree(2), Linux 5.2, and unshare unshare(2). Tests take them away.
var (
	openTree = unix.OpenTree
	unshare  = unix.Unshare
)

// copyMounts gives each directory a copy of its mount. Without one of the root the others
// are of no use, since their mount points would not be seen; the error says why. What
// MountAlone mounted needs none, and has none: a mount of no namespace cannot be copied.
func copyMounts(list []*entrance) error {
	var rest []*entrance
	for _, e := range list {
		switch {
		case e.err != nil || !e.dir:
		case e.alone:
			e.copied, e.err = openAt(e.fd, ".", unix.O_DIRECTORY)
		default:
			rest = append(rest, e)
		}
	}
	for i, e := range rest {
		var err error
		// One that cannot be copied is opened as it is.
		if e.copied, err = copyMount(e.fd); err != nil && i == 0 {
			if bindMounts(rest) == nil {
				return nil
			}
			return err
		}
	}
	return nil
}

// copyMount opens a directory in a copy of the mount that it is on, of which it is the
// top: no mount shows in the copy, and ".." does not lead out of it. The copy ends when
// the last file that was opened in it is closed.
func copyMount(fd int) (int, error) {
	tree, err := openTree(fd, "", unix.AT_EMPTY_PATH|unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return -1, err
	}
	defer unix.Close(tree)
	// Before Linux 5.12 it stays as writable as the mount; nothing is opened for writing.
	_ = unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &unix.MountAttr{
		Attr_set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOATIME | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NOEXEC,
		Attr_clr: unix.MOUNT_ATTR__ATIME,
	})
	return openAt(tree, ".", unix.O_DIRECTORY)
}

// bindMounts is copyMounts for kernels without open_tree(2): in a mount namespace that
// only one thread has, each directory is bind-mounted, opened, and unmounted again, which
// an open file survives. The namespace ends with the thread.
func bindMounts(list []*entrance) error {
	result := make(chan error)
	go onThreadOfItsOwn(func() { result <- bindAll(list) })
	return <-result
}

// onThreadOfItsOwn calls f on a thread that ends after it.
func onThreadOfItsOwn(f func()) {
	runtime.LockOSThread() // for good, so that the thread ends with this goroutine
	if unix.Gettid() != unix.Getpid() {
		f()
		return
	}
	// The first thread of a process cannot end before the process.
	done := make(chan struct{})
	go onThreadOfItsOwn(func() { defer close(done); f() })
	<-done
	runtime.UnlockOSThread()
}

func bindAll(list []*entrance) error {
	target, err := leaveNamespace()
	if err != nil {
		return err
	}
	for i, e := range list {
		if e.copied, err = e.bind(target); err != nil && i == 0 {
			return err
		}
	}
	return nil
}

// leaveNamespace gives the thread a mount namespace of its own, and returns a directory to
// mount at.
func leaveNamespace() (target string, err error) {
	if err := unshare(unix.CLONE_NEWNS); err != nil {
		return "", err
	}
	// Else what is mounted here would be mounted on the host, too. In a chroot this fails.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return "", err
	}
	for _, dir := range []string{"/sys", "/dev", "/run", "/mnt", "/tmp", "/etc", "/usr"} {
		if info, err := os.Lstat(dir); err == nil && info.IsDir() {
			return dir, nil
		}
	}
	return "", unix.ENOENT
}

// bind opens the directory in a bind mount of it that is gone again by then.
func (e *entrance) bind(target string) (int, error) {
	// By its path, as the mount must be one of this namespace; to the same directory.
	top, err := unix.Open("/", unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(top)
	fd, above, err := openPath(top, cmp.Or(strings.TrimPrefix(e.host, "/"), "."))
	if err != nil {
		return -1, err
	}
	defer unix.Close(above)
	defer unix.Close(fd)
	var there entry.Entry
	if _, err := statAt(fd, "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC, &there); err != nil {
		return -1, err
	}
	if there.ID != e.id {
		return -1, ErrMountsChanged
	}
	if err := unix.Mount(procPath(fd, ""), target, "", unix.MS_BIND, ""); err != nil {
		return -1, err
	}
	defer func() { _ = unix.Unmount(target, unix.MNT_DETACH) }()
	// Where that is refused, it stays writable; nothing is opened for writing.
	_ = unix.Mount("", target, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY|unix.MS_NOATIME|unix.MS_NOSUID|unix.MS_NOEXEC, "")
	return openAt(unix.AT_FDCWD, target, unix.O_DIRECTORY)
}

package rootfs

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// MountAlone mounts a device read-only where nobody else sees it: in no mount namespace at
// all, so that it is in no list of mounts, no other process can come by it, and neither
// what is mounted on the host nor a program that unmounts what it finds (dmeventd(8) does
// so to snapshots that ran full) has a say in it. It ends when the last file that was
// opened in it is closed: fd, its top, belongs to the caller. For Mount.From and OpenFrom
// the top is AlonePath(fd).
//
// That takes CAP_SYS_ADMIN in the first user namespace. No newer call is used for it than
// Linux 3.10 has.
func MountAlone(device int, fstype, options string) (fd int, err error) {
	type result struct {
		fd  int
		err error
	}
	done := make(chan result)
	go onThreadOfItsOwn(func() {
		fd, err := mountAlone(device, fstype, options)
		done <- result{fd, err}
	})
	r := <-done
	return r.fd, r.err
}

func mountAlone(device int, fstype, options string) (int, error) {
	target, err := leaveNamespace()
	if err != nil {
		return -1, fmt.Errorf("a mount namespace: %w", err)
	}
	// The device that is open, whatever its name leads to by now.
	flags := uintptr(unix.MS_RDONLY | unix.MS_NOATIME | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC)
	if err := unix.Mount(procPath(device, ""), target, fstype, flags, options); err != nil {
		return -1, err
	}
	defer func() { _ = unix.Unmount(target, unix.MNT_DETACH) }()
	return openAt(unix.AT_FDCWD, target, unix.O_DIRECTORY)
}

// aloneDir begins paths that no mount of the user's has: the kernel's own names of
// directories, as Root.Path has them, never do.
const aloneDir = "/proc/self/fd/"

// AlonePath is the path of the top of what MountAlone mounted, as long as fd is open.
func AlonePath(fd int) string { return procPath(fd, "") }

func isAlone(path string) bool { return strings.HasPrefix(path, aloneDir) }

package durable

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"image-capture/entry"

	"golang.org/x/sys/unix"
)

// TempPattern matches the names of temp files: an image should never hold one.
const TempPattern = ".*" + entry.TempSuffix

// createTemp makes the temp file of a path, locked. Only one writer of a path has one
// at a time; what dead ones left in the folder is removed.
func createTemp(path string) (*os.File, error) {
	dir, prefix := filepath.Dir(path), "."+shorten(filepath.Base(path))+"."
	unlock := lockDir(dir)
	defer unlock()
	if sweep(dir, prefix) {
		return nil, &BusyError{path}
	}
	f, err := os.CreateTemp(dir, strings.ReplaceAll(prefix, "*", "_")+"*"+entry.TempSuffix)
	if err != nil {
		var of *os.PathError
		if errors.As(err, &of) {
			err = of.Err // a name that nobody chose says nothing
		}
		return nil, unwritable(path, err)
	}
	// Some network filesystems have no locks: then two writers do not see each other,
	// and nothing is ever swept, as no lock can be had.
	_ = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	return f, nil
}

func unwritable(path string, err error) error {
	return fmt.Errorf("nothing can be written to %s, for %s: %w", filepath.Dir(path), filepath.Base(path), err)
}

// shorten leaves room for what a temp file's name has more.
func shorten(name string) string { return name[:min(len(name), 200)] }

// lockDir keeps others from looking into a folder between the making of a temp file
// and its lock. Where the lock cannot be had within a second, things go on without.
func lockDir(dir string) (unlock func()) {
	d, err := os.Open(dir)
	if err != nil {
		return func() {} // what is done there says why
	}
	for range 100 {
		err = unix.Flock(int(d.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err != unix.EWOULDBLOCK && err != unix.EINTR {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return func() { d.Close() }
}

// sweep removes the temp files in a folder whose writers are gone, and says whether one
// that begins with prefix has a writer that lives.
func sweep(dir, prefix string) (busy bool) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	prefix = strings.ReplaceAll(prefix, "*", "_")
	for _, e := range list {
		name := e.Name()
		if !strings.HasPrefix(name, ".") || !strings.HasSuffix(name, entry.TempSuffix) || !e.Type().IsRegular() {
			continue
		}
		path := filepath.Join(dir, name)
		if alive := removeDead(path); alive && strings.HasPrefix(name, prefix) && !strings.Contains(name[len(prefix):len(name)-len(entry.TempSuffix)], ".") {
			busy = true
		}
	}
	return busy
}

// removeDead removes a temp file of ours that nobody locks. alive says that somebody
// does.
func removeDead(path string) (alive bool) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Uid != uint32(os.Geteuid()) || st.Nlink != 1 {
		return false
	}
	if err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return err == unix.EWOULDBLOCK
	}
	_ = os.Remove(path)
	return false
}

func ownerOf(info os.FileInfo) uint32 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Uid
	}
	return 0
}

// Temp makes a file without a name in TMPDIR; where there is no room for one,
// such as on a read-only root, in memory.
func Temp(dir string) (*os.File, error) {
	if dir == "" {
		dir = "/tmp"
	}
	fd, err := unix.Open(dir, unix.O_RDWR|unix.O_TMPFILE|unix.O_CLOEXEC, 0o600)
	if err == nil {
		return os.NewFile(uintptr(fd), dir), nil
	}
	// Not every filesystem knows O_TMPFILE, and none before Linux 3.11.
	if f, err := os.CreateTemp(dir, "image-capture.*"); err == nil {
		return f, os.Remove(f.Name())
	}
	fd, err = unix.MemfdCreate("image-capture", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("cannot make a temp file in %s: %w", dir, err)
	}
	return os.NewFile(uintptr(fd), "memfd"), nil
}

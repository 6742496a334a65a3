package rootfs

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"image-capture/entry"
	"image-capture/rootfs/roottest"
)

// TestImpossibleTime reads an inode whose nanoseconds are more than a second.
func TestImpossibleTime(t *testing.T) {
	require.Equal(t, entry.Time{Sec: 6, Nsec: 73741823}, timeOf(5, 1<<30-1))
	require.Equal(t, entry.Time{Sec: -1, Nsec: 999999999}, timeOf(-1, 999999999))
}

// TestXattrTwice lists an attribute twice.
func TestXattrTwice(t *testing.T) {
	r := open(t, t.TempDir())
	var e entry.Entry
	require.NoError(t, r.readXattrs(xattrCalls{
		list: func(b []byte) (int, error) { return copy(b, "user.b\x00user.a\x00user.b\x00"), nil },
		get:  func(_ string, b []byte) (int, error) { return copy(b, "v"), nil },
	}, &e))
	require.Equal(t, []entry.Xattr{{Name: "user.a", Value: "v"}, {Name: "user.b", Value: "v"}}, e.Xattrs)
}

// TestLease opens a file that another holds a lease on, which is asked to give it up.
func TestLease(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "f")
	require.NoError(t, os.WriteFile(name, []byte("data"), 0o644))
	fd, err := unix.Open(name, unix.O_RDWR|unix.O_CLOEXEC, 0)
	require.NoError(t, err)
	defer unix.Close(fd)
	_, err = unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_WRLCK)
	roottest.Need(t, err == nil, fmt.Sprint("a TMPDIR with leases: ", err))
	time.AfterFunc(100*time.Millisecond, func() { _, _ = unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_UNLCK) })
	d, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	require.NoError(t, err)
	defer unix.Close(d)
	got, err := openAt(d, "f", 0)
	require.NoError(t, err)
	unix.Close(got)
}

package rootfs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"image-capture/rootfs"
	"image-capture/rootfs/roottest"
)

// TestMountAlone: what is mounted so is seen by who holds it, and is in no list of mounts.
func TestMountAlone(t *testing.T) {
	dir := roottest.Mounted(t, "ext4", "16M")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), []byte("text"), 0o644))
	source, err := exec.Command("findmnt", "-no", "SOURCE", dir).Output()
	require.NoError(t, err)
	device, err := unix.Open(strings.TrimSpace(string(source)), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	require.NoError(t, err)
	defer unix.Close(device)
	require.NoError(t, exec.Command("umount", dir).Run())
	before, err := os.ReadFile("/proc/self/mountinfo")
	require.NoError(t, err)

	_, err = rootfs.MountAlone(device, "xfs", "")
	require.ErrorIs(t, err, unix.EINVAL)
	fd, err := rootfs.MountAlone(device, "ext4", "")
	require.NoError(t, err)
	path := rootfs.AlonePath(fd)
	after, err := os.ReadFile("/proc/self/mountinfo")
	require.NoError(t, err)
	require.Equal(t, string(before), string(after))
	require.ErrorIs(t, os.WriteFile(path+"/new", nil, 0o644), unix.EROFS)

	r, err := rootfs.OpenFrom(t.TempDir(), path)
	require.NoError(t, err)
	require.NoError(t, r.Enter(rootfs.NewMounts(nil)))
	text, err := os.ReadFile(path + "/file")
	require.NoError(t, err)
	require.Equal(t, "text", string(text))
	require.NoError(t, r.Present())
	require.NoError(t, r.Close())
	require.NoError(t, unix.Close(fd))
	excl, err := unix.Open(strings.TrimSpace(string(source)), unix.O_RDONLY|unix.O_EXCL|unix.O_CLOEXEC, 0)
	require.NoError(t, err, "it is not in use any more")
	unix.Close(excl)
}

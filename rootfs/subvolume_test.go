package rootfs

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"image-capture/entry"
	"image-capture/rootfs/roottest"
)

// mkfs makes a filesystem in a file and mounts it for the length of the test.
func mkfs(t *testing.T, fstype, size, target string) {
	t.Helper()
	image := t.TempDir() + "/disk"
	err := exec.Command("truncate", "-s", size, image).Run()
	if err == nil {
		err = exec.Command("mkfs."+fstype, "-q", image).Run()
	}
	if err == nil {
		err = exec.Command("mount", "-o", "loop", image, target).Run()
	}
	roottest.Need(t, err == nil, "mkfs."+fstype+", loop devices and "+fstype+" in the kernel")
	t.Cleanup(func() { _ = unix.Unmount(target, unix.MNT_DETACH) })
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	require.NoError(t, err, "%s %v: %s", name, args, out)
}

// A btrfs as a host has it: subvolumes are no mounts, and old snapshots lie between them.
func TestSubvolumes(t *testing.T) {
	privateMounts(t)
	dir := made(t)
	mkfs(t, "btrfs", "128M", dir)
	run(t, "btrfs", "subvolume", "create", dir+"/sub")
	fill(t, dir, "sub/x", "y", "snaps/")
	run(t, "btrfs", "subvolume", "create", dir+"/sub/nested")
	fill(t, dir, "sub/nested/z")
	run(t, "btrfs", "subvolume", "snapshot", "-r", dir+"/sub", dir+"/snaps/1")
	run(t, "btrfs", "subvolume", "snapshot", dir+"/sub", dir+"/snaps/2")
	run(t, "btrfs", "subvolume", "create", dir+"/locked")
	fill(t, dir, "locked/in")
	run(t, "btrfs", "property", "set", dir+"/locked", "ro", "true")

	r := open(t, dir)
	m := mounts(t, r, MountOptions{})
	order, all := walk(t, r, WalkOptions{Mounts: m})
	require.Equal(t, []string{".", "./locked", "./locked/in", "./snaps", "./snaps/1", "./snaps/2", "./snaps/2/nested", "./snaps/2/x",
		"./sub", "./sub/nested", "./sub/nested/z", "./sub/x", "./y"}, order)
	const sub = "subvolume of a captured filesystem"
	require.Equal(t, []Mount{
		{Path: "./locked", Captured: true, Reason: sub}, // read-only, but no snapshot
		{Path: "./snaps/1", Reason: "read-only snapshot of a subvolume"},
		{Path: "./snaps/2", Captured: true, Reason: sub},
		{Path: "./snaps/2/nested", Reason: "the subvolume that was here is not in the snapshot", standIn: true},
		{Path: "./sub", Captured: true, Reason: sub},
		{Path: "./sub/nested", Captured: true, Reason: sub},
	}, m.List())
	e := all["./snaps/2/nested"].entry
	require.NoError(t, all["./snaps/2/nested"].err)
	require.Equal(t, all["./snaps/2"].entry.Mtime, e.Mtime, "its own is the time of now: two images of it would differ")
	require.Equal(t, entry.Dir, e.Type)
	require.Equal(t, uint32(0o755), e.Perm)

	opt := MountOptions{Include: []string{"/snaps/1"}, Exclude: []string{"./sub/nested", "snaps/2", "./none"}}
	var absent []string
	opt.NotMounted = func(path string) { absent = append(absent, path) }
	m = mounts(t, r, opt)
	require.Equal(t, []string{"./none"}, absent)
	order = names(t, r, WalkOptions{Mounts: m})
	require.Equal(t, []string{".", "./locked", "./locked/in", "./snaps", "./snaps/1", "./snaps/1/nested", "./snaps/1/x", "./snaps/2",
		"./sub", "./sub/nested", "./sub/x", "./y"}, order)
	require.Equal(t, "./snaps/1 captured: read-only snapshot of a subvolume (--include-mount)", m.List()[1].String())
	require.Equal(t, "./sub/nested left out: "+sub+" (--exclude-mount)", m.List()[5].String())

	require.Equal(t, []string{".", "./locked", "./snaps", "./snaps/1", "./snaps/2", "./sub", "./y"},
		names(t, r, WalkOptions{Mounts: mounts(t, r, MountOptions{OneFileSystem: true})}))
	require.Equal(t, []string{".", "./locked", "./snaps", "./snaps/1", "./snaps/2", "./sub", "./sub/nested", "./sub/x", "./y"},
		names(t, r, WalkOptions{Mounts: mounts(t, r, MountOptions{OneFileSystem: true, Include: []string{"sub"}})}))
	for path, want := range map[string]string{
		"snaps/1/nested": "./snaps/1/nested is not a mount point", // it stands for one
		"snaps":          "./snaps is not a mount point",
	} {
		_, err := r.Mounts(MountOptions{Include: []string{path}})
		require.ErrorContains(t, err, want)
	}
	_, err := r.Mounts(MountOptions{OneFileSystem: true, Include: []string{"sub/nested"}})
	require.EqualError(t, err, "./sub/nested lies in ./sub, which is left out: include that too")
	_, err = r.Mounts(MountOptions{Include: []string{"snaps/1"}, Dropped: func(p string) bool { return p == "./snaps/1" }})
	require.ErrorContains(t, err, "./snaps/1 is excluded")

	// A subvolume that is mounted is a mount point.
	require.NoError(t, os.Mkdir(dir+"/at", 0o755))
	run(t, "mount", "--bind", dir+"/snaps/1", dir+"/at")
	require.NotNil(t, mounts(t, r, MountOptions{Include: []string{"at"}}).at("./at"))
}

// A directory that was deleted is no empty one.
func TestGone(t *testing.T) {
	dir := made(t, "d/f")
	r := open(t, dir+"/d")
	require.NoError(t, r.Present())
	require.NoError(t, os.Remove(dir+"/d/f"))
	require.ErrorContains(t, r.Present(), "/d is gone", "nothing is left of what it had")
	fill(t, dir, "d/other")
	require.NoError(t, r.Present())
	require.NoError(t, os.RemoveAll(dir+"/d"))
	var gone *GoneError
	require.ErrorAs(t, r.Present(), &gone)
	require.Equal(t, dir+"/d", gone.Path)
	_, err := Open(procPath(r.dir.fd, ""))
	require.ErrorAs(t, err, &gone)

	// One that was empty and still is.
	dir = made(t, "d/")
	require.NoError(t, open(t, dir+"/d").Present())
}

// btrfs deletes a subvolume that is mounted and open, and keeps the number of its links;
// what of it was listed before can still be looked up.
func TestSnapshotGone(t *testing.T) {
	privateMounts(t)
	disk, dir := made(t), made(t, "etc/", "home/", "usr/")
	mkfs(t, "btrfs", "128M", disk)
	run(t, "btrfs", "subvolume", "create", disk+"/home")
	fill(t, disk, "home/user/file")
	for _, s := range []string{"1", "2"} {
		run(t, "btrfs", "subvolume", "snapshot", "-r", disk+"/home", disk+"/"+s)
	}
	mount(t, disk+"/1", dir+"/home", "", unix.MS_BIND, "")
	mount(t, disk+"/2", dir+"/usr", "", unix.MS_BIND, "")

	r := open(t, dir)
	m := mounts(t, r, MountOptions{Exclude: []string{"usr"}})
	require.NoError(t, r.Enter(m))
	root := open(t, dir+"/home")
	fd, err := unix.Openat(r.byPath["./home"].dir.fd, "user", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	require.NoError(t, err)
	defer unix.Close(fd)
	require.NoError(t, r.Present())
	run(t, "btrfs", "subvolume", "delete", disk+"/1")
	run(t, "btrfs", "subvolume", "delete", disk+"/2")
	var e entry.Entry
	_, err = statFD(root.dir.fd, &e)
	require.NoError(t, err)
	require.EqualError(t, r.Present(), "./home is gone: it was deleted, or what is mounted there was taken away")
	require.ErrorContains(t, root.Present(), dir+"/home is gone")
	for _, path := range []string{"/home", "/usr"} {
		var gone *GoneError
		_, err = Open(dir + path)
		require.ErrorAs(t, err, &gone)
	}
	// Before anything is read.
	var gone *GoneError
	r = open(t, dir)
	require.ErrorAs(t, r.Enter(mounts(t, r, MountOptions{})), &gone)
	require.NoError(t, open(t, dir).Enter(mounts(t, r, MountOptions{OneFileSystem: true})))
}

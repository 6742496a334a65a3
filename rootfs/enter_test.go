package rootfs

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"image-capture/entry"
	"image-capture/rootfs/roottest"
)

// enter opens a root with its mounts.
func enter(t *testing.T, dir string, opt MountOptions) (*Root, *Mounts) {
	t.Helper()
	r := open(t, dir)
	m := mounts(t, r, opt)
	require.NoError(t, r.Enter(m))
	return r, m
}

// viewed lists the tree as the view shows it, as a walk would.
func viewed(t *testing.T, r *Root) []string {
	t.Helper()
	var order []string
	require.NoError(t, fs.WalkDir(r.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		require.NoError(t, err, name)
		order = append(order, pathOf(name))
		info, err := r.FS().Lstat(name)
		require.NoError(t, err)
		require.Equal(t, d.IsDir(), info.IsDir(), name)
		require.Equal(t, base(name), info.Name())
		return nil
	}))
	slices.Sort(order)
	return order
}

func readMountinfo(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("/proc/thread-self/mountinfo")
	require.NoError(t, err)
	return string(text)
}

// host makes a tree as that of a host that runs: disks and other things mounted in it, and
// files under them.
func host(t *testing.T) string {
	t.Helper()
	dir := made(t, "etc/hosts", "etc/id", "dev/console", "proc/", "run/stale", "var/under", "usr/bin/sh", "zz")
	under(t, dir, "dev", "var", "mnt/nas")
	mount(t, "proc", dir+"/proc", "proc", 0, "")
	mount(t, "tmpfs", dir+"/dev", "tmpfs", 0, "")
	mount(t, "tmpfs", dir+"/run", "tmpfs", 0, "")
	mount(t, "tmpfs", dir+"/mnt/nas", "tmpfs", 0, "")
	fill(t, dir, "dev/mem", "dev/shm/x", "run/pid", "mnt/nas/file")
	mkfs(t, "ext4", "16M", dir+"/var")
	fill(t, dir, "var/lib/db", "var/cache/under")
	mount(t, "tmpfs", dir+"/var/cache", "tmpfs", 0, "")
	fill(t, dir, "var/cache/over")
	mount(t, dir+"/usr", dir+"/usr", "", unix.MS_BIND, "")
	outside := made(t, "hosts")
	mount(t, outside+"/hosts", dir+"/etc/hosts", "", unix.MS_BIND, "")
	mount(t, dir+"/run/pid", dir+"/etc/id", "", unix.MS_BIND, "")
	return dir
}

// onDisk is what is on the disks of host.
var onDisk = []string{".", "./dev", "./dev/console", "./etc", "./etc/hosts", "./etc/id", "./mnt", "./mnt/nas", "./proc", "./run", "./run/stale",
	"./usr", "./usr/bin", "./usr/bin/sh", "./var", "./var/cache", "./var/cache/under", "./var/lib", "./var/lib/db", "./var/lost+found", "./zz"}

func requireOnDisk(t *testing.T, r *Root, m *Mounts) {
	t.Helper()
	order, all := walk(t, r, WalkOptions{Mounts: m})
	require.Equal(t, onDisk, order)
	for path, s := range all {
		require.NoError(t, s.err, path)
		require.NoError(t, s.lost, path)
	}
	requireUnder(t, all["./dev"], "dev")
	requireUnder(t, all["./mnt/nas"], "mnt/nas")
	require.NotEqual(t, uint32(0o710), all["./var"].entry.Perm, "the disk's own")
	require.Equal(t, "hosts", all["./etc/hosts"].content, "what is mounted")
	require.Equal(t, "etc/id", all["./etc/id"].content, "what lies under it")
	require.Equal(t, onDisk, viewed(t, r))
	b, err := fs.ReadFile(r.FS(), "etc/hosts")
	require.NoError(t, err)
	require.Equal(t, "hosts", string(b))
	for _, d := range m.List() {
		require.Equal(t, !d.Captured, d.Beneath, d.Path)
	}
	require.Contains(t, m.at("./var").String(), "; it hides what is not in the image, such as ./var/under")
	require.NotContains(t, m.at("./usr").String(), "hides", "it is mounted on itself")
}

// A root is seen as it is on its disks, whatever is mounted in it.
func TestEnter(t *testing.T) {
	privateMounts(t)
	dir := host(t)
	before, fds := readMountinfo(t), openDescriptors(t)
	r := open(t, dir)
	m := mounts(t, r, MountOptions{})
	require.NoError(t, r.Enter(m))
	requireOnDisk(t, r, m)
	require.Equal(t, before, readMountinfo(t), "nothing shows")

	// It is read-only, from Linux 5.12 on, and reading leaves no trace.
	if unix.MountSetattr(-1, "", 0, &unix.MountAttr{}) != unix.ENOSYS {
		_, err := unix.Openat(r.dir.fd, "new", unix.O_CREAT|unix.O_WRONLY, 0o600)
		require.ErrorIs(t, err, unix.EROFS)
		_, err = unix.Openat(r.byPath["./var"].dir.fd, "new", unix.O_CREAT|unix.O_WRONLY, 0o600)
		require.ErrorIs(t, err, unix.EROFS)
	}
	require.NoError(t, os.WriteFile(dir+"/new", nil, 0o600), "the mount itself is not")
	require.NoError(t, os.Remove(dir+"/new"))

	// Mounts come and go meanwhile, without a change.
	require.NoError(t, unix.Unmount(dir+"/var/cache", 0))
	require.NoError(t, unix.Unmount(dir+"/var", 0))
	mount(t, "tmpfs", dir+"/usr/bin", "tmpfs", 0, "")
	requireOnDisk(t, r, m.Copy())
	require.NoError(t, r.Present())
	require.Equal(t, fds+len(r.places), openDescriptors(t), "one for each place")

	// Whether what lies under a mount is in the image is for the excludes to say.
	require.Equal(t, "./dev left out: pseudo filesystem tmpfs, but not what lies under it", m.at("./dev").String())
	require.Equal(t, "./mnt/nas left out: pseudo filesystem tmpfs", m.at("./mnt/nas").String())
	_, m = enter(t, dir, MountOptions{Dropped: func(path string) bool { return path == "./dev" }})
	require.Equal(t, "./dev left out: pseudo filesystem tmpfs", m.at("./dev").String())

	// What is excluded shows what lies under it; so does what a walk takes back.
	mount(t, dir, dir+"/mnt/nas", "", unix.MS_BIND, "")
	r, m = enter(t, dir, MountOptions{Include: []string{"mnt/nas"}, Exclude: []string{"usr"}})
	order := names(t, r, WalkOptions{Mounts: m})
	require.Equal(t, []string{".", "./dev", "./dev/console", "./etc", "./etc/hosts", "./etc/id", "./mnt", "./mnt/nas", "./proc", "./run", "./run/stale",
		"./usr", "./usr/bin", "./usr/bin/sh", "./var", "./var/under", "./zz"}, order)
	require.Contains(t, m.at("./mnt/nas").String(), "it holds the directory that it is mounted in")
	require.NoError(t, unix.Unmount(dir+"/mnt/nas", 0))
}

// The disk is in use until the root is closed, and nobody sees by whom.
func TestEnterHolds(t *testing.T) {
	privateMounts(t)
	dir := made(t, "data/")
	mkfs(t, "ext4", "16M", dir+"/data")
	loop := mountSource(t, dir+"/data")
	r, err := Open(dir)
	require.NoError(t, err)
	require.NoError(t, r.Enter(mounts(t, r, MountOptions{})))
	require.NoError(t, unix.Unmount(dir+"/data", 0))
	_, err = unix.Open(loop, unix.O_RDONLY|unix.O_EXCL|unix.O_CLOEXEC, 0)
	require.ErrorIs(t, err, unix.EBUSY)
	require.NoError(t, r.Close())
	require.Eventually(t, func() bool {
		fd, err := unix.Open(loop, unix.O_RDONLY|unix.O_EXCL|unix.O_CLOEXEC, 0)
		if err == nil {
			unix.Close(fd)
		}
		return !errors.Is(err, unix.EBUSY)
	}, 20*time.Second, 10*time.Millisecond)
}

func mountSource(t *testing.T, target string) string {
	t.Helper()
	infos, err := ReadMounts()
	require.NoError(t, err)
	for _, m := range infos {
		if m.Mountpoint == target {
			return m.Source
		}
	}
	require.Fail(t, "not mounted", target)
	return ""
}

// Without open_tree(2) a mount namespace of one thread serves, and without the privilege
// the tree is seen as it is mounted, and that is said.
func TestEnterFallback(t *testing.T) {
	if os.Getenv("ENTER_FALLBACK") == "" {
		roottest.NeedRoot(t)
		// The mounts must be those of all threads.
		out, err := exec.Command("unshare", "-m", "--propagation", "private", "true").CombinedOutput()
		roottest.Need(t, err == nil, "the privilege to make a mount namespace: "+string(out))
		cmd := exec.Command("unshare", "-m", "--propagation", "private", os.Args[0], "-test.run=^TestEnterFallback$", "-test.v")
		cmd.Env = append(os.Environ(), "ENTER_FALLBACK=1", "TMPDIR="+t.TempDir())
		out, err = cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		return
	}
	openTree = func(int, string, uint) (int, error) { return -1, unix.ENOSYS } // of this process
	dir := host(t)
	before := readMountinfo(t)
	r, m := enter(t, dir, MountOptions{})
	require.Equal(t, before, readMountinfo(t))
	requireOnDisk(t, r, m)
	_, err := unix.Openat(r.byPath["./var"].dir.fd, "new", unix.O_CREAT|unix.O_WRONLY, 0o600)
	require.ErrorIs(t, err, unix.EROFS)

	// As ROOT, / is the most usual.
	r, m = enter(t, "/", MountOptions{})
	require.True(t, m.at("./proc").Beneath)
	fd, err := r.openDir("./proc")
	require.NoError(t, err)
	l := &listing{}
	require.NoError(t, l.read(t.Context(), fd, make([]byte, 4096)))
	require.Empty(t, l.items)
	unix.Close(fd)

	unshare = func(int) error { return unix.EPERM }
	r, m = enter(t, dir, MountOptions{})
	order, all := walk(t, r, WalkOptions{Mounts: m})
	require.Equal(t, []string{".", "./dev", "./etc", "./etc/hosts", "./etc/id", "./mnt", "./mnt/nas", "./proc", "./run",
		"./usr", "./usr/bin", "./usr/bin/sh", "./var", "./var/cache", "./var/lib", "./var/lib/db", "./var/lost+found", "./zz"}, order)
	require.Equal(t, "hosts", all["./etc/hosts"].content)
	require.ErrorContains(t, all["./etc/id"].err, "left out")
	require.Equal(t, "./dev left out: pseudo filesystem tmpfs; what lies under it is not seen: function not implemented", m.at("./dev").String())
}

// A path of many levels leads back over mount points, also when what is mounted there is
// seen by itself.
func TestEnterDeep(t *testing.T) {
	privateMounts(t)
	dir, outside := deep(t, maxOpenDirs+20), deep(t, maxOpenDirs+20)
	mount(t, outside, dir+"/d/d/d", "", unix.MS_BIND, "")
	r, m := enter(t, dir, MountOptions{})
	require.Equal(t, found(t, dir), names(t, r, WalkOptions{Mounts: m}))
}

// The table can come from elsewhere, with what is captured at other places: snapshots.
func TestEnterFrom(t *testing.T) {
	privateMounts(t)
	dir := made(t, "etc/a", "home/", "proc/1", "var/under")
	snap := made(t, "home/user/file", "log/x")
	m := NewMounts([]Mount{
		{Path: "./home", Kind: LocalFS, Captured: true, Reason: "snapshot", From: snap + "/home"},
		{Path: "./var", Captured: true, Reason: "snapshot", From: snap},
		{Path: "./var/log", Captured: true, Reason: "snapshot", From: snap + "/log"},
		{Path: "./proc", Kind: PseudoFS, Reason: "pseudo filesystem proc"},
		{Path: "./gone", Captured: true, Reason: "snapshot", From: snap + "/none"},
	})
	mkdirs(t, dir+"/gone")
	r := open(t, dir)
	require.NoError(t, r.Enter(m))
	order, all := walk(t, r, WalkOptions{Mounts: m})
	require.Equal(t, []string{".", "./etc", "./etc/a", "./gone", "./home", "./home/user", "./home/user/file", "./proc", "./proc/1",
		"./var", "./var/home", "./var/home/user", "./var/home/user/file", "./var/log", "./var/log/x"}, order)
	require.ErrorContains(t, all["./gone"].node.Err, "open ./gone: no such file")
	require.False(t, all["./gone"].entered)
}

func mkdirs(t *testing.T, dir string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o755))
}

// Nothing waits for a server that hangs, or wakes an automount: with the privilege and
// without.
func TestEnterDoesNotHang(t *testing.T) {
	privateMounts(t)
	dir := made(t, "a", "mnt/")
	under(t, dir, "mnt/fuse", "fuse")
	for _, at := range []string{"/mnt/fuse", "/fuse"} {
		fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
		roottest.Need(t, err == nil, "FUSE in the kernel")
		require.NoError(t, unix.Mount("hang", dir+at, "fuse.hang", 0, "fd="+strconv.Itoa(fd)+",rootmode=40000,user_id=0,group_id=0"))
		t.Cleanup(func() { unix.Close(fd); _ = unix.Unmount(dir+at, unix.MNT_DETACH) })
	}
	done := time.AfterFunc(20*time.Second, func() { panic("it waits for a FUSE server") })
	defer done.Stop()
	want := []string{".", "./a", "./fuse", "./mnt", "./mnt/fuse"}
	look := func() {
		t.Helper()
		r, m := enter(t, dir, MountOptions{})
		order, all := walk(t, r, WalkOptions{Mounts: m})
		require.Equal(t, want, order)
		require.NoError(t, all["./fuse"].err)
		if m.at("./fuse").Beneath {
			requireUnder(t, all["./fuse"], "fuse")
		}
		list, err := r.FS().ReadDir(".")
		require.NoError(t, err)
		require.Len(t, list, 3)
		info, err := r.FS().Lstat("mnt/fuse")
		require.NoError(t, err)
		require.True(t, info.IsDir())
		require.NoError(t, r.Present())
	}
	look()
	dropSysAdmin(t)
	unshare = func(int) error { return unix.EPERM }
	t.Cleanup(func() { unshare = unix.Unshare })
	look()
}

// SIGKILL frees all.
func TestEnterKilled(t *testing.T) {
	if dir := os.Getenv("ENTER_KILLED"); dir != "" {
		r, m := enter(t, dir, MountOptions{})
		require.NoError(t, unix.Unmount(dir+"/data", unix.MNT_DETACH))
		require.Contains(t, names(t, r, WalkOptions{Mounts: m}), "./data/lost+found")
		_, _ = os.Stdout.WriteString("\nready\n")
		time.Sleep(time.Minute)
		return
	}
	privateMounts(t)
	dir := made(t, "data/")
	mkfs(t, "ext4", "16M", dir+"/data")
	loop := mountSource(t, dir+"/data")
	cmd := exec.Command(os.Args[0], "-test.run=^TestEnterKilled$")
	cmd.Env = append(os.Environ(), "ENTER_KILLED="+dir)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != "ready" {
		t.Log(lines.Text())
	}
	busy := func() bool {
		fd, err := unix.Open(loop, unix.O_RDONLY|unix.O_EXCL|unix.O_CLOEXEC, 0)
		if err == nil {
			unix.Close(fd)
		}
		return errors.Is(err, unix.EBUSY)
	}
	require.True(t, busy())
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	require.Eventually(t, func() bool { return !busy() }, 20*time.Second, 10*time.Millisecond)
}

// What a chroot has bound in, an overlay as the root, and subvolumes behind mounts.
func TestEnterKinds(t *testing.T) {
	privateMounts(t)
	base := made(t, "lower/usr/sh", "lower/etc/conf", "upper/", "work/", "root/")
	mount(t, "overlay", base+"/root", "overlay", 0, "lowerdir="+base+"/lower,upperdir="+base+"/upper,workdir="+base+"/work")
	dir := base + "/root"
	fill(t, dir, "etc/new", "dev/", "proc/", "home/under")
	require.NoError(t, os.Remove(dir+"/usr/sh"))
	mount(t, "/dev", dir+"/dev", "", unix.MS_BIND|unix.MS_REC, "")
	mount(t, "/proc", dir+"/proc", "", unix.MS_BIND|unix.MS_REC, "")
	disk := made(t)
	mkfs(t, "btrfs", "128M", disk)
	run(t, "btrfs", "subvolume", "create", disk+"/@home")
	run(t, "btrfs", "subvolume", "create", disk+"/@home/user")
	fill(t, disk, "@home/user/file")
	require.NoError(t, unix.Lsetxattr(disk+"/@home/user", "trusted.note", []byte("x"), 0))
	run(t, "btrfs", "subvolume", "snapshot", "-r", disk+"/@home/user", disk+"/@home/old")
	mount(t, disk+"/@home", dir+"/home", "", unix.MS_BIND, "")
	r, m := enter(t, dir, MountOptions{})
	order, all := walk(t, r, WalkOptions{Mounts: m})
	require.Equal(t, []string{".", "./dev", "./etc", "./etc/conf", "./etc/new", "./home", "./home/old", "./home/user", "./home/user/file", "./proc", "./usr"}, order)
	require.False(t, all["./home/old"].entered)
	require.NoError(t, all["./home/old"].err)
	require.Equal(t, entry.Dir, all["./home/old"].entry.Type)
	require.Equal(t, []entry.Xattr{{Name: "trusted.note", Value: "x"}}, all["./home/old"].entry.Xattrs)
	require.Equal(t, "./home/old left out: read-only snapshot of a subvolume", m.at("./home/old").String())
	require.Contains(t, m.at("./home").String(), "such as ./home/under")
}

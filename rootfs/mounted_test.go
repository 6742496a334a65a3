package rootfs

import (
	"context"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"image-capture/entry"
	"image-capture/rootfs/roottest"
)

// ext4 makes a filesystem in a file and mounts it for the length of the test.
func ext4(t *testing.T, target string) {
	t.Helper()
	onLoop(t, target, 32<<20, "ext4", "-F")
}

func onLoop(t *testing.T, target string, size int64, fs string, options ...string) {
	t.Helper()
	image := t.TempDir() + "/disk"
	require.NoError(t, os.WriteFile(image, nil, 0o600))
	require.NoError(t, os.Truncate(image, size))
	err := exec.Command("mkfs."+fs, append(options, "-q", image)...).Run()
	if err == nil {
		err = exec.Command("mount", "-t", fs, "-o", "loop", image, target).Run()
	}
	roottest.Need(t, err == nil, "mkfs."+fs+" and loop devices")
	t.Cleanup(func() { require.NoError(t, unix.Unmount(target, 0)) })
}

func mounts(t *testing.T, r *Root, opt MountOptions) *Mounts {
	t.Helper()
	m, err := r.Mounts(opt)
	require.NoError(t, err)
	return m
}

// The directories that are mounted on have a mode, an owner, a time and an xattr
// that those mounted there have not.
func under(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		require.NoError(t, os.MkdirAll(dir+"/"+name, 0o755))
		require.NoError(t, os.Chmod(dir+"/"+name, 0o710))
		require.NoError(t, os.Chown(dir+"/"+name, 12, 34))
		require.NoError(t, unix.Lsetxattr(dir+"/"+name, "trusted.under", []byte(name), 0))
		require.NoError(t, os.Chtimes(dir+"/"+name, fixed, fixed))
	}
}

func requireUnder(t *testing.T, s seen, name string) {
	t.Helper()
	require.NoError(t, s.err)
	require.NoError(t, s.lost)
	e := s.entry
	require.Equal(t, entry.Dir, e.Type)
	require.Equal(t, uint32(0o710), e.Perm)
	require.Equal(t, []uint32{12, 34}, []uint32{e.UID, e.GID})
	require.Equal(t, fixed.Unix(), e.Mtime.Sec)
	require.Equal(t, []entry.Xattr{{Name: "trusted.under", Value: name}}, e.Xattrs)
}

func TestMountedTree(t *testing.T) {
	privateMounts(t)
	dir := made(t, "etc/hosts", "srv/www/index", "zz", "self/kept")
	under(t, dir, "tmpfs", "data", "www", "self", "outside")
	mount(t, "tmpfs", dir+"/tmpfs", "tmpfs", 0, "")
	fill(t, dir, "tmpfs/run")
	ext4(t, dir+"/data")
	fill(t, dir, "data/stored")
	outside := made(t, "from-outside")
	mount(t, dir+"/srv/www", dir+"/www", "", unix.MS_BIND, "")
	mount(t, dir+"/self", dir+"/self", "", unix.MS_BIND, "")
	mount(t, outside, dir+"/outside", "", unix.MS_BIND, "")

	r := open(t, dir)
	fds := openDescriptors(t)
	m := mounts(t, r, MountOptions{})
	_, all := walk(t, r, WalkOptions{Mounts: m})
	order := names(t, r, WalkOptions{Mounts: m})
	require.Equal(t, []string{
		".", "./data", "./data/lost+found", "./data/stored", "./etc", "./etc/hosts", "./outside", "./outside/from-outside", "./self", "./self/kept",
		"./srv", "./srv/www", "./srv/www/index", "./tmpfs", "./www", "./zz",
	}, order)
	requireUnder(t, all["./tmpfs"], "tmpfs")
	requireUnder(t, all["./www"], "www")
	require.NotEqual(t, uint32(0o710), all["./data"].entry.Perm, "the root of what is mounted there is captured")
	require.NotEqual(t, all["."].entry.ID.Dev, all["./data"].entry.ID.Dev)
	_, whole := m.Used()
	require.False(t, whole, "the root is a directory of a larger filesystem")

	list := m.List()
	require.Len(t, list, 5)
	got := map[string]bool{}
	for _, d := range list {
		got[d.Path] = d.Captured
	}
	require.Equal(t, map[string]bool{"./data": true, "./outside": true, "./self": true, "./tmpfs": false, "./www": false}, got)

	for _, opt := range []WalkOptions{{}, {Mounts: mounts(t, r, MountOptions{OneFileSystem: true})}} {
		require.Equal(t, []string{".", "./data", "./etc", "./etc/hosts", "./outside", "./self", "./srv", "./srv/www", "./srv/www/index", "./tmpfs", "./www", "./zz"}, names(t, r, opt))
		_, all := walk(t, r, opt)
		for _, name := range []string{"data", "outside", "self", "tmpfs", "www"} {
			requireUnder(t, all["./"+name], name)
		}
	}
	order = names(t, r, WalkOptions{Mounts: mounts(t, r, MountOptions{Include: []string{"tmpfs", "www"}, Exclude: []string{"data", "outside"}})})
	require.Equal(t, []string{
		".", "./data", "./etc", "./etc/hosts", "./outside", "./self", "./self/kept", "./srv", "./srv/www", "./srv/www/index",
		"./tmpfs", "./tmpfs/run", "./www", "./www/index", "./zz",
	}, order)
	require.Equal(t, fds, openDescriptors(t), "descriptors leaked")

	// The filesystem as the root: statfs tells its size.
	used, whole := mounts(t, open(t, dir+"/data"), MountOptions{}).Used()
	require.True(t, whole)
	require.Less(t, used, int64(32<<20))
	require.Positive(t, used)
}

// Files can be mounted on files.
func TestMountedFiles(t *testing.T) {
	privateMounts(t)
	dir := made(t, "etc/hosts", "etc/id", "etc/masked", "run/")
	mount(t, "tmpfs", dir+"/run", "tmpfs", 0, "")
	fill(t, dir, "run/id")
	outside := made(t, "hosts")
	require.NoError(t, os.WriteFile(outside+"/hosts", []byte("mounted"), 0o644))
	require.NoError(t, unix.Mknod(outside+"/null", unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))))
	mount(t, outside+"/hosts", dir+"/etc/hosts", "", unix.MS_BIND, "")
	mount(t, dir+"/run/id", dir+"/etc/id", "", unix.MS_BIND, "")
	mount(t, outside+"/null", dir+"/etc/masked", "", unix.MS_BIND, "")
	r := open(t, dir)
	_, all := walk(t, r, WalkOptions{Mounts: mounts(t, r, MountOptions{})})
	require.NoError(t, all["./etc/id"].err)
	require.Equal(t, "etc/id", all["./etc/id"].content, "what lies under a mount that is left out")
	require.NoError(t, all["./etc/hosts"].err)
	require.Equal(t, "mounted", all["./etc/hosts"].content)
	require.NoError(t, all["./etc/masked"].err)
	require.Equal(t, entry.CharDevice, all["./etc/masked"].entry.Type)
	_, all = walk(t, r, WalkOptions{Mounts: mounts(t, r, MountOptions{Exclude: []string{"etc/masked"}})})
	require.Equal(t, "etc/masked", all["./etc/masked"].content)

	dropSysAdmin(t)
	_, all = walk(t, r, WalkOptions{Mounts: mounts(t, r, MountOptions{})})
	require.ErrorContains(t, all["./etc/id"].err, "left out", "or the content of a mount that is left out would be captured")
}

// dropSysAdmin takes away, from the test's thread, what open_tree needs.
func dropSysAdmin(t *testing.T) {
	t.Helper()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	require.NoError(t, unix.Capget(&header, &data[0]))
	was := data
	data[0].Effective &^= 1 << unix.CAP_SYS_ADMIN
	require.NoError(t, unix.Capset(&header, &data[0]))
	t.Cleanup(func() { require.NoError(t, unix.Capset(&header, &was[0])) })
}

func TestMountedWithoutPrivilege(t *testing.T) {
	privateMounts(t)
	dir := made(t, "a")
	under(t, dir, "tmpfs", "nfs")
	mount(t, "tmpfs", dir+"/tmpfs", "tmpfs", 0, "mode=700")
	mount(t, "tmpfs", dir+"/nfs", "tmpfs", 0, "mode=700") // stands in for what may hang
	fill(t, dir, "tmpfs/x", "nfs/x")
	dropSysAdmin(t)
	r := open(t, dir)
	m := mounts(t, r, MountOptions{})
	m.at("./nfs").Kind = NetworkFS
	order, all := walk(t, r, WalkOptions{Mounts: m})
	require.Equal(t, []string{".", "./a", "./nfs", "./tmpfs"}, order)
	require.NoError(t, all["./tmpfs"].err)
	require.Equal(t, uint32(0o700), all["./tmpfs"].entry.Perm, "the mounted directory")
	require.NoError(t, all["./nfs"].err)
	require.Equal(t, entry.Entry{Path: "./nfs", Type: entry.Dir, Perm: 0o755, Nlink: 1, Mtime: all["."].entry.Mtime}, all["./nfs"].entry, "not touched")
}

func TestMountAppearsDuringWalk(t *testing.T) {
	privateMounts(t)
	dir := made(t, "a", "b/", "c/", "d/")
	under(t, dir, "b")
	r := open(t, dir)
	m := mounts(t, r, MountOptions{})
	require.Empty(t, m.List())
	var order []string
	all := map[string]seen{}
	require.NoError(t, r.Walk(context.Background(), WalkOptions{Mounts: m}, func(n Node) error {
		defer n.Release()
		if n.Path == "./a" {
			mount(t, "tmpfs", dir+"/b", "tmpfs", 0, "")
			fill(t, dir, "b/x")
			ext4(t, dir+"/c")
			mount(t, dir, dir+"/d", "", unix.MS_BIND, "") // below itself
		}
		s := seen{node: n}
		var c *Content
		if c, s.lost, s.err = n.Read(&s.entry); c != nil {
			c.Close()
		}
		order = append(order, n.Path)
		all[n.Path] = s
		return nil
	}))
	require.Equal(t, []string{".", "./a", "./b", "./c", "./c/lost+found", "./d"}, order)
	requireUnder(t, all["./b"], "b")
	list := m.List()
	require.Len(t, list, 3)
	require.Equal(t, Mount{id: list[0].id, Path: "./b", Kind: PseudoFS, Dev: list[0].Dev, FSType: "tmpfs", Source: "tmpfs", Reason: "pseudo filesystem tmpfs"}, list[0])
	require.Equal(t, "./c", list[1].Path)
	require.True(t, list[1].Captured)
	require.Equal(t, "./d", list[2].Path)
	require.False(t, list[2].Captured)

	// Nor is a tree captured below itself when it is asked for.
	order, _ = walk(t, r, WalkOptions{Mounts: mounts(t, r, MountOptions{Include: []string{"d"}})})
	require.Equal(t, []string{".", "./a", "./b", "./c", "./c/lost+found", "./d"}, order)

	// Unmounted meanwhile: the directory is in the tree as it is.
	require.NoError(t, unix.Unmount(dir+"/b", 0))
	_, all = walk(t, r, WalkOptions{Mounts: m})
	requireUnder(t, all["./b"], "b")
}

// A path of many levels on which directories are closed and opened again leads
// back over mount points too.
func TestWalkDeepMounted(t *testing.T) {
	privateMounts(t)
	dir := deep(t, maxOpenDirs+20)
	outside := deep(t, maxOpenDirs+20)
	target := dir + "/d/d/d"
	mount(t, outside, target, "", unix.MS_BIND, "")
	r := open(t, dir)
	order := names(t, r, WalkOptions{Mounts: mounts(t, r, MountOptions{})})
	require.Equal(t, found(t, dir), order)
	require.Len(t, order, 1+2*3+2*(maxOpenDirs+20))
}

// A walk does not touch what it leaves out: a FUSE server that never answers is
// stood in for by an autofs whose daemon does not either.
func TestLeftOutIsNotWoken(t *testing.T) {
	privateMounts(t)
	dir := made(t, "a", "z")
	under(t, dir, "auto")
	pipe := make([]int, 2)
	require.NoError(t, unix.Pipe2(pipe, unix.O_CLOEXEC))
	defer unix.Close(pipe[0])
	data := "fd=" + strconv.Itoa(pipe[1]) + ",pgrp=1,minproto=5,maxproto=5,direct"
	if err := unix.Mount("test", dir+"/auto", "autofs", 0, data); err != nil {
		unix.Close(pipe[1])
		roottest.Need(t, false, "autofs in the kernel")
	}
	t.Cleanup(func() { unix.Close(pipe[1]); _ = unix.Unmount(dir+"/auto", unix.MNT_DETACH) })
	r := open(t, dir)
	m := mounts(t, r, MountOptions{})
	done := time.AfterFunc(20*time.Second, func() { panic("the walk hangs in an automount") })
	defer done.Stop()
	order, all := walk(t, r, WalkOptions{Mounts: m})
	require.Equal(t, []string{".", "./a", "./auto", "./z"}, order)
	requireUnder(t, all["./auto"], "auto")
	r, m = enter(t, dir, MountOptions{})
	order, all = walk(t, r, WalkOptions{Mounts: m})
	require.Equal(t, []string{".", "./a", "./auto", "./z"}, order)
	requireUnder(t, all["./auto"], "auto")
	_, err := r.FS().ReadDir(".")
	require.NoError(t, err)
}

// A walk goes by the table that it is given, whatever the mounts of this process are.
func TestMountsFromElsewhere(t *testing.T) {
	privateMounts(t)
	dir := made(t, "a", "plain/x")
	under(t, dir, "tmpfs", "disk", "unlisted")
	for _, name := range []string{"tmpfs", "disk", "unlisted"} {
		mount(t, "tmpfs", dir+"/"+name, "tmpfs", 0, "")
		fill(t, dir, name+"/in")
	}
	r := open(t, dir)
	list, err := DecideMounts(mountTable(t, `
		1 0 8:2 / /elsewhere ext4 /dev/sda2
		2 1 8:3 / /elsewhere/tmpfs xfs /dev/sda3
		3 1 0:9 / /elsewhere/disk tmpfs none
		4 1 0:7 / /elsewhere/plain proc proc
`), "/elsewhere", MountOptions{})
	require.NoError(t, err)
	require.Equal(t, Mount{id: 2, Path: "./tmpfs", Kind: LocalFS, FSType: "xfs", Source: "/dev/sda3", Dev: unix.Mkdev(8, 3), Captured: true, Reason: "local filesystem xfs on /dev/sda3"}, list[2])
	m := NewMounts(list)
	copied := m.Copy()
	want := []string{".", "./a", "./disk", "./plain", "./tmpfs", "./tmpfs/in"}
	var e entry.Entry
	mounted, err := statName(r.dir.fd, "unlisted", &e)
	require.NoError(t, err)
	if mounted == mountYes {
		want = append(want, "./unlisted")
	} else { // the kernel does not tell it from a subvolume
		want = append(want, "./unlisted", "./unlisted/in")
	}
	order, all := walk(t, r, WalkOptions{Mounts: m})
	require.Equal(t, want, order)
	requireUnder(t, all["./disk"], "disk")
	require.Len(t, m.List(), 4)
	if mounted == mountYes {
		requireUnder(t, all["./unlisted"], "unlisted")
		require.Equal(t, "./unlisted left out: not in the table of mounts", m.List()[3].String())
	}
	require.Len(t, copied.List(), 3, "what the walk met is its own")
	require.Equal(t, want, names(t, r, WalkOptions{Mounts: copied}))
	_, known := m.Used()
	require.False(t, known)
}

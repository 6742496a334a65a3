// Package roottest makes trees for tests: every kind of thing that a root may
// hold, the odd ones included. Only tests import it.
package roottest

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Need ends the test when a privilege or a tool is missing: as skipped, or, where
// CI is "true", as failed.
func Need(t testing.TB, have bool, what string) {
	t.Helper()
	if have {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("this test needs %s", what)
	}
	t.Skipf("this test needs %s", what)
}

// NeedRoot ends the test unless it may make devices, foreign owners and trusted
// xattrs.
func NeedRoot(t testing.TB) {
	t.Helper()
	dir := t.TempDir()
	err := unix.Mknod(filepath.Join(dir, "null"), unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3)))
	if err == nil {
		err = unix.Lsetxattr(dir, "trusted.test", []byte("x"), 0)
	}
	Need(t, err == nil, "root, and a filesystem with xattrs below TMPDIR")
}

// tree makes things below a directory and stops the test when it cannot.
type tree struct {
	t   testing.TB
	dir string
}

func (r tree) path(name string) string { return filepath.Join(r.dir, name) }

func (r tree) mkdir(name string) {
	require.NoError(r.t, os.MkdirAll(r.path(name), 0o755))
}

func (r tree) file(name, content string) {
	r.mkdir(filepath.Dir(name))
	require.NoError(r.t, os.WriteFile(r.path(name), []byte(content), 0o644))
}

func (r tree) symlink(target, name string) { require.NoError(r.t, os.Symlink(target, r.path(name))) }
func (r tree) link(old, name string)       { require.NoError(r.t, os.Link(r.path(old), r.path(name))) }

func (r tree) node(name string, mode uint32, major, minor uint32) {
	require.NoError(r.t, unix.Mknod(r.path(name), mode, int(unix.Mkdev(major, minor))), name)
}

func (r tree) xattr(name, key, value string) {
	require.NoError(r.t, unix.Lsetxattr(r.path(name), key, []byte(value), 0), "%s %s", name, key)
}

func (r tree) mtime(name string, sec, nsec int64) {
	ts := []unix.Timespec{{Sec: sec, Nsec: nsec}, {Sec: sec, Nsec: nsec}}
	require.NoError(r.t, unix.UtimesNanoAt(unix.AT_FDCWD, r.path(name), ts, unix.AT_SYMLINK_NOFOLLOW), name)
}

// sparse makes a file of a size with data at some offsets.
func (r tree) sparse(name string, size int64, data map[int64]string) {
	r.mkdir(filepath.Dir(name))
	f, err := os.Create(r.path(name))
	require.NoError(r.t, err)
	require.NoError(r.t, f.Truncate(size))
	for off, s := range data {
		_, err := f.WriteAt([]byte(s), off)
		require.NoError(r.t, err)
	}
	require.NoError(r.t, f.Close())
}

// ACL is a system.posix_acl_access value: user::rw-, user:1000:rw-, user:70000:r--,
// group::r--, mask::rw-, other::---.
var ACL = string([]byte{
	2, 0, 0, 0,
	0x01, 0, 6, 0, 0xff, 0xff, 0xff, 0xff,
	0x02, 0, 6, 0, 0xe8, 0x03, 0, 0,
	0x02, 0, 4, 0, 0x70, 0x11, 1, 0,
	0x04, 0, 4, 0, 0xff, 0xff, 0xff, 0xff,
	0x10, 0, 6, 0, 0xff, 0xff, 0xff, 0xff,
	0x20, 0, 0, 0, 0xff, 0xff, 0xff, 0xff,
})

// Capability is a security.capability value, version 2: cap_net_raw+ep, as ping
// has it.
var Capability = string([]byte{1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})

// Hostile makes a tree of every kind of thing that tar can carry, and returns its
// directory. It needs root.
func Hostile(t testing.TB) string {
	t.Helper()
	NeedRoot(t)
	r := tree{t, filepath.Join(t.TempDir(), "root")}
	r.mkdir(".")
	random := rand.NewChaCha8([32]byte{1})
	noise := func(n int) string {
		b := make([]byte, n)
		_, _ = random.Read(b)
		return string(b)
	}

	// Names.
	for i, name := range []string{
		"plain", "with space", "new\nline", "esc\x1b[31mred", "latin-\xe4\xff", "ünïcödé", "back\\slash", `quo"te'`,
		"glob*?[x]", "#hash", "eq=ual", "%percent", "-dash", "~", "tab\there", "\x01\x7f", strings.Repeat("n", 255), strings.Repeat("ä", 127),
	} {
		r.file("names/"+name, strings.Repeat(name, i))
	}
	long := strings.Repeat("directory-of-some-length/", 8)
	r.file(long+"file", "deep")
	r.file(long+strings.Repeat("x", 200), "deep and long")
	// A prefix of 155 and a name of 100 bytes just fit a plain header.
	r.file("fit/"+strings.Repeat("p", 149)+"/"+strings.Repeat("q", 99), "")
	r.file("fit/"+strings.Repeat("p", 149)+"/"+strings.Repeat("q", 100), "")

	// Links.
	r.mkdir("links")
	r.file("links/first", "one inode, three names\n")
	r.link("links/first", "links/second")
	r.link("links/first", "names/a-third")
	r.symlink("first", "links/sym")
	r.link("links/sym", "links/sym-again")
	r.symlink(strings.Repeat("../", 100)+"target", "links/long")
	r.symlink("\xff\nodd", "links/odd")
	r.symlink("/etc/absolute", "links/absolute")
	r.symlink("nowhere", "links/dangling")

	// Other types.
	r.mkdir("dev")
	r.node("dev/null", unix.S_IFCHR|0o666, 1, 3)
	r.node("dev/disk", unix.S_IFBLK|0o660, 8, 1)
	r.node("dev/big", unix.S_IFCHR|0o600, 4095, 1048575)
	r.link("dev/null", "dev/null-again")
	r.node("dev/fifo", unix.S_IFIFO|0o644, 0, 0)
	r.link("dev/fifo", "dev/fifo-again")
	r.node("dev/whiteout", unix.S_IFCHR, 0, 0)
	r.mkdir("empty-dir")

	// Owners and modes.
	for name, id := range map[string]int{"nobody": 65534, "big": 2097152, "huge": 4000000000} {
		r.file("owners/"+name, name)
		require.NoError(t, os.Lchown(r.path("owners/"+name), id, id))
	}
	for name, mode := range map[string]uint32{"setuid": 0o4755, "setgid": 0o2755, "sticky": 0o1644, "none": 0, "all": 0o7777} {
		r.file("modes/"+name, name)
		require.NoError(t, unix.Chmod(r.path("modes/"+name), mode))
	}

	// Extended attributes.
	for _, name := range []string{"cap", "acl", "user", "many", "three-kb", "selinux", "ima"} {
		r.file("xattrs/"+name, name)
	}
	r.xattr("xattrs/cap", "security.capability", Capability)
	r.xattr("xattrs/acl", "system.posix_acl_access", ACL)
	r.xattr("xattrs", "system.posix_acl_default", ACL)
	r.xattr("xattrs/user", "user.note", "value")
	r.xattr("xattrs/user", "user.empty", "")
	r.xattr("xattrs/user", "user.binary", "\x00\n=\xff")
	r.xattr("xattrs/user", "user.eq=ual%name", "x")
	for i := range 20 {
		r.xattr("xattrs/many", "user.attribute"+strings.Repeat("y", i), "v")
	}
	r.xattr("xattrs/three-kb", "user.big", noise(3000))
	r.xattr("xattrs/selinux", "security.selinux", "system_u:object_r:etc_t:s0\x00")
	r.xattr("xattrs/ima", "security.ima", "\x04\x02"+noise(32))
	r.symlink("cap", "xattrs/link")
	r.xattr("xattrs/link", "trusted.on-a-link", "yes")
	r.xattr("empty-dir", "trusted.on-a-dir", "yes")

	// Contents: sizes around a block, around what is read whole, around a frame.
	for _, size := range []int{0, 1, 511, 512, 513, 4095, 4096, 100000, 1<<20 - 1, 1 << 20, 1<<20 + 1, 8<<20 + 7} {
		r.file("sizes/"+time.Duration(size).String(), noise(size))
	}
	r.file("sizes/zeros", string(bytes.Repeat([]byte{0}, 300000)))

	// Holes.
	const mib = 1 << 20
	r.sparse("sparse/only-hole", 3*mib, nil)
	r.sparse("sparse/small", 64<<10, map[int64]string{8192: "x"})
	r.sparse("sparse/end-hole", 5*mib, map[int64]string{0: noise(5000)})
	r.sparse("sparse/end-data", 5*mib+100, map[int64]string{5 * mib: noise(100)})
	r.sparse("sparse/many", 12*mib, map[int64]string{mib: "a", 3 * mib: "b", 5*mib - 1: "cc", 11 * mib: noise(mib)})
	r.sparse("sparse/nine-gib", 9<<30, map[int64]string{0: "start", 9<<30 - 3: "end"})
	r.sparse("sparse/l\xf6ch", 3*mib, map[int64]string{mib: "name of no charset"})
	r.sparse("sparse/"+strings.Repeat("long", 60), 3*mib, map[int64]string{mib: "long name"})
	r.link("sparse/many", "sparse/many-again")

	// Times.
	r.file("times/ns", "")
	r.mtime("times/ns", 1234567890, 123456789)
	r.file("times/whole", "")
	r.mtime("times/whole", 1234567890, 0)
	r.file("times/before-epoch", "")
	r.mtime("times/before-epoch", -2, 500000000)
	r.file("times/far", "")
	r.mtime("times/far", 9000000000, 1)
	r.symlink("ns", "times/link")
	r.mtime("times/link", 1000000000, 7)
	r.mtime("empty-dir", 1000000001, 8)
	return r.dir
}

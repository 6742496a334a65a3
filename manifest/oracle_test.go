package manifest

import (
	"crypto/sha256"
	"encoding/binary"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"image-capture/entry"
)

// skip ends a test that cannot run here; in CI that is a failure.
func skip(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// gomtree builds the module's tool, which is faster than "go tool" each time.
func gomtree(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "gomtree")
	out, err := exec.Command("go", "build", "-o", bin, "github.com/vbatts/go-mtree/cmd/gomtree").CombinedOutput()
	if err != nil {
		skip(t, "gomtree cannot be built: %v\n%s", err, out)
	}
	return bin
}

// validate runs gomtree with our MANIFEST on dir.
func validate(t *testing.T, bin, dir string, text []byte) (string, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "MANIFEST.txt")
	require.NoError(t, os.WriteFile(file, text, 0o644))
	out, err := exec.Command(bin, "validate", "-f", file, "-p", dir).CombinedOutput()
	return string(out), err
}

func setxattr(t *testing.T, path, name, value string) {
	t.Helper()
	if err := unix.Lsetxattr(path, name, []byte(value), 0); err != nil {
		skip(t, "set xattr %s of %q: %v", name, path, err)
	}
}

// acl is a POSIX ACL as the kernel keeps it, with one named user; see
// linux/posix_acl_xattr.h.
func acl() string {
	b := binary.LittleEndian.AppendUint32(nil, 2)
	for _, e := range [][3]uint32{{1, 6, ^uint32(0)}, {2, 4, 1000}, {4, 4, ^uint32(0)}, {16, 6, ^uint32(0)}, {32, 0, ^uint32(0)}} {
		b = binary.LittleEndian.AppendUint16(b, uint16(e[0]))
		b = binary.LittleEndian.AppendUint16(b, uint16(e[1]))
		b = binary.LittleEndian.AppendUint32(b, e[2])
	}
	return string(b)
}

// oddNames are hard for whoever writes lists of names.
var oddNames = []string{
	"new\nline", "sp ace", " lead", "trail ", "tab\t", "*?[a]", "#hash", "b\\ack", "end\\", "\\040", "eq=ual", "=",
	"latin\xe9", "\xff\xfe", "ütf", "\x1b[31m", "..dots", "-rf", "a:b", "\x01\x7f", "\u202e", "\u00a0\u2028", strings.Repeat("\xff", 255),
}

// makeTree makes a tree with every kind of entry in it.
func makeTree(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "root")
	at := func(name string) string { return filepath.Join(dir, name) }
	file := func(name, content string) {
		require.NoError(t, os.WriteFile(at(name), []byte(content), 0o644))
	}
	require.NoError(t, os.MkdirAll(at("etc/sub"), 0o755))
	require.NoError(t, os.Mkdir(at("odd\ndir *"), 0o755))
	file("etc/shadow", "secret")
	file("etc/empty", "")
	file("etc/sub/ping", "\x7fELF")
	for _, name := range oddNames {
		file("odd\ndir */"+name, name)
		require.NoError(t, os.Symlink(name, at("etc/sub/"+strconv.Itoa(len(name))+"-"+strconv.Quote(name)[:2]+strconv.Itoa(int(name[0])))))
	}
	require.NoError(t, os.Symlink("target \xff\n\\", at("link")))
	require.NoError(t, os.Symlink(strings.Repeat("\xff", 4000), at("longlink")))
	file("hard1", "linked")
	require.NoError(t, os.Link(at("hard1"), at("hard2")))
	require.NoError(t, os.Link(at("hard1"), at("etc/hard3")))
	require.NoError(t, os.Link(at("link"), at("link2")))
	require.NoError(t, unix.Mkfifo(at("fifo"), 0o640))
	for name, mode := range map[string]uint32{"char": unix.S_IFCHR, "block": unix.S_IFBLK} {
		if err := unix.Mknod(at(name), mode|0o600, int(unix.Mkdev(0, 0))); err != nil {
			skip(t, "make a device node: %v", err)
		}
	}
	if err := os.Chown(at("etc/shadow"), 4000000000, 1234); err != nil {
		skip(t, "change an owner: %v", err)
	}
	for name, mode := range map[string]uint32{"etc/shadow": 0, "etc/empty": 0o4, "etc/sub/ping": 0o4755, "etc/sub": 0o2775, "etc": 0o1777} {
		require.NoError(t, unix.Chmod(at(name), mode))
	}

	setxattr(t, at("etc/sub/ping"), "security.capability", "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	setxattr(t, at("etc/sub/ping"), "user.\xff\n *#", "\x00\xff")
	setxattr(t, at("etc/sub/ping"), "user.empty", "")
	setxattr(t, at("etc/sub"), "user.dir", "d")
	setxattr(t, at("etc/sub"), "user.a=b", "with an equals sign")
	setxattr(t, at("etc/empty"), "system.posix_acl_access", acl())
	setxattr(t, at("hard1"), "user.linked", "l")
	setxattr(t, at("link"), "trusted.symlink", "s")
	setxattr(t, at("fifo"), "trusted.fifo", "f")
	file("limit", "all that gomtree can read")
	setxattr(t, at("limit"), "user.v", strings.Repeat("v", 1024))
	file("over", "one byte more")
	setxattr(t, at("over"), "user.v", strings.Repeat("v", 1025))
	setxattr(t, at("over"), "user.w", "w")
	file("big", "3 kB")
	setxattr(t, at("big"), "user.big", strings.Repeat("x\x00y", 1000))
	for name, n := range map[string]int{"list": 4, "longlist": 5} { // of 256 bytes each with the NUL
		file(name, name)
		for i := range n {
			setxattr(t, at(name), "user."+strings.Repeat("n", 249)+strconv.Itoa(i), "")
		}
	}

	for name, when := range map[string]unix.Timespec{
		"etc/shadow": {Sec: -2, Nsec: 5e8}, "etc/empty": {Sec: 0, Nsec: 1}, "hard1": {Sec: -1, Nsec: 999999999},
		"link": {Sec: 1604619475, Nsec: 123456789}, "big": {Sec: -1},
	} {
		require.NoError(t, unix.UtimesNanoAt(unix.AT_FDCWD, at(name), []unix.Timespec{when, when}, unix.AT_SYMLINK_NOFOLLOW))
	}
	return dir
}

// scan lists dir as a capture would: sorted by bytes, a directory before what it
// holds.
func scan(t *testing.T, dir string) []*entry.Member {
	t.Helper()
	var entries []*entry.Member
	first := map[entry.FileID]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		require.NoError(t, err)
		e := lstat(t, path)
		e.Path = "." + strings.TrimPrefix(path, dir)
		if e.Nlink > 1 && e.Type != entry.Dir {
			if e.HardLink = first[e.ID]; e.HardLink == "" {
				first[e.ID] = e.Path
			}
		}
		entries = append(entries, e)
		return nil
	}))
	return entries
}

func lstat(t *testing.T, path string) *entry.Member {
	t.Helper()
	var st syscall.Stat_t
	require.NoError(t, syscall.Lstat(path, &st))
	e := &entry.Member{Entry: entry.Entry{Perm: st.Mode & 0o7777, UID: st.Uid, GID: st.Gid, Nlink: uint64(st.Nlink),
		Mtime: entry.Time{Sec: st.Mtim.Sec, Nsec: uint32(st.Mtim.Nsec)}, ID: entry.FileID{Dev: uint64(st.Dev), Ino: st.Ino}}}
	var err error
	switch st.Mode & syscall.S_IFMT {
	case syscall.S_IFREG:
		e.Type, e.Size = entry.File, st.Size
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		sum := sha256.Sum256(b)
		e.SHA256 = sum[:]
	case syscall.S_IFDIR:
		e.Type = entry.Dir
	case syscall.S_IFLNK:
		e.Type = entry.Symlink
		e.Link, err = os.Readlink(path)
		require.NoError(t, err)
	case syscall.S_IFIFO:
		e.Type = entry.FIFO
	case syscall.S_IFCHR, syscall.S_IFBLK:
		e.Type = entry.CharDevice
		if st.Mode&syscall.S_IFMT == syscall.S_IFBLK {
			e.Type = entry.BlockDevice
		}
		e.Major, e.Minor = unix.Major(uint64(st.Rdev)), unix.Minor(uint64(st.Rdev))
	}
	list := make([]byte, 64<<10)
	n, err := unix.Llistxattr(path, list)
	require.NoError(t, err)
	for _, name := range strings.Split(strings.TrimSuffix(string(list[:n]), "\x00"), "\x00") {
		if name == "" {
			continue
		}
		value := make([]byte, 64<<10)
		n, err := unix.Lgetxattr(path, name, value)
		require.NoError(t, err)
		e.Xattrs = append(e.Xattrs, entry.Xattr{Name: name, Value: string(value[:n])})
	}
	sort.Slice(e.Xattrs, func(i, j int) bool { return e.Xattrs[i].Name < e.Xattrs[j].Name })
	return e
}

func TestGomtree(t *testing.T) {
	bin := gomtree(t)
	dir := makeTree(t)
	text := writePlaced(t, sampleFacts, scan(t, dir)...)
	require.Contains(t, string(text), "\n#: frame=4096,1010\n")
	out, err := validate(t, bin, dir, text)
	require.NoError(t, err, "gomtree says:\n%s", out)
	require.Empty(t, out)

	// It must say so whenever one thing is changed. Each change is undone.
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, c := range []struct {
		name, path, says string
		change, undo     func(path string) error
	}{
		{"content", "odd\ndir */sp ace", "sha256digest",
			func(p string) error { return poke(p, "X") }, func(p string) error { return poke(p, "s") }},
		{"mode", "etc/sub/ping", "mode",
			func(p string) error { return unix.Chmod(p, 0o755) }, func(p string) error { return unix.Chmod(p, 0o4755) }},
		{"no mode at all", "etc/shadow", "mode",
			func(p string) error { return unix.Chmod(p, 0o1) }, func(p string) error { return unix.Chmod(p, 0) }},
		{"owner", "etc/shadow", "uid",
			func(p string) error { return os.Chown(p, 1, 1234) }, func(p string) error { return os.Chown(p, 4000000000, 1234) }},
		{"xattr", "etc/sub/ping", "xattr.user.empty",
			func(p string) error { return unix.Lsetxattr(p, "user.empty", []byte("x"), 0) },
			func(p string) error { return unix.Lsetxattr(p, "user.empty", nil, 0) }},
		{"xattr of 1024 bytes", "limit", "xattr.user.v",
			func(p string) error { return unix.Lsetxattr(p, "user.v", []byte("x"), 0) },
			func(p string) error { return unix.Lsetxattr(p, "user.v", []byte(strings.Repeat("v", 1024)), 0) }},
		{"xattr with = of a directory", "etc/sub", "xattr.user.a",
			func(p string) error { return unix.Lsetxattr(p, "user.a=b", []byte("x"), 0) },
			func(p string) error { return unix.Lsetxattr(p, "user.a=b", []byte("with an equals sign"), 0) }},
		{"xattr gone", "hard1", "xattr.user.linked",
			func(p string) error { return unix.Lremovexattr(p, "user.linked") },
			func(p string) error { return unix.Lsetxattr(p, "user.linked", []byte("l"), 0) }},
		{"time", "link", "time",
			func(p string) error { return utimes(p, 1604619475, 123456788) }, func(p string) error { return utimes(p, 1604619475, 123456789) }},
		{"time before the epoch", "hard1", "time",
			func(p string) error { return utimes(p, -2, 999999999) }, func(p string) error { return utimes(p, -1, 999999999) }},
	} {
		require.NoError(t, c.change(at(c.path)), c.name)
		out, err := validate(t, bin, dir, text)
		require.Error(t, err, "%s: gomtree sees nothing", c.name)
		require.Contains(t, out, c.says, c.name)
		require.NoError(t, c.undo(at(c.path)), c.name)
		out, err = validate(t, bin, dir, text)
		require.NoError(t, err, "%s, undone: gomtree says:\n%s", c.name, out)
	}
}

// poke writes over the first byte and keeps the mtime.
func poke(path, b string) error {
	var st syscall.Stat_t
	if err := syscall.Lstat(path, &st); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err := f.WriteAt([]byte(b), 0); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return utimes(path, st.Mtim.Sec, st.Mtim.Nsec)
}

func utimes(path string, sec, nsec int64) error {
	ts := unix.Timespec{Sec: sec, Nsec: nsec}
	return unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{ts, ts}, unix.AT_SYMLINK_NOFOLLOW)
}

// A tree with more links outside of the image than in it, as it comes out again.
func TestNlinkInImage(t *testing.T) {
	bin := gomtree(t)
	dir := makeTree(t)
	var kept []*entry.Member
	for _, e := range scan(t, dir) {
		if e.Path != "./hard2" && e.Path != "./link2" {
			kept = append(kept, e)
		}
	}
	text := write(t, Facts{}, kept...)
	require.NoError(t, os.Remove(filepath.Join(dir, "hard2")))
	require.NoError(t, os.Remove(filepath.Join(dir, "link2")))
	// Removing them changed the root's mtime, which gomtree does not look at.
	out, err := validate(t, bin, dir, text)
	require.NoError(t, err, "gomtree says:\n%s", out)
	require.NoError(t, os.Link(filepath.Join(dir, "hard1"), filepath.Join(dir, "another")))
	out, err = validate(t, bin, dir, text)
	require.Error(t, err)
	require.Contains(t, out, "nlink")
}

func TestBsdtar(t *testing.T) {
	bin, err := exec.LookPath("bsdtar")
	if err != nil {
		skip(t, "no bsdtar: %v", err)
	}
	entries := append(scan(t, makeTree(t)), inode(entry.Entry{Path: "./z" + strings.Repeat("/"+strings.Repeat("\\", 200), 19),
		Type: entry.Symlink, Link: strings.Repeat(`\`+"\xff", 5000)}))
	file := filepath.Join(t.TempDir(), "MANIFEST.txt")
	require.NoError(t, os.WriteFile(file, writePlaced(t, sampleFacts, entries...), 0o644))
	cmd := exec.Command(bin, "-tf", file)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output() // exit code 1: it warns of each xattr
	if err != nil {
		require.Equal(t, 1, cmd.ProcessState.ExitCode())
	}
	for line := range strings.Lines(errs.String()) {
		require.Regexp(t, `Unrecognized key xattr\.|Error exit delayed`, line)
	}
	var got, want []string
	for line := range strings.Lines(string(out)) {
		got = append(got, strings.TrimSuffix(unprint(t, strings.TrimSuffix(line, "\n")), "/"))
	}
	for _, e := range entries {
		want = append(want, e.Path)
	}
	require.Equal(t, want, got)
}

// unprint undoes the escapes that bsdtar prints names with.
func unprint(t *testing.T, s string) string {
	t.Helper()
	letters := map[byte]byte{'a': 7, 'b': 8, 'f': 12, 'n': 10, 'r': 13, 't': 9, 'v': 11, '\\': '\\', ' ': ' '}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		if c, ok := letters[s[i+1]]; ok {
			b.WriteByte(c)
			i++
			continue
		}
		n, err := strconv.ParseUint(s[i+1:i+4], 8, 8)
		require.NoError(t, err, "%q", s)
		b.WriteByte(byte(n))
		i += 3
	}
	return b.String()
}

package archive

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"image-capture/entry"
	"image-capture/rootfs/roottest"
)

// tool runs a program with an input and returns both of its outputs.
func tool(t testing.TB, stdin []byte, name string, args ...string) (stdout, stderr string) {
	t.Helper()
	_, err := exec.LookPath(name)
	roottest.Need(t, err == nil, name)
	cmd := exec.Command(name, args...)
	cmd.Stdin = bytes.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "TZ=UTC")
	require.NoError(t, cmd.Run(), "%s %s\n%s%s", name, strings.Join(args, " "), out.String(), errs.String())
	return out.String(), errs.String()
}

// headerOf encodes one member, alone in an archive. Content is not there: only
// headers are looked at.
func headerOf(m entry.Member) []byte {
	if m.Perm == 0 {
		m.Perm = 0o644
	}
	return bytes.Clone((&headers{}).encode(&m, nil))
}

// named makes a path of n bytes, "./" included, with a slash before the last rest
// bytes; without one when rest is 0.
func named(n, rest int) string {
	if rest == 0 {
		return "./" + strings.Repeat("n", n-2)
	}
	return "./" + strings.Repeat("d", n-3-rest) + "/" + strings.Repeat("n", rest)
}

// edges are members whose header is at a border of the format; pax says which
// records they need, and no others.
var edges = []struct {
	what string
	m    entry.Member
	pax  []string
}{
	{"name of 99", entry.Member{Entry: entry.Entry{Path: named(99, 0)}}, nil},
	{"name of 100", entry.Member{Entry: entry.Entry{Path: named(100, 0)}}, nil},
	{"name of 101, split after the dot", entry.Member{Entry: entry.Entry{Path: named(101, 0)}}, nil},
	{"name of 103, nowhere to split", entry.Member{Entry: entry.Entry{Path: named(103, 0)}}, []string{"path"}},
	{"name of 155", entry.Member{Entry: entry.Entry{Path: named(155, 100)}}, nil},
	{"name of 156", entry.Member{Entry: entry.Entry{Path: named(156, 100)}}, nil},
	{"name of 156, rest of 101", entry.Member{Entry: entry.Entry{Path: named(156, 101)}}, []string{"path"}},
	{"name of 255", entry.Member{Entry: entry.Entry{Path: named(255, 100)}}, nil},
	{"name of 256, prefix of 155, rest of 100", entry.Member{Entry: entry.Entry{Path: named(256, 100)}}, nil},
	{"name of 256, prefix of 156", entry.Member{Entry: entry.Entry{Path: named(256, 99)}}, []string{"path"}},
	{"name of 257", entry.Member{Entry: entry.Entry{Path: named(257, 100)}}, []string{"path"}},
	{"slash at byte 100", entry.Member{Entry: entry.Entry{Path: "./" + strings.Repeat("d", 97) + "/" + strings.Repeat("n", 101)}}, []string{"path"}},
	{"not ASCII", entry.Member{Entry: entry.Entry{Path: "./ünïcödé"}}, []string{"path"}},
	{"not UTF-8", entry.Member{Entry: entry.Entry{Path: "./l\xe4tin"}}, []string{"hdrcharset", "path"}},
	{"directory of 100 with its slash", entry.Member{Entry: entry.Entry{Path: named(99, 0), Type: entry.Dir}}, nil},
	{"directory of 101 with its slash", entry.Member{Entry: entry.Entry{Path: named(100, 0), Type: entry.Dir}}, nil},
	{"directory of 256 with its slash", entry.Member{Entry: entry.Entry{Path: named(255, 99), Type: entry.Dir}}, nil},
	{"directory, rest of 101 with its slash", entry.Member{Entry: entry.Entry{Path: named(255, 100), Type: entry.Dir}}, []string{"path"}},
	{"link of 100", entry.Member{Entry: entry.Entry{Path: "./a", Type: entry.Symlink, Link: strings.Repeat("t", 100)}}, nil},
	{"link of 101", entry.Member{Entry: entry.Entry{Path: "./a", Type: entry.Symlink, Link: strings.Repeat("t", 101)}}, []string{"linkpath"}},
	{"link not UTF-8", entry.Member{Entry: entry.Entry{Path: "./a", Type: entry.Symlink, Link: "\xff"}}, []string{"hdrcharset", "linkpath"}},
	{"hard link to 101", entry.Member{Entry: entry.Entry{Path: "./a", Size: 7}, HardLink: named(101, 0)}, []string{"linkpath"}},
	{"hard link of a file with attributes", entry.Member{
		Entry:    entry.Entry{Path: "./a", Size: 7, Flags: entry.Immutable, Xattrs: []entry.Xattr{{Name: "user.a", Value: "b"}}},
		HardLink: "./b",
	}, nil},
	{"ids of 7 digits", entry.Member{Entry: entry.Entry{Path: "./a", UID: 2097151, GID: 2097151}}, nil},
	{"uid of 8 digits", entry.Member{Entry: entry.Entry{Path: "./a", UID: 2097152}}, []string{"uid"}},
	{"gid of 8 digits", entry.Member{Entry: entry.Entry{Path: "./a", GID: 2097152}}, []string{"gid"}},
	{"highest ids", entry.Member{Entry: entry.Entry{Path: "./a", UID: math.MaxUint32, GID: math.MaxUint32}}, []string{"gid", "uid"}},
	{"8 GiB - 1", entry.Member{Entry: entry.Entry{Path: "./a", Size: 8<<30 - 1}}, nil},
	{"8 GiB", entry.Member{Entry: entry.Entry{Path: "./a", Size: 8 << 30}}, []string{"size"}},
	{"exabytes", entry.Member{Entry: entry.Entry{Path: "./a", Size: math.MaxInt64 - blockSize}}, []string{"size"}},
	{"epoch", entry.Member{Entry: entry.Entry{Path: "./a"}}, nil},
	{"before the epoch", entry.Member{Entry: entry.Entry{Path: "./a", Mtime: entry.Time{Sec: -1}}}, []string{"mtime"}},
	{"half a second before the epoch", entry.Member{Entry: entry.Entry{Path: "./a", Mtime: entry.Time{Sec: -1, Nsec: 5e8}}}, []string{"mtime"}},
	{"one nanosecond", entry.Member{Entry: entry.Entry{Path: "./a", Mtime: entry.Time{Nsec: 1}}}, []string{"mtime"}},
	{"last second of the field", entry.Member{Entry: entry.Entry{Path: "./a", Mtime: entry.Time{Sec: 1<<33 - 1}}}, nil},
	{"a second more", entry.Member{Entry: entry.Entry{Path: "./a", Mtime: entry.Time{Sec: 1 << 33}}}, []string{"mtime"}},
	{"device", entry.Member{Entry: entry.Entry{Path: "./a", Type: entry.CharDevice, Major: 4095, Minor: 1048575}}, nil},
	{"minor of 7 digits", entry.Member{Entry: entry.Entry{Path: "./a", Type: entry.BlockDevice, Major: 1, Minor: 2097151}}, nil},
	{"minor in base 256", entry.Member{Entry: entry.Entry{Path: "./a", Type: entry.BlockDevice, Major: 1, Minor: 2097152}}, nil},
	{"whiteout", entry.Member{Entry: entry.Entry{Path: "./a", Type: entry.CharDevice}}, nil},
	{"FIFO", entry.Member{Entry: entry.Entry{Path: "./a", Type: entry.FIFO}}, nil},
	{"all permission bits", entry.Member{Entry: entry.Entry{Path: "./a", Perm: 0o7777}}, nil},
	{"flags", entry.Member{Entry: entry.Entry{Path: "./a", Flags: entry.Immutable | entry.AppendOnly | entry.NoDump}}, []string{"SCHILY.fflags"}},
}

// TestHeaderEdges reads headers back with the tar of the standard library.
func TestHeaderEdges(t *testing.T) {
	for _, c := range edges {
		t.Run(c.what, func(t *testing.T) {
			m := c.m
			if m.Type == 0 {
				m.Type = entry.File
			}
			b := headerOf(m)
			require.Zero(t, len(b)%blockSize)
			h, err := tar.NewReader(bytes.NewReader(b)).Next()
			require.NoError(t, err)

			want := m.Path
			if m.Type == entry.Dir {
				want += "/"
			}
			require.Equal(t, want, h.Name)
			require.EqualValues(t, m.UID, h.Uid)
			require.EqualValues(t, m.GID, h.Gid)
			require.Empty(t, h.Uname+h.Gname)
			require.True(t, h.ModTime.Equal(time.Unix(m.Mtime.Sec, int64(m.Mtime.Nsec))), "%v", h.ModTime)
			if m.HardLink != "" {
				require.EqualValues(t, tar.TypeLink, h.Typeflag)
				require.Equal(t, m.HardLink, h.Linkname)
				require.Zero(t, h.Size)
			} else {
				require.Equal(t, typeflag(m.Type), h.Typeflag)
				require.Equal(t, m.Link, h.Linkname)
				require.Equal(t, m.Size, h.Size)
				require.EqualValues(t, m.Major, h.Devmajor)
				require.EqualValues(t, m.Minor, h.Devminor)
			}
			var records []string
			for k := range h.PAXRecords {
				records = append(records, k)
			}
			require.ElementsMatch(t, c.pax, records)
			if c.pax == nil {
				require.Len(t, b, blockSize)
			}
		})
	}
}

// TestHeaderEdgesAsListed has GNU tar and bsdtar list the same headers. Each goes
// into an archive of its own: content is not there.
func TestHeaderEdgesAsListed(t *testing.T) {
	kind := map[byte]string{'0': "-", '1': "h", '2': "l", '3': "c", '4': "b", '5': "d", '6': "p"}
	for _, c := range edges {
		m := c.m
		if m.Type == 0 {
			m.Type = entry.File
		}
		if m.Size > 0 && m.HardLink == "" {
			continue // they want the content
		}
		b := append(headerOf(m), make([]byte, 2*blockSize)...)
		flag := kind[typeflag(m.Type)]
		if m.HardLink != "" {
			flag = "h"
		}
		name := m.Path
		if m.Type == entry.Dir {
			name += "/"
		}
		size := "0"
		if m.Type == entry.CharDevice || m.Type == entry.BlockDevice {
			size = fmt.Sprintf("%d,%d", m.Major, m.Minor)
		}

		out, errs := tool(t, b, "tar", "-tvf", "-", "--numeric-owner", "--full-time", "--quoting-style=literal")
		for _, known := range []string{"hdrcharset", "SCHILY.fflags"} {
			// It does not know these records of others, and goes on.
			errs = strings.ReplaceAll(errs, "tar: Ignoring unknown extended header keyword '"+known+"'\n", "")
		}
		require.Empty(t, errs, c.what)
		require.True(t, strings.HasPrefix(out, flag), "%s: %s", c.what, out)
		require.Contains(t, out, fmt.Sprintf(" %d/%d ", m.UID, m.GID), c.what)
		require.Contains(t, out, " "+size+" ", c.what)
		require.Contains(t, out, " "+name, c.what)
		when := time.Unix(m.Mtime.Sec, 0).UTC().Format("2006-01-02 15:04:05")
		if m.Mtime.Sec < 0 && m.Mtime.Nsec != 0 {
			when = "" // it restores the time, but lists another one
		} else if m.Mtime.Nsec != 0 {
			when += "." + strings.TrimRight(fmt.Sprintf("%09d", m.Mtime.Nsec), "0")
		}
		require.Contains(t, out, when, c.what)
		if to := m.Link + m.HardLink; to != "" {
			require.True(t, strings.HasSuffix(strings.TrimSuffix(out, "\n"), " "+to), "%s: %s", c.what, out)
		}

		out, errs = tool(t, b, "bsdtar", "-tvf", "-")
		require.Empty(t, errs, c.what)
		fields := strings.Fields(out)
		require.Equal(t, []string{strconv.FormatUint(uint64(m.UID), 10), strconv.FormatUint(uint64(m.GID), 10)}, fields[2:4], c.what)
		require.Equal(t, size, fields[4], c.what)
		if isASCII(name + m.Link) {
			require.Contains(t, out, " "+name, c.what)
		}
	}
}

// TestHeaderBytes holds a whole header against the format's table in tar(5).
func TestHeaderBytes(t *testing.T) {
	b := headerOf(entry.Member{Entry: entry.Entry{
		Path: "./dev/sda", Type: entry.BlockDevice, Perm: 0o660, UID: 0, GID: 6, Major: 8, Minor: 2097152, Mtime: entry.Time{Sec: 1 << 30},
	}})
	fields := []struct {
		width int
		want  string
	}{
		{100, "./dev/sda"},
		{8, "0000660\x00"},
		{8, "0000000\x00"},
		{8, "0000006\x00"},
		{12, "00000000000\x00"},
		{12, "10000000000\x00"},
		{8, ""},
		{1, "4"},
		{100, ""},
		{6, "ustar\x00"},
		{2, "00"},
		{32, ""},
		{32, ""},
		{8, "0000010\x00"},
		{8, "\x80\x00\x00\x00\x00\x20\x00\x00"},
		{155, ""},
		{12, ""},
	}
	sum := 0
	for i, c := range b {
		if i >= 148 && i < 156 {
			c = ' '
		}
		sum += int(c)
	}
	fields[6].want = fmt.Sprintf("%06o\x00 ", sum)
	at := 0
	for i, f := range fields {
		require.Equal(t, f.want+strings.Repeat("\x00", f.width-len(f.want)), string(b[at:at+f.width]), "field %d", i)
		at += f.width
	}
	require.Equal(t, blockSize, at)
}

// TestPaxLength tries every length around those where the count of a record's own
// digits changes, and many more.
// TestByteSum holds the sum against a plain one, also where it is at its largest.
func TestByteSum(t *testing.T) {
	block := make([]byte, blockSize)
	for i := range blockSize + 1 {
		want := int64(0)
		for _, c := range block {
			want += int64(c)
		}
		require.Equal(t, want, byteSum(block))
		if i < blockSize {
			block[i] = byte(i%3 + 0xfd)
		}
	}
	for i := range block {
		block[i] = 0xff
	}
	require.EqualValues(t, blockSize*0xff, byteSum(block))
}

func TestPaxLength(t *testing.T) {
	for n := range 11000 {
		var p paxRecords
		p.add("k", strings.Repeat("v", n))
		digits, rest, ok := strings.Cut(string(p.buf), " ")
		require.True(t, ok)
		require.Equal(t, strconv.Itoa(len(p.buf)), digits)
		require.Equal(t, "k="+strings.Repeat("v", n)+"\n", rest)
	}
	for _, n := range []int{1e5 - 8, 1e5 - 7, 1e5 - 6, 1e6 - 9, 1e6 - 8, 1e6 - 7} {
		var p paxRecords
		p.add("", strings.Repeat("v", n))
		digits, _, _ := strings.Cut(string(p.buf), " ")
		require.Equal(t, strconv.Itoa(len(p.buf)), digits)
	}
}

func TestDecimalTime(t *testing.T) {
	for _, c := range []struct {
		sec  int64
		nsec uint32
		want string
	}{
		{0, 0, "0"},
		{0, 1, "0.000000001"},
		{1234567890, 123456789, "1234567890.123456789"},
		{1, 500000000, "1.5"},
		{1, 10, "1.00000001"},
		{-1, 0, "-1"},
		{-1, 999999999, "-0.000000001"},
		{-1, 500000000, "-0.5"},
		{-2, 500000000, "-1.5"},
		{-2, 1, "-1.999999999"},
		{math.MaxInt64, 0, "9223372036854775807"},
		{math.MinInt64, 0, "-9223372036854775808"},
		{math.MinInt64, 500000000, "-9223372036854775807.5"},
	} {
		require.Equal(t, c.want, decimalTime(entry.Time{Sec: c.sec, Nsec: c.nsec}))
	}
}

func FuzzSplitName(f *testing.F) {
	for _, c := range edges {
		f.Add(c.m.Path)
	}
	f.Add("/")
	f.Add(strings.Repeat("/", 300))
	f.Fuzz(func(t *testing.T, name string) {
		prefix, rest, ok := splitName(name)
		if !ok {
			return
		}
		require.LessOrEqual(t, len(prefix), 155)
		require.LessOrEqual(t, len(rest), 100)
		if prefix != "" {
			prefix += "/"
		}
		require.Equal(t, name, prefix+rest)
		require.True(t, name == "" || rest != "", "a prefix without a name")
	})
}

// FuzzHeader has the tar of the standard library read back whatever a member is
// named and whatever attributes it has.
func FuzzHeader(f *testing.F) {
	f.Add("./a", "target", "user.x", "value", int64(0), uint32(0), uint32(0))
	f.Add("./"+strings.Repeat("é", 120), strings.Repeat("\xff", 101), "user.a=b%c", "\n=\x00", int64(-1), uint32(1), uint32(1<<31))
	f.Fuzz(func(t *testing.T, path, link, name, value string, sec int64, nsec, uid uint32) {
		if path == "" || link == "" || name == "" || strings.ContainsRune(path+link+name, 0) || strings.HasSuffix(path, "/") {
			t.Skip("the kernel gives no such names")
		}
		if sec > math.MaxInt64/2 || sec < math.MinInt64/2 || uid > math.MaxInt32 {
			t.Skip("the reader does not know them")
		}
		m := entry.Member{Entry: entry.Entry{
			Path: path, Type: entry.Symlink, Link: link, Perm: 0o777, UID: uid, Mtime: entry.Time{Sec: sec, Nsec: nsec % 1e9},
			Xattrs: []entry.Xattr{{Name: name, Value: value}},
		}}
		h, err := tar.NewReader(bytes.NewReader(headerOf(m))).Next()
		require.NoError(t, err)
		require.Equal(t, path, h.Name)
		require.Equal(t, link, h.Linkname)
		require.EqualValues(t, uid, h.Uid)
		require.True(t, h.ModTime.Equal(time.Unix(sec, int64(nsec%1e9))), "%v", h.ModTime)
		require.Equal(t, value, h.PAXRecords["SCHILY.xattr."+xattrName.Replace(name)])
	})
}

// TestXattrNameEscaped is GNU tar's rule: both signs, and "%" first.
func TestXattrNameEscaped(t *testing.T) {
	require.Equal(t, "user.a%3Db%253Dc", xattrName.Replace("user.a=b%3Dc"))
}

// acl builds a value of a system.posix_acl_* xattr from (tag, perm, id).
func acl(entries ...[3]uint32) string {
	b := binary.LittleEndian.AppendUint32(nil, 2)
	for _, e := range entries {
		b = binary.LittleEndian.AppendUint16(b, uint16(e[0]))
		b = binary.LittleEndian.AppendUint16(b, uint16(e[1]))
		b = binary.LittleEndian.AppendUint32(b, e[2])
	}
	return string(b)
}

const noID = math.MaxUint32

func TestACLText(t *testing.T) {
	for _, c := range []struct {
		what, value, want string
	}{
		{"minimal", acl([3]uint32{1, 6, noID}, [3]uint32{4, 4, noID}, [3]uint32{0x20, 0, noID}), "user::rw-,group::r--,other::---"},
		{"all tags", acl(
			[3]uint32{1, 7, noID}, [3]uint32{2, 6, 0}, [3]uint32{2, 1, 4294967294}, [3]uint32{4, 5, noID},
			[3]uint32{8, 4, 70000}, [3]uint32{8, 0, 70001}, [3]uint32{0x10, 7, noID}, [3]uint32{0x20, 1, noID},
		), "user::rwx,user:0:rw-,user:4294967294:--x,group::r-x,group:70000:r--,group:70001:---,mask::rwx,other::--x"},
		{"the one of the hostile tree", roottest.ACL, "user::rw-,user:1000:rw-,user:70000:r--,group::r--,mask::rw-,other::---"},
		{"empty", "", ""},
		{"no entries", acl(), ""},
		{"cut off", roottest.ACL[:len(roottest.ACL)-1], ""},
		{"another version", "\x03" + roottest.ACL[1:], ""},
		{"unknown tag", acl([3]uint32{0x40, 7, noID}), ""},
	} {
		got, ok := aclText(c.value)
		require.Equal(t, c.want != "", ok, c.what)
		if ok {
			require.Equal(t, c.want, got, c.what)
		}
	}
}

// TestACLTextAsGetfacl sets ACLs on a file and has getfacl(1) read them.
func TestACLTextAsGetfacl(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, value := range []string{
		roottest.ACL,
		acl([3]uint32{1, 7, noID}, [3]uint32{2, 6, 0}, [3]uint32{2, 1, 4294967294}, [3]uint32{4, 5, noID},
			[3]uint32{8, 4, 70000}, [3]uint32{0x10, 3, noID}, [3]uint32{0x20, 1, noID}),
	} {
		err := unix.Setxattr(file, "system.posix_acl_access", []byte(value), 0)
		roottest.Need(t, err == nil, "a filesystem with ACLs below TMPDIR")
		out, _ := tool(t, nil, "getfacl", "-n", "-c", "-p", "-E", file)
		text, ok := aclText(value)
		require.True(t, ok)
		require.Equal(t, strings.Split(text, ","), strings.Fields(out))
	}
}

// TestACLTwice finds the text of ACLs beside their xattrs.
func TestACLTwice(t *testing.T) {
	b := headerOf(entry.Member{Entry: entry.Entry{Path: "./d", Type: entry.Dir, Xattrs: []entry.Xattr{
		{Name: "system.posix_acl_access", Value: roottest.ACL}, {Name: "system.posix_acl_default", Value: acl([3]uint32{1, 7, noID}, [3]uint32{4, 0, noID}, [3]uint32{0x20, 0, noID})},
	}}})
	h, err := tar.NewReader(bytes.NewReader(b)).Next()
	require.NoError(t, err)
	require.Equal(t, "user::rw-,user:1000:rw-,user:70000:r--,group::r--,mask::rw-,other::---", h.PAXRecords["SCHILY.acl.access"])
	require.Equal(t, "user::rwx,group::---,other::---", h.PAXRecords["SCHILY.acl.default"])
	require.Equal(t, roottest.ACL, h.PAXRecords["SCHILY.xattr.system.posix_acl_access"])
}

func TestSparseName(t *testing.T) {
	deep := "./" + strings.Repeat("d", 80) + "/" + strings.Repeat("e", 60)
	for name, want := range map[string][2]string{
		"./var/log/lastlog":                 {"", "./var/log/GNUSparseFile.0/lastlog"},
		"./lastlog":                         {"", "./GNUSparseFile.0/lastlog"},
		"./l\xf6ch":                         {"", "./GNUSparseFile.0/l_ch"},
		"./x/a\nb":                          {"", "./x/GNUSparseFile.0/a_b"},
		"./\xe4/a":                          {"", "./GNUSparseFile.0/a"}, // no folder of that name in a header
		deep + "/a":                         {deep, "GNUSparseFile.0/a"},
		deep + "/" + deep[2:] + "/a":        {"", "./GNUSparseFile.0/a"},
		"./" + strings.Repeat("n", 200):     {"", "./GNUSparseFile.0/" + strings.Repeat("n", 82)},
		"./in/x/" + strings.Repeat("n", 90): {"./in/x/GNUSparseFile.0", strings.Repeat("n", 90)},
	} {
		prefix, rest := sparseName(name)
		require.Equal(t, want, [2]string{prefix, rest}, name)
	}
}

// TestMinimalACL: a directory with a default ACL only has its mode as an access ACL
// too, as GNU tar writes it: without one bsdtar 3.8 makes the mode 0000.
func TestMinimalACL(t *testing.T) {
	records := func(m entry.Member) map[string]string {
		var h headers
		head, err := tar.NewReader(bytes.NewReader(h.encode(&m, nil))).Next()
		require.NoError(t, err)
		return head.PAXRecords
	}
	acl := entry.Xattr{Name: "system.posix_acl_default", Value: roottest.ACL}
	r := records(entry.Member{Entry: entry.Entry{Path: "./d", Type: entry.Dir, Perm: 0o1750, Xattrs: []entry.Xattr{acl}}})
	require.Equal(t, "user::rwx,group::r-x,other::---", r["SCHILY.acl.access"])
	require.NotContains(t, r, "SCHILY.xattr.system.posix_acl_access")
	access := entry.Xattr{Name: "system.posix_acl_access", Value: roottest.ACL}
	r = records(entry.Member{Entry: entry.Entry{Path: "./d", Type: entry.Dir, Perm: 0o750, Xattrs: []entry.Xattr{access, acl}}})
	require.Contains(t, r["SCHILY.acl.access"], "user:1000:")
}

// TestCapabilityOfLinks: each name of an inode has the capability, and nothing else of
// what the first one has.
func TestCapabilityOfLinks(t *testing.T) {
	var h headers
	m := entry.Member{Entry: entry.Entry{Path: "./b", Type: entry.File, Xattrs: []entry.Xattr{{Name: "security.capability", Value: "\x01\x00"}, {Name: "user.x", Value: "y"}}}, HardLink: "./a"}
	head, err := tar.NewReader(bytes.NewReader(h.encode(&m, nil))).Next()
	require.NoError(t, err)
	require.Equal(t, byte(tar.TypeLink), head.Typeflag)
	require.Equal(t, "\x01\x00", head.PAXRecords["SCHILY.xattr.security.capability"])
	require.NotContains(t, head.PAXRecords, "SCHILY.xattr.user.x")
}

package manifest

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"image-capture/entry"

	"github.com/stretchr/testify/require"
)

func newSpool(t testing.TB) *Spool {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	require.NoError(t, os.Remove(f.Name()))
	s := NewSpool(f)
	t.Cleanup(func() { s.Close() })
	return s
}

func write(t testing.TB, f Facts, entries ...*entry.Member) []byte {
	t.Helper()
	s := newSpool(t)
	for _, e := range entries {
		require.NoError(t, s.Add(e))
	}
	var b bytes.Buffer
	require.NoError(t, s.Write(&b, f, nil))
	return b.Bytes()
}

func digest(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }

// inode makes one with the metadata of e.
func inode(e entry.Entry, change ...func(*entry.Member)) *entry.Member {
	if e.Nlink == 0 {
		e.Nlink = 1
	}
	out := &entry.Member{Entry: e}
	for _, c := range change {
		c(out)
	}
	return out
}

var sampleFacts = Facts{
	Filename: "/srv/a\nb \\.tgz", Ident: "53fcfe709c",
	Date: time.Date(2019, 8, 7, 18, 44, 35, 0, time.UTC), Size: 517036600,
	MD5:           "1f40ac1bac2eb3ea99cebc38b807c15f",
	UploadTarball: "images/rhel-tarball-20190827-184435-cf99cd80eb.tgz", UploadManifest: "images/rhel-MANIFEST-20190827-184435-cf99cd80eb.txt",
	SHA256: sum, Format: TarZst, UnpackedSize: math.MaxInt64, OS: "Rocky Linux 9 (Blue Onyx)", Arch: "x86_64",
	Kernels: []string{"5.14.0-1.el9.x86_64", "odd kernel"}, Source: "/mnt/root", AgentVersion: "1.2.3",
	Check: "warn", Findings: []string{"warn: no virtio_blk", "pass: /curtin", ""},
	Mounts:  []entry.Note{{Path: "./boot", Reason: "ext4 on /dev/vda2, captured"}, {Path: "./proc", Reason: "proc, left out"}},
	Edits:   []entry.Note{{Path: "./etc/machine-id", Reason: "emptied"}},
	Omitted: []entry.Note{{Path: "./run/a: b\n", Reason: "socket"}, {Path: "", Reason: ""}},
	Changed: []entry.Note{{Path: "./var/log/x:", Reason: "grew: \x1b[31m10 bytes"}},
}

// sample is one entry of each kind, and the hard cases of names and values.
func sample() []*entry.Member {
	at := entry.Time{Sec: 1604619475, Nsec: 5}
	id := entry.FileID{Dev: 1, Ino: 10}
	return []*entry.Member{
		inode(entry.Entry{Path: ".", Type: entry.Dir, Perm: 0o1755, Mtime: at, Nlink: 20}),
		inode(entry.Entry{Path: "./a", Type: entry.File, Perm: 0o4755, UID: 1, GID: 2, Size: 3, Mtime: at, ID: id, Nlink: 4,
			Xattrs: []entry.Xattr{{Name: "security.capability", Value: "\x01\x00\x00\x02"}, {Name: "user.empty"}}},
			func(e *entry.Member) { e.SHA256 = digest(1) }),
		inode(entry.Entry{Path: "./b c", Type: entry.File, Perm: 0o4755, UID: 1, GID: 2, Size: 3, Mtime: at, ID: id, Nlink: 4,
			Xattrs: []entry.Xattr{{Name: "security.capability", Value: "\x01\x00\x00\x02"}, {Name: "user.empty"}}},
			func(e *entry.Member) { e.SHA256 = digest(1); e.HardLink = "./a" }),
		inode(entry.Entry{Path: "./d", Type: entry.File, ID: entry.FileID{Dev: 2, Ino: 10}, Nlink: 2,
			Size: math.MaxInt64, Mtime: entry.Time{Sec: math.MinInt64, Nsec: 999999999}, UID: math.MaxUint32, GID: math.MaxUint32},
			func(e *entry.Member) { e.SparseSHA256 = digest(2) }),
		inode(entry.Entry{Path: "./e\n", Type: entry.Symlink, Perm: 0o777, Link: "\xff\\", Mtime: entry.Time{Sec: -1, Nsec: 5e8},
			Xattrs: []entry.Xattr{{Name: "trusted.x=y", Value: "v"}}}),
		inode(entry.Entry{Path: "./f", Type: entry.CharDevice, Perm: 0o600, Major: 5, Minor: math.MaxUint32, Mtime: at}),
		inode(entry.Entry{Path: "./g", Type: entry.BlockDevice, Perm: 0o660, Mtime: at}),
		inode(entry.Entry{Path: "./h", Type: entry.FIFO, Perm: 0o4, Mtime: at}),
		inode(entry.Entry{Path: "./i", Type: entry.Dir, Perm: 0o2755, Mtime: at,
			Flags:  entry.Immutable | entry.AppendOnly | entry.NoDump,
			Xattrs: []entry.Xattr{{Name: "user.a=bcd"}, {Name: "user.a=bcd=", Value: "v"}}}),
		inode(entry.Entry{Path: "./i/j", Type: entry.File, Perm: 0o644, Mtime: at, Size: 9,
			Xattrs: []entry.Xattr{{Name: "user.big", Value: strings.Repeat("\xff", 1025)}, {Name: "user.small", Value: "x"}}},
			func(e *entry.Member) { e.SHA256 = digest(3) }),
	}
}

// readAll reads a whole MANIFEST.
func readAll(r io.Reader) (Facts, []*entry.Member, error) {
	p, err := Parse(r)
	if err != nil {
		return Facts{}, nil, err
	}
	var all []*entry.Member
	for {
		e, err := p.Next()
		if err == io.EOF {
			return p.Facts(), all, nil
		}
		if err != nil {
			return p.Facts(), all, err
		}
		all = append(all, e)
	}
}

func TestWrite(t *testing.T) {
	golden(t, "MANIFEST.txt", write(t, sampleFacts, sample()...))
}

func TestRoundTrip(t *testing.T) {
	text := write(t, sampleFacts, sample()...)
	f, got, err := readAll(bytes.NewReader(text))
	require.NoError(t, err)
	want := sampleFacts
	want.Entries = int64(len(got))
	require.Equal(t, want, f)
	entries := sample()
	require.Len(t, got, len(entries))
	nlinks := map[string]uint64{"./a": 2, "./b c": 2}
	for i, e := range entries {
		e.ID = entry.FileID{}
		e.Nlink = max(1, nlinks[e.Path])
		require.Equal(t, e, got[i])
	}

	f, got, err = readAll(bytes.NewReader(write(t, Facts{})))
	require.NoError(t, err)
	require.Equal(t, Facts{}, f)
	require.Empty(t, got)
}

func TestLines(t *testing.T) {
	link := strings.Repeat(`\`, 40000) + strings.Repeat("\xff\\", 20000)
	for shift := range 8 { // so that folds meet every place of an escape
		e := inode(entry.Entry{Path: "./" + strings.Repeat("x", shift) + strings.Repeat("/\n", 30000), Type: entry.Symlink, Link: link,
			Xattrs: []entry.Xattr{{Name: "user.x", Value: link}}})
		e.Nlink = 1
		f := Facts{Source: strings.Repeat("y", shift) + link}
		e.Path = strings.Replace(e.Path, ".//", "./x/", 1)
		text := write(t, f, e)
		lines := bytes.SplitAfter(text, []byte("\n"))
		long := 0
		for _, line := range lines {
			require.LessOrEqual(t, len(line), maxPhysical)
			if len(line) > maxPhysical-4 {
				long++
			}
			if len(line) > 0 && line[0] == '#' {
				require.Zero(t, trailingBackslashes(bytes.TrimSuffix(line, []byte("\n")))%2, "libarchive joins such comments")
			}
		}
		require.Greater(t, long, 5)
		back, got, err := readAll(bytes.NewReader(text))
		require.NoError(t, err)
		require.Equal(t, f.Source, back.Source)
		require.Equal(t, []*entry.Member{e}, got)
	}
}

func TestAddRefuses(t *testing.T) {
	for want, e := range map[string]entry.Entry{
		`neither "." nor a clean`:   {Path: "etc", Type: entry.Dir},
		`"./a/"`:                    {Path: "./a/", Type: entry.Dir},
		`"./../a"`:                  {Path: "./../a", Type: entry.Dir},
		`"./a\x00"`:                 {Path: "./a\x00", Type: entry.Dir},
		"type socket":               {Path: "./a", Type: entry.Socket},
		"type unknown":              {Path: "./a"},
		"mode 0100644":              {Path: "./a", Type: entry.File, Perm: 0o100644},
		"size -1":                   {Path: "./a", Type: entry.File, Size: -1},
		"size 4096 of a dir":        {Path: "./a", Type: entry.Dir, Size: 4096},
		"nanoseconds":               {Path: "./a", Type: entry.File, Mtime: entry.Time{Nsec: 1e9}},
		`link target "" of a link`:  {Path: "./a", Type: entry.Symlink},
		`link target "x" of a file`: {Path: "./a", Type: entry.File, Link: "x"},
		"unknown flags 0x8":         {Path: "./a", Type: entry.File, Flags: 8},
		`"user.a" is bad or out of`: {Path: "./a", Type: entry.File, Xattrs: []entry.Xattr{{Name: "user.b"}, {Name: "user.a"}}},
		`xattr name "" is bad`:      {Path: "./a", Type: entry.File, Xattrs: []entry.Xattr{{}}},
		"names and attributes are over": {Path: "./a", Type: entry.File,
			Xattrs: []entry.Xattr{{Name: "user.a", Value: strings.Repeat("x", 7<<20)}}},
	} {
		s := newSpool(t)
		require.ErrorContains(t, s.Add(&entry.Member{Entry: e}), want)
		require.Zero(t, s.Entries())
	}
	s := newSpool(t)
	require.NoError(t, s.Add(&entry.Member{Entry: entry.Entry{Path: "./b/x", Type: entry.Dir}}))
	for _, path := range []string{"./b/x", "./b", "./a", "."} {
		require.ErrorContains(t, s.Add(&entry.Member{Entry: entry.Entry{Path: path, Type: entry.Dir}}), `cannot come after "./b/x"`)
	}
	require.NoError(t, s.Add(&entry.Member{Entry: entry.Entry{Path: "./b-c", Type: entry.Dir}}))
	s = newSpool(t)
	require.ErrorContains(t, s.Add(inode(entry.Entry{Path: "./a", Type: entry.File}, func(e *entry.Member) { e.SHA256 = []byte{1} })), "digest of 1 bytes")
	require.ErrorContains(t, s.Add(inode(entry.Entry{Path: "./a", Type: entry.Dir}, func(e *entry.Member) { e.SHA256 = digest(1) })), "of a dir")
	require.ErrorContains(t, s.Add(inode(entry.Entry{Path: "./a", Type: entry.File},
		func(e *entry.Member) { e.SHA256 = digest(1); e.SparseSHA256 = digest(1) })), "two digests")
	require.ErrorContains(t, s.Add(inode(entry.Entry{Path: "./a", Type: entry.File}, func(e *entry.Member) { e.HardLink = "./a" })), "hard link")
	require.NoError(t, s.Add(inode(entry.Entry{Path: "./a", Type: entry.File})), "the spool is still good")
}

func TestWriteRefuses(t *testing.T) {
	s := newSpool(t)
	for want, f := range map[string]Facts{
		`md5sum "x"`:           {MD5: "x"},
		"sha256sum":            {SHA256: strings.ToUpper(sum)},
		"negative":             {Size: -1},
		"unknown image format": {Format: 7},
		"four-digit year":      {Date: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)},
		"kernel's version":     {Kernels: []string{"a", ""}},
	} {
		require.ErrorContains(t, s.Write(io.Discard, f, nil), want)
	}
	require.NoError(t, s.Write(io.Discard, Facts{}, nil))
}

func TestSpoolAgain(t *testing.T) {
	s := newSpool(t)
	for _, e := range sample() {
		require.NoError(t, s.Add(e))
	}
	var one, two bytes.Buffer
	require.NoError(t, s.Write(&one, sampleFacts, nil))
	require.NoError(t, s.Write(&two, sampleFacts, nil), "a second time")
	require.Equal(t, one.String(), two.String())
	require.ErrorContains(t, s.Add(sample()[0]), "written already")

	require.NoError(t, s.Reset())
	require.Zero(t, s.Entries())
	for _, e := range sample() {
		require.NoError(t, s.Add(e))
	}
	two.Reset()
	require.NoError(t, s.Write(&two, sampleFacts, nil), "after Reset")
	require.Equal(t, one.String(), two.String())

	require.NoError(t, s.Close())
	require.ErrorIs(t, s.Add(sample()[0]), os.ErrClosed)
	require.ErrorIs(t, s.Write(io.Discard, Facts{}, nil), os.ErrClosed)
	require.ErrorIs(t, s.Reset(), os.ErrClosed)
}

type failing struct{ room int }

var errFull = errors.New("full")

func (f *failing) Write(b []byte) (int, error) {
	if f.room -= len(b); f.room < 0 {
		return 0, errFull
	}
	return len(b), nil
}

func TestSpoolErrors(t *testing.T) {
	s := newSpool(t)
	for _, e := range sample() {
		require.NoError(t, s.Add(e))
	}
	big := sampleFacts
	big.Source = strings.Repeat("x", 65<<10)
	for _, room := range []int{0, 66 << 10} { // among the facts, and at the end
		require.ErrorIs(t, s.Write(&failing{room}, big, nil), errFull)
	}

	// A spool file that cannot be written: Add or Write says so, and stays that way.
	name := filepath.Join(t.TempDir(), "f")
	require.NoError(t, os.WriteFile(name, nil, 0o600))
	f, err := os.Open(name)
	require.NoError(t, err)
	s = NewSpool(f)
	defer s.Close()
	require.NoError(t, s.Add(sample()[0]))
	require.ErrorContains(t, s.Write(io.Discard, Facts{}, nil), "write the manifest's spool")
	require.ErrorContains(t, s.Add(sample()[0]), "write the manifest's spool")

	// A spool file that was changed under our feet.
	f, err = os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	s = NewSpool(f)
	defer s.Close()
	for _, e := range sample() {
		require.NoError(t, s.Add(e))
	}
	require.NoError(t, s.Write(io.Discard, Facts{}, nil))
	whole, err := os.ReadFile(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
	require.NoError(t, err)
	for i := range whole {
		_, err = f.WriteAt([]byte{^whole[i]}, int64(i))
		require.NoError(t, err)
		require.ErrorContains(t, s.Write(io.Discard, Facts{}, nil), "read the manifest's spool", "byte %d of %d", i, len(whole))
		_, err = f.WriteAt(whole[i:i+1], int64(i))
		require.NoError(t, err)
	}
	require.NoError(t, s.Write(io.Discard, Facts{}, nil))
	require.NoError(t, f.Truncate(int64(len(whole)-1)))
	require.ErrorContains(t, s.Write(io.Discard, Facts{}, nil), "read the manifest's spool")
}

// manyEntry is a usual file of a big tree.
func manyEntry(e *entry.Member, path []byte, i int) []byte {
	path = fmt.Appendf(path[:0], "./usr/share/directory%04d/file-%06d.txt", i/100, i)
	return path
}

func TestMemory(t *testing.T) {
	n := 50_000
	if testing.Short() {
		n = 10_000
	}
	s := newSpool(t)
	e := inode(entry.Entry{Type: entry.File, Perm: 0o644, Size: 4096, Mtime: entry.Time{Sec: 1604619475, Nsec: 123456789},
		Xattrs: []entry.Xattr{{Name: "security.selinux", Value: "system_u:object_r:usr_t:s0\x00"}}})
	e.SHA256 = digest(7)
	paths := make([]string, n+5010) // in the order of an image
	for i := range paths {
		paths[i] = string(manyEntry(e, nil, i))
	}
	next := 0
	add := func() {
		e.Path = paths[next]
		next++
		if err := s.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	add()
	require.Less(t, testing.AllocsPerRun(5000, add), 0.1, "allocations an entry")

	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range n {
		add()
	}
	pr, pw := io.Pipe()
	go func() { pw.CloseWithError(s.Write(pw, Facts{}, nil)) }()
	r, err := Parse(pr)
	require.NoError(t, err)
	for range s.Entries() {
		_, err := r.Next()
		require.NoError(t, err)
	}
	_, err = r.Next()
	require.Equal(t, io.EOF, err)
	runtime.GC()
	runtime.ReadMemStats(&after)
	require.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(8<<20), "what stays after %d entries", n)
	t.Logf("%d entries: %d bytes of spool", n, s.file.size)
}

func BenchmarkAdd(b *testing.B) {
	s := newSpool(b)
	e := inode(entry.Entry{Type: entry.File, Perm: 0o644, Size: 4096})
	var path []byte
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		path = manyEntry(e, path, i)
		e.Path = string(path)
		sum := sha256.Sum256(path)
		e.SHA256 = sum[:]
		if err := s.Add(e); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	s := newSpool(b)
	e := inode(entry.Entry{Type: entry.File, Perm: 0o644, Size: 4096})
	for i := range 100_000 {
		e.Path = string(manyEntry(e, nil, i))
		sum := sha256.Sum256([]byte(e.Path))
		e.SHA256 = sum[:]
		if err := s.Add(e); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if err := s.Write(io.Discard, sampleFacts, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.Logf("%d bytes of spool", s.file.size)
}

// TestFits: what Fits takes, Add takes too, and what Add would refuse it refuses.
func TestFits(t *testing.T) {
	for _, e := range sample() {
		require.NoError(t, Fits(e), e.Path)
	}
	file := func(change func(*entry.Member)) *entry.Member {
		m := &entry.Member{Entry: entry.Entry{Path: "./f", Type: entry.Symlink, Link: "x", Nlink: 1}}
		change(m)
		return m
	}
	for _, bad := range []*entry.Member{
		file(func(m *entry.Member) { m.Link = "" }),
		file(func(m *entry.Member) { m.Path = "./" + strings.Repeat("\n", 1<<20) }),
		file(func(m *entry.Member) { m.Xattrs = []entry.Xattr{{Name: "user.x", Value: strings.Repeat("x", 6<<20)}} }),
	} {
		require.Error(t, Fits(bad))
	}
	long := file(func(m *entry.Member) { m.Link = strings.Repeat("\n", 1<<20) })
	require.NoError(t, Fits(long))
	require.NoError(t, newSpool(t).Add(long))
}

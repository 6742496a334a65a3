package image_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"image-capture/archive"
	"image-capture/compress"
	"image-capture/entry"
)

// header is one header block for tests; strings go into the fields as they are.
type header struct {
	name, mode, uid, gid, size, mtime, link, magic, major, minor, prefix string
	flag                                                                 byte
	more                                                                 map[int]string
}

const (
	magicPosix = "ustar\x0000"
	magicGNU   = "ustar  \x00"
	magicV7    = "none"
)

func (h header) block() string {
	b := make([]byte, 512)
	or := func(s, other string) string {
		if s == "" {
			return other
		}
		return s
	}
	copy(b[0:100], h.name)
	copy(b[100:108], or(h.mode, "0000644"))
	copy(b[108:116], or(h.uid, "0000000"))
	copy(b[116:124], or(h.gid, "0000000"))
	copy(b[124:136], or(h.size, "00000000000"))
	copy(b[136:148], or(h.mtime, "00000000000"))
	b[156] = h.flag
	copy(b[157:257], h.link)
	if h.magic != magicV7 {
		copy(b[257:265], or(h.magic, magicPosix))
	}
	copy(b[329:337], h.major)
	copy(b[337:345], h.minor)
	copy(b[345:500], h.prefix)
	for at, s := range h.more {
		copy(b[at:], s)
	}
	setChecksum(b)
	return string(b)
}

func setChecksum(b []byte) {
	copy(b[148:156], "        ")
	sum := 0
	for _, c := range b {
		sum += int(c)
	}
	copy(b[148:156], fmt.Sprintf("%06o\x00 ", sum))
}

// body is content, filled up to whole blocks.
func body(s string) string { return s + strings.Repeat("\x00", -len(s)&511) }

func oct(n int) string { return fmt.Sprintf("%011o", n) }

// pax is an extended header with records.
func pax(flag byte, records ...string) string {
	var s strings.Builder
	for _, r := range records {
		n := len(r) + 3
		for n != len(fmt.Sprint(n))+len(r)+2 {
			n = len(fmt.Sprint(n)) + len(r) + 2
		}
		fmt.Fprintf(&s, "%d %s\n", n, r)
	}
	return header{name: "././@PaxHeader", flag: flag, size: oct(s.Len())}.block() + body(s.String())
}

func file(name, content string) string {
	return header{name: name, flag: '0', size: oct(len(content))}.block() + body(content)
}

// base256 is a number as GNU tar writes a big one.
func base256(n int64, width int) string {
	b := make([]byte, width)
	if n < 0 {
		for i := range b {
			b[i] = 0xff
		}
	}
	binary.BigEndian.PutUint64(b[width-8:], uint64(n))
	b[0] |= 0x80
	return string(b)
}

var end = strings.Repeat("\x00", 1024)

func sparse10(real, mapText, data string) string {
	text := body(mapText)
	return pax('x', "GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.name=a", "GNU.sparse.realsize="+real) +
		header{name: "GNUSparseFile.0/a", flag: '0', size: oct(len(text) + len(data))}.block() + text + body(data)
}

// TestDialects reads what tars wrote in fifty years.
func TestDialects(t *testing.T) {
	block := strings.Repeat("d", 512)
	for name, tc := range map[string]struct {
		tar  string
		want entry.Member
	}{
		"v7 file":           {header{name: "a", magic: magicV7}.block(), file0("./a")},
		"v7 dir":            {header{name: "a/b/", magic: magicV7, mode: "0040755"}.block(), entry.Member{Entry: entry.Entry{Path: "./a/b", Type: entry.Dir, Perm: 0o755}}},
		"contiguous":        {header{name: "a", flag: '7'}.block(), file0("./a")},
		"prefix":            {header{name: "a", prefix: "p/q", flag: '0'}.block(), file0("./p/q/a")},
		"no prefix in gnu":  {header{name: "a", magic: magicGNU, prefix: "11111", flag: '0'}.block(), file0("./a")},
		"star prefix":       {header{name: "a", prefix: "p", flag: '0', more: map[int]string{476: "00000000001", 508: "tar\x00"}}.block(), file0("./p/a")},
		"dot":               {header{name: "./", flag: '5'}.block(), entry.Member{Entry: entry.Entry{Path: ".", Type: entry.Dir, Perm: 0o644}}},
		"odd slashes":       {header{name: ".//a/./b//", flag: '5'}.block(), entry.Member{Entry: entry.Entry{Path: "./a/b", Type: entry.Dir, Perm: 0o644}}},
		"dots in names":     {file("./..a/.b/c..", ""), file0("./..a/.b/c..")},
		"long name":         {header{name: "././@LongLink", flag: 'L', magic: magicGNU, size: oct(201)}.block() + body(strings.Repeat("n", 200)+"\x00") + header{name: "nnn", magic: magicGNU, flag: '0'}.block(), file0("./" + strings.Repeat("n", 200))},
		"volume label":      {header{name: "label", flag: 'V', magic: magicGNU}.block() + file("a", ""), file0("./a")},
		"base 256":          {header{name: "a", flag: '0', uid: base256(4e9, 8), gid: base256(3e9, 8), mtime: base256(-5, 12), size: base256(0, 12)}.block(), entry.Member{Entry: entry.Entry{Path: "./a", Type: entry.File, Perm: 0o644, UID: 4e9, GID: 3e9, Mtime: entry.Time{Sec: -5}}}},
		"blank numbers":     {header{name: "a", flag: '0', uid: "     7 ", gid: " 10\x00", mtime: "          1 "}.block(), entry.Member{Entry: entry.Entry{Path: "./a", Type: entry.File, Perm: 0o644, UID: 7, GID: 8, Mtime: entry.Time{Sec: 1}}}},
		"global":            {pax('g', "comment=by git", "uid=7", "mtime=5.25") + pax('x', "gid=8") + file("a", ""), entry.Member{Entry: entry.Entry{Path: "./a", Type: entry.File, Perm: 0o644, UID: 7, GID: 8, Mtime: entry.Time{Sec: 5, Nsec: 25e7}}}},
		"negative time":     {pax('x', "mtime=-0.5") + file("a", ""), entry.Member{Entry: entry.Entry{Path: "./a", Type: entry.File, Perm: 0o644, Mtime: entry.Time{Sec: -1, Nsec: 5e8}}}},
		"flags":             {pax('x', "SCHILY.fflags=schg,noatime,nodump") + file("a", ""), entry.Member{Entry: entry.Entry{Path: "./a", Type: entry.File, Perm: 0o644, Flags: entry.Immutable | entry.NoDump}}},
		"xattrs":            {pax('x', "SCHILY.xattr.user.b=", "SCHILY.xattr.user.a%3D%25%41=1", "SCHILY.xattr.user.b=\x00=\n", "SCHILY.acl.access=user::rw-") + file("a", ""), entry.Member{Entry: entry.Entry{Path: "./a", Type: entry.File, Perm: 0o644, Xattrs: []entry.Xattr{{Name: "user.a=%%41", Value: "1"}, {Name: "user.b", Value: "\x00=\n"}}}}},
		"hard link":         {header{name: "./b", flag: '1', link: "./a"}.block(), entry.Member{Entry: entry.Entry{Path: "./b", Perm: 0o644}, HardLink: "./a"}},
		"big device number": {pax('x', "SCHILY.devmajor=4095", "SCHILY.devminor=1048575") + header{name: "a", flag: '3', major: "junk", minor: "junk"}.block(), entry.Member{Entry: entry.Entry{Path: "./a", Type: entry.CharDevice, Perm: 0o644, Major: 4095, Minor: 1048575}}},
		"sparse with holes of exabytes": {
			sparse10("9223372036854775000", "1\n9007199254740992\n512\n", block),
			entry.Member{Entry: entry.Entry{Path: "./a", Type: entry.File, Perm: 0o644, Size: 9223372036854775000}, SparseSHA256: sum(body("1\n9007199254740992\n512\n") + block)},
		},
		"sparse with a big hole that no run ends": {
			sparse10("17000000", "1\n0\n512\n", block),
			entry.Member{Entry: entry.Entry{Path: "./a", Type: entry.File, Perm: 0o644, Size: 17000000}, SparseSHA256: sum(body("1\n0\n512\n") + block)},
		},
		"sparse": {
			sparse10("1536", "3\n512\n512\n1536\n0\n1536\n0\n", block),
			entry.Member{Entry: entry.Entry{Path: "./a", Type: entry.File, Perm: 0o644, Size: 1536}, SHA256: sum(strings.Repeat("\x00", 512) + block + strings.Repeat("\x00", 512))},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, _, err := readAll(strings.NewReader(tc.tar + end))
			require.NoError(t, err)
			if tc.want.Type == entry.File && tc.want.Size == 0 {
				tc.want.SHA256 = sum("")
			}
			require.Equal(t, []entry.Member{tc.want}, got)
		})
	}
}

func file0(path string) entry.Member {
	return entry.Member{Entry: entry.Entry{Path: path, Type: entry.File, Perm: 0o644}}
}

// TestHostileTar reads what is wrong, and has it say so.
func TestHostileTar(t *testing.T) {
	block := strings.Repeat("d", 512)
	old := func(real, stored int, pairs ...int) string {
		more := map[int]string{483: oct(real)}
		for i, n := range pairs {
			more[386+12*i] = oct(n)
		}
		return header{name: "a", flag: 'S', magic: magicGNU, size: oct(stored), more: more}.block() + strings.Repeat("d", stored+(-stored&511))
	}
	bad := []byte(file("a", ""))
	bad[0] ^= 1
	huge := "9223372036854775807"
	for name, tc := range map[string]struct{ tar, want string }{
		"checksum":                {string(bad), "wrong checksum"},
		"absolute":                {file("/etc/passwd", ""), "absolute name"},
		"dot dot":                 {file("a/../../etc/passwd", ""), "segment .."},
		"only dot dot":            {file("..", ""), "segment .."},
		"no name":                 {file("", ""), "empty name"},
		"hard link out":           {header{name: "a", flag: '1', link: "../x"}.block(), "./a, at byte 0 of the tar: hard link: name with a segment .."},
		"symlink to nothing":      {header{name: "a", flag: '2'}.block(), "without a target"},
		"unknown type":            {header{name: "a", flag: 'Z'}.block(), "unknown type 'Z'"},
		"volume":                  {header{name: "a", flag: 'M'}.block(), "unknown type 'M'"},
		"content of a directory":  {header{name: "a", flag: '5', size: oct(512)}.block() + block, "512 bytes of content"},
		"content of a hard link":  {header{name: "a", flag: '1', link: "b", size: oct(512)}.block() + block, "512 bytes of content"},
		"negative size":           {header{name: "a", flag: '0', size: base256(-1, 12)}.block(), "size in the header is negative"},
		"absurd size":             {header{name: "a", flag: '0', size: base256(1<<63-1, 12)}.block(), "absurd size"},
		"overflow":                {header{name: "a", flag: '0', size: "\x80\x00\x00\x01" + strings.Repeat("\x00", 8)}.block(), "over 63 bits"},
		"sign overflow":           {header{name: "a", flag: '0', size: "\x80\x00\x00\x00\xff" + strings.Repeat("\x00", 7)}.block(), "over 63 bits"},
		"no octal":                {header{name: "a", flag: '0', size: "00000000009"}.block(), "size in the header: not a number"},
		"two numbers":             {header{name: "a", flag: '0', uid: "1 2"}.block(), "uid in the header: not a number"},
		"negative uid":            {header{name: "a", flag: '0', uid: base256(-2, 8)}.block(), "negative"},
		"uid of 33 bits":          {pax('x', "uid=4294967296") + file("a", ""), "over 32 bits"},
		"device of 33 bits":       {pax('x', "SCHILY.devmajor=4294967296") + header{name: "a", flag: '3'}.block(), "over 32 bits"},
		"device of v7":            {header{name: "a", flag: '3', magic: magicV7}.block(), "without a number"},
		"long ext header":         {header{name: "x", flag: 'x', size: oct(64<<20 + 1)}.block(), "more than 67108864 are not read"},
		"huge long name":          {header{name: "x", flag: 'L', magic: magicGNU, size: base256(1<<62, 12)}.block(), "more than 67108864 are not read"},
		"two ext headers":         {pax('x', "uid=1") + pax('x', "uid=1") + file("a", ""), "two extended headers"},
		"two long names":          {strings.Repeat(header{name: "x", flag: 'L', magic: magicGNU, size: oct(2)}.block()+body("a\x00"), 2), "two long names"},
		"empty long name":         {header{name: "x", flag: 'L', magic: magicGNU}.block(), "empty long name"},
		"ext header at the end":   {pax('x', "uid=1"), "without a member"},
		"long name at the end":    {header{name: "x", flag: 'K', magic: magicGNU, size: oct(2)}.block() + body("a\x00"), "without a member"},
		"global path":             {pax('g', "path=a") + file("a", ""), "global header has path"},
		"global xattr":            {pax('g', "SCHILY.xattr.user.a=1") + file("a", ""), "global header has SCHILY.xattr.user.a"},
		"NUL in path":             {pax('x', "path=a\x00b") + file("a", ""), "NUL in a name"},
		"xattr of no name":        {pax('x', "SCHILY.xattr.=b") + file("a", ""), "no name"},
		"uid no number":           {pax('x', "uid=+1") + file("a", ""), "record uid of the extended header: not a number"},
		"size overflow":           {pax('x', "size=9223372036854775808") + file("a", ""), "not a number"},
		"time":                    {pax('x', "mtime=1.2.3") + file("a", ""), "not a time"},
		"time overflow":           {pax('x', "mtime=9223372036854775808") + file("a", ""), "not a time"},
		"single zero block":       {strings.Repeat("\x00", 512) + file("a", ""), "single block of zeros"},
		"after the end":           {file("a", "") + end + file("b", ""), "something other than zeros follows"},
		"sparse overlap":          {sparse10("4096", "2\n0\n1024\n512\n512\n", block+block+block), "overlap"},
		"sparse out of order":     {sparse10("4096", "2\n1024\n512\n0\n512\n", block+block), "overlap"},
		"sparse past the end":     {sparse10("1000", "1\n512\n512\n", block), "past the end"},
		"sparse overflow":         {sparse10("4096", "1\n512\n"+huge+"\n", block), "something else than a number"},
		"sparse overflow of sum":  {sparse10("4096", "1\n512\n9223372036854775000\n", block), "past the end"},
		"sparse more data":        {sparse10("4096", "1\n512\n512\n", block+block), "1024 bytes of data with a map for 512"},
		"sparse less data":        {sparse10("4096", "1\n512\n1024\n", block), "512 bytes of data with a map for 1024"},
		"sparse half blocks":      {sparse10("4096", "2\n0\n100\n512\n512\n", block+block), "no whole blocks"},
		"sparse huge count":       {sparse10("4096", "900000000000000000\n", ""), "something else than a number"},
		"sparse text":             {sparse10("4096", "1\nx\n", ""), "something else than a number"},
		"sparse empty line":       {sparse10("4096", "1\n\n", ""), "empty line"},
		"sparse map too short":    {sparse10("4096", strings.Repeat("9", 10)+"\n"+strings.Repeat("0\n0\n", 125)+"0", ""), "past its file"},
		"sparse no size":          {pax('x', "GNU.sparse.major=1", "GNU.sparse.minor=0") + file("a", body("0\n")), "without its real size"},
		"sparse absurd":           {sparse10(huge, "0\n", ""), "absurd size"},
		"sparse version":          {pax('x', "GNU.sparse.major=2", "GNU.sparse.minor=0") + file("a", ""), "unknown version"},
		"sparse half a version":   {pax('x', "GNU.sparse.major=1") + file("a", ""), "unknown version"},
		"sparse without map":      {pax('x', "GNU.sparse.realsize=1") + file("a", ""), "without a map"},
		"sparse two formats":      {pax('x', "GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.map=0,0") + file("a", ""), "two formats"},
		"sparse 0.1 odd":          {pax('x', "GNU.sparse.map=0,1,2") + file("a", ""), "odd number"},
		"sparse 0.1 empty number": {pax('x', "GNU.sparse.map=0,,2,3") + file("a", ""), "missing"},
		"sparse 0.1 count":        {pax('x', "GNU.sparse.size=9", "GNU.sparse.numblocks=2", "GNU.sparse.map=9,0") + file("a", ""), "should have 2"},
		"sparse 0.1 many runs":    {pax('x', "GNU.sparse.map="+strings.TrimSuffix(strings.Repeat("0,0,", 1<<20+1), ",")) + file("a", ""), "more than 1048576 runs"},
		"sparse 0.0 no offset":    {pax('x', "GNU.sparse.numbytes=2") + file("a", ""), "no offset"},
		"sparse 0.0 no length":    {pax('x', "GNU.sparse.offset=2") + file("a", ""), "no length"},
		"sparse 0.0 twice":        {pax('x', "GNU.sparse.offset=2", "GNU.sparse.offset=2") + file("a", ""), "no length"},
		"old sparse overlap":      {old(4096, 1024, 512, 512, 0, 512), "overlap"},
		"old sparse past the end": {old(100, 512, 0, 512), "past the end"},
		"old sparse posix":        {header{name: "a", flag: 'S'}.block(), "not in a format of GNU tar"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, codec := range []compress.Codec{compress.None, compress.Zstd} {
				img := []byte(file("first", "x") + tc.tar + end)
				want := tc.want
				if codec == compress.Zstd {
					img = zst(t, img)
				}
				_, _, err := readAll(bytes.NewReader(img))
				require.ErrorContains(t, err, strings.Replace(want, "byte 0 ", "byte 1024 ", 1))
				require.ErrorContains(t, err, " of the tar: ")
			}
		})
	}

	records := map[string]string{
		"no length": "path=a\n", "zero": "0 a=b\n", "short": "3 a=b\n", "long": "99 a=b\n", "no key": "5 =b\n", "no equals": "5 ab\n", "no newline": "6 a=bc",
		"huge": "99999999999999999999 a=b\n", "negative": "-6 a=b\n", "NUL in key": "7 a\x00=b\n", "NULs after": "6 a=b\n\x00\x00", "only a length": "2 \n", "leading zero": "06 a=b\n",
	}
	for name, s := range records {
		img := header{name: "x", flag: 'x', size: oct(len(s))}.block() + body(s) + file("a", "") + end
		_, _, err := readAll(strings.NewReader(img))
		require.ErrorContains(t, err, "malformed record", name)
	}
}

func zst(t testing.TB, b []byte) []byte {
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	require.NoError(t, err)
	return w.EncodeAll(b, nil)
}

// TestBoundedMemory reads images that say much in few bytes.
func TestBoundedMemory(t *testing.T) {
	// A sparse map of two million runs.
	runs := 2 << 20
	big := func(w io.Writer) {
		text := fmt.Sprintf("%d\n", runs)
		size := len(text)
		for i := range runs {
			size += len(fmt.Sprintf("%d\n0\n", i*2048))
		}
		size += -size & 511
		_, _ = io.WriteString(w, pax('x', "GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.name=a", "GNU.sparse.realsize=9007199254740992")+
			header{name: "a", flag: '0', size: oct(size)}.block())
		n, _ := io.WriteString(w, text)
		var part []byte
		for i := range runs {
			part = fmt.Appendf(part, "%d\n0\n", i*2048)
			if len(part) > 1<<16 || i == runs-1 {
				k, _ := w.Write(part)
				n += k
				part = part[:0]
			}
		}
		_, _ = io.WriteString(w, strings.Repeat("\x00", -n&511)+end)
	}
	var packed bytes.Buffer
	z, err := zstd.NewWriter(&packed)
	require.NoError(t, err)
	big(z)
	require.NoError(t, z.Close())

	for name, img := range map[string][]byte{
		"sparse map":    packed.Bytes(),
		"size of frame": []byte("\x28\xb5\x2f\xfd\xe4\xff\xff\xff\xff\xff\xff\xff\x7f\x01\x00\x00"), // 8 EiB of content
		"window":        []byte("\x28\xb5\x2f\xfd\x04\xf8\x01\x00\x00"),                             // 1 TiB
		"skippable":     []byte("\x50\x2a\x4d\x18\xff\xff\xff\xff"),
		"seek table":    []byte("\x5e\x2a\x4d\x18\xff\xff\xff\xff"),
		"ext header":    []byte(header{name: "x", flag: 'x', size: oct(64 << 20)}.block()),
		"long name":     []byte(header{name: "x", flag: 'L', size: oct(64 << 20)}.block()),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			members, _, err := readAll(bytes.NewReader(img))
			runtime.ReadMemStats(&after)
			if name == "sparse map" {
				require.NoError(t, err)
				require.Len(t, members, 1)
				require.NotNil(t, members[0].SparseSHA256)
			} else {
				require.Error(t, err)
			}
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(48<<20))
		})
	}
}

// FuzzReader reads anything. With fix, blocks that look like headers get the
// checksum that they should have, so that the fuzzer gets past it.
func FuzzReader(f *testing.F) {
	dir := smallTree(f)
	for _, codec := range codecs {
		img, _, _ := capture(f, dir, archive.Options{Codec: codec})
		f.Add(img, false)
	}
	plain, _, _ := capture(f, dir, archive.Options{Codec: compress.None})
	for _, img := range foreignCodecs(f, plain) {
		f.Add(img, false)
	}
	block := strings.Repeat("d", 512)
	for _, s := range []string{
		sparse10("1536", "2\n512\n512\n1536\n0\n", block),
		sparse10("9223372036854775000", "1\n9007199254740992\n512\n", block),
		pax('x', "GNU.sparse.size=1536", "GNU.sparse.numblocks=1", "GNU.sparse.name=a", "GNU.sparse.map=512,512") + file("b", block),
		pax('x', "GNU.sparse.size=1536", "GNU.sparse.numblocks=1", "GNU.sparse.offset=512", "GNU.sparse.numbytes=512") + file("b", block),
		header{name: "a", flag: 'S', magic: magicGNU, size: oct(512), more: map[int]string{386: oct(512), 398: oct(512), 482: "\x01", 483: oct(1536)}}.block() + strings.Repeat("\x00", 512) + block,
		pax('g', "mtime=1.5") + pax('x', "SCHILY.xattr.user.a=b", "path=x/y", "SCHILY.fflags=schg") + file("a", "b"),
		header{name: "x", flag: 'L', magic: magicGNU, size: oct(3)}.block() + body("ab\x00") + header{name: "a", flag: '1', link: "b", magic: magicGNU}.block(),
		header{name: "a", flag: '3', uid: base256(1<<31, 8), major: "0000001", minor: "0000003"}.block(),
	} {
		f.Add([]byte(s+end), true)
		f.Add(zst(f, []byte(s+end)), false)
	}
	f.Fuzz(func(t *testing.T, data []byte, fix bool) {
		if fix {
			data = bytes.Clone(data)
			for b := data; len(b) >= 512; b = b[512:] {
				if string(b[257:262]) == "ustar" {
					setChecksum(b[:512])
				}
			}
		}
		members, r, err := readAll(bytes.NewReader(data))
		for _, m := range members {
			for _, path := range []string{m.Path, m.HardLink} {
				require.True(t, path == "." || strings.HasPrefix(path, "./") || path == m.HardLink)
				require.NotContains(t, path+"/", "/../")
			}
			require.GreaterOrEqual(t, m.Size, int64(0))
			require.Less(t, m.Mtime.Nsec, uint32(1e9))
			require.LessOrEqual(t, m.Perm, uint32(0o7777))
			if m.Type == entry.File {
				require.Equal(t, 32, len(m.SHA256)+len(m.SparseSHA256))
			}
		}
		if err != nil {
			return
		}
		require.GreaterOrEqual(t, r.Unpacked(), int64(1024))
		again, _, err := readAll(&oddReader{r: bytes.NewReader(data)})
		require.NoError(t, err)
		require.Equal(t, members, again)
	})
}

// TestReadSeekTable holds the table at the end of an image against its frames.
func TestReadSeekTable(t *testing.T) {
	img, _, want := capture(t, smallTree(t), archive.Options{Codec: compress.Zstd})
	// One entry of 8 bytes, a count, a descriptor, a magic number.
	for _, i := range []int{17, 13, 9, 5, 4} {
		bad := bytes.Clone(img)
		bad[len(bad)-i] ^= 4
		_, _, err := readAll(bytes.NewReader(bad))
		require.ErrorContains(t, err, "seek table does not fit", i)
	}
	// Concatenated images have a table each; here of a first one without tar.
	none := "\x5e\x2a\x4d\x18\x09\x00\x00\x00\x00\x00\x00\x00\x00\xb1\xea\x92\x8f"
	got, _, err := readAll(strings.NewReader(none + string(img)))
	require.NoError(t, err)
	require.Equal(t, allInTar(want), allInTar(got))
}

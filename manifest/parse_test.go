package manifest

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/entry"
)

const smallHead = "#mtree\n# size: 0\n# format: tgz\n# unpacked size: 0\n# entries: 1\n"

func TestParseErrors(t *testing.T) {
	const dir = ". type=dir mode=0755 uid=0 gid=0 time=1.000000000"
	const file = "./a type=file mode=0644 uid=0 gid=0 size=0 time=1.000000000 nlink=1"
	const char = "./a type=char mode=0644 uid=0 gid=0 time=1.000000000 nlink=1"
	end := "\n# end\n"
	for _, good := range []string{dir, file, char + "\n#: device=native,1,2", file + " sha256digest=" + sum + " xattr.a=", file + "\n#: flags=schg,nodump\n#: xattr.user.a=\n#+YQ=="} {
		_, _, err := readAll(strings.NewReader(smallHead + good + end))
		require.NoError(t, err, good)
	}
	for _, c := range []struct{ text, err string }{
		{"", "manifest line 1: cut short"},
		{"#mtree", "manifest line 1: the last line is cut short"},
		{"#mtree v2.0\n", `manifest line 1: the first line is not "#mtree"`},
		{"\x1f\x8b", "manifest line 1: the last line is cut short"},
		{"#mtree\n", "manifest line 2: cut short"},
		{"#mtree\n# end\n", `manifest line 2: no fact "entries"`},
		{"#mtree\n# colour: red\n", `manifest line 2: unknown fact "colour"`},
		{"#mtree\n# entries 1\n", `manifest line 2: no ": " in a fact`},
		{"#mtree\n# size: 1\n# size: 1\n", `manifest line 3: fact "size" is out of order`},
		{"#mtree\n# size: 1\n# ident: a\n", `manifest line 3: fact "ident" is out of order`},
		{"#mtree\n# size: 01\n", `manifest line 2: fact "size": bad number "01"`},
		{"#mtree\n# size: -1\n", `bad number "-1"`},
		{"#mtree\n# size: 9223372036854775808\n", `bad number`},
		{"#mtree\n# ident: \\\n", `manifest line 2: fact "ident": bad escape`},
		{"#mtree\n# ident: a\tb\n", `byte '\t' is not escaped`},
		{"#mtree\n# date: yesterday\n", `fact "date"`},
		{"#mtree\n# date: Mon Aug 27 18:44:35 UTC 2019\n", "not a date in UTC"},
		{"#mtree\n# format: zip\n", `unknown image format "zip"`},
		{"#mtree\n# md5sum: x\n# entries: 0\n# end\n", `md5sum "x"`},
		{"#mtree\n# entries: 0\n# kernels: a  b\n# end\n", "kernel's version is empty"},
		{"#mtree\n# entries: 0\n# omitted: ./a\n# end\n", `no ": " after the path`},
		{"#mtree\n# entries: 0\n", "manifest line 3: cut short"},
		{smallHead, "manifest line 6: cut short"},
		{smallHead + dir + "\n", "manifest line 7: cut short after 1 of 1 entries"},
		{smallHead + "# end\n", "manifest line 6: 0 entries instead of the 1 that the facts say"},
		{smallHead + dir + "\n" + dir + end, "manifest line 7: more than the 1 entries"},
		{strings.Replace(smallHead, "entries: 1", "entries: 2", 1) + dir + "\n" + dir + end, `manifest line 7: "." cannot come after "."`},
		{strings.Replace(smallHead, "entries: 1", "entries: 2", 1) + file + "\n" + dir + end, `manifest line 7: "." cannot come after "./a"`},
		{smallHead + dir + end + "\n", `text after "# end"`},
		{smallHead + dir + end + "x", "the last line is cut short"},
		{smallHead + dir + "\n# end", "manifest line 7: the last line is cut short"},
		{smallHead + dir + "\\", "the last line is cut short"},
		{smallHead + dir + "\\\n", "the last line is cut short"},
		{smallHead + strings.Repeat("x", maxPhysical) + end, "manifest line 6: line over 32768 bytes"},
		{smallHead + strings.Repeat(strings.Repeat("x", 32000)+"\\\n", 300) + end, "joined lines over 8388608 bytes"},
		{smallHead + dir + "\n" + strings.Repeat("#: xattr.user."+strings.Repeat("x", 32000)+"=\n", 300) + end, ""},
		{smallHead + dir + "\n#+x" + end, ""},
		{smallHead + dir + "\n#comment" + end, "manifest line 7: more than"},
		{smallHead + "\n", "neither an entry nor a known comment"},
		{smallHead + "/set type=file\n", "mode= is missing here"},
		{smallHead + dir[1:] + end, "neither"},
		{smallHead + "./a/../b" + dir[1:] + end, "neither"},
		{smallHead + "./a*" + dir[1:] + end, "path: byte '*' is not escaped"},
		{smallHead + file + " flags=schg" + end, "unknown or misplaced word"},
		{smallHead + file + " " + end, "unknown or misplaced word"},
		{smallHead + strings.Replace(file, " mode", "  mode", 1) + end, "mode= is missing here"},
		{smallHead + strings.Replace(file, "0644", "644", 1) + end, `mode: bad mode "644"`},
		{smallHead + strings.Replace(file, "0644", "010000", 1) + end, `bad mode`},
		{smallHead + strings.Replace(file, "file", "socket", 1) + end, `type: unknown type "socket"`},
		{smallHead + strings.Replace(file, "uid=0", "uid=4294967296", 1) + end, "uid: bad number"},
		{smallHead + strings.Replace(file, "1.000000000", "1.0", 1) + end, "bad time"},
		{smallHead + strings.Replace(file, "1.000000000", "-0.000000000", 1) + end, "bad time"},
		{smallHead + strings.Replace(file, "nlink=1", "nlink=0", 1) + end, "nlink: 0"},
		{smallHead + dir + " nlink=1" + end, "unknown or misplaced word"},
		{smallHead + dir + " sha256digest=" + sum + end, "digest of 32 bytes of a dir"},
		{smallHead + file + " sha256digest=" + sum[2:] + end, "bad sha256"},
		{smallHead + file + " sha256digest=" + strings.ToUpper(sum) + end, "bad sha256"},
		{smallHead + file + " xattr.a" + end, "unknown or misplaced"},
		{smallHead + file + " xattr.a=b" + end, "xattr"},
		{smallHead + file + " xattr.a=YR==" + end, "xattr"},
		{smallHead + file + " xattr.b= xattr.a=" + end, "out of order"},
		{smallHead + file + " xattr.a=YQ==\n#: xattr.a=Yg==" + end, `manifest line 6: the xattrs differ from those after "#:"`},
		{smallHead + file + "\n#:" + end, `manifest line 7: no space after "#:"`},
		{smallHead + file + "\n#:x" + end, `no space after "#:"`},
		{smallHead + file + "\n#: " + end, `unknown or misplaced word ""`},
		{smallHead + file + "\n#: colour" + end, `manifest line 7: unknown or misplaced word "colour"`},
		{smallHead + file + "\n#: flags=" + end, "bad flags"},
		{smallHead + file + "\n#: flags=nodump,schg" + end, "bad flags"},
		{smallHead + file + "\n#: flags=schg\n#: flags=schg" + end, "manifest line 8: flags: a second time"},
		{smallHead + file + "\n#: device=native,1,2" + end, "manifest line 6: device"},
		{smallHead + char + end, "manifest line 6: device"},
		{smallHead + char + "\n#: device=linux,1,2" + end, "bad device"},
		{smallHead + char + "\n#: device=native,1,02" + end, "bad device"},
		{smallHead + file + "\n#: hardlink=" + end, "hardlink: not a path"},
		{smallHead + file + "\n#: hardlink=./a" + end, `hard link to "./a"`},
		{smallHead + dir + "\n#: hardlink=./a" + end, `hard link to "./a"`},
		{smallHead + file + " sha256digest=" + sum + "\n#: sparse.sha256=" + sum + end, "two digests"},
	} {
		_, _, err := readAll(strings.NewReader(c.text))
		require.Error(t, err, "%.200q", c.text)
		require.ErrorContains(t, err, c.err, "%.200q", c.text)
		require.Regexp(t, `^manifest line \d+: `, err.Error())
	}
}

// TestLaterWords: a later version's keywords after "#:" change nothing of what is read,
// wherever they stand, and do not make the known ones any less strict.
func TestLaterWords(t *testing.T) {
	text := write(t, sampleFacts, sample()...)
	facts, entries, err := readAll(bytes.NewReader(text))
	require.NoError(t, err)
	lines := strings.SplitAfter(string(text), "\n")
	first := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, ".") })
	places := 0
	for i := first; i < len(lines)-1; i++ {
		if strings.HasSuffix(lines[i-1], "\\\n") || strings.HasPrefix(lines[i], "#+") {
			continue // in the middle of a line
		}
		places++
		at := func(words string) (Facts, []*entry.Member, error) {
			return readAll(strings.NewReader(strings.Join(lines[:i], "") + "#: " + words + "\n" + strings.Join(lines[i:], "")))
		}
		for _, words := range []string{
			"later=0,0", "later=1048576,524288 later=2097152,1048576", "a=", "a=b=c", "colour-2.x_y=red\\040*", "v=\xff\x01",
			"xattrs=1", "flag=schg", "hardlinks=./a", "sparse.sha512=00", "later=1\n#+,2", "a=1\n#: a=1",
		} {
			facts2, entries2, err := at(words)
			require.NoError(t, err, "%q before %.80q", words, lines[i])
			require.Equal(t, facts, facts2)
			require.Equal(t, entries, entries2, "%q before %.80q", words, lines[i])
		}
		for _, words := range []string{
			"", "frame", "frame=1,1", "later=0 frame=0,0", "block=0", "=", "=1", "1=2", "A=b", "later=0,0 ", "later=0,0  a=b", "a\\075b=", "xattr=", "xattr.=YQ",
			"xattr.user.a=?", "flags=", "flags=a=1", "device=0", "hardlink=", "hardlink=../a", "sparse.sha256=0", "a=b flags=colour",
		} {
			_, _, err := at(words)
			require.Error(t, err, "%q before %.80q", words, lines[i])
		}
	}
	require.Greater(t, places, len(entries))
}

// Wherever a MANIFEST ends too early, or a line of an entry is missing, it shows.
func TestTruncated(t *testing.T) {
	text := write(t, sampleFacts, sample()...)
	for n := range len(text) {
		_, _, err := readAll(bytes.NewReader(text[:n]))
		require.Error(t, err, "cut at byte %d", n)
	}
	lines := strings.SplitAfter(string(text), "\n")
	for i := range lines {
		if strings.HasPrefix(lines[i], ".") {
			short := strings.Join(lines[:i], "") + strings.Join(lines[i+1:], "")
			_, _, err := readAll(strings.NewReader(short))
			require.Error(t, err, "without %.80q", lines[i])
		}
	}
}

func TestNextErrorStays(t *testing.T) {
	r, err := Parse(strings.NewReader(smallHead + "bad\n"))
	require.NoError(t, err)
	_, one := r.Next()
	_, two := r.Next()
	require.Error(t, one)
	require.Equal(t, one, two)

	text := write(t, sampleFacts, sample()...)
	for n := range len(text) {
		_, _, err := readAll(io.MultiReader(bytes.NewReader(text[:n]), brokenReader{}))
		require.ErrorIs(t, err, io.ErrClosedPipe)
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrClosedPipe }

// rewrite makes a MANIFEST of what was read. The inodes, which it does not hold,
// are made up of the names.
func rewrite(t testing.TB, f Facts, entries []*entry.Member) []byte {
	inode := map[string]uint64{}
	for i, e := range entries {
		first := e.Path
		if e.HardLink != "" {
			first = e.HardLink
		}
		if _, ok := inode[first]; !ok {
			inode[first] = uint64(i + 1)
		}
		e.ID = entry.FileID{Ino: inode[first]}
	}
	return write(t, f, entries...)
}

func FuzzParse(f *testing.F) {
	sane := sample()
	f.Add(write(f, sampleFacts, sane[:len(sane)-1]...))
	f.Add([]byte(smallHead + "./a\\\n\\040 type=file mode=0644 uid=0 gid=0 size=0 time=-1.000000000 nlink=1 xattr.a=b=\n#: xattr.a\\075b=\n#: flags=\n#+schg\n# end\n"))
	f.Add([]byte("#mtree\n# entries: 0\n# kernels: a\n# omitted: ./a: b\n# end\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		facts, entries, err := readAll(bytes.NewReader(text))
		if err != nil {
			require.Regexp(t, `^manifest line \d+: `, err.Error())
			return
		}
		one := rewrite(t, facts, entries)
		facts2, entries2, err := readAll(bytes.NewReader(one))
		require.NoError(t, err, "%q", one)
		require.Equal(t, facts, facts2)
		require.Len(t, entries2, len(entries))
		two := rewrite(t, facts2, entries2)
		require.Equal(t, string(one), string(two))
	})
}

func FuzzRoundTrip(f *testing.F) {
	f.Add("a b\n", "target\xff", "user.x=", "v", "reason: \\", int64(-1), uint8(2))
	f.Fuzz(func(t *testing.T, name, link, xname, xvalue, reason string, sec int64, typ uint8) {
		e := inode(entry.Entry{Path: "./" + name, Type: entry.Type(typ), Mtime: entry.Time{Sec: sec}, Link: link,
			Xattrs: []entry.Xattr{{Name: xname, Value: xvalue}}})
		if checkMember(e) != nil {
			return
		}
		facts := Facts{Source: reason, Findings: []string{reason}, Changed: []entry.Note{{Path: name, Reason: reason}}, Entries: 1}
		facts2, entries, err := readAll(bytes.NewReader(write(t, facts, e)))
		require.NoError(t, err)
		require.Equal(t, facts, facts2)
		require.Equal(t, []*entry.Member{e}, entries)
	})
}

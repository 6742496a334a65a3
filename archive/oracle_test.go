package archive_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/archive"
	"image-capture/compress"
	"image-capture/entry"
	"image-capture/rootfs/roottest"
)

// headersOf reads an archive with the tar of the standard library.
func headersOf(t testing.TB, image []byte) []*tar.Header {
	t.Helper()
	var list []*tar.Header
	for r := tar.NewReader(bytes.NewReader(image)); ; {
		h, err := r.Next()
		if err == io.EOF {
			return list
		}
		require.NoError(t, err)
		list = append(list, h)
	}
}

// contentsOf reads the regular files of an archive.
func contentsOf(t testing.TB, image []byte) map[string]string {
	t.Helper()
	all := map[string]string{}
	for r := tar.NewReader(bytes.NewReader(image)); ; {
		h, err := r.Next()
		if err == io.EOF {
			return all
		}
		require.NoError(t, err)
		if h.Typeflag != tar.TypeReg {
			continue
		}
		b, err := io.ReadAll(r)
		require.NoError(t, err, h.Name)
		all[h.Name] = string(b)
	}
}

// framesTree has content for a few frames of each codec, some of it random.
func framesTree(t testing.TB) string {
	dir := t.TempDir()
	for i := range 4 {
		b := append(randomBytes(2<<20), bytes.Repeat([]byte(fmt.Sprintf("line %d\n", i)), 150000)...)
		require.NoError(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("file-%d", i)), b, 0o644))
	}
	return dir
}

// TestSeekTable reads the table as zstd's contrib/seekable_format describes it, and
// has zstd decode each frame alone.
func TestSeekTable(t *testing.T) {
	dir := framesTree(t)
	plain, _, _ := capture(t, dir, archive.Options{Codec: compress.None})
	image, sum, _ := capture(t, dir, archive.Options{Codec: compress.Zstd})
	le := binary.LittleEndian

	footer := image[len(image)-9:]
	require.EqualValues(t, 0x8F92EAB1, le.Uint32(footer[5:]))
	require.Zero(t, footer[4], "checksums")
	n := int(le.Uint32(footer))
	table := image[len(image)-9-8*n-8:]
	require.EqualValues(t, 0x184D2A5E, le.Uint32(table))
	require.EqualValues(t, 8*n+9, le.Uint32(table[4:]))
	require.Equal(t, (len(plain)+8<<20-1)/(8<<20), n)

	at, tarAt := 0, 0
	for i := range n {
		size, content := int(le.Uint32(table[8+8*i:])), int(le.Uint32(table[12+8*i:]))
		if i < n-1 {
			require.Equal(t, 8<<20, content)
		}
		got := run(t, image[at:at+size], "zstd", "-dcq")
		require.True(t, string(plain[tarAt:tarAt+content]) == got, "frame %d", i)
		at, tarAt = at+size, tarAt+content
	}
	require.Equal(t, len(image)-len(table), at)
	require.Equal(t, len(plain), tarAt)
	require.EqualValues(t, len(plain), sum.Unpacked)

	file := filepath.Join(t.TempDir(), "image.tar.zst")
	require.NoError(t, os.WriteFile(file, image, 0o600))
	list := run(t, nil, "zstd", "-lv", file)
	require.Regexp(t, regexp.MustCompile(fmt.Sprintf(`(?m)^(# Zstandard Frames|Number of frames|Frames): *%d$`, n)), list)
	require.Contains(t, list, "XXH64")
}

// TestOneGzipMember: Python's tarfile in stream mode stops at the end of the first
// member, without a word; here it lists what GNU tar lists.
func TestOneGzipMember(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"a": strings.Repeat("a", 3<<20), "b": strings.Repeat("b", 3<<20), "c": "c"})
	image, _, _ := capture(t, dir, archive.Options{})
	listed := strings.Fields(string(run(t, image, "tar", "-tzf", "-")))
	require.Len(t, listed, 4)
	python := run(t, image, "python3", "-c", "import sys, tarfile\nfor m in tarfile.open(fileobj=sys.stdin.buffer, mode='r|gz'): print(m.name)")
	require.Equal(t, len(listed), len(strings.Fields(string(python))), python)
}

// TestDigests holds the digests of the summary against the tools of the trade.
func TestDigests(t *testing.T) {
	dir := smallTree(t)
	for name, codec := range codecs {
		image, sum, members := capture(t, dir, archive.Options{Codec: codec})
		require.Equal(t, fmt.Sprintf("%x  -\n", sum.MD5), run(t, image, "md5sum"), name)
		require.Equal(t, fmt.Sprintf("%x  -\n", sum.SHA256), run(t, image, "sha256sum"), name)
		require.EqualValues(t, len(members), sum.Entries)
		for _, m := range members {
			if m.SHA256 != nil {
				out := run(t, nil, "sha256sum", "-z", filepath.Join(dir, m.Path))
				require.Equal(t, fmt.Sprintf("%x", m.SHA256), strings.Fields(out)[0], m.Path)
			}
		}
	}
}

// TestGoReadsImage has the tar of the standard library say the same of an image.
func TestGoReadsImage(t *testing.T) {
	dir := roottest.Hostile(t)
	require.NoError(t, os.Remove(filepath.Join(dir, "xattrs/user"))) // has "=" in the name of an xattr
	image, _, want := capture(t, dir, archive.Options{Codec: compress.None})
	r := tar.NewReader(bytes.NewReader(image))
	for _, m := range want {
		h, err := r.Next()
		require.NoError(t, err, m.Path)
		require.Equal(t, m.Path, strings.TrimSuffix(h.Name, "/"))
		require.EqualValues(t, m.Perm, h.Mode, m.Path)
		require.EqualValues(t, m.UID, h.Uid, m.Path)
		require.EqualValues(t, m.Mtime.Sec, h.ModTime.Unix(), m.Path)
		require.EqualValues(t, m.Mtime.Nsec, h.ModTime.Nanosecond(), m.Path)
		if m.HardLink != "" {
			require.EqualValues(t, tar.TypeLink, h.Typeflag)
			require.Equal(t, m.HardLink, h.Linkname)
			continue
		}
		require.Equal(t, m.Link, h.Linkname, m.Path)
		for _, x := range m.Xattrs {
			require.Equal(t, x.Value, h.PAXRecords["SCHILY.xattr."+x.Name], "%s %s", m.Path, x.Name)
		}
		if m.Type != entry.File {
			continue
		}
		require.Equal(t, m.Size, h.Size, m.Path)
		if m.SHA256 == nil {
			continue
		}
		sum := sha256.New()
		_, err = io.Copy(sum, r)
		require.NoError(t, err, m.Path)
		require.Equal(t, m.SHA256, sum.Sum(nil), m.Path)
	}
	_, err := r.Next()
	require.Equal(t, io.EOF, err)
}

// TestBsdtarListsImage has bsdtar list the names of an image without complaint.
func TestBsdtarListsImage(t *testing.T) {
	dir := roottest.Hostile(t)
	image, _, want := capture(t, dir, archive.Options{Codec: compress.Zstd})
	// Without names that bsdtar prints escaped; those come with the verbose list.
	var names []string
	for _, m := range want {
		if m.Type == entry.Dir {
			m.Path += "/"
		}
		if isPlain(m.Path) {
			names = append(names, m.Path)
		}
	}
	var got []string
	for line := range strings.Lines(run(t, image, "bsdtar", "-tf", "-")) {
		if line = strings.TrimSuffix(line, "\n"); isPlain(line) {
			got = append(got, line)
		}
	}
	require.Equal(t, names, got)

	_, err := exec.LookPath("bsdtar")
	roottest.Need(t, err == nil, "bsdtar")
	cmd := exec.Command("bsdtar", "-tvf", "-")
	cmd.Stdin = bytes.NewReader(image)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err)
	require.Empty(t, stderr.String())
	require.Equal(t, len(want), strings.Count(string(out), "\n"))
}

func isPlain(s string) bool {
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' || c == '\\' {
			return false
		}
	}
	return true
}

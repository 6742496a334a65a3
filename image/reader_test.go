package image_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"image-capture/archive"
	"image-capture/compress"
	"image-capture/entry"
	"image-capture/image"
	"image-capture/rootfs/roottest"
)

var codecs = map[string]compress.Codec{"tgz": compress.Gzip, "tar-zst": compress.Zstd, "tar": compress.None}

// readAll reads members, with their digests, until something stops it.
func readAll(r io.Reader) ([]entry.Member, *image.Reader, error) {
	ar, err := image.NewReader(r)
	if err != nil {
		return nil, nil, err
	}
	defer ar.Close()
	ar.TakeDigests()
	var members []entry.Member
	for {
		m, err := ar.Next()
		if err == io.EOF {
			return members, ar, nil
		}
		if err == nil {
			err = ar.Skip()
		}
		if err != nil {
			return members, ar, err
		}
		members = append(members, *m)
	}
}

// inTar leaves what a tar holds of a member.
func inTar(m entry.Member) entry.Member {
	m.Ctime, m.Blocks, m.ID, m.Nlink = entry.Time{}, 0, entry.FileID{}, 0
	if len(m.Xattrs) == 0 {
		m.Xattrs = nil
	}
	if m.HardLink != "" {
		m.Type, m.Size, m.Link, m.Major, m.Minor = 0, 0, "", 0, 0
		m.Xattrs, m.Flags, m.SHA256, m.SparseSHA256 = nil, 0, nil, nil
	}
	return m
}

func allInTar(members []entry.Member) []entry.Member {
	out := make([]entry.Member, len(members))
	for i, m := range members {
		out[i] = inTar(m)
	}
	return out
}

// TestReadOwnImage holds what is read against what the writer says it wrote.
func TestReadOwnImage(t *testing.T) {
	dir := roottest.Hostile(t)
	for name, codec := range codecs {
		t.Run(name, func(t *testing.T) {
			img, sum, want := capture(t, dir, archive.Options{Codec: codec})
			for name, src := range map[string]io.Reader{
				"at once":     bytes.NewReader(img),
				"odd pieces":  &oddReader{r: bytes.NewReader(img)},
				"bytes":       bytes.NewBuffer(img),
				"a last page": io.MultiReader(bytes.NewReader(img[:len(img)-1]), bytes.NewReader(img[len(img)-1:])),
			} {
				got, r, err := readAll(src)
				require.NoError(t, err, name)
				require.Equal(t, codec, r.Codec())
				require.Equal(t, sum.Unpacked, r.Unpacked())
				require.EqualValues(t, sum.Entries, len(got))
				require.Equal(t, allInTar(want), allInTar(got), name)
				for _, m := range got {
					if m.HardLink == "" && m.Type == entry.File {
						require.True(t, len(m.SHA256) == 32 != (len(m.SparseSHA256) == 32), m.Path)
					} else {
						require.Nil(t, m.SHA256, m.Path)
					}
				}
			}
		})
	}
}

// oddReader returns odd numbers of bytes.
type oddReader struct {
	r io.Reader
	n int
}

func (o *oddReader) Read(p []byte) (int, error) {
	o.n = (o.n*7 + 13) % 9973
	return o.r.Read(p[:min(len(p), o.n+1)])
}

// foreign makes an archive of a tree by another tar, whose exit status counts only
// where it can hold everything.
func foreign(t testing.TB, dir string, strict bool, name string, args ...string) []byte {
	t.Helper()
	_, err := exec.LookPath(name)
	roottest.Need(t, err == nil, name)
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	var exit *exec.ExitError
	if strict || !errors.As(err, &exit) {
		require.NoError(t, err, "%s: %s", args, stderr.String())
	}
	return stdout.Bytes()
}

// TestReadForeign reads one tree as other tars pack it.
func TestReadForeign(t *testing.T) {
	dir := roottest.Hostile(t)
	_, _, members := capture(t, dir, archive.Options{Codec: compress.None})
	own := map[string]entry.Member{}
	content := map[string]entry.Member{} // of later names too
	for _, m := range members {
		content[m.Path] = inTar(m)
		if m.HardLink != "" {
			first := content[m.HardLink]
			first.Path = m.Path
			content[m.Path] = first
		}
		own[m.Path] = inTar(m)
	}
	gnu := []string{"--xattrs", "--xattrs-include=*", "--acls", "--sparse", "--numeric-owner", "-cf", "-", "--format"}
	for _, tc := range []struct {
		name   string
		tool   string
		args   []string
		exact  bool // every entry, with all that we pack
		fields string
	}{
		{"gnu tar posix", "tar", append(gnu, "posix", "."), true, "xattrs ns map"},
		{"gnu tar posix without ./", "sh", []string{"-c", `tar --xattrs --xattrs-include='*' --sparse --numeric-owner --format=posix -cf - --no-recursion --null -T -`}, true, "xattrs ns names map"},
		{"sparse 0.0", "tar", append(gnu, "posix", "--sparse-version=0.0", "."), true, "xattrs ns"},
		{"sparse 0.1", "tar", append(gnu, "posix", "--sparse-version=0.1", "."), true, "xattrs ns"},
		{"sparse 1.0", "tar", append(gnu, "posix", "--sparse-version=1.0", "."), true, "xattrs ns map"},
		{"gnu tar gnu", "tar", []string{"--sparse", "--numeric-owner", "--format=gnu", "-cf", "-", "."}, true, ""},
		{"gnu tar oldgnu", "tar", []string{"--sparse", "--numeric-owner", "--format=oldgnu", "-cf", "-", "."}, true, ""},
		{"gnu tar ustar", "tar", []string{"--exclude=nine-gib", "--numeric-owner", "--format=ustar", "-cf", "-", "."}, false, ""},
		{"gnu tar v7", "tar", []string{"--exclude=nine-gib", "--numeric-owner", "--format=v7", "-cf", "-", "."}, false, ""},
		{"bsdtar pax", "bsdtar", []string{"--format=pax", "--numeric-owner", "-cf", "-", "."}, true, "xattrs ns bsdtar"},
		{"bsdtar gnutar", "bsdtar", []string{"--exclude=nine-gib", "--format=gnutar", "--numeric-owner", "-cf", "-", "."}, true, ""},
		{"bsdtar ustar", "bsdtar", []string{"--exclude=nine-gib", "--format=ustar", "--numeric-owner", "-cf", "-", "."}, false, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var packed []byte
			if strings.Contains(tc.fields, "names") {
				var list bytes.Buffer
				for _, m := range members {
					if m.Path != "." && !strings.Contains(m.Path, "/-") {
						list.WriteString(strings.TrimPrefix(m.Path, "./") + "\x00")
					}
				}
				cmd := exec.Command(tc.tool, "-c", tc.args[1])
				cmd.Dir, cmd.Stdin = dir, &list
				var stderr bytes.Buffer
				cmd.Stderr = &stderr
				var err error
				packed, err = cmd.Output()
				require.NoError(t, err, stderr.String())
			} else {
				packed = foreign(t, dir, tc.exact && tc.tool == "tar", tc.tool, tc.args...)
			}
			got, r, err := readAll(bytes.NewReader(packed))
			require.NoError(t, err)
			require.EqualValues(t, len(packed), r.Unpacked())
			first := map[string]string{} // our first name of an inode -> theirs
			seen := map[string]bool{}
			for _, m := range got {
				seen[m.Path] = true
				want, ok := own[m.Path]
				require.True(t, ok, m.Path)
				if tc.tool == "bsdtar" && m.Path == "./xattrs/acl" {
					// It writes the bits of the group's entry, not those of the mask.
					want.Perm = 0o640
				}
				require.Equal(t, want.Perm, m.Perm, m.Path)
				if tc.tool == "bsdtar" && (m.Path == "./times/before-epoch" || m.Path == "./times/far" && tc.fields == "") {
					// It writes -1.5 as -2.5, and into a header what fits.
					want.Mtime = m.Mtime
				}
				if tc.exact {
					require.Equal(t, want.UID, m.UID, m.Path)
					require.Equal(t, want.GID, m.GID, m.Path)
					require.Equal(t, want.Mtime.Sec, m.Mtime.Sec, m.Path)
				}
				if strings.Contains(tc.fields, "ns") {
					require.Equal(t, want.Mtime, m.Mtime, m.Path)
				}
				if m.HardLink != "" {
					// Another order of names makes another one the first.
					inode := want.HardLink
					if inode == "" {
						inode = m.Path
					}
					require.Equal(t, first[inode], m.HardLink, m.Path)
					continue
				}
				want = content[m.Path]
				inode := own[m.Path].HardLink
				if inode == "" {
					inode = m.Path
				}
				first[inode] = m.Path
				require.Equal(t, want.Type, m.Type, m.Path)
				require.Equal(t, want.Size, m.Size, m.Path)
				if tc.exact || len(want.Link) <= 100 {
					require.Equal(t, want.Link, m.Link, m.Path)
				}
				if tc.exact {
					require.Equal(t, [2]uint32{want.Major, want.Minor}, [2]uint32{m.Major, m.Minor}, m.Path)
				}
				require.Equal(t, want.SHA256, m.SHA256, m.Path)
				if strings.Contains(tc.fields, "map") {
					// GNU tar ends a map with a run of no bytes also where there is no hole.
					require.Equal(t, len(want.SparseSHA256), len(m.SparseSHA256), m.Path)
				} else {
					require.Equal(t, want.SparseSHA256, m.SparseSHA256, m.Path)
				}
				switch {
				case !strings.Contains(tc.fields, "xattrs"):
				case strings.Contains(tc.fields, "bsdtar"):
					// It packs ACLs as text only, and does not escape "=" in names.
					if m.Path != "./xattrs" && m.Path != "./xattrs/acl" && m.Path != "./xattrs/user" {
						require.Equal(t, want.Xattrs, m.Xattrs, m.Path)
					}
				default:
					require.Equal(t, want.Xattrs, m.Xattrs, m.Path)
				}
			}
			if !tc.exact {
				require.Greater(t, len(got), 60)
				return
			}
			for path := range own {
				if strings.Contains(tc.fields, "names") && (path == "." || strings.Contains(path, "/-")) {
					continue
				}
				if !strings.Contains(strings.Join(tc.args, " "), "exclude") {
					require.True(t, seen[path], path)
				}
			}
		})
	}
}

// TestForeignCompressors reads what gzip and zstd make, which are no frames of ours.
func TestForeignCompressors(t *testing.T) {
	dir := smallTree(t)
	plain, _, want := capture(t, dir, archive.Options{Codec: compress.None})
	big := bytes.Repeat([]byte("all work and no play "), 1<<20)
	before := tarFile(t, "./big", big)
	plain = append(before, plain...)
	for i := range want {
		want[i].At += int64(len(before))
	}
	for name, args := range map[string][]string{
		"gzip":             {"gzip", "-c"},
		"zstd":             {"zstd", "-cq"},
		"zstd no checksum": {"zstd", "-cq", "--no-check"},
		"zstd long":        {"zstd", "-cq", "--long=27"},
		"pzstd":            {"pzstd", "-cq"},
		"xz":               {"xz", "-c"},
		"xz fast":          {"xz", "-0c"},
		"xz big":           {"xz", "-1c", "--lzma2=preset=1,dict=128MiB"},
		"xz blocks":        {"xz", "-0cT2", "--block-size=1MiB"},
		"xz crc32":         {"xz", "-0c", "--check=crc32"},
		"xz sha256":        {"xz", "-0c", "--check=sha256"},
		"xz no check":      {"xz", "-0c", "--check=none"},
		"xz x86":           {"xz", "-c", "--x86", "--lzma2=preset=0"},
	} {
		t.Run(name, func(t *testing.T) {
			got, r, err := readAll(strings.NewReader(run(t, plain, args[0], args[1:]...)))
			require.NoError(t, err)
			require.EqualValues(t, len(plain), r.Unpacked())
			sum := sha256.Sum256(big)
			require.Equal(t, sum[:], got[0].SHA256)
			require.Equal(t, allInTar(want), allInTar(got[1:]))
		})
	}
	t.Run("frames of all kinds", func(t *testing.T) {
		// Of known size, unknown size, skippable, and bigger than what is decoded at once.
		skip := "\x53\x2a\x4d\x18\x03\x00\x00\x00abc"
		var img bytes.Buffer
		img.WriteString(skip)
		w, err := zstd.NewWriter(nil)
		require.NoError(t, err)
		at := 0
		for i, n := range []int{0, 1, 511, 4096, 100, 17 << 20, 3 << 20, 0, len(plain)} {
			part := plain[at:min(at+n, len(plain))]
			at += len(part)
			if i%2 == 0 {
				img.Write(w.EncodeAll(part, nil))
			} else {
				w.Reset(&img)
				_, err := w.Write(part)
				require.NoError(t, err)
				require.NoError(t, w.Close())
			}
			img.WriteString(skip)
		}
		got, r, err := readAll(&img)
		require.NoError(t, err)
		require.EqualValues(t, len(plain), r.Unpacked())
		require.Equal(t, allInTar(want), allInTar(got[1:]))
	})
}

// smallTree is a tree of few kilobytes with most kinds of members.
func smallTree(t testing.TB) string {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "etc/deep"), 0o755))
	for name, content := range map[string]string{
		"etc/passwd":                           strings.Repeat("root:x:0:0::/root:/bin/sh\n", 60),
		"etc/deep/" + strings.Repeat("n", 150): "long",
		"etc/ünïcödé":                          "name",
		"empty":                                "",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644))
	}
	require.NoError(t, os.Symlink("etc/passwd", filepath.Join(dir, "link")))
	require.NoError(t, os.Link(filepath.Join(dir, "etc/passwd"), filepath.Join(dir, "zz-again")))
	f, err := os.Create(filepath.Join(dir, "holes"))
	require.NoError(t, err)
	require.NoError(t, f.Truncate(1<<20))
	_, err = f.WriteAt([]byte("data"), 512<<10)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	return dir
}

// tarFile returns a member as tar, without the end of an archive.
func tarFile(t testing.TB, name string, content []byte) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	require.NoError(t, w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(content))}))
	_, err := w.Write(content)
	require.NoError(t, err)
	require.NoError(t, w.Flush())
	return b.Bytes()
}

// TestTruncated cuts images off everywhere of note: no part of one is a whole.
func TestTruncated(t *testing.T) {
	dir := smallTree(t)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "noise"), noise(60000), 0o644))
	for name, codec := range codecs {
		t.Run(name, func(t *testing.T) {
			img, _, want := capture(t, dir, archive.Options{Codec: codec})
			cuts := []int{1, 2, 3, 4, 5, 9, 10, 17, 18, 100, 511, 512, 513, 1024, len(img) - 513, len(img) - 512, len(img) - 2, len(img) - 1}
			for n := 4096; n < len(img); n += 4096 {
				cuts = append(cuts, n-1, n, n+1)
			}
			step := 1
			if testing.Short() {
				step = 7
			}
			for n := 1; n < 1100 && codec != compress.None; n += step {
				cuts = append(cuts, len(img)-n)
			}
			for _, n := range cuts {
				_, _, err := readAll(bytes.NewReader(img[:n]))
				if err == nil && codec == compress.Zstd {
					// Cut off between the last frame and the seek table, which no reader needs.
					require.Equal(t, "\x5e\x2a\x4d\x18", string(img[n:n+4]))
					got, _, _ := readAll(bytes.NewReader(img[:n]))
					require.Equal(t, len(want), len(got))
					continue
				}
				require.Error(t, err, "%d of %d bytes", n, len(img))
				if n > 512 {
					require.ErrorIs(t, err, io.ErrUnexpectedEOF, "%d of %d bytes", n, len(img))
				}
			}
		})
	}
}

func noise(n int) []byte {
	var out []byte
	for i := 0; len(out) < n; i++ {
		sum := sha256.Sum256(fmt.Append(nil, i))
		out = append(out, sum[:]...)
	}
	return out[:n]
}

// TestFlipped turns bits of each byte of an image over. That is an error, or changes
// no member: nothing has a checksum over the gzip header, and there is more than
// one way to pack the same bytes.
func TestFlipped(t *testing.T) {
	dir := smallTree(t)
	for name, codec := range codecs {
		t.Run(name, func(t *testing.T) {
			img, sum, members := capture(t, dir, archive.Options{Codec: codec})
			want := allInTar(members)
			step := 1
			if codec == compress.None {
				step = 11 // mostly padding
			}
			if testing.Short() {
				step *= 7
			}
			for i := 0; i < len(img); i += step {
				for _, bit := range []byte{1, 1 << (i % 7), 0x80, 0xff} {
					bad := bytes.Clone(img)
					bad[i] ^= bit
					got, r, err := readAll(bytes.NewReader(bad))
					if err == nil && codec == compress.None {
						// Content and extended headers have no checksum in a tar: a difference
						// in them is seen in the members, and one in the padding is none.
						require.Len(t, got, len(want))
						continue
					}
					if err == nil {
						require.Equal(t, want, allInTar(got), "byte %d", i)
						require.Equal(t, sum.Unpacked, r.Unpacked())
					}
				}
			}
		})
	}
}

// TestGarbageAfter has something follow a whole image.
func TestGarbageAfter(t *testing.T) {
	dir := smallTree(t)
	gz := func(s string) string {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = w.Write([]byte(s))
		_ = w.Close()
		return b.String()
	}
	for name, codec := range codecs {
		img, sum, _ := capture(t, dir, archive.Options{Codec: codec})
		_, _, err := readAll(bytes.NewReader(img))
		require.NoError(t, err)
		for _, tail := range []string{"x", "garbage", strings.Repeat("g", 1000), strings.Repeat("\x00", 511) + "x", "\x1f\x8b", "\x1f\x8b\x08\x08\x00\x00\x00\x00\x00\xffna", "\x28\xb5", "\x28\xb5\x2f\xfd", gz("more")} {
			_, _, err := readAll(io.MultiReader(bytes.NewReader(img), strings.NewReader(tail)))
			require.Error(t, err, "%s %q", name, tail)
		}
		// Zeros are how tars fill up a record, a gzip member of nothing is nothing.
		ok := map[compress.Codec]string{compress.None: strings.Repeat("\x00", 12345), compress.Gzip: gz(strings.Repeat("\x00", 512)) + gz(""), compress.Zstd: "\x50\x2a\x4d\x18\x01\x00\x00\x00x"}[codec]
		_, r, err := readAll(io.MultiReader(bytes.NewReader(img), strings.NewReader(ok)))
		require.NoError(t, err, name)
		require.GreaterOrEqual(t, r.Unpacked(), sum.Unpacked)
	}
}

// TestNotAnImage says what it is instead.
func TestNotAnImage(t *testing.T) {
	for in, want := range map[string]string{
		"":                                "it is empty",
		"BZh0":                            "looks like text",
		"\x04\x22\x4d\x18....":            "looks like lz4",
		"#mtree\n# filename: x\n":         "looks like text",
		"PK\x03\x04....":                  "a zip archive",
		"\x00\x01\x02":                    "no kind that is known",
		strings.Repeat("\x01", 1000):      "no kind that is known",
		"hsqs" + strings.Repeat("x", 600): "squashfs",
	} {
		_, err := image.NewReader(strings.NewReader(in))
		require.ErrorContains(t, err, want)
	}
	_, err := image.NewReader(io.MultiReader(&failing{}))
	require.ErrorIs(t, err, errDisk)
	// An error later is told with the place.
	img, _, _ := capture(t, smallTree(t), archive.Options{Codec: compress.None})
	_, _, err = readAll(io.MultiReader(bytes.NewReader(img[:5000]), &failing{}))
	require.ErrorIs(t, err, errDisk)
	require.ErrorContains(t, err, "./")
}

var errDisk = errors.New("disk fell out")

type failing struct{}

func (*failing) Read([]byte) (int, error) { return 0, errDisk }

// TestCloseEarly leaves no goroutine behind, which the race detector and the test's
// timeout would see in the reads after.
func TestCloseEarly(t *testing.T) {
	dir := smallTree(t)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "noise"), noise(12<<20), 0o644))
	for name, codec := range codecs {
		img, _, _ := capture(t, dir, archive.Options{Codec: codec, Level: compress.Fast})
		src := &closedReader{r: bytes.NewReader(img)}
		r, err := image.NewReader(src)
		require.NoError(t, err)
		_, err = r.Next()
		require.NoError(t, err)
		require.NoError(t, r.Close())
		src.closed = true // a data race if something still reads
		require.NoError(t, r.Close())
		_, err = r.Next()
		require.Error(t, err, name)
		require.NotEqual(t, io.EOF, err)
	}
}

type closedReader struct {
	r      io.Reader
	closed bool
}

func (c *closedReader) Read(p []byte) (int, error) {
	if c.closed {
		panic("read after close")
	}
	return c.r.Read(p)
}

func sum(s string) []byte {
	sum := sha256.Sum256([]byte(s))
	return sum[:]
}

package compare_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"image-capture/edit"

	"github.com/stretchr/testify/require"

	"image-capture/archive"
	"image-capture/compare"
	"image-capture/compress"
	"image-capture/entry"
	"image-capture/manifest"
	"image-capture/rootfs"
)

// list is a stream of members, and an error after them.
type list struct {
	members []entry.Member
	err     error
}

func (l *list) Next() (*entry.Member, error) {
	if len(l.members) == 0 {
		if l.err != nil {
			return nil, l.err
		}
		return nil, io.EOF
	}
	m := l.members[0]
	l.members = l.members[1:]
	return &m, nil
}

func file(path string, change ...func(*entry.Member)) entry.Member {
	m := entry.Member{Entry: entry.Entry{Path: path, Type: entry.File, Perm: 0o644, Size: 3, Nlink: 2}, SHA256: bytes.Repeat([]byte{1}, 32)}
	for _, c := range change {
		c(&m)
	}
	return m
}

func differences(t testing.TB, got, want compare.Stream) ([]compare.Difference, compare.Result, error) {
	var found []compare.Difference
	res, err := compare.Entries(t.Context(), got, want, func(d compare.Difference) { found = append(found, d) })
	return found, res, err
}

// TestHeader: it says of one entry what Entries says, but for the content.
func TestHeader(t *testing.T) {
	got := file("./a")
	for _, change := range []func(*entry.Member){
		func(m *entry.Member) { m.Perm = 0o4755 }, func(m *entry.Member) { m.UID, m.GID = 7, 8 }, func(m *entry.Member) { m.Mtime.Nsec = 5 },
		func(m *entry.Member) { m.Type = entry.FIFO }, func(m *entry.Member) { m.Link = "b" }, func(m *entry.Member) { m.Major = 8 },
		func(m *entry.Member) { m.Flags = entry.AppendOnly }, func(m *entry.Member) { m.Xattrs = []entry.Xattr{{Name: "user.a", Value: "1"}} },
		func(m *entry.Member) { m.SHA256, m.Size = nil, 4 }, func(*entry.Member) {},
	} {
		want := file("./a", change)
		found, _, err := differences(t, &list{members: []entry.Member{got}}, &list{members: []entry.Member{want}})
		require.NoError(t, err)
		require.Equal(t, found, compare.Header(&got, &want))
	}
	want := file("./a", func(m *entry.Member) { m.Size, m.SHA256 = 4, bytes.Repeat([]byte{2}, 32) })
	require.Empty(t, compare.Header(&got, &want), "that is the content")
	link := entry.Member{Entry: entry.Entry{Path: "./b", Perm: 0o600}, HardLink: "./a"}
	want = file("./b", func(m *entry.Member) { m.HardLink = "./a" })
	require.Equal(t, []compare.Difference{{"./b", compare.Mode, "0600", "0644"}}, compare.Header(&link, &want))
}

// TestFields changes one field after the other.
func TestFields(t *testing.T) {
	old, other := strings.Repeat("01", 32), strings.Repeat("02", 32)
	for _, tc := range []struct {
		change func(*entry.Member)
		want   compare.Difference
	}{
		{func(m *entry.Member) { m.Perm = 0o4755 }, compare.Difference{"./a", compare.Mode, "0644", "4755"}},
		{func(m *entry.Member) { m.UID = 7 }, compare.Difference{"./a", compare.UID, "0", "7"}},
		{func(m *entry.Member) { m.GID = 8 }, compare.Difference{"./a", compare.GID, "0", "8"}},
		{func(m *entry.Member) { m.Mtime = entry.Time{Sec: -2, Nsec: 5} }, compare.Difference{"./a", compare.Time, "0.000000000", "-2.000000005"}},
		{func(m *entry.Member) { m.Type = entry.FIFO }, compare.Difference{"./a", compare.Type, "file", "fifo"}},
		{func(m *entry.Member) { m.Size = 4 }, compare.Difference{"./a", compare.Size, "3", "4"}},
		{func(m *entry.Member) { m.Link = "b" }, compare.Difference{"./a", compare.Link, "", "b"}},
		{func(m *entry.Member) { m.Major, m.Minor = 8, 1 }, compare.Difference{"./a", compare.Device, "0,0", "8,1"}},
		{func(m *entry.Member) { m.Flags = entry.AppendOnly }, compare.Difference{"./a", compare.Flags, "0", "2"}},
		{func(m *entry.Member) { m.SHA256 = bytes.Repeat([]byte{2}, 32) }, compare.Difference{"./a", compare.SHA256, old, other}},
		{func(m *entry.Member) { m.SparseSHA256 = bytes.Repeat([]byte{2}, 32) }, compare.Difference{"./a", compare.SparseSHA256, "", other}},
		{func(m *entry.Member) {
			m.Xattrs = []entry.Xattr{{Name: "user.a", Value: ""}, {Name: "user.b", Value: strings.Repeat("x", 17)}}
		}, compare.Difference{"./a", compare.Xattrs, "none", "user.a=0x user.b=0x" + strings.Repeat("78", 16) + "..."}},
	} {
		found, res, err := differences(t, &list{members: []entry.Member{file("./a")}}, &list{members: []entry.Member{file("./a", tc.change)}})
		require.NoError(t, err)
		require.Equal(t, []compare.Difference{tc.want}, found)
		require.Equal(t, compare.Result{Entries: 1, Ended: true}, res)
	}
	// Without a digest the content is not compared, and that is counted.
	found, res, err := differences(t, &list{members: []entry.Member{file("./a")}}, &list{members: []entry.Member{file("./a", func(m *entry.Member) { m.SHA256 = nil })}})
	require.NoError(t, err)
	require.Empty(t, found)
	require.Equal(t, compare.Result{Entries: 1, Undigested: 1, Ended: true}, res)
}

// TestOrder has another entry come, or none.
func TestOrder(t *testing.T) {
	ab, a, ac := []entry.Member{file("./a"), file("./b")}, []entry.Member{file("./a")}, []entry.Member{file("./a"), file("./c")}
	for _, tc := range []struct {
		got, want []entry.Member
		diff      compare.Difference
	}{
		{ab, a, compare.Difference{Field: compare.Order, Got: "./b"}},
		{a, ab, compare.Difference{Field: compare.Order, Want: "./b"}},
		{ab, ac, compare.Difference{Field: compare.Order, Got: "./b", Want: "./c"}},
	} {
		found, res, err := differences(t, &list{members: tc.got}, &list{members: tc.want})
		require.NoError(t, err)
		require.Equal(t, []compare.Difference{tc.diff}, found)
		require.Equal(t, compare.Result{Entries: 1}, res)
	}
}

// TestHardLinks compares a later name with its first in the second stream, and of the
// first stream only what a tar holds of it.
func TestHardLinks(t *testing.T) {
	later := func(change ...func(*entry.Member)) entry.Member {
		return file("./b", append(change, func(m *entry.Member) { m.HardLink = "./a" })...)
	}
	inTar := entry.Member{Entry: entry.Entry{Path: "./b", Perm: 0o644}, HardLink: "./a"}
	for _, tc := range []struct {
		want []entry.Member
		diff []compare.Difference
	}{
		{[]entry.Member{file("./a"), later()}, nil},
		{[]entry.Member{file("./a"), later(func(m *entry.Member) { m.Size = 9 })}, []compare.Difference{{Path: "./b", Field: compare.FirstDiffers, Want: "./a"}}},
		{[]entry.Member{file("./a", func(m *entry.Member) { m.Nlink = 1 }), later()}, []compare.Difference{{Path: "./b", Field: compare.FirstMissing, Want: "./a"}}},
	} {
		found, _, err := differences(t, &list{members: []entry.Member{file("./a"), inTar}}, &list{members: tc.want})
		require.NoError(t, err)
		require.Equal(t, tc.diff, found)
	}
}

// TestReadErrors says of which stream an error is.
func TestReadErrors(t *testing.T) {
	broken := errors.New("disk fell out")
	for _, second := range []bool{false, true} {
		got, want := &list{members: []entry.Member{file("./a")}}, &list{members: []entry.Member{file("./a")}}
		if second {
			want.err = broken
		} else {
			got.err = broken
		}
		_, res, err := differences(t, got, want)
		require.ErrorIs(t, err, broken)
		require.Equal(t, &compare.ReadError{Second: second, Err: broken}, err)
		require.EqualValues(t, 1, res.Entries)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := compare.Entries(ctx, &list{}, &list{}, nil)
	require.ErrorIs(t, err, context.Canceled)
}

// captured is an image and its MANIFEST.
func captured(t testing.TB) (img, man []byte) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a"), []byte("some content"), 0o644))
	require.NoError(t, os.Link(filepath.Join(dir, "a"), filepath.Join(dir, "b")))
	require.NoError(t, os.Truncate(dir+"/a", 20<<20)) // a hole that is not hashed as zeros
	root, err := rootfs.Open(dir)
	require.NoError(t, err)
	defer root.Close()
	f, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	spool := manifest.NewSpool(f)
	defer spool.Close()
	var out, text bytes.Buffer
	sum, err := archive.Write(t.Context(), &out, edit.NewTree(root, nil, nil), archive.Options{Codec: compress.Zstd, Member: spool.Add})
	require.NoError(t, err)
	require.NoError(t, spool.Write(&text, manifest.Facts{
		Size: sum.Size, UnpackedSize: sum.Unpacked, MD5: hex.EncodeToString(sum.MD5), SHA256: hex.EncodeToString(sum.SHA256), Format: manifest.TarZst,
	}, sum.Frames))
	return out.Bytes(), text.Bytes()
}

func compareImage(t testing.TB, img io.Reader, man []byte) ([]compare.Difference, error) {
	t.Helper()
	m, err := manifest.Parse(bytes.NewReader(man))
	require.NoError(t, err)
	var found []compare.Difference
	_, err = compare.Image(t.Context(), compare.NewSource(img), m, nil, func(d compare.Difference) { found = append(found, d) })
	return found, err
}

// TestImage compares an image with its MANIFEST: as they are, cut off, and with a
// source or a MANIFEST that fails.
func TestImage(t *testing.T) {
	img, man := captured(t)
	found, err := compareImage(t, bytes.NewReader(img), man)
	require.NoError(t, err)
	require.Empty(t, found)

	fields := func(found []compare.Difference) (list []compare.Field) {
		for _, d := range found {
			list = append(list, d.Field)
		}
		return list
	}
	found, err = compareImage(t, bytes.NewReader(img[:100]), man)
	require.NoError(t, err)
	require.Equal(t, []compare.Field{compare.BrokenImage, compare.Size, compare.MD5, compare.ImageSHA256}, fields(found))
	require.Equal(t, "100", found[1].Got)

	found, err = compareImage(t, strings.NewReader("no image"), man)
	require.NoError(t, err)
	require.Equal(t, compare.BrokenImage, found[0].Field)
	require.Contains(t, found[0].Got, "not an image")

	// What the source does wrong says nothing of the image.
	broken := errors.New("connection lost")
	_, err = compareImage(t, io.MultiReader(bytes.NewReader(img[:100]), &failing{broken}), man)
	require.ErrorIs(t, err, broken)
	_, err = compareImage(t, io.MultiReader(bytes.NewReader(img), &failing{broken}), man)
	require.ErrorIs(t, err, broken)

	wrong := bytes.Replace(man, []byte("mode=0644"), []byte("mode=0600"), 1)
	found, err = compareImage(t, bytes.NewReader(img), wrong)
	require.NoError(t, err)
	require.Equal(t, []compare.Difference{{"./a", compare.Mode, "0644", "0600"}}, found)

	found, err = compareImage(t, bytes.NewReader(img), bytes.TrimSuffix(man, []byte("# end\n")))
	require.NoError(t, err)
	require.Equal(t, []compare.Field{compare.BrokenManifest}, fields(found))

	other := bytes.Replace(man, []byte("# unpacked size: "), []byte("# unpacked size: 1"), 1)
	found, err = compareImage(t, bytes.NewReader(img), other)
	require.NoError(t, err)
	require.Equal(t, []compare.Field{compare.Unpacked}, fields(found))
}

type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

// unread is a lazy stream of a file whose content nobody can read, as its reading is over.
type unread struct {
	list
	digests func() error
}

func (u *unread) Content() compare.Content { return u }
func (u *unread) Digests() (sha256, sparse []byte, err error) {
	return nil, nil, u.digests()
}
func (u *unread) Close() error { return nil }

// TestInterruptedIsNotUnreadable: what was not read because the user ended it is no fault of
// the file, and any other error is.
func TestInterruptedIsNotUnreadable(t *testing.T) {
	for _, interrupted := range []bool{false, true} {
		ctx, cancel := context.WithCancelCause(t.Context())
		broken := errors.New("it cannot be read")
		tree := &unread{list{members: []entry.Member{file("./a")}}, func() error {
			if interrupted {
				cancel(broken)
			}
			return broken
		}}
		var lost []string
		_, err := compare.Diff(ctx, &list{members: []entry.Member{file("./a")}}, tree, compare.DiffOptions{
			Workers: 1, Changed: func(compare.Change) {}, Unreadable: func(path string, _ error) { lost = append(lost, path) },
		})
		if interrupted {
			require.ErrorIs(t, err, broken)
			require.Empty(t, lost)
		} else {
			require.NoError(t, err)
			require.Equal(t, []string{"./a"}, lost)
		}
		cancel(nil)
	}
}

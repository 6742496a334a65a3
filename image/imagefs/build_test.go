package imagefs_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/entry"
	"image-capture/image"
	"image-capture/image/imagefs"
	"image-capture/rootfs"
)

// pack makes a tar. An entry is "d NAME", "l NAME TARGET", "h NAME TARGET", or
// "f NAME CONTENT".
func pack(t testing.TB, entries ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i, e := range entries {
		f := append(strings.SplitN(e, " ", 3), "")
		h := &tar.Header{Name: f[1], Mode: 0o600 + int64(i), Format: tar.FormatPAX}
		switch f[0] {
		case "d":
			h.Typeflag, h.Mode = tar.TypeDir, 0o700
		case "l":
			h.Typeflag, h.Linkname = tar.TypeSymlink, f[2]
		case "h":
			h.Typeflag, h.Linkname = tar.TypeLink, f[2]
		case "f":
			h.Typeflag, h.Size = tar.TypeReg, int64(len(f[2]))
		}
		require.NoError(t, w.WriteHeader(h))
		if f[0] == "f" {
			_, err := io.WriteString(w, f[2])
			require.NoError(t, err)
		}
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

// TestMembersInOrder has members come again, as hard links, and without their
// directories, and holds what is seen against what GNU tar extracts.
func TestMembersInOrder(t *testing.T) {
	for name, entries := range map[string][]string{
		"file again":                {"f a one", "f a second"},
		"link again":                {"l a one", "l a two"},
		"file for link":             {"l a one", "f a two"},
		"link for file":             {"f a one", "l a two"},
		"dir for file":              {"f a one", "d a", "f a/b two"},
		"file for empty dir":        {"d a", "f a one"},
		"dir again":                 {"d a", "f a/b x", "d a"},
		"dir after what it holds":   {"f a/b/c x", "d a"},
		"no directories":            {"f a/b/c x", "f d/e y"},
		"root again":                {"d .", "f a x", "d ./"},
		"hard link":                 {"f a one", "h b a"},
		"hard link to link":         {"l a one", "h b a"},
		"hard links of links":       {"f a one", "h b a", "h c b"},
		"first name replaced":       {"f a one", "h b a", "f a two"},
		"hard link replaced":        {"f a one", "h b a", "f b two"},
		"both replaced":             {"f a one", "h b a", "f b two", "f a three", "h c a"},
		"hard link in place of":     {"f a one", "f b two", "h b a"},
		"hard link to itself":       {"f a one", "h a a"},
		"hard link to its inode":    {"f a one", "h b a", "h a b"},
		"hard link for link":        {"f a one", "l b x", "h b a"},
		"hard link for dir":         {"f a one", "d b", "h b a"},
		"first replaced by dir":     {"f a one", "h b a", "d a"},
		"linked in directories":     {"f x/a one", "h y/b x/a"},
		"first name of links twice": {"f a one", "h b a", "f a two", "h c a", "f a three"},
	} {
		t.Run(name, func(t *testing.T) {
			img := pack(t, entries...)
			out := t.TempDir()
			require.NoError(t, os.Chmod(out, 0o755))
			run(t, true, "/", img, "tar", "-xpf", "-", "-C", out)
			if !strings.HasPrefix(name, "root") {
				require.NoError(t, os.Chmod(out, 0o755))
			}
			// The directories that GNU tar makes depend on the umask, ours do not.
			require.NoError(t, filepath.WalkDir(out, func(p string, d fs.DirEntry, err error) error {
				if info, ierr := d.Info(); err == nil && ierr == nil && d.IsDir() && info.Mode().Perm() != 0o700 {
					err = os.Chmod(p, 0o755)
				}
				return err
			}))
			root, err := rootfs.Open(out)
			require.NoError(t, err)
			defer root.Close()
			got, err := read(t, bytes.NewReader(img), imagefs.Options{Interest: everything, Xattrs: attrs})
			require.NoError(t, err)
			same(t, root.FS(), got, out)
		})
	}
}

// TestOfWhichTarsDiffer refuses what does not extract, or not alike.
func TestOfWhichTarsDiffer(t *testing.T) {
	for name, tc := range map[string]struct {
		entries []string
		want    string
		fails   bool // GNU tar too
	}{
		"below a file":           {[]string{"f a x", "f a/b y"}, "read image: ./a/b: it lies below ./a, which is not a directory", true},
		"below a link":           {[]string{"d d", "l a d", "f a/b/c y"}, "read image: ./a/b/c: it lies below ./a, which is not a directory", false},
		"file for a dir":         {[]string{"f a/b x", "f a y"}, "read image: ./a: it takes the place of a directory that is not empty", true},
		"hard link for a dir":    {[]string{"f x x", "f a/b x", "h a x"}, "read image: ./a: it takes the place of a directory that is not empty", true},
		"hard link to nothing":   {[]string{"h a b"}, "read image: ./a: hard link to ./b, which does not come before it", true},
		"hard link to later":     {[]string{"h a b", "f b x"}, "read image: ./a: hard link to ./b, which does not come before it", true},
		"hard link to a dir":     {[]string{"d b", "h a b"}, "read image: ./a: hard link to ./b, which is a directory", true},
		"hard link through file": {[]string{"f b x", "h a b/c"}, "read image: ./a: hard link to ./b/c: it lies below ./b, which is not a directory", true},
		"root as a file":         {[]string{"f . x"}, "read image: .: the root of the tree is not a directory", false},
	} {
		t.Run(name, func(t *testing.T) {
			img := pack(t, tc.entries...)
			_, err := read(t, bytes.NewReader(img), imagefs.Options{Interest: everything})
			require.EqualError(t, err, tc.want)
			cmd := exec.Command("tar", "-xf", "-", "-C", t.TempDir())
			cmd.Stdin = bytes.NewReader(img)
			if tc.fails {
				require.Error(t, cmd.Run())
			}
		})
	}
}

// TestInterest asks for each kind of thing, and gets that much.
func TestInterest(t *testing.T) {
	img := pack(t, "d .", "f etc/small 12345", "f etc/long 1234567890", "h etc/again ./etc/small", "l etc/link small", "f etc/none 123", "f etc/big 123456789")
	var names, asked []string
	got, err := read(t, bytes.NewReader(img), imagefs.Options{Contents: 12, Interest: func(name string, m *entry.Member) imagefs.Interest {
		names = append(names, name)
		most := int64(drunk)
		switch name {
		case "etc/none":
			return imagefs.Interest{}
		case "etc/long":
			most = 3
		}
		return imagefs.Interest{Content: 6, Make: func(content io.Reader) any {
			asked = append(asked, name)
			return digest(most)(content)
		}}
	}})
	require.NoError(t, err)
	require.Equal(t, []string{".", "etc/small", "etc/long", "etc/again", "etc/link", "etc/none", "etc/big"}, names)
	require.Equal(t, []string{"etc/small", "etc/long", "etc/big"}, asked)
	for name, want := range map[string]any{
		"etc/small": sha256.Sum256([]byte("12345")), "etc/again": sha256.Sum256([]byte("12345")), "etc/long": sha256.Sum256([]byte("123")),
		"etc/big": sha256.Sum256([]byte("123456789")), ".": nil, "etc/link": nil, "etc/none": nil,
	} {
		require.Equal(t, want, made(t, got, name), name)
	}
	b, err := got.ReadFile("etc/small")
	require.NoError(t, err)
	require.Equal(t, "12345", string(b))
	b, err = got.ReadFile("etc/again")
	require.NoError(t, err)
	require.Equal(t, "12345", string(b))
	b, err = got.ReadFile("etc/long")
	require.EqualError(t, err, "read etc/long: content not kept: only the first 6 bytes of 10 are")
	require.Equal(t, "123456", string(b))
	f, err := got.Open("etc/long")
	require.NoError(t, err)
	b = make([]byte, 3)
	_, err = f.(io.ReaderAt).ReadAt(b, 3)
	require.NoError(t, err)
	require.Equal(t, "456", string(b))
	_, err = f.(io.ReaderAt).ReadAt(b, 4)
	require.ErrorIs(t, err, imagefs.ErrNotKept)

	_, err = got.Open("etc/none")
	require.EqualError(t, err, "open etc/none: content not kept: it was not asked for")
	_, err = got.Open("etc/big")
	require.EqualError(t, err, "open etc/big: content not kept: all that was asked for is more than 12 bytes")
}

// TestRoomComesBack has a file come again and again within the room for one.
func TestRoomComesBack(t *testing.T) {
	var entries []string
	for i := range 9 {
		entries = append(entries, fmt.Sprintf("f a content%d", i))
	}
	entries = append(entries, "l a x", "f b content9", "h c b", "d d", "l c x", "f e")
	got, err := read(t, bytes.NewReader(pack(t, entries...)), imagefs.Options{Contents: 8, Interest: everything})
	require.NoError(t, err)
	b, err := got.ReadFile("b")
	require.NoError(t, err)
	require.Equal(t, "content9", string(b))
}

// TestMakeEndsEarly has somebody take nothing of a content, of which the start is kept
// all the same, and an end of the context be noticed within a content.
func TestMakeEndsEarly(t *testing.T) {
	img := pack(t, "f a content", "f b more")
	got, err := read(t, bytes.NewReader(img), imagefs.Options{Interest: func(name string, _ *entry.Member) imagefs.Interest {
		return imagefs.Interest{Content: 5, Make: func(content io.Reader) any {
			if name == "b" {
				return nil
			}
			return "made of nothing"
		}}
	}})
	require.NoError(t, err)
	b, err := got.ReadFile("a")
	require.ErrorIs(t, err, imagefs.ErrNotKept)
	require.Equal(t, "conte", string(b))
	require.Equal(t, "made of nothing", made(t, got, "a"))
	require.Nil(t, made(t, got, "b"))

	ctx, cancel := context.WithCancel(t.Context())
	r, err := image.NewReader(bytes.NewReader(img))
	require.NoError(t, err)
	defer r.Close()
	_, err = imagefs.Read(ctx, r, imagefs.Options{Interest: func(string, *entry.Member) imagefs.Interest {
		return imagefs.Interest{Make: func(content io.Reader) any {
			cancel()
			_, err := content.Read(make([]byte, 1))
			return err
		}}
	}})
	require.ErrorIs(t, err, context.Canceled)
}

// FuzzRead reads any tar into little memory, and looks at all that is seen.
func FuzzRead(f *testing.F) {
	f.Add(pack(f, "d .", "f a/b/c content", "h d a/b/c", "l e a", "f d again"))
	f.Add(pack(f, "f a x", "h b a", "f a y", "h c a", "d x/y/z", "f x/y/w z"))
	f.Add(pack(f, "l lib usr/lib", "d usr", "f lib/x y"))
	f.Fuzz(func(t *testing.T, img []byte) {
		for _, names := range []int64{0, 6000} {
			r, err := image.NewReader(bytes.NewReader(img))
			if err != nil {
				return
			}
			got, err := imagefs.Read(t.Context(), r, imagefs.Options{Names: names, Contents: 20, Xattrs: attrs, Interest: func(name string, _ *entry.Member) imagefs.Interest {
				switch len(name) % 3 {
				case 0:
					return imagefs.Interest{Content: 10, Make: digest(100)}
				case 1:
					return imagefs.Interest{Meta: true}
				}
				return imagefs.Interest{}
			}})
			r.Close()
			if err == nil && names == 0 {
				require.Zero(t, got.Forgotten())
			}
			n := int64(0)
			_ = fs.WalkDir(got, ".", func(name string, d fs.DirEntry, err error) error {
				require.NoError(t, err)
				n++
				if b, err := got.ReadFile(name); err == nil {
					info, err := d.Info()
					require.NoError(t, err)
					require.EqualValues(t, info.Size(), len(b))
				}
				for _, a := range attrs {
					_, _ = got.Xattr(name, a)
				}
				if d.Type()&fs.ModeSymlink != 0 {
					target, err := got.ReadLink(name)
					require.NoError(t, err)
					require.NotEmpty(t, target)
				}
				return nil
			})
			require.LessOrEqual(t, n, got.Entries())
			if names == 0 {
				require.Equal(t, n, got.Entries())
			}
		}
	})
}

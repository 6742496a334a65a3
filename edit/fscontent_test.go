package edit_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"image-capture/edit"
	"image-capture/entry"
)

// editedView is a view with each kind of edit of contents. A file of memFS holds its
// name.
func editedView(t *testing.T) (*edit.Plan, *edit.View) {
	t.Helper()
	var p edit.Plan
	for _, path := range []string{"./etc/id", "./dir", "./link", "./gone/a", "./none", "./etc/both"} {
		require.NoError(t, p.Empty(path))
	}
	for _, path := range []string{"./etc/fstab", "./etc/both", "./dir/sub", "./link2", "./hidden/a", "./none2", "./new", "./raw\xff"} {
		require.NoError(t, p.Rewrite(path, "shout", upper))
	}
	require.NoError(t, p.Remove("./gone"))
	require.NoError(t, p.Exclude("./hidden"))
	require.NoError(t, p.AddFile("./new", 0o4711, []byte("fresh")))
	require.NoError(t, p.AddFile("./etc/fstab", 0o600, []byte("never")))
	return &p, p.FS(memFS{"etc/", "etc/id", "etc/fstab", "etc/both", "dir/", "dir/sub/", "link@", "link2@", "gone/", "gone/a", "hidden/", "hidden/a", "raw\xff"})
}

func TestViewContents(t *testing.T) {
	p, v := editedView(t)
	for name, want := range map[string]string{
		"etc/id": "", "etc/both": "", "etc/fstab": "ETC/FSTAB", "raw\xff": string(bytes.ToUpper([]byte("raw\xff"))), "new": "fresh",
	} {
		t.Run(name, func(t *testing.T) {
			f, err := v.Open(name)
			require.NoError(t, err)
			b, err := io.ReadAll(f)
			require.NoError(t, err)
			require.Equal(t, want, string(b))
			if want != "" {
				last := make([]byte, 1)
				n, err := f.(io.ReaderAt).ReadAt(last, int64(len(want)-1))
				require.Equal(t, 1, n)
				require.True(t, err == nil || err == io.EOF)
				require.Equal(t, want[len(want)-1:], string(last))
			}
			opened, err := f.Stat()
			require.NoError(t, err)
			require.NoError(t, f.Close())
			stat, err := v.Stat(name)
			require.NoError(t, err)
			for _, info := range []fs.FileInfo{opened, stat} {
				require.EqualValues(t, len(want), info.Size())
				require.Equal(t, name[strings.LastIndexByte(name, '/')+1:], info.Name())
				require.True(t, info.Mode().IsRegular())
				require.Equal(t, int64(1700000000), info.ModTime().Unix(), "the file's own, or that of the directory above")
			}
			_, err = v.ReadLink(name)
			require.ErrorIs(t, err, fs.ErrInvalid)
			_, err = v.ReadDir(name)
			require.ErrorIs(t, err, syscall.ENOTDIR)
		})
	}
	info, err := v.Lstat("new")
	require.NoError(t, err)
	require.Equal(t, fs.ModeSetuid|0o711, info.Mode())
	require.Equal(t, &entry.Entry{Path: "./new", Type: entry.File, Perm: 0o4711, Size: 5}, info.Sys())

	for name, mode := range map[string]fs.FileMode{"dir": fs.ModeDir | 0o755, "dir/sub": fs.ModeDir | 0o755, "link": fs.ModeSymlink | 0o777, "link2": fs.ModeSymlink | 0o777} {
		info, err := v.Lstat(name)
		require.NoError(t, err)
		require.Equal(t, mode, info.Mode(), "what is not a regular file stays what it is: %s", name)
	}
	for _, name := range []string{"gone", "gone/a", "hidden/a", "none", "none2"} {
		_, err := v.Open(name)
		require.ErrorIs(t, err, fs.ErrNotExist, name)
	}

	for dir, want := range map[string]map[string]int64{
		".": {"dir": 0, "etc": 0, "link": 0, "link2": 0, "new": 5, "raw\xff": int64(len(bytes.ToUpper([]byte("raw\xff"))))}, "etc": {"both": 0, "fstab": 9, "id": 0},
	} {
		list, err := v.ReadDir(dir)
		require.NoError(t, err)
		got := map[string]int64{}
		for _, d := range list {
			info, err := d.Info()
			require.NoError(t, err)
			got[d.Name()] = info.Size()
		}
		require.Equal(t, want, got, dir)
	}
	require.Empty(t, p.Edits(), "a view counts nothing")
}

// TestViewOfFailingEdit: what a capture would fail on, a view shows as an error, and
// lists all the same.
func TestViewOfFailingEdit(t *testing.T) {
	bad := errors.New("no such thing")
	var p edit.Plan
	require.NoError(t, p.Rewrite("./fails", "mend", func([]byte) ([]byte, error) { return nil, bad }))
	require.NoError(t, p.Rewrite("./long", "mend", upper))
	require.NoError(t, p.Rewrite("./fits", "mend", upper))
	v := p.FS(fstest.MapFS{"fails": {}, "long": {Data: make([]byte, edit.MaxRewrite+1)}, "fits": {Data: make([]byte, edit.MaxRewrite)}})
	_, err := v.Open("fails")
	require.EqualError(t, err, "open fails: mend: no such thing")
	_, err = v.Lstat("fails")
	require.ErrorIs(t, err, bad)
	_, err = v.Stat("long")
	require.EqualError(t, err, "open long: it has 1048577 bytes, and at most 1048576 are edited")
	info, err := v.Stat("fits")
	require.NoError(t, err)
	require.EqualValues(t, edit.MaxRewrite, info.Size())
	list, err := v.ReadDir(".")
	require.NoError(t, err)
	require.Equal(t, []string{"fails", "fits", "long"}, names(list))
}

// xattrFS has attributes.
type xattrFS struct{ memFS }

func (x xattrFS) Xattr(name, attr string) ([]byte, error) {
	if _, err := x.info("getxattr", name); err != nil {
		return nil, err
	}
	if attr != "user.a" {
		return nil, &fs.PathError{Op: "getxattr", Path: name, Err: fs.ErrNotExist}
	}
	return []byte("of " + name), nil
}

func TestViewXattr(t *testing.T) {
	var p edit.Plan
	require.NoError(t, p.Remove("./gone"))
	require.NoError(t, p.Empty("./a"))
	require.NoError(t, p.AddFile("./new", 0o644, nil))
	base := memFS{"gone", "a", "b", "link@"}
	v := p.FS(xattrFS{base})
	for name, want := range map[string]string{"a": "of a", "b": "of b", "link": "of link", ".": "of ."} {
		b, err := v.Xattr(name, "user.a")
		require.NoError(t, err)
		require.Equal(t, want, string(b))
		_, err = v.Xattr(name, "user.b")
		require.ErrorIs(t, err, fs.ErrNotExist)
	}
	for name, want := range map[string]error{"gone": fs.ErrNotExist, "none": fs.ErrNotExist, "new": fs.ErrNotExist, "/a": fs.ErrInvalid} {
		_, err := v.Xattr(name, "user.a")
		require.ErrorIs(t, err, want, name)
	}

	v = p.FS(base)
	_, err := v.Xattr("a", "user.a")
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.NotErrorIs(t, err, fs.ErrNotExist)
	_, err = v.Xattr("gone", "user.a")
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// TestViewOfContentsIsAFileSystem runs the standard library's checks.
func TestViewOfContentsIsAFileSystem(t *testing.T) {
	var p edit.Plan
	require.NoError(t, p.Empty("./etc/machine-id"))
	require.NoError(t, p.Rewrite("./etc/fstab", "shout", upper))
	require.NoError(t, p.Remove("./tmp/x"))
	require.NoError(t, p.AddFile("./.autorelabel", 0o644, nil))
	require.NoError(t, p.AddFile("./etc/new", 0o600, []byte("text")))
	v := p.FS(fstest.MapFS{
		"etc/fstab":      {Data: []byte("none"), Mode: 0o644},
		"etc/machine-id": {Data: []byte("0123"), Mode: 0o444},
		"tmp/x/y":        {Mode: 0o444},
	})
	require.NoError(t, fstest.TestFS(v, ".autorelabel", "etc", "etc/fstab", "etc/machine-id", "etc/new", "tmp"))
}

package durable_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"image-capture/durable"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func names(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	require.NoError(t, err)
	out := []string{}
	for _, e := range list {
		out = append(out, e.Name())
	}
	return out
}

// TestLocalFile: a file has its name when it is whole, not before, and only its
// owner may read it.
func TestLocalFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "image.tgz")
	f, err := durable.Create(t.Context(), path, false)
	require.NoError(t, err)
	_, err = f.Write([]byte("data"))
	require.NoError(t, err)
	require.NoFileExists(t, path)
	require.Len(t, names(t, dir), 1)
	require.Len(t, f.IDs(), 1)
	require.NoError(t, f.Commit())
	f.Discard() // as a deferred call does
	require.Equal(t, []string{"image.tgz"}, names(t, dir))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())

	// It is not replaced unasked, and not before the new one is whole.
	_, err = durable.Create(t.Context(), path, false)
	var exists *durable.ExistsError
	require.ErrorAs(t, err, &exists)
	require.Equal(t, path, exists.Path)
	f, err = durable.Create(t.Context(), path, true)
	require.NoError(t, err)
	require.Len(t, f.IDs(), 2)
	_, err = f.Write([]byte("half"))
	require.NoError(t, err)
	f.Discard()
	f.Discard()
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "data", string(got))
	require.NoError(t, durable.Write(path, true, func(w io.Writer) error { _, err := io.WriteString(w, "new"); return err }))
	got, err = os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "new", string(got))
	require.Equal(t, []string{"image.tgz"}, names(t, dir))
}

func TestWriteFileFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	broken := errors.New("broken")
	err := durable.Write(path, false, func(w io.Writer) error { _, _ = io.WriteString(w, "half"); return broken })
	require.ErrorIs(t, err, broken)
	require.Contains(t, err.Error(), path)
	require.Empty(t, names(t, dir))
	_, err = durable.Create(t.Context(), dir, true)
	var place *durable.PlaceError
	require.ErrorAs(t, err, &place)
	require.Equal(t, durable.IsDir, place.Problem)
	_, err = durable.Create(t.Context(), filepath.Join(dir, "none", "x"), false)
	require.ErrorIs(t, err, os.ErrNotExist)

	// A link that leads nowhere may be one to a disk that is not mounted.
	require.NoError(t, os.Symlink("disk/x", filepath.Join(dir, "link")))
	for _, overwrite := range []bool{false, true} {
		_, err = durable.Create(t.Context(), filepath.Join(dir, "link"), overwrite)
		require.ErrorContains(t, err, "is a link to disk/x, which does not exist")
		require.ErrorAs(t, err, &place)
		require.Equal(t, durable.LeadsNoPath, place.Problem)
	}
	require.NoError(t, os.Remove(filepath.Join(dir, "link")))

	// The target became a directory in the meantime.
	f, err := durable.Create(t.Context(), path, false)
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Join(path, "full"), 0o755))
	require.Error(t, f.Commit())
	require.Equal(t, []string{"x"}, names(t, dir))
}

// TestLongNames: the temp file's name fits wherever the file's does.
func TestLongNames(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{strings.Repeat("n", 255), strings.Repeat("ä", 127), "*", "a*b", "\xff\n"} {
		require.NoError(t, durable.Write(filepath.Join(dir, name), false, func(io.Writer) error { return nil }), name)
	}
	require.Len(t, names(t, dir), 5)
}

// TestInPlace: a device or FIFO is written as it goes, and stays what it is.
func TestInPlace(t *testing.T) {
	f, err := durable.Create(t.Context(), "/dev/null", false)
	require.NoError(t, err)
	require.True(t, f.InPlace)
	require.Empty(t, f.IDs())
	_, err = f.Write([]byte("x"))
	require.NoError(t, err)
	require.NoError(t, f.Commit())
	f.Discard()
	info, err := os.Stat("/dev/null")
	require.NoError(t, err)
	require.NotZero(t, info.Mode()&os.ModeCharDevice)
}

// TestTempFile: a temp file has no name, from the start.
func TestTempFile(t *testing.T) {
	dir := t.TempDir()
	for _, in := range []string{dir, "", filepath.Join(dir, "none"), "/proc"} {
		f, err := durable.Temp(in)
		require.NoError(t, err, in)
		_, err = f.WriteString("x")
		require.NoError(t, err)
		var st unix.Stat_t
		require.NoError(t, unix.Fstat(int(f.Fd()), &st))
		require.Zero(t, st.Nlink, in)
		if in == dir {
			require.Zero(t, st.Mode&0o077)
		}
		require.NoError(t, f.Close())
	}
	require.Empty(t, names(t, dir))
	var none *durable.File
	none.Discard()
}

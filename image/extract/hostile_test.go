package extract_test

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"image-capture/image"
	"image-capture/image/extract"
	"image-capture/rootfs/roottest"
)

// member makes a header of an archive, with a content for files.
func member(flag byte, name, link, content string) tar.Header {
	return tar.Header{Typeflag: flag, Name: name, Linkname: link, Mode: 0o644, Size: int64(len(content)), PAXRecords: map[string]string{"TEST.content": content}}
}

func file(name, content string) tar.Header { return member(tar.TypeReg, name, "", content) }
func dir(name string) tar.Header {
	h := member(tar.TypeDir, name, "", "")
	h.Mode = 0o755
	return h
}
func symlink(name, target string) tar.Header { return member(tar.TypeSymlink, name, target, "") }
func hardlink(name, first string) tar.Header { return member(tar.TypeLink, name, first, "") }

func pack(t *testing.T, list []tar.Header) *bytes.Buffer {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range list {
		content := h.PAXRecords["TEST.content"]
		h.PAXRecords = nil
		require.NoError(t, w.WriteHeader(&h))
		_, err := w.Write([]byte(content))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return &b
}

// run extracts, and returns what became of it as text.
func run(t *testing.T, list []tar.Header, opt extract.Options) (extract.Result, []string, error) {
	t.Helper()
	r, err := image.NewReader(pack(t, list))
	require.NoError(t, err)
	defer r.Close()
	var problems []string
	opt.Workers = 3
	opt.Problem = func(p extract.Problem) { problems = append(problems, fmt.Sprintf("%d %s %v", p.Kind, p.Path, p.Err)) }
	res, err := extract.Run(context.Background(), r, opt)
	return res, problems, err
}

// snapshot is all that there is of a tree.
func snapshot(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		require.NoError(t, err)
		var st unix.Stat_t
		require.NoError(t, unix.Lstat(p, &st))
		text := ""
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFREG:
			content, err := os.ReadFile(p)
			require.NoError(t, err)
			text = string(content)
		case unix.S_IFLNK:
			text, err = os.Readlink(p)
			require.NoError(t, err)
		}
		fmt.Fprintf(&b, "%s %o %d %d %d %d.%d %d %q\n", p, st.Mode, st.Uid, st.Gid, st.Nlink, st.Mtim.Sec, st.Mtim.Nsec, st.Rdev, text)
		return nil
	}))
	return b.String()
}

// TestNothingOutside: whatever an image says, and whatever lies in the directory, nothing
// around it changes. The cases are those that tar, bsdtar and the libraries of Go, Python
// and node had to mend.
func TestNothingOutside(t *testing.T) {
	for name, list := range map[string][]tar.Header{
		"up":                           {file("../outside/new", "x")},
		"up from below":                {dir("a"), file("a/../../outside/new", "x")},
		"absolute":                     {file("/tmp/image-capture-test-must-not-be", "x")},
		"through a symlink":            {symlink("a", "../outside"), file("a/new", "x"), file("a/kept", "x")},
		"through an absolute symlink":  {symlink("a", "OUTSIDE"), file("a/new", "x")},
		"through two symlinks":         {dir("a"), symlink("a/b", ".."), symlink("c", "a/b/../outside"), file("c/new", "x"), file("a/b/outside/kept", "x")},
		"onto a symlink":               {symlink("a", "../outside/kept"), file("a", "x")},
		"onto a dangling symlink":      {symlink("a", "../outside/new"), file("a", "x")},
		"directory onto a symlink":     {symlink("a", "../outside"), dir("a"), file("a/new", "x")},
		"directory becomes a symlink":  {dir("a"), symlink("a", "../outside"), file("a/new", "x")},
		"full directory becomes one":   {dir("a"), file("a/b", "x"), symlink("a", "../outside"), file("a/kept", "x")},
		"directory above becomes one":  {dir("a"), dir("a/b"), symlink("a", "../outside"), file("a/b/new", "x"), dir("a/kept"), file("a/kept/new", "x")},
		"file becomes a symlink":       {file("a", strings.Repeat("x", 2<<20)), symlink("a", "../outside/kept"), file("a", "y")},
		"hard link up":                 {hardlink("a", "../outside/kept"), file("a", "x")},
		"hard link through a symlink":  {symlink("s", "../outside"), hardlink("a", "s/kept"), file("a", "x")},
		"hard link to a symlink":       {symlink("s", "../outside/kept"), hardlink("a", "s"), file("a", "x"), file("a/new", "x")},
		"hard link to what is not":     {hardlink("a", "b"), file("a", "x")},
		"hard link to itself":          {file("a", "x"), hardlink("a", "a")},
		"symlink in there before":      {file("way/new", "x"), file("way/kept", "x"), dir("way"), file("leaf", "x")},
		"hard link to one from before": {hardlink("a", "leaf"), hardlink("b", "way/kept"), file("a", "x"), file("b", "x")},
		"duplicates":                   {file("a", "1"), file("a", "2"), dir("a"), symlink("a", "../outside"), file("a", "3"), file("a/new", "x")},
		"dots":                         {file("./a/./../../outside/new", "x")},
		"the directory itself":         {symlink(".", "../outside"), file("new", "x")},
		"through proc":                 {symlink("p", "/proc/self/cwd"), file("p/new", "x"), symlink("fd", "/proc/self/fd"), file("fd/1", "x")},
	} {
		for _, overwrite := range []bool{false, true} {
			t.Run(fmt.Sprint(name, overwrite), func(t *testing.T) {
				around := t.TempDir()
				roottest.Tree{
					"outside/kept":   roottest.File("kept").Mode(0o600),
					"outside/sub/in": roottest.File("in"),
					"dir/way":        roottest.Link("../outside"),
					"dir/leaf":       roottest.Link("../outside/kept"),
				}.MakeIn(t, around)
				list := append([]tar.Header{}, list...)
				for i := range list {
					list[i].Linkname = strings.ReplaceAll(list[i].Linkname, "OUTSIDE", filepath.Join(around, "outside"))
				}
				before := snapshot(t, filepath.Join(around, "outside"))
				_, problems, err := run(t, list, extract.Options{Dir: filepath.Join(around, "dir"), Overwrite: overwrite})
				t.Log(problems, err)
				require.Equal(t, before, snapshot(t, filepath.Join(around, "outside")))
				names, err := os.ReadDir(around)
				require.NoError(t, err)
				require.Len(t, names, 2)
				require.NoFileExists(t, "/tmp/image-capture-test-must-not-be")
				require.NotContains(t, snapshot(t, filepath.Join(around, "dir")), ".image-capture.")
			})
		}
	}
}

// TestRefused: what such images get is said, and the rest is there.
func TestRefused(t *testing.T) {
	at := t.TempDir()
	res, problems, err := run(t, []tar.Header{symlink("a", "/etc"), file("a/new", "x"), hardlink("b", "a/passwd"), file("c", "c"), file("c", "d")}, extract.Options{Dir: at})
	require.NoError(t, err)
	require.EqualValues(t, 3, res.Entries)
	require.ElementsMatch(t, []string{
		"0 ./a/new ./a is not a directory", "0 ./b hard link to ./a/passwd: not a directory",
	}, problems)
	roottest.Holds(t, at, roottest.Tree{"a": roottest.Link("/etc"), "c": roottest.File("d")})
	_, problems, err = run(t, []tar.Header{dir("c"), file("c/d", "x"), symlink("c", "d"), file("c", "last")}, extract.Options{Dir: at, Overwrite: true})
	require.NoError(t, err)
	require.Equal(t, []string{"0 ./c a directory that is not empty is in its place", "0 ./c a directory that is not empty is in its place"}, problems)
	roottest.Holds(t, at, roottest.Tree{"a": roottest.Link("/etc"), "c/d": roottest.File("x")})
}

// TestOrder: an image that names a directory late, or again, comes out as one in order.
func TestOrder(t *testing.T) {
	at := t.TempDir()
	late := dir("a")
	late.Mode = 0o750
	late.ModTime = late.ModTime.AddDate(2000, 0, 0)
	deep := strings.Repeat("d/", 200)
	_, problems, err := run(t, []tar.Header{file("a/b/one", "1"), late, file("z", "z"), file("a/two", "2"), file(deep+"x", "deep"), file("a/b/three", "3"), hardlink(deep+"y", "a/two")}, extract.Options{Dir: at})
	require.NoError(t, err)
	require.Empty(t, problems)
	info, err := os.Stat(filepath.Join(at, "a"))
	require.NoError(t, err)
	require.EqualValues(t, 0o750, info.Mode().Perm())
	require.Equal(t, late.ModTime.Unix(), info.ModTime().Unix())
	content, err := os.ReadFile(filepath.Join(at, deep, "y"))
	require.NoError(t, err)
	require.Equal(t, "2", string(content))
}

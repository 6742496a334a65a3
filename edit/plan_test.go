package edit_test

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"image-capture/edit"
	"image-capture/entry"
	"image-capture/rootfs"
	"image-capture/rootfs/roottest"
)

// paths are in walk order; directories end with a slash.
var paths = []string{
	"./dev/", "./dev/null", "./etc/", "./etc/fstab", "./etc/mtab", "./mnt/", "./mnt/nas/", "./mnt/nas/a/", "./mnt/nas/a/b",
	"./mnt/nas/c", "./proc/", "./proc/1/", "./proc/1/fd", "./tmp/", "./tmp/x/", "./tmp/x/y", "./var/", "./var/log/",
	"./var/log/a.log", "./var/log/b.log", "./var/tmp/",
}

// made makes a root of them: files have their path as content, and what ends with
// "log" is a link.
func made(t *testing.T) *rootfs.Root {
	t.Helper()
	tree := roottest.Tree{}
	for _, path := range paths {
		switch {
		case strings.HasSuffix(path, "/"):
			tree[path] = roottest.Dir()
		case strings.HasSuffix(path, "log"):
			tree[path] = roottest.Link("target")
		default:
			tree[path] = roottest.File(path)
		}
	}
	root, err := rootfs.Open(tree.Make(t))
	require.NoError(t, err)
	t.Cleanup(func() { root.Close() })
	return root
}

// walk returns what a walk with the plan gives, without the root: what is added is at
// the end, and has a plus sign.
func walk(t *testing.T, p *edit.Plan) []string {
	t.Helper()
	var kept, added []string
	root := made(t)
	require.NoError(t, edit.NewTree(root, nil, p).Walk(t.Context(), func(n edit.Node) error {
		defer n.Release()
		var e entry.Entry
		require.NoError(t, n.Stat(&e))
		require.Equal(t, n.Path, e.Path)
		path := n.Path
		if n.Dir {
			path += "/"
		}
		switch {
		case path == "./":
		case slices.Contains(paths, path) && !p.Hidden(n.Path):
			kept = append(kept, path)
		default:
			added = append(added, "+"+n.Path)
		}
		return nil
	}))
	return append(kept, added...)
}

func without(dropped ...string) []string {
	var kept []string
next:
	for _, path := range paths {
		for _, d := range dropped {
			if strings.HasPrefix(path, d) {
				continue next
			}
		}
		kept = append(kept, path)
	}
	return kept
}

func TestZeroPlanChangesNothing(t *testing.T) {
	var p edit.Plan
	require.Equal(t, paths, walk(t, &p))
	require.False(t, p.Hidden("./etc"))
	require.Empty(t, p.Edits())
	require.Empty(t, p.Unmatched())
}

func TestDefaults(t *testing.T) {
	var p edit.Plan
	p.Defaults()
	require.Equal(t, without("./dev/n", "./proc/1", "./tmp/x"), walk(t, &p))
	require.Equal(t, []edit.Edit{{entry.Exclude, "./proc/*", "", 1}, {entry.Exclude, "./dev/*", "", 1}, {entry.Exclude, "./tmp/*", "", 1}}, p.Edits())
	require.Empty(t, p.Unmatched(), "./sys, ./run and ./var/tmp hold nothing here")
	require.True(t, p.Hidden("./proc/1/fd"))
	require.False(t, p.Hidden("./proc"))
}

func TestUnmatched(t *testing.T) {
	var p edit.Plan
	for _, pattern := range []string{
		"./no/such", "*.log", "./var/log/b.log", "./sys/*", "./tmp/x/y", "./tmp/x/y/z*", "fd", `\fd`, "./no/such", "./mnt/nas/c", "./mnt/nas/a/b", "./etc/*/x", "./mnt/nas/z",
	} {
		require.NoError(t, p.Exclude(pattern))
	}
	p.Defaults()
	require.NoError(t, p.KeepOnly("./mnt/nas"))
	walk(t, &p)
	require.Equal(t, []string{"./no/such", "fd", `\fd`, "./etc/*/x"}, p.Unmatched(),
		"not what a default repeats, what another pattern drops too, or what is below a dropped or emptied directory")
	require.Equal(t, []edit.Edit{
		{entry.Exclude, "*.log", "", 2}, {entry.Exclude, "./var/log/b.log", "", 1}, {entry.Exclude, "./mnt/nas/c", "", 1},
		{entry.Exclude, "./proc/*", "", 1}, {entry.Exclude, "./dev/*", "", 1}, {entry.Exclude, "./tmp/*", "", 1}, {entry.KeepOnly, "./mnt/nas", "", 2},
	}, p.Edits())
}

func TestPatternWrittenTwice(t *testing.T) {
	var p edit.Plan
	for _, pattern := range []string{"null", `n\ull`, "null", "./etc/mtab", `./etc\/mtab`} {
		require.NoError(t, p.Exclude(pattern))
	}
	walk(t, &p)
	require.Equal(t, []edit.Edit{
		{entry.Exclude, "null", "", 1}, {entry.Exclude, `n\ull`, "", 1}, {entry.Exclude, "./etc/mtab", "", 1}, {entry.Exclude, `./etc\/mtab`, "", 1},
	}, p.Edits())
}

func TestRootStays(t *testing.T) {
	var p edit.Plan
	require.EqualError(t, p.Exclude("*"), `exclude pattern "*": it matches the root itself: the image would be empty`)
	require.NoError(t, p.Exclude("./*"))
	require.False(t, p.Hidden("."))
	require.Empty(t, walk(t, &p))
}

func TestExcludeFrom(t *testing.T) {
	var p edit.Plan
	require.NoError(t, p.ExcludeFrom("list", strings.NewReader("*.log \r\n\n./etc/mtab")))
	require.Equal(t, without("./var/log/a", "./var/log/b", "./etc/mtab"), walk(t, &p))

	tests := map[string]struct{ text, err string }{
		"bad line": {"*.txt\n\n/etc\n", `list, line 3: exclude pattern "/etc": it starts with a slash, and names in the image start with "./"`},
		"NUL":      {"a\x00b\x00", `list, line 1: exclude pattern "a\x00b\x00": it holds a NUL byte, and no name does`},
		"too big":  {strings.Repeat("a\n", edit.MaxExcludeFile/2) + "b", "exclude patterns of list: more than 1048576 bytes"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var p edit.Plan
			require.EqualError(t, p.ExcludeFrom("list", strings.NewReader(test.text)), test.err)
			require.Equal(t, paths, walk(t, &p), "the plan is as it was")
			require.Empty(t, p.Unmatched())
		})
	}
	require.NoError(t, p.ExcludeFrom("list", strings.NewReader(strings.Repeat("a\n", edit.MaxExcludeFile/2))))
	failed := errors.New("input/output error")
	require.ErrorIs(t, p.ExcludeFrom("list", iotest.ErrReader(failed)), failed)
}

func TestKeepOnly(t *testing.T) {
	var p edit.Plan
	require.NoError(t, p.KeepOnly("./mnt/nas"))
	require.NoError(t, p.KeepOnly("./var/tmp"))
	require.NoError(t, p.KeepOnly("./not/there"))
	require.NoError(t, p.KeepOnly("./etc/fstab"))
	require.NoError(t, p.KeepOnly("./e*"))
	require.Equal(t, without("./mnt/nas/a", "./mnt/nas/c"), walk(t, &p))
	require.Equal(t, []edit.Edit{{entry.KeepOnly, "./mnt/nas", "", 2}, {entry.KeepOnly, "./var/tmp", "", 0}}, p.Edits())
	require.False(t, p.Hidden("./mnt/nas"))
	require.True(t, p.Hidden("./mnt/nas/a/b"))
	require.False(t, p.Hidden("./mnt/nas2"))
	require.False(t, p.Hidden("./etc/mtab"))
}

func TestAddDir(t *testing.T) {
	var p edit.Plan
	require.NoError(t, p.Exclude("./tmp"))
	require.NoError(t, p.Exclude("./curtin"))
	for _, path := range []string{"./var/b", "./curtin", "./tmp", "./dev", "./var/a", "./no/parent", "./etc/fstab/x"} {
		require.NoError(t, p.AddDir(path, 0o755))
	}
	require.NoError(t, p.AddDir("./var/a", 0o1777))
	require.Equal(t, append(without("./tmp/"), "+./curtin", "+./tmp", "+./var/a", "+./var/b"), walk(t, &p))
	require.Equal(t, []edit.Edit{
		{entry.Exclude, "./tmp", "", 1}, {entry.AddDir, "./var/b", "", 1}, {entry.AddDir, "./curtin", "", 1}, {entry.AddDir, "./tmp", "", 1}, {entry.AddDir, "./var/a", "", 1},
	}, p.Edits(), "not what the tree has, or where it has no directory")
}

// TestAddBelowAdded: a directory that is added may hold what is added, at its place, in
// the walk and in the view.
func TestAddBelowAdded(t *testing.T) {
	var p edit.Plan
	require.NoError(t, p.Exclude("./etc"))
	for _, path := range []string{"./curtin", "./etc", "./etc/z"} {
		require.NoError(t, p.AddDir(path, 0o755))
	}
	for _, path := range []string{"./curtin/hooks", "./curtin/conf", "./etc/z/y", "./curtin/none/x"} {
		require.NoError(t, p.AddFile(path, 0o755, []byte(path)))
	}
	require.NoError(t, p.AddDir("./curtin-x", 0o755))
	view := p.FS(fstest.MapFS{"etc/fstab": {Mode: 0o644}, "usr": {Mode: fs.ModeDir | 0o755}})
	require.NoError(t, fstest.TestFS(view, "curtin/hooks", "curtin/conf", "curtin-x", "etc/z/y", "usr"))
	text, err := fs.ReadFile(view, "etc/z/y")
	require.NoError(t, err)
	require.Equal(t, "./etc/z/y", string(text))
	_, err = view.Lstat("etc/fstab")
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = view.Lstat("curtin/none/x")
	require.ErrorIs(t, err, fs.ErrNotExist)
	var got []string
	for _, path := range walk(t, &p) {
		if path[0] == '+' {
			got = append(got, path[1:])
		}
	}
	require.Equal(t, []string{"./curtin", "./curtin/conf", "./curtin/hooks", "./curtin-x", "./etc", "./etc/z", "./etc/z/y"}, got)
	require.Equal(t, []edit.Unapplied{{Edit: edit.Edit{Op: entry.AddFile, Subject: "./curtin/none/x"}, Reason: "the directory above it is not there, or left out"}}, p.Unapplied())
}

func TestPathErrors(t *testing.T) {
	var p edit.Plan
	for _, path := range []string{"", ".", "./", "a", "/a", "./a/", "./a//b", "./../a", "./a/.", "./a\x00", "./."} {
		require.ErrorContains(t, p.KeepOnly(path), "not a path below the root", path)
		require.ErrorContains(t, p.AddDir(path, 0o755), "not a path below the root", path)
	}
	require.EqualError(t, p.KeepOnly("a"), `keep only directory "a": not a path below the root, such as "./a/b"`)
	require.EqualError(t, p.AddDir("./a", 0o40755), `add directory "./a": mode 040755 has bits other than permissions`)
	require.NoError(t, p.AddDir("./a", 0o755))
	require.NoError(t, p.AddDir("./a/b", 0o755))
	require.NoError(t, p.AddFile("./a/f", 0o644, nil))
	require.EqualError(t, p.AddDir("./a/f/g", 0o755), `add directory "./a/f/g": "./a/f" is added too, as no directory`)
	require.NoError(t, p.AddDir("./ab", 0o755))
	require.NoError(t, p.AddDir("./c/d", 0o755))
	require.EqualError(t, p.AddFile("./c", 0o755, nil), `add file "./c": "./c" is added too, as no directory`)
	require.Equal(t, paths, walk(t, &p)[:len(paths)])
}

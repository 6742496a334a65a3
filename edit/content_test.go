package edit

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/entry"
)

func upper(old []byte) ([]byte, error) { return bytes.ToUpper(old), nil }

// capture does what a capture does with a plan: it walks, and gives each name that
// is left a content, which is its path; a name that ends with "log" is a link. It
// returns the contents that are not those of the tree.
func capture(t *testing.T, p *Plan) map[string]string {
	t.Helper()
	contents := map[string]string{}
	for _, path := range walk(p) {
		added, isAdded := strings.CutPrefix(path, "+")
		name, dir := strings.CutSuffix(path, "/")
		e := entry.Entry{Path: name, Type: entry.File}
		switch {
		case isAdded:
			if !slices.Contains(tree, added) || p.Hidden(added) {
				contents[added] = string(p.AddedContent(added))
			}
			continue
		case dir:
			e.Type = entry.Dir
		case strings.HasSuffix(path, "log"):
			e.Type = entry.Symlink
		}
		rewrite, ok := p.Content(&e)
		if !ok {
			require.Nil(t, rewrite)
			continue
		}
		require.Equal(t, entry.File, e.Type)
		var b []byte
		if rewrite != nil {
			var err error
			b, err = rewrite([]byte(path))
			require.NoError(t, err, path)
		}
		contents[path] = string(b)
	}
	return contents
}

func TestRemove(t *testing.T) {
	var p Plan
	for _, path := range []string{"./etc/fstab", "./mnt/nas", "./e*", "./var/log/a", "./no/such", "./tmp/x/y", "./proc"} {
		require.NoError(t, p.Remove(path))
	}
	require.NoError(t, p.Exclude("./mnt/nas/c"))
	require.NoError(t, p.Exclude("./tmp/x"))
	require.NoError(t, p.Exclude("./proc"))
	require.NoError(t, p.AddDir("./proc", 0o555))
	require.NoError(t, p.AddDir("./mnt/nas/in", 0o755))
	require.Equal(t, append(without("./etc/fstab", "./mnt/nas", "./tmp/x", "./proc"), "+./proc"), walk(&p))
	require.Equal(t, []Edit{
		{entry.Exclude, "./tmp/x", "", 1}, {entry.Exclude, "./proc", "", 1},
		{entry.Drop, "./etc/fstab", "", 1}, {entry.Drop, "./mnt/nas", "", 1}, {entry.Drop, "./proc", "", 1}, {entry.AddDir, "./proc", "", 1},
	}, p.Edits(), "not what is not there, or gone with what is above it")
	require.Empty(t, p.Unmatched(), "neither removals nor what they take along")
	require.Equal(t, []Unapplied{{Edit{entry.AddDir, "./mnt/nas/in", "", 0}, "the directory above it is not there, or left out"}}, p.Unapplied())
	for path, want := range map[string]bool{
		"./etc/fstab": true, "./mnt/nas": true, "./mnt/nas/a/b": true, "./mnt/nas/a": true,
		".": false, "./mnt": false, "./mnt/nas2": false, "./etc/fstab2": false, "./nas": false, "./x/mnt/nas": false, "./etc/mtab": false,
	} {
		require.Equal(t, want, p.Hidden(path), path)
	}
}

func TestContents(t *testing.T) {
	var p Plan
	add := func(text string) func([]byte) ([]byte, error) {
		return func(old []byte) ([]byte, error) { return append(old, text...), nil }
	}
	require.NoError(t, p.Rewrite("./etc/mtab", "first", add(" one")))
	require.NoError(t, p.Rewrite("./dev/null", "", upper))
	require.NoError(t, p.Rewrite("./etc/mtab", "second", upper))
	require.NoError(t, p.Empty("./tmp/x/y"))
	require.NoError(t, p.Empty("./tmp/x/y"))
	require.NoError(t, p.Rewrite("./tmp/x/y", "for nothing", upper))
	require.NoError(t, p.AddFile("./.autorelabel", 0o600, nil))
	require.NoError(t, p.AddFile("./etc/new", 0o600, []byte("old")))
	require.NoError(t, p.AddFile("./etc/new", 0o640, []byte("new")))
	require.NoError(t, p.AddFile("./etc/fstab", 0o600, []byte("never")))
	require.NoError(t, p.Remove("./proc/1/fd"))
	require.NoError(t, p.AddFile("./proc/1/fd", 0o600, []byte("in place")))
	require.NoError(t, p.Rewrite("./proc/1/fd", "of a new file", upper))
	require.NoError(t, p.Exclude("./mnt/nas"))
	for _, path := range []string{"./etc", "./var/log/a.log", "./no/such", "./mnt/nas/c"} {
		require.NoError(t, p.Empty(path))
	}
	for _, path := range []string{"./var", "./var/log/b.log", "./no/such2", "./mnt/nas/a/b", "./e*"} {
		require.NoError(t, p.Rewrite(path, "why "+path, upper))
	}

	require.Equal(t, map[string]string{
		"./etc/mtab": "./ETC/MTAB ONE", "./dev/null": "./DEV/NULL", "./tmp/x/y": "",
		"./.autorelabel": "", "./etc/new": "new", "./proc/1/fd": "in place",
	}, capture(t, &p))
	require.Equal(t, []Edit{
		{entry.Exclude, "./mnt/nas", "", 1}, {entry.Drop, "./proc/1/fd", "", 1}, {entry.Empty, "./tmp/x/y", "", 1},
		{entry.Rewrite, "./etc/mtab", "first", 1}, {entry.Rewrite, "./dev/null", "", 1}, {entry.Rewrite, "./etc/mtab", "second", 1},
		{entry.AddFile, "./.autorelabel", "", 1}, {entry.AddFile, "./etc/new", "", 1}, {entry.AddFile, "./proc/1/fd", "", 1},
	}, p.Edits())
	require.Equal(t, []Unapplied{
		{Edit{entry.Empty, "./etc", "", 0}, "it is no regular file: a directory"},
		{Edit{entry.Empty, "./var/log/a.log", "", 0}, "it is no regular file: a symbolic link"},
		{Edit{entry.Rewrite, "./tmp/x/y", "for nothing", 0}, "it is emptied"},
		{Edit{entry.Rewrite, "./proc/1/fd", "of a new file", 0}, "it is left out"},
		{Edit{entry.Rewrite, "./var", "why ./var", 0}, "it is no regular file: a directory"},
		{Edit{entry.Rewrite, "./var/log/b.log", "why ./var/log/b.log", 0}, "it is no regular file: a symbolic link"},
		{Edit{entry.Rewrite, "./no/such2", "why ./no/such2", 0}, "it is not there"},
		{Edit{entry.Rewrite, "./mnt/nas/a/b", "why ./mnt/nas/a/b", 0}, "it is left out"},
		{Edit{entry.Rewrite, "./e*", "why ./e*", 0}, "it is not there"},
	}, p.Unapplied())
	require.Empty(t, p.Unmatched())
	require.Equal(t, []entry.Entry{{Path: "./etc/fstab", Type: entry.File, Perm: 0o600, Size: 5}, {Path: "./etc/new", Type: entry.File, Perm: 0o640, Size: 3}}, p.Added("./etc"))
	require.Nil(t, p.AddedContent("./etc"))
}

// TestNotCaptured: the walk has the name, and the capture asks nothing about it, as
// it could not be read, or fails.
func TestNotCaptured(t *testing.T) {
	var p Plan
	require.NoError(t, p.Empty("./etc/fstab"))
	require.NoError(t, p.Rewrite("./etc/mtab", "why", upper))
	require.NoError(t, p.Rewrite("./dev/null", "why", upper))
	walk(&p)
	_, ok := p.Content(&entry.Entry{Path: "./dev/null", Type: entry.File}) // and then it vanishes
	require.True(t, ok)
	require.Empty(t, p.Edits())
	require.Equal(t, []Unapplied{
		{Edit{entry.Empty, "./etc/fstab", "", 0}, "it was not captured"},
		{Edit{entry.Rewrite, "./etc/mtab", "why", 0}, "it was not captured"},
		{Edit{entry.Rewrite, "./dev/null", "why", 0}, "it was not captured"},
	}, p.Unapplied())
}

func TestRewriteFails(t *testing.T) {
	bad := errors.New("line 3: no such thing")
	longer := func(old []byte) ([]byte, error) { return append(old, 'x'), nil }
	for name, test := range map[string]struct {
		why  string
		f    func([]byte) ([]byte, error)
		size int
		err  string
	}{
		"of f":          {"drop swap", func([]byte) ([]byte, error) { return nil, bad }, 1, "drop swap: line 3: no such thing"},
		"without why":   {"", func([]byte) ([]byte, error) { return nil, bad }, 1, "line 3: no such thing"},
		"too long":      {"drop swap", upper, MaxRewrite + 1, "it has 1048577 bytes, and at most 1048576 are edited"},
		"gets too long": {"drop swap", longer, MaxRewrite, "drop swap: what comes out: it has 1048577 bytes, and at most 1048576 are edited"},
		"just fits":     {"drop swap", longer, MaxRewrite - 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var p Plan
			require.NoError(t, p.Rewrite("./a", "before", upper))
			require.NoError(t, p.Rewrite("./a", test.why, test.f))
			rewrite, ok := p.Content(&entry.Entry{Path: "./a", Type: entry.File})
			require.True(t, ok)
			b, err := rewrite(make([]byte, test.size))
			if test.err == "" {
				require.NoError(t, err)
				require.Len(t, b, test.size+1)
				require.Len(t, p.Edits(), 2)
				return
			}
			require.EqualError(t, err, test.err)
			require.Empty(t, p.Edits(), "no edit of the path was made")
		})
	}
}

func TestEditErrors(t *testing.T) {
	var p Plan
	for _, path := range []string{"", ".", "./", "a", "/a", "./a/", "./a//b", "./../a", "./a/.", "./a\x00", "./."} {
		require.ErrorContains(t, p.Remove(path), "not a path below the root", path)
		require.ErrorContains(t, p.Empty(path), "not a path below the root", path)
		require.ErrorContains(t, p.Rewrite(path, "", upper), "not a path below the root", path)
		require.ErrorContains(t, p.AddFile(path, 0o644, nil), "not a path below the root", path)
	}
	require.EqualError(t, p.Remove("a"), `remove "a": not a path below the root, such as "./a/b"`)
	require.EqualError(t, p.Empty("a"), `empty "a": not a path below the root, such as "./a/b"`)
	require.EqualError(t, p.Rewrite("a", "", upper), `rewrite "a": not a path below the root, such as "./a/b"`)
	require.EqualError(t, p.Rewrite("./a", "", nil), `rewrite "./a": there is nothing that makes its content`)
	require.EqualError(t, p.AddFile("./a", 0o100644, nil), `add file "./a": mode 0100644 has bits other than permissions`)
	require.EqualError(t, p.AddFile("./a", 0o644, make([]byte, MaxRewrite+1)), `add file "./a": it has 1048577 bytes, and at most 1048576 are edited`)
	require.NoError(t, p.AddFile("./a", 0o644, make([]byte, MaxRewrite)))
	require.EqualError(t, p.AddFile("./a/b", 0o644, nil), `add file "./a/b": "./a" is added too, and stays empty`)
	require.EqualError(t, p.AddDir("./a", 0o755), `add directory "./a": it is added as a regular file too`)
	require.NoError(t, p.AddDir("./c", 0o755))
	require.EqualError(t, p.AddFile("./c", 0o755, nil), `add file "./c": it is added as a directory too`)
	require.Equal(t, tree, walk(&p)[:len(tree)])
	require.Equal(t, []Edit{{entry.AddFile, "./a", "", 1}, {entry.AddDir, "./c", "", 1}}, p.Edits())
}

// TestAddFileKeepsNothing: what the caller does with its bytes later is not added.
func TestAddFileKeepsNothing(t *testing.T) {
	var p Plan
	content := []byte("now")
	require.NoError(t, p.AddFile("./a", 0o644, content))
	content[0] = '!'
	require.Equal(t, "now", string(p.AddedContent("./a")))
}

// TestNoEditsCostNothing: a plan without edits of contents takes nothing for an
// entry, and one that has some takes nothing for the others.
func TestNoEditsCostNothing(t *testing.T) {
	for _, edits := range []bool{false, true} {
		var p Plan
		p.Defaults()
		if edits {
			require.NoError(t, p.Remove("./etc/a"))
			require.NoError(t, p.Empty("./etc/b"))
		}
		e := &entry.Entry{Path: "./usr/lib/some/file", Type: entry.File}
		require.Zero(t, testing.AllocsPerRun(100, func() {
			if _, ok := p.Content(e); ok || p.Drop(e.Path, false) || p.Hidden(e.Path) || p.Added("./usr/lib/some") != nil {
				t.Error("an edit of what has none")
			}
		}))
	}
}

package edit_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/edit"
	"image-capture/entry"
)

func upper(old []byte) ([]byte, error) { return bytes.ToUpper(old), nil }

// capture does what a capture does with a plan: it walks, reads each node, and makes
// the contents that are not those of the tree, which it returns.
func capture(t *testing.T, p *edit.Plan) map[string]string {
	t.Helper()
	contents := map[string]string{}
	root := made(t)
	require.NoError(t, edit.NewTree(root, nil, p).Walk(t.Context(), func(n edit.Node) error {
		defer n.Release()
		var e entry.Entry
		c, _, err := n.Read(&e)
		require.NoError(t, err)
		var old []byte
		if c != nil {
			defer c.Close()
			old = make([]byte, e.Size)
			_, err := c.ReadAt(old, 0)
			require.NoError(t, err)
		}
		switch n.Source(&e) {
		case edit.Original:
			return nil
		case edit.Rewritten:
			require.EqualValues(t, 1, e.Nlink)
			old, err = n.Rewrite(old)
			require.NoError(t, err, n.Path)
		case edit.Emptied:
			require.Nil(t, c)
			require.Zero(t, e.Size+e.Blocks)
			old = n.Content()
		case edit.Added:
			require.Nil(t, c)
			old = n.Content()
			require.EqualValues(t, len(old), e.Size)
		}
		contents[n.Path] = string(old)
		return nil
	}))
	return contents
}

func TestRemove(t *testing.T) {
	var p edit.Plan
	for _, path := range []string{"./etc/fstab", "./mnt/nas", "./e*", "./var/log/a", "./no/such", "./tmp/x/y", "./proc"} {
		require.NoError(t, p.Remove(path))
	}
	require.NoError(t, p.Exclude("./mnt/nas/c"))
	require.NoError(t, p.Exclude("./tmp/x"))
	require.NoError(t, p.Exclude("./proc"))
	require.NoError(t, p.AddDir("./proc", 0o555))
	require.NoError(t, p.AddDir("./mnt/nas/in", 0o755))
	require.Equal(t, append(without("./etc/fstab", "./mnt/nas", "./tmp/x", "./proc"), "+./proc"), walk(t, &p))
	require.Equal(t, []edit.Edit{
		{entry.Exclude, "./tmp/x", "", 1}, {entry.Exclude, "./proc", "", 1},
		{entry.Drop, "./etc/fstab", "", 1}, {entry.Drop, "./mnt/nas", "", 1}, {entry.Drop, "./proc", "", 1}, {entry.AddDir, "./proc", "", 1},
	}, p.Edits(), "not what is not there, or gone with what is above it")
	require.Empty(t, p.Unmatched(), "neither removals nor what they take along")
	require.Equal(t, []edit.Unapplied{{edit.Edit{entry.AddDir, "./mnt/nas/in", "", 0}, "the directory above it is not there, or left out"}}, p.Unapplied())
	for path, want := range map[string]bool{
		"./etc/fstab": true, "./mnt/nas": true, "./mnt/nas/a/b": true, "./mnt/nas/a": true,
		".": false, "./mnt": false, "./mnt/nas2": false, "./etc/fstab2": false, "./nas": false, "./x/mnt/nas": false, "./etc/mtab": false,
	} {
		require.Equal(t, want, p.Hidden(path), path)
	}
}

func TestContents(t *testing.T) {
	var p edit.Plan
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
	require.Equal(t, []edit.Edit{
		{entry.Exclude, "./mnt/nas", "", 1}, {entry.Drop, "./proc/1/fd", "", 1}, {entry.Empty, "./tmp/x/y", "", 1},
		{entry.Rewrite, "./etc/mtab", "first", 1}, {entry.Rewrite, "./dev/null", "", 1}, {entry.Rewrite, "./etc/mtab", "second", 1},
		{entry.AddFile, "./.autorelabel", "", 1}, {entry.AddFile, "./etc/new", "", 1}, {entry.AddFile, "./proc/1/fd", "", 1},
	}, p.Edits())
	require.Equal(t, []edit.Unapplied{
		{edit.Edit{entry.Empty, "./etc", "", 0}, "it is not a regular file: a directory"},
		{edit.Edit{entry.Empty, "./var/log/a.log", "", 0}, "it is not a regular file: a symbolic link"},
		{edit.Edit{entry.Rewrite, "./tmp/x/y", "for nothing", 0}, "it is emptied"},
		{edit.Edit{entry.Rewrite, "./proc/1/fd", "of a new file", 0}, "it is left out"},
		{edit.Edit{entry.Rewrite, "./var", "why ./var", 0}, "it is not a regular file: a directory"},
		{edit.Edit{entry.Rewrite, "./var/log/b.log", "why ./var/log/b.log", 0}, "it is not a regular file: a symbolic link"},
		{edit.Edit{entry.Rewrite, "./no/such2", "why ./no/such2", 0}, "it is not there"},
		{edit.Edit{entry.Rewrite, "./mnt/nas/a/b", "why ./mnt/nas/a/b", 0}, "it is left out"},
		{edit.Edit{entry.Rewrite, "./e*", "why ./e*", 0}, "it is not there"},
	}, p.Unapplied())
	require.Empty(t, p.Unmatched())
}

// TestNotCaptured: the walk has the name, and the capture asks nothing about it, as
// it could not be read, or fails.
func TestNotCaptured(t *testing.T) {
	var p edit.Plan
	require.NoError(t, p.Empty("./etc/fstab"))
	require.NoError(t, p.Rewrite("./etc/mtab", "why", upper))
	require.NoError(t, p.Rewrite("./dev/null", "why", upper))
	root := made(t)
	require.NoError(t, edit.NewTree(root, nil, &p).Walk(t.Context(), func(n edit.Node) error {
		defer n.Release()
		if n.Path == "./dev/null" { // and then it vanishes
			require.Equal(t, edit.Rewritten, n.Source(&entry.Entry{Path: n.Path, Type: entry.File}))
		}
		return nil
	}))
	require.Empty(t, p.Edits())
	require.Equal(t, []edit.Unapplied{
		{edit.Edit{entry.Empty, "./etc/fstab", "", 0}, "it was not captured"},
		{edit.Edit{entry.Rewrite, "./etc/mtab", "why", 0}, "it was not captured"},
		{edit.Edit{entry.Rewrite, "./dev/null", "why", 0}, "it was not captured"},
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
		"too long":      {"drop swap", upper, edit.MaxRewrite + 1, "it has 1048577 bytes, and at most 1048576 are edited"},
		"gets too long": {"drop swap", longer, edit.MaxRewrite, "drop swap: what comes out: it has 1048577 bytes, and at most 1048576 are edited"},
		"just fits":     {"drop swap", longer, edit.MaxRewrite - 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var p edit.Plan
			require.NoError(t, p.Rewrite("./etc/fstab", "before", upper))
			require.NoError(t, p.Rewrite("./etc/fstab", test.why, test.f))
			var b []byte
			var err error
			require.NoError(t, edit.NewTree(made(t), nil, &p).Walk(t.Context(), func(n edit.Node) error {
				defer n.Release()
				if n.Source(&entry.Entry{Path: n.Path, Type: entry.File}) == edit.Rewritten {
					b, err = n.Rewrite(make([]byte, test.size))
				}
				return nil
			}))
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
	var p edit.Plan
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
	require.EqualError(t, p.AddFile("./a", 0o644, make([]byte, edit.MaxRewrite+1)), `add file "./a": it has 1048577 bytes, and at most 1048576 are edited`)
	require.NoError(t, p.AddFile("./a", 0o644, make([]byte, edit.MaxRewrite)))
	require.EqualError(t, p.AddFile("./a/b", 0o644, nil), `add file "./a/b": "./a" is added too, as no directory`)
	require.EqualError(t, p.AddDir("./a", 0o755), `add directory "./a": it is added as a regular file too`)
	require.NoError(t, p.AddDir("./c", 0o755))
	require.EqualError(t, p.AddFile("./c", 0o755, nil), `add file "./c": it is added as a directory too`)
	require.Equal(t, paths, walk(t, &p)[:len(paths)])
	require.Equal(t, []edit.Edit{{entry.AddFile, "./a", "", 1}, {entry.AddDir, "./c", "", 1}}, p.Edits())
}

// TestAddFileKeepsNothing: what the caller does with its bytes later is not added.
func TestAddFileKeepsNothing(t *testing.T) {
	var p edit.Plan
	content := []byte("now")
	require.NoError(t, p.AddFile("./a", 0o644, content))
	content[0] = '!'
	require.Equal(t, map[string]string{"./a": "now"}, capture(t, &p))
}

package edit

import (
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"image-capture/entry"
)

// tree is a list of paths in walk order; directories end with a slash.
var tree = []string{
	"./dev/", "./dev/null", "./etc/", "./etc/fstab", "./etc/mtab", "./mnt/", "./mnt/nas/", "./mnt/nas/a/", "./mnt/nas/a/b",
	"./mnt/nas/c", "./proc/", "./proc/1/", "./proc/1/fd", "./tmp/", "./tmp/x/", "./tmp/x/y", "./var/", "./var/log/",
	"./var/log/a.log", "./var/log/b.log", "./var/tmp/",
}

// walk does what a walk does with a plan, and returns what is left.
func walk(p *Plan) []string {
	var kept []string
	dropped := ""
	dirs := []string{"."}
	for _, path := range tree {
		if dropped != "" && strings.HasPrefix(path, dropped) {
			continue
		}
		name, dir := strings.CutSuffix(path, "/")
		if p.Drop(name, dir) {
			dropped = path
			if !dir {
				dropped = ""
			}
			continue
		}
		if dir {
			dirs = append(dirs, name)
		}
		kept = append(kept, path)
	}
	for _, dir := range dirs {
		for _, e := range p.Added(dir) {
			kept = append(kept, "+"+e.Path)
		}
	}
	return kept
}

func without(dropped ...string) []string {
	var kept []string
next:
	for _, path := range tree {
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
	var p Plan
	require.Equal(t, tree, walk(&p))
	require.False(t, p.Hidden("./etc"))
	require.Empty(t, p.Edits())
	require.Empty(t, p.Unmatched())
}

func TestDefaults(t *testing.T) {
	var p Plan
	p.Defaults()
	require.Equal(t, without("./dev/n", "./proc/1", "./tmp/x"), walk(&p))
	require.Equal(t, []Edit{{entry.Exclude, "./proc/*", "", 1}, {entry.Exclude, "./dev/*", "", 1}, {entry.Exclude, "./tmp/*", "", 1}}, p.Edits())
	require.Empty(t, p.Unmatched(), "./sys, ./run and ./var/tmp hold nothing here")
	require.True(t, p.Hidden("./proc/1/fd"))
	require.False(t, p.Hidden("./proc"))
}

func TestUnmatched(t *testing.T) {
	var p Plan
	for _, pattern := range []string{
		"./no/such", "*.log", "./var/log/b.log", "./sys/*", "./tmp/x/y", "./tmp/x/y/z*", "fd", `\fd`, "./no/such", "./mnt/nas/c", "./mnt/nas/a/b", "./etc/*/x", "./mnt/nas/z",
	} {
		require.NoError(t, p.Exclude(pattern))
	}
	p.Defaults()
	require.NoError(t, p.KeepOnly("./mnt/nas"))
	walk(&p)
	require.Equal(t, []string{"./no/such", "fd", `\fd`, "./etc/*/x"}, p.Unmatched(),
		"not what a default repeats, what another pattern drops too, or what is below a dropped or emptied directory")
	require.Equal(t, []Edit{
		{entry.Exclude, "*.log", "", 2}, {entry.Exclude, "./var/log/b.log", "", 1}, {entry.Exclude, "./mnt/nas/c", "", 1},
		{entry.Exclude, "./proc/*", "", 1}, {entry.Exclude, "./dev/*", "", 1}, {entry.Exclude, "./tmp/*", "", 1}, {entry.KeepOnly, "./mnt/nas", "", 2},
	}, p.Edits())
}

func TestPatternWrittenTwice(t *testing.T) {
	var p Plan
	for _, pattern := range []string{"null", `n\ull`, "null", "./etc/mtab", `./etc\/mtab`} {
		require.NoError(t, p.Exclude(pattern))
	}
	walk(&p)
	require.Equal(t, []Edit{
		{entry.Exclude, "null", "", 1}, {entry.Exclude, `n\ull`, "", 1}, {entry.Exclude, "./etc/mtab", "", 1}, {entry.Exclude, `./etc\/mtab`, "", 1},
	}, p.Edits())
}

func TestRootStays(t *testing.T) {
	var p Plan
	require.EqualError(t, p.Exclude("*"), `exclude pattern "*": it matches the root itself: the image would be empty`)
	require.NoError(t, p.Exclude("./*"))
	require.False(t, p.Drop(".", true))
	require.False(t, p.Hidden("."))
	require.Empty(t, walk(&p))
}

func TestExcludeFrom(t *testing.T) {
	var p Plan
	require.NoError(t, p.ExcludeFrom("list", strings.NewReader("*.log \r\n\n./etc/mtab")))
	require.Equal(t, without("./var/log/a", "./var/log/b", "./etc/mtab"), walk(&p))

	tests := map[string]struct{ text, err string }{
		"bad line": {"*.txt\n\n/etc\n", `list, line 3: exclude pattern "/etc": it starts with a slash, and names in the image start with "./"`},
		"NUL":      {"a\x00b\x00", `list, line 1: exclude pattern "a\x00b\x00": it holds a NUL byte, and no name does`},
		"too big":  {strings.Repeat("a\n", MaxExcludeFile/2) + "b", "exclude patterns of list: more than 1048576 bytes"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var p Plan
			require.EqualError(t, p.ExcludeFrom("list", strings.NewReader(test.text)), test.err)
			require.Equal(t, tree, walk(&p), "the plan is as it was")
			require.Empty(t, p.Unmatched())
		})
	}
	require.NoError(t, p.ExcludeFrom("list", strings.NewReader(strings.Repeat("a\n", MaxExcludeFile/2))))
	failed := errors.New("input/output error")
	require.ErrorIs(t, p.ExcludeFrom("list", iotest.ErrReader(failed)), failed)
}

func TestKeepOnly(t *testing.T) {
	var p Plan
	require.NoError(t, p.KeepOnly("./mnt/nas"))
	require.NoError(t, p.KeepOnly("./var/tmp"))
	require.NoError(t, p.KeepOnly("./not/there"))
	require.NoError(t, p.KeepOnly("./etc/fstab"))
	require.NoError(t, p.KeepOnly("./e*"))
	require.Equal(t, without("./mnt/nas/a", "./mnt/nas/c"), walk(&p))
	require.Equal(t, []Edit{{entry.KeepOnly, "./mnt/nas", "", 2}, {entry.KeepOnly, "./var/tmp", "", 0}}, p.Edits())
	require.False(t, p.Hidden("./mnt/nas"))
	require.True(t, p.Hidden("./mnt/nas/a/b"))
	require.False(t, p.Hidden("./mnt/nas2"))
	require.False(t, p.Hidden("./etc/mtab"))
}

func TestAddDir(t *testing.T) {
	var p Plan
	require.NoError(t, p.Exclude("./tmp"))
	require.NoError(t, p.Exclude("./curtin"))
	for _, path := range []string{"./var/b", "./curtin", "./tmp", "./dev", "./var/a", "./no/parent", "./etc/fstab/x"} {
		require.NoError(t, p.AddDir(path, 0o755))
	}
	require.NoError(t, p.AddDir("./var/a", 0o1777))
	require.Equal(t, append(without("./tmp/"), "+./curtin", "+./dev", "+./tmp", "+./var/a", "+./var/b"), walk(&p))
	require.Equal(t, []entry.Entry{
		{Path: "./var/a", Type: entry.Dir, Perm: 0o1777}, {Path: "./var/b", Type: entry.Dir, Perm: 0o755},
	}, p.Added("./var"))
	require.Equal(t, []Edit{
		{entry.Exclude, "./tmp", "", 1}, {entry.AddDir, "./var/b", "", 1}, {entry.AddDir, "./curtin", "", 1}, {entry.AddDir, "./tmp", "", 1}, {entry.AddDir, "./var/a", "", 1},
	}, p.Edits(), "not what the tree has, or where it has no directory")
}

func TestPathErrors(t *testing.T) {
	var p Plan
	for _, path := range []string{"", ".", "./", "a", "/a", "./a/", "./a//b", "./../a", "./a/.", "./a\x00", "./."} {
		require.ErrorContains(t, p.KeepOnly(path), "not a path below the root", path)
		require.ErrorContains(t, p.AddDir(path, 0o755), "not a path below the root", path)
	}
	require.EqualError(t, p.KeepOnly("a"), `keep only directory "a": not a path below the root, such as "./a/b"`)
	require.EqualError(t, p.AddDir("./a", 0o40755), `add directory "./a": mode 040755 has bits other than permissions`)
	require.NoError(t, p.AddDir("./a", 0o755))
	require.EqualError(t, p.AddDir("./a/b", 0o755), `add directory "./a/b": "./a" is added too, and stays empty`)
	require.NoError(t, p.AddDir("./ab", 0o755))
	require.NoError(t, p.AddDir("./c/d", 0o755))
	require.EqualError(t, p.AddDir("./c", 0o755), `add directory "./c": "./c" is added too, and stays empty`)
	require.Equal(t, tree, walk(&p)[:len(tree)])
}

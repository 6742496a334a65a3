package edit

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// gnuTar runs the real tar in root, as root is captured, and returns the names
// that it writes.
type gnuTar struct {
	t    *testing.T
	root string
}

func newGNUTar(t *testing.T) gnuTar {
	t.Helper()
	out, err := exec.Command("tar", "--version").Output()
	if err != nil || !bytes.Contains(out, []byte("GNU tar")) {
		if os.Getenv("CI") == "true" {
			t.Fatal("GNU tar is missing")
		}
		t.Skip("GNU tar is missing")
	}
	g := gnuTar{t, t.TempDir()}
	// Stray bytes and UTF-8 characters never meet in one path: there the C library
	// goes by bytes only, and this package does not.
	for _, path := range []string{
		"a/b/c", "a/b/cc", "a/.hid", "a/d.log", "b/a/b/c", "abc/x", "ab.d/a", ".hid/.x", "...", "..a",
		"st*r", "q?", "x[1]/f", "x1/f", `q\w/z`, `a\`, "trail ", " lead", "#c", "!a", "^b", "]", "-x", "a]b", "[a", "a-z",
		"nl\nx", "tab\t", "é/à", "aéb", "一二", "bad\xff", "\xfe/\xff\xff", "c3\xc3", "proc/1/fd", "proc/cpu", "var/log/log",
		"log", "UP/Case", "1/2/3/4/5", "a/a/a/a", "{x,y}", "$HOME", "~", "a+b", "x@(y)",
	} {
		path = filepath.Join(g.root, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, nil, 0o644))
	}
	require.NoError(t, os.MkdirAll(filepath.Join(g.root, "empty/dir"), 0o755))
	return g
}

func (g gnuTar) names(args ...string) []string {
	g.t.Helper()
	return g.namesIn("C.UTF-8", args...)
}

func (g gnuTar) namesIn(locale string, args ...string) []string {
	g.t.Helper()
	cmd := exec.Command("tar", append(args, "-C", g.root, "-cf", "-", ".")...)
	cmd.Env = append(os.Environ(), "LC_ALL="+locale)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	require.NoError(g.t, err)
	var names []string
	for r := tar.NewReader(bytes.NewReader(out)); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		require.NoError(g.t, err)
		names = append(names, strings.TrimSuffix(h.Name, "/"))
	}
	slices.Sort(names)
	return names
}

// walk returns what the plan leaves of the tree, and the same by Hidden.
func (g gnuTar) walk(p *Plan) (walked, shown []string) {
	g.t.Helper()
	var list func(path string, in bool)
	list = func(path string, in bool) {
		if in {
			walked = append(walked, path)
		}
		if !p.Hidden(path) {
			shown = append(shown, path)
		}
		entries, err := os.ReadDir(filepath.Join(g.root, path))
		if errors.Is(err, os.ErrNotExist) || err != nil {
			require.NoError(g.t, err)
		}
		for _, d := range entries {
			path := path + "/" + d.Name()
			in := in && !p.drop(path, d.IsDir())
			if d.IsDir() {
				list(path, in)
				continue
			}
			if in {
				walked = append(walked, path)
			}
			if !p.Hidden(path) {
				shown = append(shown, path)
			}
		}
	}
	list(".", true)
	slices.Sort(walked)
	slices.Sort(shown)
	return walked, shown
}

// compare drops by one pattern as tar and as the plan do it. It says whether some
// names were dropped.
func (g gnuTar) compare(pattern string, all []string) bool {
	g.t.Helper()
	want := g.names("--exclude=" + pattern)
	var p Plan
	err := p.Exclude(pattern)
	switch {
	case errors.Is(err, errRoot):
		require.Empty(g.t, want, "pattern %q", pattern)
		return false
	case err != nil:
		require.Equal(g.t, all, want, "refused pattern %q", pattern)
		return false
	}
	walked, shown := g.walk(&p)
	if !slices.Equal(want, walked) {
		want = g.byCharacters(pattern, want, walked)
	}
	require.Equal(g.t, want, walked, "pattern %q", pattern)
	require.Equal(g.t, want, shown, "pattern %q by Hidden", pattern)
	if len(want) == len(all) {
		require.Equal(g.t, []string{pattern}, p.Unmatched())
		return false
	}
	require.Empty(g.t, p.Unmatched())
	return true
}

// byCharacters puts back those walked names with UTF-8 characters that the C
// library dropped by their bytes: since glibc 2.33 it tries these when the
// characters do not match, so that "??" matches one character of two bytes.
func (g gnuTar) byCharacters(pattern string, kept, walked []string) []string {
	g.t.Helper()
	byBytes := g.namesIn("C", "--exclude="+pattern)
	kept = slices.Clone(kept)
	for _, name := range walked {
		characters := utf8.ValidString(name) && utf8.RuneCountInString(name) < len(name)
		if characters && !slices.Contains(kept, name) && !slices.Contains(byBytes, name) {
			kept = append(kept, name)
		}
	}
	slices.Sort(kept)
	return kept
}

func TestPatternsLikeTar(t *testing.T) {
	g := newGNUTar(t)
	all := g.names()
	for _, pattern := range []string{
		"a", "./a", "a/", "/a", "a/b", "./a/*", "./a/b/c", "b/c", "a*", "*a", "*a*", "./*", "*/*", "?/?", "*", "?", ".", "..", "...", "./...",
		".*", "./.*", "*.log", "[a]", "[!a]", "./[!a]", "[^a]*", "./[a-c]", "./[]]", "./[!]]*", `./[\]]`, "./[a", "[a", `st\*r`, "st*r", `st\*`,
		`q\w`, `q\\w`, `q\\w/z`, `q\\*`, `q\?`, `a\`, `a\\`, `a*\`, "x[1]", `x\[1]`, `x[[]1]`, "trail ", "trail?", " lead", "#c", "!a", `\!a`, "^b",
		"nl*", "nl?x", "nl\nx", "é", "?/à", "a?b", "a??b", "./??", "[é]", "[[=é=]]", "[à-ï]", "[!é]/?", "bad?", "bad\xff", "?ad\xff", "\xfe", "\xff*",
		"./?/??", "./[[:alpha:]]", "./[[:upper:]]*", "./[[:digit:]]/*", "./[![:alnum:]]*", "./*[[:punct:]]", "./[[:space:]]*", "*[[:space:]]",
		"./[[:alpha:][:digit:]_]*", "./[[.a.]-[.c.]]", "./[[.-.]]x", "./[--.]*", "./[z-a]", "./[a-]*", "./[!-]*", "./proc/*", "./proc/*/fd", "proc/?", "log", "var/log/log",
		"./a//b", "././a", "./.", "./a/.", "./a/../a", "*//*", "{x,y}", "$HOME", "~", "x@(y)", "@(a|b)", "a+b", "*[", "*]*", "*[]]*", "1/*/5", "1*5",
		"a/a", "a/a/a", "*a/a", "empty", "empty/*", "./empty/dir", "*/dir", "[[:foo:]]", "[[:alpha:]", "./[[:alpha:]*", "**", "./**", "*?*/*?*/?",
	} {
		g.compare(pattern, all)
	}
}

// TestRandomPatternsLikeTar makes patterns of the names that are there, with
// characters replaced by what may match them.
func TestRandomPatternsLikeTar(t *testing.T) {
	g := newGNUTar(t)
	all := g.names()
	const seed, count = 20, 400
	random := rand.New(rand.NewPCG(seed, 0))
	matched := 0
	for range count {
		parts := strings.Split(all[random.IntN(len(all))], "/")
		from := random.IntN(len(parts))
		if random.IntN(2) == 0 {
			from = 0
		}
		path := strings.Join(parts[from:from+1+random.IntN(len(parts)-from)], "/")
		if g.compare(mutate(random, path), all) {
			matched++
		}
	}
	require.Greater(t, matched, count/4, "patterns that match something")
}

func mutate(random *rand.Rand, path string) string {
	var b strings.Builder
	for path != "" {
		c, size := decode(path)
		text := path[:size]
		path = path[size:]
		n := random.IntN(24)
		if c >= utf8.RuneSelf && n > 5 || text == "." && n < 20 {
			n = 23 // in a set or range, the C library's bytes differ from characters
		}
		switch {
		case n < 2:
			b.WriteString("?")
		case n < 4:
			b.WriteString("*")
		case n < 5: // the star stands for more
			b.WriteString("*")
			path = path[min(len(path), len(path)/2):]
			for path != "" && path[0]&0xc0 == 0x80 {
				path = path[1:]
			}
		case n < 6:
			b.WriteString(`\` + text)
		case n < 7 && text != "]" && text != `\` && text != "[" && text != "!" && text != "^":
			b.WriteString("[" + text + "-z]")
		case n < 8:
			b.WriteString("[!x/]")
		case n < 9:
			b.WriteString("[[:alnum:]_./]")
		case n < 10:
			b.WriteString(`[\` + text + "q]")
		case n < 11:
			b.WriteString("[!" + "b-d" + "]")
		case n < 12:
			b.WriteString("")
		case strings.Contains(`*?[\`, text) && n < 22:
			b.WriteString(`\` + text)
		default:
			b.WriteString(text)
		}
	}
	return b.String()
}

func TestExcludeFromLikeTar(t *testing.T) {
	g := newGNUTar(t)
	for name, text := range map[string]string{
		"empty":           "",
		"blank":           "\n \t\n\r\n\v\n\f\n",
		"no last newline": "log\na/b",
		"trailing space":  "log \t\r\n#c\v\n",
		"leading space":   " lead\n log\n",
		"no comments":     "#c\n# log\n",
		"escaped space":   "trail\\ \na\\\n",
		"wildcards":       "./proc/*\n*.log\n\n./[[:upper:]]*\n",
		"bytes":           "\xfe\n\u00a0\né\u0085\nbad\xff",
	} {
		t.Run(name, func(t *testing.T) {
			g.t = t
			file := filepath.Join(t.TempDir(), "list")
			require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
			var p Plan
			require.NoError(t, p.ExcludeFrom("list", strings.NewReader(text)))
			walked, shown := g.walk(&p)
			want := g.names("-X", file)
			require.Equal(t, want, walked)
			require.Equal(t, want, shown)
		})
	}
}

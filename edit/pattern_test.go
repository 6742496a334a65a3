package edit

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"image-capture/rootfs"
)

func TestMatch(t *testing.T) {
	tests := []struct {
		pattern   string
		matches   []string
		different []string
	}{
		{"./proc/*", []string{"./proc/1", "./proc/.x", "./proc/1/fd"}, []string{"./proc", "./a/proc/1"}},
		{"log", []string{"./log", "./var/log", "./var/log/x"}, []string{"./log2", "./var/xlog", "./lo"}},
		{"var/log", []string{"./var/log", "./a/var/log/b"}, []string{"./var", "./var/a/log"}},
		{"./a", []string{"./a", "./a/b"}, []string{"./b/a", "./ab"}},
		{"*.log", []string{"./.log", "./a.log", "./a.log/b", "./d/a.log"}, []string{"./a.logs", "./alog"}},
		{"a*c", []string{"./ac", "./abc", "./a/b/c", "./x/abc/d"}, []string{"./ab", "./cab"}},
		{"./a*b*c", []string{"./abc", "./a/b/c/d", "./abcc"}, []string{"./acb", "./ab"}},
		{"*/x/*", []string{"./x/y", "./a/x/y"}, []string{"./x", "./ax/y"}},
		{"a?c", []string{"./abc", "./a/c", "./aéc", "./a\xffc"}, []string{"./ac", "./abbc"}},
		{"./**x", []string{"./x", "./ax"}, []string{"./xa"}},
		{"./*?*", []string{"./x", "./xx"}, nil},
		{"./?", []string{"./é", "./\xff", "./x/y"}, []string{"./é2", "./\xc3\xa9\xff"}},
		{"[ab]c", []string{"./ac", "./bc"}, []string{"./cc", "./c"}},
		{"[!ab]c", []string{"./cc", "./éc", "./\xffc"}, []string{"./ac", "./bc"}},
		{"./[^ab]c", []string{"./cc"}, []string{"./ac"}},
		{"./[]x]", []string{"./]", "./x"}, []string{"./a"}},
		{"./[!]x]", []string{"./a"}, []string{"./]", "./x"}},
		{"./[a-c-]", []string{"./b", "./-"}, []string{"./d"}},
		{"./[a-]", []string{"./a", "./-"}, []string{"./]", "./b"}},
		{"./[c-a]", nil, []string{"./a", "./b", "./c"}},
		{"./[à-ï]", []string{"./é"}, []string{"./e", "./ø"}},
		{"./[a-é]", []string{"./z", "./é"}, []string{"./A", "./ø"}},
		{"./*[\x80-\xff]*", []string{"./a\xff", "./\x80b"}, []string{"./é", "./a"}},
		{"./[[:digit:]x][[:alpha:]]", []string{"./1a", "./xé"}, []string{"./a1", "./1-"}},
		{"./[![:space:]]", []string{"./a"}, []string{"./ ", "./\t"}},
		{"./[[:punct:]]", []string{"./_", "./["}, []string{"./a", "./ "}},
		{"./[[:xdigit:]]", []string{"./F", "./a", "./0"}, []string{"./g", "./é"}},
		{"./[[=a=]é]", []string{"./a", "./é"}, []string{"./=", "./["}},
		{"./[[=ab]", []string{"./[", "./=", "./b"}, []string{"./c"}},
		{"./[[.-.]]", []string{"./-"}, []string{"./."}},
		{"./[[...]]", []string{"./."}, []string{"./-"}},
		{"./[[.].]]", []string{"./]"}, []string{"./."}},
		{"./[[.a.]-[.c.]]", []string{"./a", "./b"}, []string{"./d", "./-"}},
		{`./[\]\-]`, []string{"./]", "./-"}, []string{`./\`}},
		{`./[a-\c]`, []string{"./b", "./c"}, []string{`./\`}},
		{"./[[:]", []string{"./[", "./:"}, []string{"./a"}},
		{"./[a", []string{"./[a", "./[a/b"}, []string{"./a"}},
		{"./[a*", []string{"./[ab"}, []string{"./a"}},
		{`st\*r`, []string{"./st*r", "./a/st*r/b"}, []string{`./st\*r`, "./star"}},
		{`a\`, []string{`./a\`}, []string{"./a"}},
		{`\a\b`, []string{"./ab"}, []string{`./\a\b`}},
		{`./\**`, []string{"./*x"}, []string{"./x"}},
		{"nl\nx", []string{"./nl\nx"}, []string{"./nl"}},
		{"\xff*", []string{"./\xffa"}, []string{"./a\xff"}},
		{" a ", []string{"./ a "}, []string{"./a"}},
		{"#*", []string{"./#a"}, []string{"./a"}},
	}
	for _, test := range tests {
		t.Run(test.pattern, func(t *testing.T) {
			p, err := compile(test.pattern)
			require.NoError(t, err)
			for _, path := range test.matches {
				require.True(t, p.match(path), "match %q", path)
				require.True(t, exhaustive(p, path), "exhaustive match of %q", path)
			}
			for _, path := range test.different {
				require.False(t, p.match(path), "match %q", path)
				require.False(t, exhaustive(p, path), "exhaustive match of %q", path)
			}
		})
	}
}

func TestPatternErrors(t *testing.T) {
	tests := []struct{ pattern, err string }{
		{"", `exclude pattern "": it is empty`},
		{"a\x00b", `exclude pattern "a\x00b": it holds a NUL byte, and no name does`},
		{`a*\`, `exclude pattern "a*\\": nothing follows its last backslash`},
		{`[a\`, `exclude pattern "[a\\": nothing follows its last backslash`},
		{`[a-\`, `exclude pattern "[a-\\": nothing follows its last backslash`},
		{strings.Repeat("a", MaxPattern+1), `exclude pattern "` + strings.Repeat("a", 100) + `...": it is longer than 4096 bytes`},
		{"/etc/x", `exclude pattern "/etc/x": it starts with a slash, and names in the image start with "./"`},
		{"/*", `exclude pattern "/*": it starts with a slash, and names in the image start with "./"`},
		{"/", `exclude pattern "/": it starts with a slash, and names in the image start with "./"`},
		{"./a/", `exclude pattern "./a/": it ends with a slash, and no name does`},
		{"*/", `exclude pattern "*/": it ends with a slash, and no name does`},
		{"./", `exclude pattern "./": it ends with a slash, and no name does`},
		{"./a//b", `exclude pattern "./a//b": it holds two slashes in a row, and no name does`},
		{`./a/\/b*`, `exclude pattern "./a/\\/b*": it holds two slashes in a row, and no name does`},
		{"[[:foo:]]", `exclude pattern "[[:foo:]]": there is no character class [:foo:]`},
		{"[[::]]", `exclude pattern "[[::]]": there is no character class [::]`},
		{"[[.ab.]]", `exclude pattern "[[.ab.]]": a collating symbol [.x.] must be one character`},
		{"[[..]]", `exclude pattern "[[..]]": a collating symbol [.x.] must be one character`},
		{"[[.a]", `exclude pattern "[[.a]": a collating symbol [.x.] must be one character`},
		{"[a-[.b]", `exclude pattern "[a-[.b]": a collating symbol [.x.] must be one character`},
	}
	for _, pattern := range []string{".", "*", "?", "**", "?*", "*.*", ".*", `\.`, "[.]", "[^a]", "[[.-.]-a]"} {
		tests = append(tests, struct{ pattern, err string }{pattern,
			fmt.Sprintf("exclude pattern %q: it matches the root itself: the image would be empty", pattern)})
	}
	for _, test := range tests {
		t.Run(fmt.Sprintf("%.20q", test.pattern), func(t *testing.T) {
			_, err := compile(test.pattern)
			require.EqualError(t, err, test.err)
		})
	}
}

// TestMatchSteps bounds the work for what makes backtracking matchers explode.
func TestMatchSteps(t *testing.T) {
	for _, test := range []struct{ pattern, path string }{
		{strings.Repeat("a*", 500) + "b", "./" + strings.Repeat("a", 4000)},
		{strings.Repeat("*a", 500) + "*b", "./" + strings.Repeat("a/", 2000) + "a"},
		{strings.Repeat("?*", 500) + "b", "./" + strings.Repeat("a/", 2000) + "a"},
		{strings.Repeat("*?[ab]", 500) + "c", "./" + strings.Repeat("ab", 2000)},
		{strings.Repeat("a", 500), "./" + strings.Repeat("a/", 2000) + "a"},
		{strings.Repeat("?", 500) + "b", "./" + strings.Repeat("a/", 2000) + "a"},
	} {
		checkSteps(t, test.pattern, test.path)
	}
}

func checkSteps(t *testing.T, text, path string) {
	t.Helper()
	p, err := compile(text)
	if err != nil {
		return
	}
	s := scan{name: path}
	s.match(p)
	require.LessOrEqual(t, s.steps, 2*(len(text)+1)*(len(path)+1), "%q on %q", text, path)
}

func FuzzPattern(f *testing.F) {
	f.Add("./proc/*", "./proc/1/fd")
	f.Add("*a?[!b-d]*[[:alpha:]x]", "./a/b/cé")
	f.Add(`[[.a.]-[=b=]\`, "./b")
	f.Add("a\xff*\xa9", "./a\xffé")
	f.Fuzz(func(t *testing.T, text, path string) {
		checkSteps(t, text, path)
		p, err := compile(text)
		if name, ok := strings.CutPrefix(path, "./"); !ok || !rootfs.ValidName(name) {
			return
		}
		if err != nil || !utf8.ValidString(text) || !utf8.ValidString(path) || len(text)*len(path) > 1<<12 {
			return
		}
		require.Equal(t, exhaustive(p, path), p.match(path), "%q on %q", text, path)

		var x excludes
		x.add(p, false)
		require.Equal(t, p.match(path), x.hides(path), "index of %q on %q", text, path)
	})
}

// exhaustive is match without any cleverness: it tries all starts, and all that a
// star may stand for.
func exhaustive(p *pattern, path string) bool {
	var units []atom // a star is a set of nil and the text "*"
	for i, seg := range p.segs {
		if i > 0 {
			units = append(units, atom{text: "*"})
		}
		for _, a := range seg {
			for _, c := range a.text {
				s := &set{}
				s.add(c, c)
				units = append(units, atom{set: s})
			}
			if !utf8.ValidString(a.text) { // by bytes, above all characters
				units = units[:len(units)-len([]rune(a.text))]
				for rest := a.text; rest != ""; {
					c, size := decode(rest)
					s := &set{}
					s.add(c, c)
					units = append(units, atom{set: s})
					rest = rest[size:]
				}
			}
			if a.text == "" {
				units = append(units, a)
			}
		}
	}
	type state struct{ unit, at int }
	failed := map[state]bool{}
	var try func(state) bool
	try = func(s state) bool {
		if failed[s] {
			return false
		}
		failed[s] = true
		if s.unit == len(units) {
			return s.at == len(path) || path[s.at] == '/'
		}
		star := units[s.unit].text == "*"
		if star && try(state{s.unit + 1, s.at}) {
			return true
		}
		if s.at == len(path) {
			return false
		}
		c, size := decode(path[s.at:])
		if star {
			return try(state{s.unit, s.at + size})
		}
		in := units[s.unit].set
		return (in == nil || in.has(c)) && try(state{s.unit + 1, s.at + size})
	}
	for i := range len(path) + 1 {
		if (i == 0 || path[i-1] == '/') && try(state{0, i}) {
			return true
		}
	}
	return false
}

func BenchmarkDrop(b *testing.B) {
	var p Plan
	p.Defaults()
	for i := range 20 {
		require.NoError(b, p.Exclude(fmt.Sprintf("./var/cache/some%d/*", i)))
		require.NoError(b, p.Exclude(fmt.Sprintf("./etc/some/file%d", i)))
	}
	require.NoError(b, p.Exclude("*.pyc"))
	require.NoError(b, p.Exclude("lost+found"))
	b.ReportAllocs()
	for b.Loop() {
		p.drop("./usr/lib/python3/dist-packages/some/package/module/__init__.py", false)
	}
}

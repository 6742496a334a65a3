package bootcheck

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/identity"
)

// TestGrounds: every rule says on what it rests, and nothing is said of a rule that is not
// there.
func TestGrounds(t *testing.T) {
	known := map[string]bool{}
	for _, e := range Explanations() {
		known[e.Rule] = true
		require.NotEmpty(t, e.Grounds, "rule %s has no row in grounds_*.go", e.Rule)
		require.NotEmpty(t, e.Why, e.Rule)
	}
	require.Len(t, known, len(rules))
	texts := literals(t)
	for _, g := range grounds {
		require.True(t, known[g.Rule], "there is no rule %q", g.Rule)
		for what, text := range map[string]string{"Looks": g.Looks, "Happens": g.Happens, "Source": g.Source} {
			require.NotEmpty(t, text, "%s of %s: %s", what, g.Rule, g.Looks)
			require.False(t, strings.HasSuffix(text, "."), text)
		}
		require.Contains(t, []Basis{Seen, Reported, Read}, g.Basis, g.Looks)
		require.False(t, g.By == "" && g.Basis != Read, "by whom, or how? %s", g.Looks)
		for _, hint := range g.Hints {
			require.True(t, isHint(hint, texts), "no finding gives this hint any more: %s: %s", g.Rule, hint)
		}
	}
	for _, o := range identity.Operations() {
		require.True(t, known[o.Rule], "operation %s is of a rule that is not there: %s", o.Name, o.Rule)
		require.NotEmpty(t, o.Source, o.Name)
	}
}

// varies are the words of hints that stand for what differs.
var varies = regexp.MustCompile(`\b(ARCH|FILE|PACKAGE|UNIT|VERSION)\b`)

// isHint says whether the rules can put a hint together: each part of it that does not vary
// is in their source, or two pieces of it are, not cut in the middle of a word.
func isHint(hint string, texts []string) bool {
	there := func(part string) bool {
		return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(text, part) })
	}
	for _, part := range varies.Split(hint, -1) {
		found := there(part)
		for i := 1; i < len(part) && !found; i++ {
			found = strings.ContainsAny(part[i-1:i], " /") && there(part[:i]) && there(part[i:])
		}
		if !found {
			return false
		}
	}
	return true
}

// literals are the texts in the sources of the rules and of the operations, without the
// grounds themselves.
func literals(t *testing.T) (texts []string) {
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	more, err := filepath.Glob("../identity/*.go")
	require.NoError(t, err)
	for _, name := range append(files, more...) {
		if strings.HasPrefix(name, "grounds") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
				text, err := strconv.Unquote(l.Value)
				require.NoError(t, err)
				texts = append(texts, text)
			}
			return true
		})
	}
	return texts
}

// The lines of docs/check.md between which the page is made of the table.
const (
	pageBegins = "<!-- Made of bootcheck/grounds_*.go and identity/ by: go test ./bootcheck -run TestCheckPage -update -->\n"
	pageEnds   = "<!-- The end of what is made. -->\n"
)

// TestCheckPage: docs/check.md has what check --explain prints.
func TestCheckPage(t *testing.T) {
	const page = "../docs/check.md"
	data, err := os.ReadFile(page)
	require.NoError(t, err)
	head, rest, ok := strings.Cut(string(data), pageBegins)
	require.True(t, ok, "no line %s", pageBegins)
	made, tail, ok := strings.Cut(rest, pageEnds)
	require.True(t, ok, "no line %s", pageEnds)
	want := pageOfRules()
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(head+pageBegins+want+pageEnds+tail), 0o644))
		return
	}
	require.Equal(t, want, made, "run: go test ./bootcheck -run TestCheckPage -update")
}

// cells escapes what would be markup in a table.
var cells = strings.NewReplacer("|", `\|`, "*", `\*`, "<", `\<`, "_", `\_`)

func pageOfRules() string {
	var b strings.Builder
	for _, e := range Explanations() {
		fmt.Fprintf(&b, "\n## %s\n\nWhy: %s.\n\n| looks at | what happens | hint | source | ground |\n|---|---|---|---|---|\n", e.Rule, cells.Replace(e.Why))
		for _, g := range e.Grounds {
			basis := "**" + string(g.Basis) + "**"
			if g.By != "" {
				basis += ": " + cells.Replace(g.By)
			}
			hints := ""
			for i, h := range g.Hints {
				if i > 0 {
					hints += "; "
				}
				hints += cells.Replace(h)
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", cells.Replace(g.Looks), cells.Replace(g.Happens), hints, cells.Replace(g.Source), basis)
		}
		header := false
		for _, o := range identity.Operations() {
			if o.Rule != e.Rule {
				continue
			}
			if !header {
				header = true
				b.WriteString("\n| operation | where | what is there, and what comes of it | source |\n|---|---|---|---|\n")
			}
			where := "/" + strings.Join(o.Paths, " /")
			fmt.Fprintf(&b, "| `%s` | %s | %s: %s | %s |\n", o.Name, cells.Replace(where), cells.Replace(o.What), cells.Replace(o.Why), cells.Replace(o.Source))
		}
	}
	b.WriteString("\n")
	return b.String()
}

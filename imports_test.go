package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "image-capture"

// ours says which of our packages each one may import, besides entry, the words that
// all share. Packages for tests (roottest, drptest, clitest) are for tests.
var ours = map[string][]string{
	"entry":           {},
	"rootfs":          {},
	"rootfs/roottest": {},
	"snapshot":        {"rootfs"},
	"database":        {},
	"durable":         {},
	"edit":            {"rootfs"},
	"compress":        {},
	"archive":         {"compress", "edit", "pace", "rootfs"},
	"image":           {"compress", "rootfs"},
	"image/imagefs":   {"image", "rootfs"},
	"image/extract":   {"image"},
	"image/index":     {"compress", "image", "image/imagefs", "manifest", "rootfs"},
	"compare":         {"image", "manifest"},
	"manifest":        {},
	"report":          {"bootcheck", "compare", "manifest"},
	"identity":        {},
	"nice":            {},
	"pace":            {},
	"bootcheck":       {"bootcheck/hardware", "bootcheck/initramfs", "deploy", "identity", "image", "image/imagefs"},
	"content":         {},
	"deploy":          {},

	"bootcheck/hardware":  {"compress"},
	"bootcheck/initramfs": {"compress"},

	"upload":         {"manifest", "pace"},
	"upload/drptest": {},

	"capture":     {"archive", "bootcheck", "compare", "compress", "database", "deploy", "durable", "edit", "identity", "manifest", "rootfs", "snapshot", "upload"},
	"remote":      {"bootcheck", "capture", "compare", "edit", "manifest", "rootfs", "snapshot", "upload"},
	"cli":         {"bootcheck", "bootcheck/hardware", "capture", "compare", "compress", "database", "deploy", "durable", "edit", "identity", "image", "image/extract", "image/imagefs", "image/index", "manifest", "nice", "remote", "report", "rootfs", "snapshot", "upload"},
	"cli/clitest": {},
}

// programs are no libraries: they have flags and exit codes.
var programs = []string{".", "bench", "content/bundle"}

// front is where flags, terminals and exit codes are. It is no library, and no
// program either: streams, arguments and environment are given to it.
const front = "cli"

// banned are packages that no library may import, and why.
var banned = map[string]string{
	"github.com/spf13/pflag":      "flags are cli's",
	"flag":                        "flags are cli's",
	"github.com/cheggaaa/pb/v3":   "what a terminal shows is cli's",
	"golang.org/x/term":           "what a terminal shows is cli's",
	"os/signal":                   "signals reach a library as a context",
	"log":                         "a library returns errors",
	"log/slog":                    "a library returns errors",
	"testing":                     "tests are not part of the program",
	"github.com/stretchr/testify": "tests are not part of the program",
}

// calls are what no library may call: it does not know of a process around it.
var calls = map[string]string{
	"os.Exit": "main exits", "os.Getenv": "main gives the environment", "os.LookupEnv": "main gives the environment",
	"os.Environ": "main gives the environment", "os.Setenv": "main gives the environment",
	"fmt.Print": "cli prints", "fmt.Printf": "cli prints", "fmt.Println": "cli prints",
	"os.Stdout": "cli prints", "os.Stderr": "cli prints", "os.Stdin": "main has the streams", "os.Args": "flags are cli's",
	"os.Chdir": "paths are those of the process that was started",
}

// vague names say nothing about a package.
var vague = []string{"util", "utils", "common", "helper", "helpers", "misc", "types", "shared", "base", "lib"}

// TestImports holds the map of the packages: what each may import of ours, and
// what libraries have no business with.
func TestImports(t *testing.T) {
	seen := map[string]bool{}
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := d.Name()
		if d.IsDir() {
			if name != "." && (base == "testdata" || base[0] == '.' || name == "build" || name == "dist") {
				return filepath.SkipDir
			}
			require.NotContains(t, vague, base, "%s: a package is named by what it is about", name)
			return nil
		}
		if !strings.HasSuffix(base, ".go") || strings.HasSuffix(base, "_test.go") {
			return nil
		}
		dir := filepath.ToSlash(filepath.Dir(name))
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		if slices.Contains(programs, dir) {
			return nil
		}
		allowed, known := ours[dir]
		require.True(t, known, "%s: say in this test what %s may import", name, dir)
		seen[dir] = true
		checkFile(t, name, dir, file, allowed)
		return nil
	})
	require.NoError(t, err)
	for dir := range ours {
		require.True(t, seen[dir], "%s is in the map, and not there", dir)
	}
}

func checkFile(t *testing.T, name, dir string, file *ast.File, allowed []string) {
	forTests := strings.HasSuffix(dir, "test")
	library := dir != front
	for _, imp := range file.Imports {
		path, err := strconv.Unquote(imp.Path.Value)
		require.NoError(t, err)
		if own, ok := strings.CutPrefix(path, module+"/"); ok && own != "entry" {
			require.Contains(t, allowed, own, "%s: %s may not import %s", name, dir, own)
			require.False(t, strings.HasSuffix(own, "test"), "%s: %s is for tests", name, own)
		}
		if forTests || !library && !strings.HasPrefix(path, "testing") && path != "os/signal" {
			continue
		}
		for bad, why := range banned {
			require.False(t, path == bad || strings.HasPrefix(path, bad+"/") && bad != "log", "%s imports %s: %s", name, path, why)
		}
	}
	if forTests {
		return
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok {
				what := x.Name + "." + sel.Sel.Name
				require.Empty(t, calls[what], "%s uses %s", name, what)
			}
		}
		if call, ok := n.(*ast.CallExpr); ok {
			if f, ok := call.Fun.(*ast.Ident); ok {
				require.False(t, f.Name == "print" || f.Name == "println", "%s prints", name)
			}
		}
		return true
	})
}

// TestMainAlone: only main.go ends the process, and the tests' packages stay out
// of the program.
func TestMainAlone(t *testing.T) {
	names, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		require.Equal(t, name == "main.go", strings.Contains(string(text), "os.Exit("), "%s: main.go alone exits", name)
		for _, bad := range []string{"roottest\"", "drptest\"", "\"testing\"", "log.Fatal"} {
			require.NotContains(t, string(text), bad, name)
		}
	}
}

package cli_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/cli"
	"image-capture/cli/clitest"
)

// said is what one run of the program wrote.
type said struct {
	code     int
	out, err string
}

// runIn runs the program in a directory.
func runIn(t *testing.T, dir string, args ...string) said {
	t.Helper()
	t.Chdir(dir)
	var out, errs bytes.Buffer
	a := cli.New(nil, &out, &errs, func(string) string { return "" })
	code := a.Run(t.Context(), args)
	require.NoError(t, clitest.MessageRules(errs.String()))
	return said{code, out.String(), errs.String()}
}

// place is a directory with a tree, an image of it and its MANIFEST, and other files.
func place(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, sub := range []string{"root", "empty", "onlylost/lost+found"} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, sub), 0o755))
	}
	for name, text := range map[string]string{
		"root/f": "text", "names.txt": "./a\n./b\n",
		"foreign.txt": "#mtree\n/set type=file\n.  type=dir mode=0755\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	require.Zero(t, runIn(t, dir, "root", "--check", "off", "--output", "a.tgz").code)
	return dir
}

// TestDocumentsOfFailures: with --json there is a document whatever went wrong, usage
// included, and its exit code is that of the process.
func TestDocumentsOfFailures(t *testing.T) {
	dir := place(t)
	image, err := os.ReadFile(filepath.Join(dir, "a.tgz"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "cut.tgz"), image[:len(image)/2], 0o600))
	for _, args := range []string{
		"capture --json", "capture none --json", "capture root --json --level x", "capture --json --nonsense root", "capture root --json --insecure",
		"check --json", "check none --json", "check names.txt --json", "check --nonsense --json", "check root --json",
		"verify --json", "verify none.tgz --json", "verify a.tgz names.txt --json", "verify names.txt a.MANIFEST.txt --json", "verify --nonsense --json",
		"upload --json", "upload a.tgz --json", "upload a.tgz a.MANIFEST.txt --json", "prune --json", "prune --json --keep -1", "operations x --json",
		"list --json", "list a.tgz none --json", "list root --json", "list cut.tgz --json", "extract a.tgz none -C y --json", "extract none.tgz --json",
		"diff a.tgz cut.tgz --json", "diff a.tgz --json", "diff a.tgz empty --json", "report a.tgz --json", "report none -o x.html --json",
		"capture root --json -o a.tgz", "capture root --json --dry-run -o a.tgz", "capture root --json --dry-run --check enforce",
	} {
		got := runIn(t, dir, strings.Fields(args)...)
		require.NotZero(t, got.code, args)
		var doc struct {
			ExitCode    int `json:"exit_code"`
			Error, Hint string
			Findings    []any
			Differences []string
		}
		d := json.NewDecoder(strings.NewReader(got.out))
		require.NoError(t, d.Decode(&doc), "%s: %s", args, got.out)
		require.False(t, d.More(), args) // one document
		require.Equal(t, got.code, doc.ExitCode, args)
		require.NotEmpty(t, doc.Error, args)
		// The hint that people see is in the document, and no other: it is on the last line.
		_, hint, _ := strings.Cut(got.err[strings.LastIndex("\n"+strings.TrimSuffix(got.err, "\n"), "\n"):], "hint: ")
		require.Equal(t, strings.TrimSuffix(hint, "\n"), doc.Hint, args)
	}
	var doc struct {
		OK        bool
		SHA256sum string
	}
	require.NoError(t, json.Unmarshal([]byte(runIn(t, dir, "verify", "a.tgz", "--json").out), &doc))
	require.True(t, doc.OK)
	require.Len(t, doc.SHA256sum, 64)
}

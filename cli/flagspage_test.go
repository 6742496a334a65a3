package cli

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write docs/flags.md anew")

// TestFlagsPage: docs/flags.md has what --help has, from the same tables.
func TestFlagsPage(t *testing.T) {
	const page = "../docs/flags.md"
	want := flagsPage()
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(want), 0o644))
	}
	got, err := os.ReadFile(page)
	require.NoError(t, err)
	require.Equal(t, want, string(got), "run: go test ./cli -run TestFlagsPage -update")
}

func flagsPage() string {
	var b strings.Builder
	b.WriteString("# Flags\n\nThe flags of each command, as `image-capture COMMAND --help` lists them. " +
		"Made from the program's own tables by `go test ./cli -run TestFlagsPage -update`; do not edit it.\n\n" +
		strings.NewReplacer("--NAME=false", "`--NAME=false`", " = ", " `=` ", " =.", " `=`.").Replace(valuesText) + "\n")
	for _, cmd := range commands() {
		g := &groups{}
		cmd.options().add(g)
		if len(g.list) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n## image-capture %s\n\n`image-capture %s [flags] %s`: %s.\n", cmd.name, cmd.name, cmd.args, cmd.short)
		if note := notes[cmd.name]; note != "" {
			b.WriteString("\n" + note + "\n")
		}
		for _, gr := range g.list {
			fmt.Fprintf(&b, "\n### %s\n\n| flag | default | what it does |\n|---|---|---|\n", gr.title)
			gr.set.VisitAll(func(f *pflag.Flag) { b.WriteString(flagRow(f)) })
		}
	}
	b.WriteString("\n## Exit codes\n\n| code | meaning |\n|---|---|\n")
	for line := range strings.Lines(exitHelp) {
		if code, meaning, ok := strings.Cut(strings.TrimSpace(line), "  "); ok {
			fmt.Fprintf(&b, "| %s | %s |\n", code, meaning)
		}
	}
	return b.String()
}

// flagRow is empty for a flag that the help does not list.
func flagRow(f *pflag.Flag) string {
	if f.Hidden {
		return ""
	}
	_, text := pflag.UnquoteUsage(f)
	name, value, optional := flagName(f)
	def := ""
	switch {
	case optional:
		name += "[=" + value + "]"
	case value != "":
		name += " " + value
	}
	if f.DefValue != "" && f.DefValue != "[]" {
		def = "`" + f.DefValue + "`"
	}
	return fmt.Sprintf("| `%s` | %s | %s |\n", name, def, strings.NewReplacer("|", `\|`, "*", `\*`).Replace(text))
}

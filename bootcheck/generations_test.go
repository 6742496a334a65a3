package bootcheck

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/deploy"
)

// TestGenerations: the verdicts of each fixture by each generation of curtin, with our
// hooks and without.
func TestGenerations(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	var b strings.Builder
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		last := ""
		for _, g := range deploy.Generations() {
			img, opt, _ := fixture(t, name)
			opt.Deployer, opt.Curtin = ImageDeploy, g.Generation
			report, err := Check(t.Context(), img, opt)
			require.NoError(t, err)
			require.Equal(t, g.Generation, report.Deploys.Curtin)
			fmt.Fprintf(&b, "%s, curtin %s\n%s", name, g.Generation, verdicts(report))
			addHooks(img)
			report, err = Check(t.Context(), img, opt)
			require.NoError(t, err)
			// None of what is built in matters then.
			if with := verdicts(report); last == "" {
				last = with
			} else {
				require.Equal(t, last, with)
			}
			for _, f := range report.Findings {
				require.NotEqual(t, "add-hooks", string(opOf(f)), f)
			}
		}
		fmt.Fprintf(&b, "%s, our hooks\n%s\n", name, last)
	}
	if *update {
		require.NoError(t, os.WriteFile("testdata/generations.txt", []byte(b.String()), 0o644))
	}
	want, err := os.ReadFile("testdata/generations.txt")
	require.NoError(t, err)
	require.Equal(t, string(want), b.String())
}

func opOf(f Finding) string {
	if f.Fix == nil {
		return ""
	}
	return string(f.Fix.Op)
}

func TestUnknownGeneration(t *testing.T) {
	_, err := Check(t.Context(), memTree{}, Options{Curtin: "19.3"})
	require.EqualError(t, err, `check image: curtin "19.3" is none of 20.2-rackn, 20.2, 22.1, 23.1, 2026-07`)
}

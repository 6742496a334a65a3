package bootcheck

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFalseAlarms: of each family's root with our hooks in it, as an operator captures it, all
// that is not well is in one file, to be read as he reads it: a warning at which he would shrug
// is a defect. TestFixtures has the same roots without hooks, TestRealRoots real ones.
func TestFalseAlarms(t *testing.T) {
	const golden = "testdata/alarms.txt"
	files, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	var b strings.Builder
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		img, opt, _ := fixture(t, name)
		opt.Deployer = ImageDeploy
		addHooks(img)
		report, err := Check(t.Context(), img, opt)
		require.NoError(t, err)
		b.WriteString("== " + name + ", firmware " + opt.Firmware.String() + "\n" + alarms(report.System, report.Findings...))
	}
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(b.String()), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), b.String())
}

// called finds the name of the machine that a real root was made on.
var called = regexp.MustCompile("clones are called [^ ]+")

// alarms are the findings that are not ok, a line each. A kernel's version, which changes with
// each update of a distribution, is KERNEL, and the source's name NAME.
func alarms(sys System, list ...Finding) string {
	list = slices.DeleteFunc(slices.Clone(list), func(f Finding) bool { return f.Level == OK })
	all := called.ReplaceAllString(text(list), "clones are called NAME")
	for _, v := range sys.Kernels {
		all = strings.ReplaceAll(all, v, "KERNEL")
	}
	return all
}

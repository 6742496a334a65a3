package bootcheck

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"image-capture/bootcheck/hardware"
	"image-capture/entry"
	"image-capture/rootfs"
)

// realRoots are what testdata/debian-root.sh and debian-states.sh make, by what they
// add to the root's name. A good one is that for UEFI and BIOS, but for /curtin, which
// the capture adds.
var realRoots = []struct {
	suffix, target string
	told           []string // texts of findings that must be there
}{
	{suffix: ""},
	{suffix: "", target: "dell-r740"},
	{suffix: "-cloud", told: []string{"lacks most of the drivers for the disks of physical servers: no ", "megaraid_sas, mpt3sas, smartpqi, hpsa"}},
	{suffix: "-cloud", target: "dell-r740", told: []string{
		"has no driver for the machine's storage device 1000:005d", "has no driver for the machine's network device 8086:1572",
		"install linux-image-amd64 in place of linux-image-cloud-amd64",
	}},
	{suffix: "-live"},
}

// TestRealRoots checks these roots and compares all findings with testdata/root-*.txt: what is
// well by its rule, all else in full. The good root is IMAGE_CAPTURE_ROOT; without it the test is
// skipped, as the script that makes it takes minutes.
func TestRealRoots(t *testing.T) {
	dir := os.Getenv("IMAGE_CAPTURE_ROOT")
	if dir == "" {
		t.Skip("IMAGE_CAPTURE_ROOT names no root")
	}
	for _, row := range realRoots {
		name := strings.Trim("good"+row.suffix+"-"+row.target, "-")
		t.Run(name, func(t *testing.T) {
			opt := Options{Firmware: Both}
			if row.target != "" {
				f, err := os.Open(filepath.Join("hardware/testdata/targets", row.target+".txt"))
				require.NoError(t, err)
				defer f.Close()
				opt.Target, err = hardware.ParseTarget(f)
				require.NoError(t, err)
			}
			root, err := rootfs.Open(dir + row.suffix)
			require.NoError(t, err)
			defer root.Close()
			start := time.Now()
			entries := &Entries{}
			opt.Entries = entries
			require.NoError(t, root.Walk(t.Context(), rootfs.WalkOptions{}, func(n rootfs.Node) error {
				defer n.Release()
				m := &entry.Member{}
				require.NoError(t, n.Stat(&m.Entry))
				entries.Add(m)
				return nil
			}))
			report, err := Check(t.Context(), rootfs.Follow(root.FS()), opt)
			require.NoError(t, err)
			t.Logf("checked in %s", time.Since(start).Round(time.Millisecond))
			require.Len(t, report.System.Kernels, 1)
			all := text(report.Findings)
			for _, told := range row.told {
				require.Contains(t, all, told)
			}
			expectFindings(t, "root-"+report.System.Tag()+strings.TrimPrefix(name, "good"), report)
		})
	}
}

// expectFindings compares a report with a file of testdata.
func expectFindings(t *testing.T, name string, report Report) {
	t.Helper()
	var b strings.Builder
	for _, f := range report.Findings {
		if f.Level == OK {
			fmt.Fprintf(&b, "%-4s %s\n", f.Level, f.Rule)
		} else {
			b.WriteString(alarms(report.System, f))
		}
	}
	b.WriteString(verdicts(report))
	golden := filepath.Join("testdata", name+".txt")
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(b.String()), 0o644))
		return
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), b.String(), "all findings:\n%s", text(report.Findings))
}

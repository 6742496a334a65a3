package deploy

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden transcripts")

const network = "network:\n  config:\n  - mac_address: 52:54:00:00:00:01\n    name: eth0\n    subnets:\n    - {type: dhcp4}\n    type: physical\n  version: 1\n"

// TestContract holds the hooks to curtin's contract: what they do on each layout, for
// each distribution and firmware, is in testdata/golden.
func TestContract(t *testing.T) {
	needRoot(t)
	// Each family on each layout once, and by both firmwares where the firmware makes a
	// difference there; each image by both.
	for root, deployments := range map[string]string{
		"debian12":           "mbr-bios mbr-uefi simple-bios simple-uefi boot-bios lvm-uefi md-bios md-uefi btrfs-bios luks-uefi mpath-bios mpath-uefi",
		"alma9":              "mbr-uefi simple-bios boot-uefi lvm-uefi md-uefi btrfs-bios luks-bios mpath-uefi",
		"sles15":             "mbr-bios simple-uefi boot-bios lvm-bios md-bios btrfs-uefi luks-uefi mpath-uefi",
		"debian12-arm64":     "simple-uefi",
		"debian13-modules":   "simple-uefi boot-bios",
		"ubuntu2404":         "simple-bios md-uefi",
		"rocky8":             "simple-bios lvm-uefi",
		"rhel9-arm64":        "boot-uefi",
		"rhel10":             "boot-bios boot-uefi",
		"fedora42":           "btrfs-bios btrfs-uefi",
		"amzn2023":           "simple-bios simple-uefi",
		"amzn2023-removable": "simple-uefi",
		"rocky9-modules":     "simple-uefi",
		"leap15-modules":     "btrfs-bios btrfs-uefi",
		"arch":               "simple-bios simple-uefi",
	} {
		names := strings.Fields(deployments)
		for _, name := range names {
			layout, firmware, _ := strings.Cut(name, "-")
			t.Run(root+"-"+name, func(t *testing.T) {
				t.Parallel()
				m := newMachine(t, firmware)
				layouts[layout](m)
				m.unpack(root)
				m.write("state/network", network)
				status, out := m.run("exec")
				require.Equal(t, "0", status, out)
				require.Contains(t, out, "\ncurtin-hooks: done: ")
				golden(t, m.transcript(out))
				if name == names[len(names)-1] || name == "md-uefi" {
					m.again()
				}
			})
		}
	}
}

// transcript is what was said, called and changed.
func (m *machine) transcript(out string) string {
	var b strings.Builder
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "curtin-hooks: warning") || strings.HasPrefix(line, "curtin-hooks: left out") || strings.HasPrefix(line, "curtin-hooks: removed") ||
			strings.HasPrefix(line, "curtin-hooks: initramfs") || strings.HasPrefix(line, "curtin-hooks: no ") {
			b.WriteString(line)
		}
	}
	b.WriteString("== called\n" + strings.ReplaceAll(m.read("run/calls"), m.dir, ""))
	if m.firmware == "uefi" {
		b.WriteString("== NVRAM\n" + m.read("run/nvram"))
	}
	before, after := m.tree("root"), m.tree("after")
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if _, ok := after[name]; !ok {
			b.WriteString("== gone: " + name + "\n")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if before[name] != after[name] {
			b.WriteString("== " + name + " " + strings.TrimSuffix(after[name], "\n") + "\n")
		}
	}
	return b.String()
}

// again runs the hooks once more on the disk that they left: nothing may change.
func (m *machine) again() {
	first := m.tree("after")
	nvram := m.read("run/nvram")
	for _, d := range []string{"root", "dev", "target", "disks"} {
		require.NoError(m.t, os.RemoveAll(filepath.Join(m.dir, d)))
	}
	require.NoError(m.t, os.Rename(filepath.Join(m.dir, "after"), filepath.Join(m.dir, "root")))
	status, out := m.run("exec")
	require.Equal(m.t, "0", status, out)
	second := m.tree("after")
	for _, name := range slices.Sorted(maps.Keys(second)) {
		require.Equal(m.t, first[name], second[name], name)
	}
	require.Len(m.t, second, len(first))
	require.Equal(m.t, nvram, m.read("run/nvram"))
}

func golden(t *testing.T, got string) {
	t.Helper()
	name := filepath.Join("testdata/golden", strings.TrimPrefix(t.Name(), "TestContract/")+".txt")
	if *update {
		require.NoError(t, os.WriteFile(name, []byte(got), 0o644))
	}
	want, err := os.ReadFile(name)
	require.NoError(t, err, "make it with -update, and read it")
	require.Equal(t, string(want), got)
}

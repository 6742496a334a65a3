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
	all := []string{"mbr", "simple", "boot", "lvm", "md", "btrfs", "luks", "mpath"}
	for root, names := range map[string][]string{
		"debian12": all, "alma9": all, "sles15": all,
		"debian12-arm64": {"simple"}, "debian13-modules": {"simple", "boot"}, "ubuntu2404": {"simple", "md"},
		"rocky8": {"simple", "lvm"}, "rhel9-arm64": {"boot"}, "rhel10": {"boot"}, "fedora42": {"btrfs"}, "amzn2023": {"simple"},
		"rocky9-modules": {"simple"}, "leap15-modules": {"btrfs"}, "arch": {"simple"},
	} {
		for _, layout := range names {
			for _, firmware := range []string{"bios", "uefi"} {
				if firmware == "bios" && (strings.HasSuffix(root, "arm64") || root == "rocky9-modules") {
					continue // see TestRefusals
				}
				t.Run(root+"-"+layout+"-"+firmware, func(t *testing.T) {
					t.Parallel()
					m := newMachine(t, firmware)
					layouts[layout](m)
					m.unpack(root)
					m.write("state/network", network)
					status, out := m.run("exec")
					require.Equal(t, "0", status, out)
					require.Contains(t, out, "\ncurtin-hooks: done: ")
					golden(t, m.transcript(out))
					if firmware == "uefi" && (layout == names[len(names)-1] || layout == "md") {
						m.again()
					}
				})
			}
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

package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRealDebian deploys a debootstrapped Debian 12 (make root) to a loop device, with its
// real GRUB. testdata/loop.sh takes ext4 and xfs as well.
func TestRealDebian(t *testing.T) {
	root, err := filepath.Abs("../build/debian-12")
	require.NoError(t, err)
	if _, err := os.Stat(filepath.Join(root, "usr/lib/grub/i386-pc/modinfo.sh")); err != nil {
		t.Skip("no build/debian-12 with GRUB for BIOS: make root")
	}
	if out, err := exec.Command("losetup", "-f").CombinedOutput(); err != nil {
		t.Skipf("no loop devices: %s", out)
	}
	script := filepath.Join(t.TempDir(), "curtin-hooks")
	require.NoError(t, os.WriteFile(script, Hooks()[0].Content, 0o755))
	// Mounts of its own: a namespace that another test makes of this one's would hold
	// them, and with them the partition, after the end.
	out, err := exec.Command("unshare", "-m", "--propagation", "private", "sh", "testdata/loop.sh", root, "btrfs", script).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

package content

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/rootfs/roottest"
)

// TestRealArrays has the tasks work on a real mirror, real volumes, an EFI system
// partition and an encrypted disk, in a guest whose kernel has them; see testdata/sledgehammer.sh
// for what must hold. make nightly runs it: the guest takes minutes where it is emulated.
func TestRealArrays(t *testing.T) {
	if os.Getenv("IMAGE_CAPTURE_NIGHTLY") == "" {
		t.Skip("takes minutes: make nightly runs it")
	}
	t.Parallel()
	root := debianRoot(t, "bookworm", "12")
	_, err := exec.LookPath("qemu-system-x86_64")
	roottest.Need(t, err == nil, "qemu-system-x86_64")
	p, dir := released(t), t.TempDir()
	params := map[string]any{"image-capture/root": "/mnt/image-capture"}
	args := []string{root, "testdata/sledgehammer.sh", "mdadm lvm2 xfsprogs btrfs-progs cryptsetup-bin dosfstools fdisk", "512M 512M 64M 64M"}
	for _, task := range []string{"image-capture-mount", "image-capture-unmount"} {
		name := filepath.Join(dir, task+".sh")
		require.NoError(t, os.WriteFile(name, []byte(newJob(p, params).render(t, task)), 0o755))
		args = append(args, name)
	}
	out, err := exec.Command("../testdata/guest.sh", append(args, agent(t))...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	t.Logf("%s", out)
	require.Contains(t, string(out), "assembled /dev/md/0, read-only")
	require.Contains(t, string(out), "mounted /dev/mapper/vg--0-my--home on /home")
	require.Contains(t, string(out), "mounted /dev/vdd1 on /boot/efi")
	require.Contains(t, string(out), "mounted /dev/mapper/vault on /vault")
}

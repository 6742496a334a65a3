package bootcheck

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
)

// TestRulesOfStorage: what keeps a clone from its own disks, and by whom it is done away with.
func TestRulesOfStorage(t *testing.T) {
	const rule, fine = "storage-identity", "ok: nothing looks for the source's disks"
	defaults := func(words string) string { return "-- etc/default/grub --\nGRUB_CMDLINE_LINUX=\"" + words + "\"\n" }
	const mdadm = "-- etc/mdadm/mdadm.conf --\n"
	const lvm = "-- etc/lvm/lvm.conf --\ndevices {\n\tdevicesfile = \"x.devices\"\n}\n"
	initrd := func(files string) string {
		return "-- boot/initrd.img-6.1.0-50-amd64 [initramfs=6.1.0-50-amd64] --\n" + files + "\n"
	}
	for _, c := range []ruleCase{
		{"words, dracut, nobody takes them out", rule, "sles15", defaults("rd.lvm.lv=vg/root"), []string{"fail /etc/default/grub: the kernel's command line names storage of the source: rd.lvm.lv=vg/root, and nobody takes it out [remove the word there] {uefi bios} => rewrite /etc/default/grub"}},
		{"words, dracut, Eikon", rule, eikon + "sles15", defaults("rd.lvm.lv=vg/root"), []string{"warn /etc/default/grub:"}},
		{"words, dracut, hooks", rule, hooks + "sles15", defaults("rd.lvm.lv=vg/root"), []string{"info /etc/default/grub: the kernel's command line names storage of the source: rd.lvm.lv=vg/root; the hooks take that out"}},
		{"words, initramfs-tools", rule, "ubuntu2404", defaults("rd.luks.uuid=1"), []string{"warn /etc/default/grub:"}},
		{"words, curtin's own in their place", rule, "ubuntu2404", "-- etc/default/grub --\nGRUB_CMDLINE_LINUX_DEFAULT=\"rd.luks.uuid=1\"\n", []string{"info /etc/default/grub: the kernel's command line names storage of the source: rd.luks.uuid=1; curtin puts words of its own in that place"}},
		{"words in a boot entry, dracut", rule, "rhel9", "-- boot/loader/entries [gone] --\n-- boot/loader/entries/x.conf --\noptions ro rd.md.uuid=1:2\n", []string{"fail /boot/loader/entries/x.conf:"}},

		{"arrays of listed disks", rule, eikon + deb, mdadm + "DEVICE /dev/sda1 /dev/sdb1\n", []string{"warn /etc/mdadm/mdadm.conf: keeps mdadm from the clone's disks: DEVICE /dev/sda1 /dev/sdb1 [remove the line] => rewrite /etc/mdadm/mdadm.conf"}},
		{"arrays of listed disks, hooks", rule, hooks + deb, mdadm + "dev /dev/sd*\n", []string{"warn /etc/mdadm/mdadm.conf:"}},
		{"arrays of listed disks, curtin writes another", rule, deb, mdadm + "DEVICE /dev/sda1\n", []string{fine}},
		{"arrays of all disks", rule, eikon + deb, mdadm + "# DEVICE /dev/sda1\nDEVICE partitions containers\nHOMEHOST <system>\n", []string{fine}},
		{"listed arrays only", rule, eikon + "rhel9", "-- etc/mdadm.conf --\nAUTO -all\n", []string{"warn /etc/mdadm.conf: keeps mdadm from the clone's disks: AUTO -all"}},
		{"listed arrays only, hooks", rule, hooks + deb, mdadm + "AUTO -all\n", []string{fine}},
		{"some arrays", rule, eikon + deb, mdadm + "AUTO +imsm +1.x -all\n", []string{fine}},
		{"in the initramfs", rule, eikon + deb, initrd("etc/mdadm/mdadm.conf: AUTO -all"), []string{"warn /boot/initrd.img-6.1.0-50-amd64: has a /etc/mdadm/mdadm.conf that keeps mdadm from the clone's disks: AUTO -all"}},
		{"in the initramfs, hooks", rule, hooks + deb, initrd("etc/mdadm/mdadm.conf: AUTO -all"), []string{fine}},
		{"LVM's list", rule, deb, lvm + "-- etc/lvm/devices/x.devices [fill] --\n", []string{"warn /etc/lvm/devices/x.devices: lists the source's disks for LVM, by devicesfile= of /etc/lvm/lvm.conf"}},
		{"LVM's list is gone", rule, "rhel9", lvm, []string{fine}},
		{"LVM's list in the initramfs", rule, deb, initrd("etc/lvm/lvm.conf: devicesfile = \"x.devices\"\netc/lvm/devices/x.devices: IDNAME=x"), []string{"warn /boot/initrd.img-6.1.0-50-amd64: has a list of the source's disks for LVM, by devicesfile= of its /etc/lvm/lvm.conf: x.devices"}},
		{"LVM's list in the initramfs is gone", rule, deb, initrd("etc/lvm/lvm.conf: devicesfile = \"x.devices\""), []string{fine}},
	} {
		t.Run(c.name, c.run)
	}
}

// TestStorageInTheVerdict: where the source's root is on it, what stays is in the answer.
func TestStorageInTheVerdict(t *testing.T) {
	const md, lvm = "-- etc/fstab --\n/dev/md0 / ext4 defaults 0 1\n", "-- etc/fstab --\n/dev/mapper/vg-root / ext4 defaults 0 1\n"
	const auto, list = "-- etc/mdadm/mdadm.conf --\nAUTO -all\n", "-- etc/lvm/devices/system.devices [fill] --\n"
	for _, c := range []struct {
		name, on, edit, why string
	}{
		{"arrays", eikon + deb, md + auto, "a root on RAID is not found by /etc/mdadm/mdadm.conf"},
		{"arrays, and the root is on none", eikon + deb, auto, ""},
		{"arrays, hooks", hooks + deb, md + auto, ""},
		{"volumes", eikon + deb, lvm + list, "a root on LVM is not found by /etc/lvm/devices/system.devices"},
		{"volumes, and the root is on none", eikon + deb, list, ""},
		{"volumes, hooks", hooks + deb, lvm + list, ""},
		{"volumes by another list", hooks + deb, lvm + "-- etc/lvm/lvm.conf --\ndevices/devicesfile=\"x\"\n-- etc/lvm/devices/x [fill] --\n", "a root on LVM is not found by /etc/lvm/devices/x"},
		{"encrypted", eikon + deb, "-- etc/fstab --\n/dev/mapper/luks-1 / ext4 defaults 0 1\n" + list, ""},
		{"fstab", eikon + deb, "-- etc/fstab --\nUUID=1 / ext4 defaults 0 1\nUUID=2 /data ext4 defaults 0 2\n", "fstab waits for the source's /data"},
		{"fstab, curtin's", deb, "-- etc/fstab --\nUUID=1 / ext4 defaults 0 1\nUUID=2 /data ext4 defaults 0 2\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			words := strings.Fields(c.on)
			img, opt, _ := fixture(t, words[1%len(words)])
			switch words[0] + " " {
			case hooks:
				addHooks(img)
			case eikon:
				opt.Deployer = Eikon
			}
			img.add(t, txtar.Parse([]byte(c.edit)))
			report, err := Check(t.Context(), img, opt)
			require.NoError(t, err)
			require.Equal(t, c.why, report.Verdicts[0].Why)
			require.Equal(t, c.why == "", report.Verdicts[0].Boots)
		})
	}
}

// TestKeptFstab: what a boot waits for, and what it goes on without. findmnt(8) is the
// oracle of what --fix makes of it.
func TestKeptFstab(t *testing.T) {
	const rest = "UUID=1 / ext4 defaults 0 1\nUUID=1 /home ext4 subvol=home\nUUID=2 /boot ext4\nUUID=3 /boot/efi vfat umask=077 0 1\nUUID=4 none swap sw\nUUID=5 /a ext4 nofail\nUUID=6 /b ext4 rw,noauto\nLABEL=c /c ext4\ntmpfs /tmp tmpfs\nn:/x /n nfs\n"
	for line, want := range map[string]string{
		"":                            "",
		"UUID=7 /data ext4":           "UUID=7 /data ext4 defaults,nofail",
		"UUID=7\t/data ext4 rw 0 2":   "UUID=7\t/data ext4 rw,nofail 0 2",
		"/dev/disk/by-id/x /d xfs rw": "/dev/disk/by-id/x /d xfs rw,nofail",
	} {
		img, opt, _ := fixture(t, deb)
		opt.Deployer = Eikon
		img.add(t, txtar.Parse([]byte("-- etc/fstab --\n"+rest+line+"\n")))
		report, err := Check(t.Context(), img, opt)
		require.NoError(t, err)
		require.Equal(t, line == "", report.Verdicts[0].Boots, line)
		fixed(t, img, report)
		require.Equal(t, rest+want+"\n", string(img["etc/fstab"].data))
	}
	if _, err := exec.LookPath("findmnt"); err != nil {
		t.Skip(err)
	}
	text, err := withNofail([]byte("UUID=7 /data ext4\nUUID=8 /d ext4 rw,user 0 2\n"))
	require.NoError(t, err)
	cmd := exec.Command("findmnt", "--tab-file", "/dev/stdin", "-n", "-r", "-o", "TARGET,OPTIONS")
	cmd.Stdin = strings.NewReader(string(text))
	out, err := cmd.Output()
	require.NoError(t, err)
	require.Equal(t, "/data defaults,nofail\n/d rw,user,nofail\n", string(out))
}

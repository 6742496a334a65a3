package bootcheck

import (
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
)

// What dpkg runs for systemd-boot of Debian 13 and 12, in part.
const (
	boot13 = "-- var/lib/dpkg/info/systemd-boot.postinst [0755] --\nif [ \"$1\" = configure ] && bootctl --print-esp-path > /dev/null 2>&1; then\n    if bootctl is-installed > /dev/null 2>&1; then\n        bootctl update --graceful\n    else\n        bootctl install --make-machine-id-directory=auto\n    fi\nfi\n"
	boot12 = "-- var/lib/dpkg/info/systemd-boot.postinst [0755] --\nif [ \"$1\" = configure ] && [ -z \"$2\" ] && bootctl --print-esp-path > /dev/null 2>&1; then\n    bootctl install --make-machine-id-directory=auto\nfi\n"
)

// TestRulesOfUpdates: what a clone is broken by later, of each family that has it, and by
// whom that is mended.
func TestRulesOfUpdates(t *testing.T) {
	const rule = "updates"
	const ok = "ok: no update of the kernel or of GRUB goes by the source's disks"
	const debconf = "-- var/lib/dpkg/status --\nPackage: grub-pc\nStatus: install ok installed\n\nPackage: debconf\nStatus: install ok installed\n" +
		"-- var/cache/debconf/config.dat --\nName: grub-pc/chainload_from_menu.lst\nTemplate: x\nValue: true\n\nName: grub-pc/install_devices\nTemplate: grub-pc/install_devices\nValue: /dev/disk/by-id/ata-X\nOwners: grub-pc\n\n"
	const selections = "-- usr/bin/debconf-set-selections [0755 fill] --\n"
	const suse = "-- etc/default/grub_installdevice --\n/dev/disk/by-id/ata-X\ngeneric_mbr\n"
	const deviceMap = "-- boot/grub2/device.map --\n# x\n(hd0)	/dev/disk/by-id/ata-X\n"
	const old = "-- boot/loader/entries [gone] --\n-- boot/loader/entries/x.conf --\noptions ro\n-- boot/grub2/grubenv --\n# GRUB Environment Block\nsaved_entry=x\n-- etc/default/grub --\nGRUB_ENABLE_BLSCFG=true\nGRUB_DEFAULT=saved\n"
	for _, c := range []ruleCase{
		{"debconf, Eikon", rule, eikon + deb, debconf, []string{"warn /var/cache/debconf/config.dat: the first update of GRUB will end with an error at a disk of the source, by debconf's grub-pc/install_devices: /dev/disk/by-id/ata-X [printf 'grub-pc grub-pc/%s\\n' 'install_devices multiselect' 'install_devices_empty boolean true' | debconf-set-selections]"}},
		{"debconf, curtin writes it", rule, deb, debconf, []string{ok}},
		{"debconf, hooks write it", rule, hooks + deb, selections + debconf, []string{ok}},
		{"debconf, hooks cannot write it", rule, hooks + deb, debconf, []string{"warn /var/cache/debconf/config.dat:"}},
		{"debconf, no grub-pc", rule, eikon + deb, debconf + "-- var/lib/dpkg/status --\nPackage: grub-pc-bin\nStatus: install ok installed\n", []string{ok}},
		{"debconf, no answer", rule, eikon + deb, debconf + "-- var/cache/debconf/config.dat --\nName: grub-pc/install_devices\nTemplate: x\n\nName: y\nValue: 1\n", []string{ok}},
		{"SUSE's list", rule, "sles15", suse, []string{"warn /etc/default/grub_installdevice: the first update of GRUB will go to a disk of the source: /dev/disk/by-id/ata-X [remove the file] => add-hooks /curtin"}},
		{"SUSE's list, hooks", rule, hooks + "sles15", suse, []string{ok}},
		{"SUSE's list, of no disk", rule, "leap15", "-- etc/default/grub_installdevice --\nactivate\ngeneric_mbr\n", []string{ok}},
		{"SUSE's list elsewhere", rule, deb, suse, []string{ok}},
		{"device.map", rule, "sles15", deviceMap, []string{"info /boot/grub2/device.map: lists a disk of the source, which GRUB 2 passes over: /dev/disk/by-id/ata-X"}},
		{"device.map, hooks", rule, hooks + "sles15", deviceMap, []string{ok}},
		{"device.map by names", rule, "rhel9", "-- boot/grub2/device.map --\n(hd0) /dev/sda\n", []string{ok}},
		{"old default kernel", rule, "rhel9", old, []string{"warn /boot/grub2/grubenv: the first kernel update will bring a kernel that the clone does not start: GRUB goes on with saved_entry=x [echo UPDATEDEFAULT=yes >>/etc/sysconfig/kernel]"}},
		{"old default kernel, hooks", rule, hooks + "rocky9", old, []string{"warn /boot/grub2/grubenv:"}},
		{"new default kernel", rule, "rhel9", old + "-- etc/sysconfig/kernel --\n# x\nUPDATEDEFAULT=yes\nDEFAULTKERNEL=kernel-core\n", []string{ok}},
		{"new default kernel, by GRUB's defaults", rule, "rhel9", old + "GRUB_UPDATE_DEFAULT_KERNEL=true\n", []string{ok}},
		{"first of the menu", rule, "rhel9", old + "-- etc/default/grub --\nGRUB_ENABLE_BLSCFG=true\nGRUB_DEFAULT=0\n", []string{ok}},
		{"systemd-boot", rule, hooks + deb, boot13, []string{"warn /var/lib/dpkg/info/systemd-boot.postinst: the first update of systemd-boot will put it in GRUB's place, with no kernel in its menu [apt-get purge systemd-boot]"}},
		{"systemd-boot of Debian 12", rule, hooks + deb, boot12, []string{ok}},
		{"systemd-boot, on the ESP", rule, hooks + deb, boot13 + "-- boot/efi/EFI/systemd/systemd-bootx64.efi [fill] --\n", []string{ok}},
		{"own hooks", rule, deb, "-- curtin/curtin-hooks [0755] --\n#!/bin/sh\n" + deviceMap, []string{"info: not checked"}},
	} {
		t.Run(c.name, c.run)
	}
}

// TestLaterInTheVerdict: the answer stays, and says what comes.
func TestLaterInTheVerdict(t *testing.T) {
	img, _, _ := fixture(t, "rhel9")
	img.add(t, txtar.Parse([]byte("-- boot/loader/entries [gone] --\n-- boot/loader/entries/x.conf --\noptions ro\n-- etc/kernel/cmdline --\nroot=UUID=1111 ro\n")))
	report, err := Check(t.Context(), img, Options{})
	require.NoError(t, err)
	v := report.Verdicts[0]
	require.Equal(t, Yes, v.Answer)
	require.Equal(t, "the first kernel update will write the source's root=UUID=1111 into its boot entry, and nobody writes that anew", v.Later)
	addHooks(img)
	report, err = Check(t.Context(), img, Options{})
	require.NoError(t, err)
	require.Empty(t, report.Verdicts[0].Later)
}

// TestLaterUnderOneFirmware: systemd-boot, which takes GRUB's place in Debian 13, is a loader
// of UEFI alone.
func TestLaterUnderOneFirmware(t *testing.T) {
	img, _, _ := fixture(t, "debian12")
	img.add(t, txtar.Parse([]byte("-- etc/kernel/postinst.d/zz-systemd-boot [0755] --\nkernel-install add\n-- var/lib/dpkg/info/systemd-boot.postinst --\nbootctl install\n-- etc/kernel/cmdline --\nroot=UUID=1111 ro\n")))
	report, err := Check(t.Context(), img, Options{})
	require.NoError(t, err)
	for _, v := range report.Verdicts {
		require.Equal(t, v.Firmware == UEFI, v.Later != "", "%v: %q", v.Firmware, v.Later)
	}
}

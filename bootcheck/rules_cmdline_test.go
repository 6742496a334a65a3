package bootcheck

import (
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
)

// TestRulesOfCommandLines is TestRules for what the kernel finds its root by.
func TestRulesOfCommandLines(t *testing.T) {
	const rule = "command-line"
	const ok = "ok: no command line looks for the source's root"
	entry := func(options string) string {
		return "-- boot/loader/entries [gone] --\n-- boot/loader/entries/x.conf --\nlinux /vmlinuz-5.14.0-427.el9.x86_64\noptions " + options + "\n"
	}
	defaults := func(text string) string { return "-- etc/default/grub --\n" + text + "\n" }
	const bls = "-- etc/default/grub --\nGRUB_ENABLE_BLSCFG=true\n"
	const guarded = "-- usr/sbin/grub2-mkconfig [0755] --\n#!/bin/sh\n--update-bls-cmdline)\n"
	const updates = "-- etc/grub.d/10_linux [0755] --\nupdate_bls_cmdline()\n"
	const byID = "root=UUID=1111 ro"
	const bootHook, bootHookText = "-- ", "/kernel/postinst.d/zz-systemd-boot [0755] --\n#!/bin/sh\nkernel-install add \"$1\" \"$2\"\n"
	for _, c := range []ruleCase{
		// Boot entries, by who writes them anew.
		{"entry", rule, "rhel9", entry(byID), []string{"fail /boot/loader/entries/x.conf: has the source's root=, and nobody writes it anew: this image's grub2-mkconfig leaves it there without --update-bls-cmdline, which curtin does not give [capture with --add-curtin: it puts hooks into the image that deploy it] {uefi bios} => add-hooks /curtin"}},
		{"entry, by the mkconfig's own words", rule, "alma8", "-- boot/grub2/grubenv [gone] --\n" + guarded + bls + strings.ReplaceAll(entry(byID), "5.14.0-427.el9", "4.18.0-553.el8_10"), []string{"fail /boot/loader/entries/x.conf:"}},
		{"entry, mkconfig writes it", rule, "rhel9", updates + entry(byID), []string{ok}},
		{"entry, mkconfig may write it and does not", rule, "rhel9", updates + guarded + entry(byID), []string{"fail"}},
		{"entry of Enterprise Linux 9.2", rule, "rhel9", entry(byID) + "-- usr/lib/os-release --\nID=rhel\nVERSION_ID=9.2\n", []string{ok}},
		{"entry of Fedora", rule, "fedora42", "", []string{ok}},
		{"entry, hooks", rule, hooks + "rhel9", bls + entry(byID) + "-- etc/kernel/cmdline --\nroot=UUID=1111 ro\n",
			[]string{"info /etc/kernel/cmdline: has the source's root=, in whose place the hooks put the new disk's", "info /boot/loader/entries/x.conf: has the source's root=, in whose place"}},
		{"entry, Eikon", rule, eikon + "rhel9", entry(byID), []string{"warn /boot/loader/entries/x.conf: names the source's root: root=UUID=1111, and whether Eikon writes it anew is not known"}},
		{"entry, Eikon, mkconfig writes it", rule, eikon + "amazon2023", "", []string{ok}},
		{"entry with curtin's label", rule, "rhel9", entry("root=LABEL=cloudimg-rootfs ro"), []string{ok}},
		{"entry with another label", rule, "rhel9", entry("root=LABEL=top ro"), []string{"warn /boot/loader/entries/x.conf: names the source's root: root=LABEL=top: nobody writes it anew, and the clone boots only where its root is called so too"}},
		{"entry with a volume", rule, "rhel9", entry("root=/dev/rhel/root ro"), []string{"fail"}},
		{"entry with kernelopts", rule, "alma8", bls + "-- boot/loader/entries/x.conf --\noptions $kernelopts\n-- boot/grub2/grubenv --\nkernelopts=root=UUID=1111 ro\n", []string{ok}},
		{"entry, not read", rule, "rhel9", defaults("GRUB_ENABLE_BLSCFG=false") + entry(byID), []string{"info /boot/loader/entries/x.conf: names the source's root: root=UUID=1111, for a loader that no deployer installs"}},
		{"entry for emergencies", rule, "rhel9", entry("ro") + "-- boot/loader/entries/0-rescue.conf --\noptions " + byID + "\n", []string{"info /boot/loader/entries/0-rescue.conf:"}},
		{"entry on the ESP", rule, deb, "-- boot/efi/loader/entries/x.conf --\noptions " + byID + "\n", []string{"info /boot/efi/loader/entries/x.conf: names the source's root: root=UUID=1111, for a loader that no deployer installs"}},
		{"entry on the ESP at /efi", rule, "arch", "-- efi/loader/entries/x.conf --\noptions " + byID + "\n", []string{"info /efi/loader/entries/x.conf:"}},

		// What kernel-install makes entries of breaks later.
		{"kernel-install", rule, "rhel9", entry("ro") + "-- etc/kernel/cmdline --\n" + byID + "\n", []string{"warn /etc/kernel/cmdline: the first kernel update will write the source's root=UUID=1111 into its boot entry, and nobody writes that anew [capture with --add-curtin: it puts hooks into the image that deploy it] => add-hooks /curtin"}},
		{"kernel-install, without root=", rule, "rhel9", entry("ro") + "-- etc/kernel/cmdline --\nro quiet\n", []string{ok}},
		{"kernel-install, nobody calls it", rule, deb, "-- etc/kernel/cmdline --\n" + byID + "\n", []string{"info /etc/kernel/cmdline: names the source's root: root=UUID=1111, for a loader that no deployer installs"}},
		{"kernel-install, systemd-boot's hook", rule, deb, bootHook + "etc" + bootHookText + boot13 + "-- etc/kernel/cmdline --\n" + byID + "\n", []string{"warn /etc/kernel/cmdline: the first kernel update after one of systemd-boot will write the source's root=UUID=1111 into its boot entry, and nobody writes that anew [capture with --add-curtin: it puts hooks into the image that deploy it] => add-hooks /curtin"}},
		{"kernel-install, systemd-boot's hook in /usr/share", rule, deb, bootHook + "usr/share" + bootHookText + boot13 + "-- etc/kernel/cmdline --\n" + byID + "\n", []string{"warn /etc/kernel/cmdline: the first kernel update after one of systemd-boot will"}},
		{"kernel-install, systemd-boot of Debian 12", rule, deb, bootHook + "etc" + bootHookText + boot12 + "-- etc/kernel/cmdline --\n" + byID + "\n", []string{"info /etc/kernel/cmdline: names the source's root: root=UUID=1111, for a loader that no deployer installs"}},
		{"kernel-install, a hook without systemd-boot", rule, deb, bootHook + "etc" + bootHookText + "-- etc/kernel/cmdline --\n" + byID + "\n", []string{"info /etc/kernel/cmdline:"}},
		{"kernel-install, systemd-boot and hooks", rule, hooks + deb, bootHook + "etc" + bootHookText + boot13 + "-- etc/kernel/cmdline --\n" + byID + "\n", []string{ok}},
		{"kernel-install, hooks", rule, hooks + "rhel9", entry("ro") + "-- etc/kernel/cmdline --\n" + byID + "\n", []string{"info /etc/kernel/cmdline:"}},

		// GRUB's defaults.
		{"defaults", rule, "ubuntu2404", defaults("GRUB_CMDLINE_LINUX=\"" + byID + "\""), []string{"fail /etc/default/grub: names the source's root: root=UUID=1111, and nobody writes it anew [remove the word there] {uefi bios} => rewrite /etc/default/grub"}},
		{"defaults, by a device", rule, "ubuntu2404", defaults("GRUB_CMDLINE_LINUX=root=/dev/sda2"), []string{"warn /etc/default/grub: names the source's root: root=/dev/sda2: nobody writes it anew, and the clone boots only where its root is called so too [remove the word there] => rewrite"}},
		{"defaults, by a loop device", rule, "ubuntu2404", defaults("GRUB_CMDLINE_LINUX=root=/dev/loop0p2"), []string{"fail /etc/default/grub: names the source's root: root=/dev/loop0p2"}},
		{"defaults, replaced by curtin", rule, "ubuntu2404", defaults("GRUB_CMDLINE_LINUX_DEFAULT=\"" + byID + "\""), []string{ok}},
		{"defaults of a snippet, not replaced", rule, "ubuntu2404", "-- etc/default/grub.d/x.cfg --\nGRUB_CMDLINE_LINUX_DEFAULT=\"" + byID + "\"\n", []string{"fail /etc/default/grub.d/x.cfg:"}},
		{"defaults, set again", rule, "ubuntu2404", defaults("GRUB_CMDLINE_LINUX=\""+byID+"\"") + "-- etc/default/grub.d/x.cfg --\nGRUB_CMDLINE_LINUX=quiet\n", []string{ok}},
		{"defaults, hooks", rule, hooks + deb, defaults("GRUB_CMDLINE_LINUX=\"" + byID + "\""), []string{ok}},
		{"defaults, own hooks", rule, deb, defaults("GRUB_CMDLINE_LINUX=\""+byID+"\"") + "-- curtin/curtin-hooks [0755] --\n#!/bin/sh\n", []string{"info: not checked: what the image's own hooks make of command lines is not known"}},
		{"defaults, Eikon", rule, eikon + "sles15", defaults("GRUB_CMDLINE_LINUX=\"" + byID + "\""), []string{"warn /etc/default/grub: names the source's root: root=UUID=1111, and whether Eikon"}},
		{"defaults, SUSE", rule, "sles15", defaults("GRUB_CMDLINE_LINUX=\"" + byID + "\""), []string{"fail /etc/default/grub:"}},
		{"defaults, and the entries are what is read", rule, "rhel9", bls + "GRUB_CMDLINE_LINUX=\"" + byID + "\"\n" + entry("ro"), []string{"info /etc/default/grub: names the source's root: root=UUID=1111, for the menu"}},

		// Variables of grub-mkconfig.
		{"GRUB_DEVICE", rule, hooks + deb, defaults("GRUB_DEVICE=/dev/loop0p2"), []string{"warn /etc/default/grub: GRUB_DEVICE=/dev/loop0p2: grub-mkconfig takes that for the root's device on every clone [remove the line GRUB_DEVICE= there] => rewrite /etc/default/grub"}},
		{"GRUB_DISABLE_LINUX_UUID", rule, hooks + deb, defaults("GRUB_DISABLE_LINUX_UUID=true"), []string{"warn /etc/default/grub: GRUB_DISABLE_LINUX_UUID=true: root= is the name that the deployer's system has for the disk, as /dev/sda2"}},
		{"GRUB_DISABLE_UUID", rule, deb, "-- etc/default/grub.d/x.cfg --\nGRUB_DISABLE_UUID=\"true\"\n", []string{"warn /etc/default/grub.d/x.cfg: GRUB_DISABLE_UUID=true"}},
		{"GRUB_DISABLE_LINUX_UUID, by partition", rule, deb, defaults("GRUB_DISABLE_LINUX_UUID=true\nGRUB_DISABLE_LINUX_PARTUUID=false"), []string{ok}},
		{"GRUB_DISABLE_LINUX_UUID, in a comment", rule, deb, defaults("#GRUB_DISABLE_LINUX_UUID=true"), []string{ok}},
		{"GRUB_FORCE_PARTUUID", rule, "ubuntu2404", "-- etc/default/grub.d/40-force-partuuid.cfg --\nGRUB_FORCE_PARTUUID=1111\n", []string{"warn /etc/default/grub.d/40-force-partuuid.cfg: GRUB_FORCE_PARTUUID=1111: grub-mkconfig makes root= of that partition of the source"}},
		{"GRUB_FORCE_PARTUUID, hooks", rule, hooks + "ubuntu2404", "-- etc/default/grub.d/40-force-partuuid.cfg --\nGRUB_FORCE_PARTUUID=1111\n", []string{ok}},

		// Loaders that no deployer installs.
		{"unified kernel image", rule, hooks + "fedora42", "-- boot/efi/EFI/Linux/x.efi [uki] --\n" + byID + "\n", []string{"info", "warn /boot/efi/EFI/Linux/x.efi: names the source's root: root=UUID=1111: nobody writes it anew, and no clone boots by this image"}},
		{"unified kernel image without root=", rule, deb, "-- boot/efi/EFI/Linux/x.efi [uki] --\nquiet\n", []string{ok}},
		{"no unified kernel image", rule, deb, "-- boot/efi/EFI/Linux/x.efi [fill] --\n", []string{"ok", "warn /boot/efi/EFI/Linux/x.efi: cannot be read: is no unified kernel image"}},
		{"syslinux", rule, eikon + "alpine", "-- boot/extlinux.conf --\nAPPEND " + byID + "\n", []string{"info /boot/extlinux.conf: names the source's root"}},
		{"menu", rule, deb, "-- boot/grub/grub.cfg --\nlinux /vmlinuz " + byID + "\n", []string{ok}},

		// The network that an initramfs sets up.
		{"address", rule, hooks + deb, defaults("GRUB_CMDLINE_LINUX=ip=10.0.0.5::10.0.0.1:255.255.255.0:h:eth0:none"), []string{"warn /etc/default/grub: the kernel's command line sets up the network of the source: ip=10.0.0.5::10.0.0.1:255.255.255.0:h:eth0:none [remove the word there] => rewrite /etc/default/grub"}},
		{"address of IPv6", rule, "rhel9", entry("ip=[fe80::1]::::h:eth0:none"), []string{"warn /boot/loader/entries/x.conf:"}},
		{"DHCP", rule, deb, defaults("GRUB_CMDLINE_LINUX=\"ip=dhcp ip=eth0:dhcp ip=ibft rd.neednet=1\""), []string{ok}},
		{"card", rule, deb, defaults("GRUB_CMDLINE_LINUX=ifname=eth0:52:54:00:00:00:01"), []string{"warn /etc/default/grub: the kernel's command line sets up the network of the source: ifname="}},
		{"card of the network boot", rule, "ubuntu2404", defaults("GRUB_CMDLINE_LINUX=BOOTIF=01-52-54-00-00-00-01"), []string{"warn /etc/default/grub:"}},
		{"card of the network boot, hooks", rule, hooks + deb, defaults("GRUB_CMDLINE_LINUX=BOOTIF=01-52-54-00-00-00-01"), []string{ok}},

		{"card by its name", rule, "rhel9", entry("ip=ens192:dhcp"), []string{"warn /boot/loader/entries/x.conf: the kernel's command line sets up the network of the source: ip=ens192:dhcp"}},
		{"card by its name, initramfs-tools", rule, deb, defaults("GRUB_CMDLINE_LINUX=ip=:::::enp3s0:dhcp"), []string{"warn /etc/default/grub:"}},
		{"cards of a bond", rule, "rhel9", entry("bond=bond0:ens1f0,ens1f1:mode=1"), []string{"warn /boot/loader/entries/x.conf: the kernel's command line sets up the network of the source: bond="}},
		{"bond of any cards", rule, "rhel9", entry("bond=bond0:eth0,eth1"), []string{ok}},
		{"log to another host", rule, "sles15", defaults("GRUB_CMDLINE_LINUX=netconsole=6665@10.0.0.5/eth0,6666@10.0.0.1/52:54:00:00:00:01"), []string{"warn /etc/default/grub: the kernel's command line sets up the network of the source: netconsole="}},
		{"log to another host, from any", rule, "sles15", defaults("GRUB_CMDLINE_LINUX=netconsole=@/eth0,6666@10.0.0.1/"), []string{ok}},

		// The entries as a menu.
		{"two machine ids", rule, "rhel9", entry("ro") + "-- boot/loader/entries/00000000000000000000000000000001-a.conf --\noptions ro\n-- boot/loader/entries/ffffffffffffffffffffffffffffffff-a.conf --\noptions ro\n",
			[]string{"warn /boot/loader/entries: has entries under 2 machine ids, and GRUB sorts by the id before it sorts by the version"}},
		{"remembered entry is gone", rule, "rhel9", entry("ro") + "-- boot/grub2/grubenv --\nsaved_entry=gone\n", []string{"warn /boot/grub2/grubenv: remembers a boot entry that is gone: saved_entry=gone [grub2-editenv /boot/grub2/grubenv unset saved_entry]"}},
		{"remembered entry", rule, "rhel9", entry("ro") + "-- boot/grub2/grubenv --\nsaved_entry=x\n", []string{ok}},
		{"remembered by number", rule, "rhel9", entry("ro") + "-- boot/grub2/grubenv --\nsaved_entry=0\n", []string{ok}},
		{"kernel of an entry", rule, "rhel9", "-- boot/loader/entries [gone] --\n-- boot/loader/entries/x.conf --\nlinux /vmlinuz-1\noptions ro\n", []string{"warn /boot/loader/entries/x.conf: names a kernel that is not there: /boot/vmlinuz-1"}},
		{"kernel of an entry, hooks", rule, hooks + "rhel9", bls + "-- boot/loader/entries [gone] --\n-- boot/loader/entries/x.conf --\nlinux /vmlinuz-1\noptions ro\n", []string{ok}},
	} {
		t.Run(c.name, c.run)
	}
}

// TestRootWordVerdict: a root= that stays is in the answer, and --fix does away with it.
func TestRootWordVerdict(t *testing.T) {
	check := func(img memTree) Report {
		report, err := Check(t.Context(), img, Options{})
		require.NoError(t, err)
		return report
	}
	img, _, _ := fixture(t, "ubuntu2404")
	img.add(t, txtar.Parse([]byte("-- etc/default/grub --\nGRUB_DEVICE=/dev/sda2\nGRUB_CMDLINE_LINUX=\"root=UUID=1111 quiet\"\n")))
	report := check(img)
	require.Equal(t, No, report.Verdicts[0].Answer)
	require.Equal(t, "the command line keeps the source's root=", report.Verdicts[0].Why)
	for range 2 {
		fixed(t, img, report)
		report = check(img)
	}
	require.Equal(t, "# GRUB_DEVICE=/dev/sda2\nGRUB_CMDLINE_LINUX=\"quiet\"\n", string(img["etc/default/grub"].data))
	require.Equal(t, Yes, report.Verdicts[0].Answer)
}

package bootcheck

import (
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
)

// TestRulesOfStartup: what a clone starts, of each family by what it starts with.
func TestRulesOfStartup(t *testing.T) {
	const rule = "startup"
	const ok = "ok: nothing starts in place of the system"
	defaults := func(words string) string { return "-- etc/default/grub --\nGRUB_CMDLINE_LINUX=\"" + words + "\"\n" }
	entry := func(options string) string {
		return "-- boot/loader/entries [gone] --\n-- boot/loader/entries/x.conf --\nlinux /vmlinuz-5.14.0-427.el9.x86_64\noptions " + options + "\n"
	}
	target := func(name, to string) string { return "-- " + name + "/default.target -> " + to + " --\n" }
	unit := func(name string) string { return "-- usr/lib/systemd/system/" + name + " [fill] --\n" }
	const bls = "-- etc/default/grub --\nGRUB_ENABLE_BLSCFG=true\n"
	rescue := "fail /etc/default/grub: has single for the kernel: it starts a shell at the console in place of the system [remove the word there] {uefi bios} => rewrite /etc/default/grub"
	for _, c := range []ruleCase{
		// One user.
		{"single", rule, deb, defaults("quiet single"), []string{rescue}},
		{"single, hooks leave it", rule, hooks + deb, defaults("quiet single"), []string{rescue}},
		{"single, own hooks", rule, deb, defaults("single") + "-- curtin/curtin-hooks [0755] --\n#!/bin/sh\n", []string{"info: command lines were not checked"}},
		{"single, replaced by curtin", rule, deb, "-- etc/default/grub --\nGRUB_CMDLINE_LINUX_DEFAULT=single\n", []string{ok}},
		{"single, Eikon", rule, eikon + deb, defaults("single"), []string{"warn /etc/default/grub: has single for the kernel"}},
		{"single, for recovery", rule, deb, "-- etc/default/grub --\nGRUB_CMDLINE_LINUX_RECOVERY=single\n", []string{ok}},
		{"single, in a menu", rule, deb, "-- boot/grub/grub.cfg --\nlinux /vmlinuz ro single\n", []string{ok}},
		{"single, for a loader that nobody installs", rule, deb, "-- boot/extlinux.conf --\nAPPEND single\n", []string{ok}},
		{"S", rule, "ubuntu2404", defaults("S"), []string{"fail /etc/default/grub: has S for the kernel"}},
		{"1", rule, "sles15", defaults("1"), []string{"fail /etc/default/grub: has 1 for the kernel"}},
		{"3", rule, "sles15", defaults("3"), []string{ok}},
		{"the last counts", rule, deb, defaults("single systemd.unit=multi-user.target"), []string{ok}},
		{"a value of another word", rule, deb, defaults("console=ttyS0,1 x=single maxcpus=1"), []string{ok}},
		{"in quotes", rule, deb, defaults(`foo=\"a 1 single\" bar='x init=/bin/sh s'`), []string{ok}},
		{"beside quotes, which stay", rule, deb, defaults(`foo=\"a 1 b\" single`), []string{"fail /etc/default/grub: has single for the kernel: it starts a shell at the console in place of the system [remove the word there] {uefi bios}"}},
		{"entry, in quotes", rule, "rhel9", bls + entry(`ro foo="a single"`), []string{ok}},
		{"entry", rule, "rhel9", bls + entry("ro single"), []string{"fail /boot/loader/entries/x.conf: has single for the kernel: it starts a shell at the console in place of the system [remove the word there] {uefi bios} => rewrite /boot/loader/entries/x.conf"}},
		{"entry, not read", rule, "rhel9", "-- etc/default/grub --\nGRUB_ENABLE_BLSCFG=false\n" + entry("ro single"), []string{ok}},
		{"entry, mkconfig writes it", rule, "rhel9", bls + "-- etc/grub.d/10_linux [0755] --\nupdate_bls_cmdline()\n" + entry("ro single"), []string{ok}},
		{"kernel-install", rule, "rhel9", bls + entry("ro") + "-- etc/kernel/cmdline --\nro emergency\n", []string{"warn /etc/kernel/cmdline: the first kernel update will have the clone start with emergency: it starts a shell"}},
		{"sysvinit", rule, "centos6", "-- boot/grub/grub.conf --\nkernel /vmlinuz ro single\n", []string{ok}},

		// Targets.
		{"systemd.unit", rule, deb, defaults("systemd.unit=emergency.target"), []string{"fail /etc/default/grub: has systemd.unit=emergency.target for the kernel"}},
		{"systemd.unit of a link", rule, deb, unit("rescue.target") + "-- usr/lib/systemd/system/my.target -> rescue.target --\n" + defaults("systemd.unit=my.target"), []string{"fail"}},
		{"systemd.unit of the usual", rule, deb, defaults("systemd.unit=graphical.target"), []string{ok}},
		{"systemd.unit of its own", rule, deb, unit("kiosk.target") + defaults("systemd.unit=kiosk.target"), []string{ok}},
		{"systemd.unit, not there", rule, deb, defaults("systemd.unit=kiosk.target"), []string{"fail /etc/default/grub: has systemd.unit=kiosk.target for the kernel: there is no such unit, and systemd starts rescue.target in its place [remove the word there] {uefi bios} => rewrite /etc/default/grub"}},
		{"systemd.unit, masked", rule, deb, unit("kiosk.target") + "-- etc/systemd/system/kiosk.target -> /dev/null --\n" + defaults("systemd.unit=kiosk.target"), []string{"fail /etc/default/grub: has systemd.unit=kiosk.target for the kernel: that unit is masked"}},
		{"systemd.unit, power off", rule, "rocky9", bls + entry("systemd.unit=poweroff.target"), []string{"fail /boot/loader/entries/x.conf: has systemd.unit=poweroff.target for the kernel: it starts nothing: the machine is switched off"}},
		{"default.target", rule, deb, unit("multi-user.target") + target("etc/systemd/system", "/usr/lib/systemd/system/multi-user.target"), []string{ok}},
		{"default.target for rescue", rule, "rhel9", unit("rescue.target") + target("etc/systemd/system", "/usr/lib/systemd/system/rescue.target"), []string{"fail /etc/systemd/system/default.target: leads to rescue.target: it starts a shell at the console in place of the system [systemctl set-default multi-user.target] {uefi bios}"}},
		{"default.target of a vendor", rule, "sles15", unit("graphical.target") + target("usr/lib/systemd/system", "graphical.target"), []string{ok}},
		{"default.target, not there", rule, "photon5", target("etc/systemd/system", "/usr/lib/systemd/system/kiosk.target"), []string{"fail /etc/systemd/system/default.target: leads to /usr/lib/systemd/system/kiosk.target, which is not there"}},
		{"default.target, masked", rule, "fedora42", target("etc/systemd/system", "/dev/null"), []string{"fail /etc/systemd/system/default.target: is masked"}},
		{"inittab", rule, "centos6", "-- etc/inittab --\n# x:1:initdefault:\nid:3:initdefault:\n", []string{ok}},
		{"inittab for one user", rule, "centos6", "-- etc/inittab --\nid:1:initdefault:\n", []string{"fail /etc/inittab: starts run level 1"}},
		{"inittab that nobody reads", rule, "centos7", "-- etc/inittab --\nid:1:initdefault:\n", []string{ok}},

		// init.
		{"init is a shell", rule, deb, defaults("init=/bin/bash"), []string{"fail /etc/default/grub: has init=/bin/bash for the kernel: it starts a shell in place of the system"}},
		{"init is systemd", rule, deb, defaults("init=/lib/systemd/systemd"), []string{ok}},
		{"init is the usual", rule, "rocky9", bls + entry("init=/sbin/init"), []string{ok}},
		{"init is another", rule, deb, "-- opt/init.sh [0755 fill] --\n" + defaults("init=/opt/init.sh"), []string{"info /etc/default/grub: has init=/opt/init.sh for the kernel: it starts that in place of /sbin/init"}},
		{"init is not there", rule, deb, defaults("init=/sbin/gone"), []string{"warn /etc/default/grub: has init=/sbin/gone for the kernel, and there is no such program [remove the word there] => rewrite /etc/default/grub"}},
		{"init cannot be run", rule, deb, "-- usr/sbin/start [0644 fill] --\n" + defaults("init=/sbin/start"), []string{"warn /etc/default/grub: has init=/sbin/start for the kernel, and there is no such program"}},
		{"init twice", rule, deb, defaults("init=/bin/sh init=/sbin/init"), []string{ok}},

		// A name for all.
		{"host name, replaced by curtin", "host-identity", deb, "-- etc/default/grub --\nGRUB_CMDLINE_LINUX_DEFAULT=systemd.hostname=web1\n", []string{"ok"}},
		{"host name", "host-identity", "rhel9", bls + entry("systemd.hostname=web1"), []string{"warn /boot/loader/entries/x.conf: gives every clone one host name"}},
		{"initiator, hooks take it", "host-identity", hooks + "rhel9", bls + entry("rd.iscsi.initiator=iqn.x"), []string{"ok"}},

		// The initramfs.
		{"rd.break", rule, "rhel9", bls + entry("rd.break=pre-mount"), []string{"fail /boot/loader/entries/x.conf: has rd.break=pre-mount for the kernel: the initramfs stops at a shell"}},
		{"rd.break, hooks take it", rule, hooks + "rhel9", bls + entry("rd.break"), []string{ok}},
		{"rd.break of another initramfs", rule, deb, defaults("rd.break"), []string{ok}},
		{"rd.systemd.unit", rule, "rhel9", bls + entry("rd.systemd.unit=emergency.target"), []string{"fail"}},
		{"break", rule, deb, defaults("break=bottom"), []string{"fail /etc/default/grub: has break=bottom for the kernel: the initramfs stops at a shell"}},
		{"break of another initramfs", rule, "rhel9", bls + entry("break"), []string{ok}},
	} {
		t.Run(c.name, c.run)
	}
}

// TestStartupVerdict: what starts in place of the system is in the answer, and --fix takes it
// out.
func TestStartupVerdict(t *testing.T) {
	img, opt, _ := fixture(t, deb)
	img.add(t, txtar.Parse([]byte("-- etc/default/grub --\nGRUB_CMDLINE_LINUX=\"quiet init=/bin/sh systemd.unit=rescue.target\"\n")))
	report, err := Check(t.Context(), img, opt)
	require.NoError(t, err)
	require.Equal(t, No, report.Verdicts[0].Answer)
	require.Equal(t, "the command line has init=/bin/sh, and 1 more", report.Verdicts[0].Why)
	for range 2 {
		fixed(t, img, report)
		report, err = Check(t.Context(), img, opt)
		require.NoError(t, err)
	}
	require.Equal(t, "GRUB_CMDLINE_LINUX=\"quiet\"\n", string(img["etc/default/grub"].data))
	require.Equal(t, Yes, report.Verdicts[0].Answer)
}

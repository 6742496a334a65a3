package bootcheck

import "testing"

// TestRulesOfLoaders is TestRules for what the deployer needs to make the image
// start.
func TestRulesOfLoaders(t *testing.T) {
	// Where the modules are left out, the rest decides.
	const noModules = "-- usr/lib/grub/x86_64-efi [gone] --\n"
	const noSigned = noModules + "-- usr/lib/grub/x86_64-efi-signed [gone] --\n-- usr/lib/shim [gone] --\n"
	const noBIOS = "-- usr/lib/grub/i386-pc [gone] --\n"
	const sdboot = "-- usr/lib/systemd/boot/efi/systemd-bootx64.efi [fill] --\n"

	for _, c := range []ruleCase{
		// grub-uefi
		{"modules and loaders", "grub-uefi", deb, "", []string{"ok /usr/lib/grub/x86_64-efi/modinfo.sh: GRUB's modules",
			"info /usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed: loaders of the vendor: /usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed, /usr/lib/shim/shimx64.efi.signed"}},
		{"one shim of several", "grub-uefi", "ubuntu2404", "", []string{"ok", "info /usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed: loaders of the vendor: /usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed, /usr/lib/shim/shimx64.efi.signed"}},
		{"modules only", "grub-uefi", deb, "-- usr/lib/grub/x86_64-efi-signed [gone] --\n-- usr/lib/shim [gone] --\n", []string{"ok /usr/lib/grub/x86_64-efi/modinfo.sh:",
			"info: no signed loader: machines start the image with Secure Boot off only [install grub-efi-amd64-signed and shim-signed]"}},
		{"directory alone", "grub-uefi", uefi + deb, noSigned + "-- usr/lib/grub/x86_64-efi/ --\n",
			[]string{"fail /usr/lib/grub/x86_64-efi/modinfo.sh: no UEFI boot loader: neither GRUB's modules for x86_64-efi nor a signed loader [apt-get install --reinstall grub-efi-amd64-bin] {uefi}"}},
		{"nothing, nobody asked", "grub-uefi", deb, noSigned, []string{"warn /usr/lib/grub/x86_64-efi/modinfo.sh: no UEFI boot loader"}},
		{"nothing, BIOS asked", "grub-uefi", bios + deb, noSigned, []string{"info /usr/lib/grub/x86_64-efi/modinfo.sh: no UEFI boot loader"}},
		{"nothing at all, nobody asked", "grub-uefi", deb, noSigned + "-- usr/lib/grub/i386-pc [gone] --\n", []string{"fail /usr/lib/grub/x86_64-efi/modinfo.sh: no UEFI boot loader"}},
		{"empty modinfo.sh", "grub-uefi", uefi + deb, noSigned + "-- usr/lib/grub/x86_64-efi/modinfo.sh --\n", []string{"fail"}},
		{"BIOS modules only", "grub-uefi", uefi + deb, noSigned + "-- usr/lib/grub/i386-pc/modinfo.sh [fill] --\n", []string{"fail"}},
		{"arm64, none", "grub-uefi", arm, "-- usr/lib/grub/arm64-efi [gone] --\n-- var/lib/dpkg [gone] --\n", []string{"fail /usr/lib/grub/arm64-efi/modinfo.sh: no UEFI boot loader: neither GRUB's modules for arm64-efi nor a signed loader [install grub-efi-arm64-bin]"}},
		{"arm64 with amd64's", "grub-uefi", arm, "-- usr/lib/grub/arm64-efi [gone] --\n-- usr/lib/grub/x86_64-efi/modinfo.sh [fill] --\n", []string{"fail"}},
		{"Debian, signed only", "grub-uefi", deb, noModules, []string{"fail /usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed: only a signed loader: there are no GRUB modules for x86_64-efi, and grub-"}},
		{"shim only", "grub-uefi", deb, noModules + "-- usr/lib/grub/x86_64-efi-signed [gone] --\n", []string{"warn /usr/lib/shim/shimx64.efi.signed: a shim without a GRUB"}},
		{"shim by another name", "grub-uefi", "ubuntu2404", noModules + "-- usr/lib/grub/x86_64-efi-signed [gone] --\n-- usr/lib/shim/shimx64.efi.signed [gone] --\n", []string{"warn /usr/lib/shim/shimx64.efi.dualsigned: a shim without a GRUB"}},
		{"no loaders at all", "grub-uefi", uefi + deb, noModules +
			"-- usr/lib/shim [gone] --\n-- usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed [gone] --\n-- boot/efi/EFI/debian/mmx64.efi [fill] --\n-- boot/efi/EFI/debian/fbx64.efi [fill] --\n-- boot/efi/EFI/debian/gcdx64.efi [fill] --\n",
			[]string{"fail"}},
		{"empty loader", "grub-uefi", uefi + deb, noSigned + "-- boot/efi/EFI/debian/grubx64.efi --\n", []string{"fail"}},
		{"another vendor's loader", "grub-uefi", uefi + deb, noSigned + "-- boot/efi/EFI/Microsoft/grubx64.efi [fill] --\n", []string{"fail"}},
		{"fallback loader", "grub-uefi", deb, noSigned + "-- boot/efi/efi/boot/bootx64.efi [fill] --\n", []string{"fail /boot/efi/efi/boot/bootx64.efi: only a signed loader: there are no GRUB modules for x86_64-efi, and grub-install needs them"}},
		{"RHEL, ESP", "grub-uefi", "rhel9", "-- boot/efi/efi/redhat/grub.cfg [gone] --\n", []string{"info /boot/efi/efi/redhat/SHIMX64.EFI: boots by a signed loader"}},
		{"RHEL, none", "grub-uefi", uefi + "rhel9", "-- boot/efi [gone] --\n", []string{"fail /usr/lib/grub/x86_64-efi/modinfo.sh: no UEFI boot loader: neither GRUB's modules for x86_64-efi nor a signed loader [install grub2-efi-x64-modules]"}},
		{"RHEL on aarch64, ESP", "grub-uefi", "rhel9", "-- usr/lib/systemd/systemd [elf=183] --\n-- boot/efi/EFI/redhat/grubaa64.efi [fill] --\n-- boot/efi/efi [gone] --\n",
			[]string{"fail /boot/efi/EFI/redhat/grubaa64.efi: only a signed loader, and curtin 20.2-rackn takes none on arm64; those that do: 2026-07"}},
		{"wrapper", "grub-uefi", "rhel9", "", []string{"info", "warn /boot/efi/efi/redhat/grub.cfg: curtin writes the menu here, and this image's grub2-mkconfig refuses to replace the file [rm /boot/efi/efi/redhat/grub.cfg before the capture: it points to a disk of the source] => drop /boot/efi/efi/redhat/grub.cfg"}},
		{"wrapper, older grub2-mkconfig", "grub-uefi", "rhel9", "-- usr/sbin/grub2-mkconfig [0755] --\n#!/bin/sh\n", []string{"info"}},
		{"wrapper, emptied", "grub-uefi", "rhel9", "-- boot/efi/efi/redhat/grub.cfg --\n", []string{"info"}},
		{"wrapper, no curtin", "grub-uefi", eikon + "rhel9", "", []string{"info"}},
		{"wrapper, with modules", "grub-uefi", head + "rocky9", "-- boot/efi/EFI/rocky/grub.cfg [fill] --\n", []string{"ok", "info", "warn /boot/efi/EFI/rocky/grub.cfg:"}},
		{"wrapper of nobody", "grub-uefi", "rocky9", "-- boot/efi/EFI [gone] --\n-- boot/efi/EFI/rocky/grub.cfg [fill] --\n", []string{"ok", "info"}},
		{"taken for another", "grub-uefi", "curtin=22.1 alma8", "", []string{"ok", "info", "warn /boot/efi/EFI/redhat: is missing: curtin 22.1 takes the image for redhat and writes the menu there"}},
		{"taken for itself", "grub-uefi", head + "alma8", "", []string{"ok", "info"}},
		{"RHEL on aarch64, ESP, 2026-07", "grub-uefi", head + "rhel9", "-- usr/lib/systemd/systemd [elf=183] --\n-- boot/efi/EFI/redhat/grubaa64.efi [fill] --\n-- boot/efi/EFI/redhat/shimaa64.efi [fill] --\n-- boot/efi/efi [gone] --\n", []string{"info /boot/efi/EFI/redhat/shimaa64.efi: boots by a signed loader"}},
		{"RHEL, no shim's package", "grub-uefi", "rhel9", "-- boot/efi/efi/redhat/SHIMX64.EFI [gone] --\n-- boot/efi/efi/redhat/grub.cfg [gone] --\n", []string{"info", "warn: curtin installs what is missing from the network: shim-x64"}},
		{"hooks", "grub-uefi", hooks + deb, "", []string{"ok /usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed: the hooks find what they need: loader for UEFI", "ok /usr/bin/efibootmgr:", "info"}},
		{"hooks, signed only", "grub-uefi", hooks + deb, noModules, []string{"ok", "ok", "info"}},
		{"hooks, modules only", "grub-uefi", hooks + deb, "-- usr/lib/shim [gone] --\n-- usr/lib/grub/x86_64-efi-signed [gone] --\n", []string{"ok /usr/lib/grub/x86_64-efi/modinfo.sh:", "ok", "info: no signed loader"}},
		{"hooks, nothing", "grub-uefi", hooks + uefi + deb, noSigned, []string{`fail: the hooks find no means for "loader for UEFI": /usr/lib/shim/shimx64.efi.signed, /usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed [install shim-signed grub-efi-amd64-signed] {uefi}`, "ok", "info"}},
		{"hooks, no efibootmgr", "grub-uefi", hooks + uefi + deb, "-- usr/bin/efibootmgr [gone] --\n", []string{"ok", `warn: the hooks find no means for "boot entry in the firmware": efibootmgr`, "info"}},
		{"taken for another, which is there", "grub-uefi", "alma8", "-- boot/efi/EFI/redhat/ --\n", []string{"ok", "info"}},
		{"SUSE, signed only", "grub-uefi", "leap15", "-- usr/share/grub2/x86_64-efi/modinfo.sh [gone] --\n", []string{"fail /usr/share/efi/x86_64/grub.efi: only a signed loader: there are no GRUB modules for x86_64-efi, and grub-install needs them"}},
		{"SUSE, none", "grub-uefi", uefi + "leap15", "-- usr/share/grub2 [gone] --\n-- usr/share/efi [gone] --\n", []string{"fail /usr/lib/grub/x86_64-efi/modinfo.sh: no UEFI boot loader: neither GRUB's modules for x86_64-efi nor a signed loader [install grub2-x86_64-efi]"}},
		{"systemd-boot", "grub-uefi", uefi + deb, noSigned + sdboot, []string{"fail /usr/lib/systemd/boot/efi/systemd-bootx64.efi: the only boot loader is systemd-boot, which curtin cannot install"}},
		{"systemd-boot, nobody asked", "grub-uefi", deb, noSigned + sdboot, []string{"warn /usr/lib/systemd/boot/efi/systemd-bootx64.efi: the only boot loader"}},
		{"systemd-boot, no curtin", "grub-uefi", eikon + uefi + deb, noSigned + sdboot, []string{"warn /usr/lib/systemd/boot/efi/systemd-bootx64.efi: the only boot loader is systemd-boot; whether"}},
		{"other machine", "grub-uefi", deb, "-- usr/lib/systemd/systemd [elfbe=21] --\n", []string{"info: not checked for ppc64"}},
		{"no machine", "grub-uefi", deb, "-- usr/lib/systemd/systemd [gone] --\n-- usr/bin/bash [gone] --\n", []string{"info: not checked for an unknown architecture"}},

		// grub-bios
		{"there", "grub-bios", deb, "", []string{"ok /usr/lib/grub/i386-pc/modinfo.sh: GRUB's modules for i386-pc"}},
		{"missing, nobody asked", "grub-bios", deb, noBIOS, []string{"warn /usr/lib/grub/i386-pc/modinfo.sh: no BIOS boot loader: GRUB's modules for i386-pc are missing [apt-get install --reinstall grub-pc-bin] {bios}"}},
		{"missing, UEFI asked", "grub-bios", uefi + deb, noBIOS, []string{"info"}},
		{"missing, BIOS asked", "grub-bios", bios + deb, noBIOS, []string{"fail"}},
		{"missing, both asked", "grub-bios", uefi + bios + deb, noBIOS, []string{"fail"}},
		{"missing, and no UEFI", "grub-bios", deb, noBIOS + noSigned, []string{"fail"}},
		{"directory alone", "grub-bios", bios + deb, "-- usr/lib/grub/i386-pc/modinfo.sh [gone] --\n-- usr/lib/grub/i386-pc/normal.mod [fill] --\n", []string{"fail"}},
		{"empty modinfo.sh", "grub-bios", bios + deb, "-- usr/lib/grub/i386-pc/modinfo.sh --\n", []string{"fail"}},
		{"SUSE", "grub-bios", "sles15", "", []string{"ok /usr/share/grub2/i386-pc/modinfo.sh:"}},
		{"SUSE, missing", "grub-bios", bios + "sles15", "-- usr/share/grub2/i386-pc [gone] --\n", []string{"fail /usr/lib/grub/i386-pc/modinfo.sh: no BIOS boot loader: GRUB's modules for i386-pc are missing [install grub2-i386-pc]"}},
		{"RHEL, missing", "grub-bios", bios + "rhel9", "", []string{"fail /usr/lib/grub/i386-pc/modinfo.sh: no BIOS boot loader: GRUB's modules for i386-pc are missing [install grub2-pc-modules]"}},
		{"syslinux", "grub-bios", bios + "alpine", "-- usr/lib/grub/i386-pc [gone] --\n-- boot/extlinux.conf --\nDEFAULT menu.c32\n", []string{"fail /boot/extlinux.conf: the only BIOS boot loader is syslinux, which the deployers do not install [install grub-bios] {bios}"}},
		{"hooks", "grub-bios", hooks + bios + "rhel10", "", []string{"ok /usr/lib/grub/i386-pc/modinfo.sh: the hooks find what they need: loader for BIOS"}},
		{"hooks, nothing", "grub-bios", hooks + bios + deb, noBIOS, []string{`fail: the hooks find no means for "loader for BIOS"`}},
		{"RHEL 9", "grub-bios", "curtin=22.1 " + bios + "rocky9", "", []string{"ok", "fail /usr/lib/rpm/macros.d/macros.dist: curtin 22.1 installs no GRUB for BIOS of %rhel 9; those that do: 23.1, 2026-07"}},
		{"RHEL 9, later", "grub-bios", "curtin=23.1 " + bios + "rocky9", "", []string{"ok"}},
		{"aarch64", "grub-bios", bios + arm, "", []string{"info: not checked for aarch64"}},
		{"no machine", "grub-bios", deb, "-- usr/lib/systemd/systemd [gone] --\n-- usr/bin/bash [gone] --\n", []string{"ok"}},
		{"%rhel in /etc", "grub-bios", "centos7", "", []string{"ok"}},
		{"no %rhel", "grub-bios", "fedora42", "", []string{"ok /usr/lib/grub/i386-pc/modinfo.sh: GRUB's modules for i386-pc", "info /usr/lib/rpm/macros.d/macros.dist: has no macro %rhel, by which curtin installs GRUB for BIOS"}},
		{"no %rhel, BIOS asked", "grub-bios", bios + "fedora42", "", []string{"ok", "fail"}},
		{"no %rhel, no curtin", "grub-bios", eikon + bios + "fedora42", "", []string{"ok"}},
		{"no file with %rhel", "grub-bios", bios + "fedora42", "-- usr/lib/rpm [gone] --\n", []string{"ok"}},
		{"%rhel of the future", "grub-bios", "rhel10", "", []string{"ok /usr/lib/grub/i386-pc/modinfo.sh: GRUB's modules for i386-pc", "fail /usr/lib/rpm/macros.d/macros.dist: curtin 20.2-rackn installs no GRUB for BIOS of %rhel 10; those that do: 2026-07"}},
		{"huge %rhel", "grub-bios", "rhel10", "-- usr/lib/rpm/macros.d/macros.dist [size=3000000] --\n", []string{"ok", "warn /usr/lib/rpm/macros.d/macros.dist: is longer than"}},

		// grub-tools
		{"all", "grub-tools", deb, "", []string{"ok: the deployer finds what it runs: /usr/sbin/grub-install, /usr/sbin/update-grub, /usr/bin/efibootmgr"}},
		{"no grub-install", "grub-tools", deb, "-- usr/sbin/grub-install [gone] --\n", []string{"fail /usr/sbin/grub-install: there is no grub-install, and the deployer runs it in the image [apt-get install --reinstall grub2-common] {uefi bios}"}},
		{"not executable", "grub-tools", deb, "-- usr/sbin/grub-install [0644 fill] --\n", []string{"fail /usr/sbin/grub-install:"}},
		{"no update-grub", "grub-tools", deb, "-- usr/sbin/update-grub [gone] --\n-- usr/sbin/grub-mkconfig [0755 fill] --\n", []string{"fail /usr/sbin/update-grub: there is no update-grub"}},
		{"grub-mkconfig will do, no curtin", "grub-tools", eikon + deb, "-- usr/sbin/update-grub [gone] --\n-- usr/sbin/grub-mkconfig [0755 fill] --\n", []string{"ok"}},
		{"none, no curtin", "grub-tools", eikon + deb, "-- usr/sbin/update-grub [gone] --\n-- usr/sbin/grub-mkconfig [gone] --\n", []string{"fail /usr/sbin/grub2-mkconfig: there is no grub2-mkconfig or grub-mkconfig or update-grub"}},
		{"no efibootmgr, nobody asked", "grub-tools", deb, "-- usr/bin/efibootmgr [gone] --\n", []string{"warn /usr/sbin/efibootmgr: there is no efibootmgr, and the deployer runs it in the image [apt-get install --reinstall efibootmgr] {uefi}"}},
		{"no efibootmgr, UEFI asked", "grub-tools", uefi + deb, "-- usr/bin/efibootmgr [gone] --\n", []string{"fail"}},
		{"no efibootmgr, BIOS asked", "grub-tools", bios + deb, "-- usr/bin/efibootmgr [gone] --\n", []string{"info"}},
		{"in an unmerged /sbin", "grub-tools", "leap15", "-- usr/sbin/efibootmgr [gone] --\n-- sbin/efibootmgr [0755 fill] --\n", []string{"ok: the deployer finds what it runs: /usr/sbin/grub2-install, /usr/sbin/grub2-mkconfig, /sbin/efibootmgr"}},
		{"Debian's tools are not RHEL's", "grub-tools", "sles15", "-- usr/sbin/grub2-mkconfig [gone] --\n-- usr/sbin/grub-mkconfig [0755 fill] --\n", []string{"fail /usr/sbin/grub2-mkconfig: there is no grub2-mkconfig, and the deployer runs it in the image [install grub2] {uefi bios}"}},
		{"loader in the ESP, no grub2-install", "grub-tools", uefi + "rhel9", "-- boot/loader [gone] --\n-- usr/sbin/grub2-install [gone] --\n", []string{"info /usr/sbin/grub2-install: there is no grub2-install, and the deployer runs it in the image [install grub2-tools] {bios}"}},
		{"no loader in the ESP, no grub2-install", "grub-tools", uefi + "rhel10", "-- usr/sbin/grub2-install [gone] --\n", []string{"fail /usr/sbin/grub2-install: there is no grub2-install, and the deployer runs it in the image [install grub2-tools] {uefi bios}"}},
		{"aarch64", "grub-tools", arm, "-- usr/sbin/grub-install [gone] --\n", []string{"fail /usr/sbin/grub-install: there is no grub-install or grub2-install, and the deployer runs it in the image [apt-get install --reinstall grub2-common] {uefi}"}},

		{"hooks", "grub-tools", hooks + deb, "", []string{"ok /usr/sbin/grub-mkconfig:", "ok /usr/sbin/update-initramfs: the hooks find what they need: initramfs", `info: the hooks find no means for "LVM": lvm; they refuse the image where the root is on LVM`, "info", "info"}},
		{"hooks, no menu", "grub-tools", hooks + deb, "-- usr/sbin/grub-mkconfig [gone] --\n", []string{`fail: the hooks find no means for "boot menu"`, "ok", "info", "info", "info"}},

		// grub-multi-install
		{"there, BIOS asked", "grub-multi-install", "ubuntu2204", "", []string{"info /usr/lib/grub/grub-multi-install: curtin runs it in place"}},
		{"there", "grub-multi-install", uefi + "ubuntu2204", "", []string{"warn /usr/lib/grub/grub-multi-install: curtin runs it in place of grub-install [rm /usr/lib/grub/grub-multi-install] => drop /usr/lib/grub/grub-multi-install"}},
		{"there, no curtin", "grub-multi-install", eikon + "ubuntu2204", "", []string{"info /usr/lib/grub/grub-multi-install: only curtin"}},
		{"there, another family", "grub-multi-install", "rhel9", "-- usr/lib/grub/grub-multi-install [0755 fill] --\n", []string{"info"}},
		{"not there", "grub-multi-install", deb, "", []string{"ok"}},

		// lsb-release
		{"there", "lsb-release", deb, "", []string{"ok /usr/bin/lsb_release: curtin learns"}},
		{"missing", "lsb-release", deb, "-- usr/bin/lsb_release [gone] --\n", []string{"fail /usr/bin/lsb_release: is missing: curtin runs it, and stops"}},
		{"missing, no curtin", "lsb-release", eikon + deb, "-- usr/bin/lsb_release [gone] --\n", []string{"info: not checked"}},
		{"missing, another family", "lsb-release", "rhel9", "", []string{"info: not checked"}},
		{"no number", "lsb-release", deb, "-- usr/lib/os-release --\nID=debian\nPRETTY_NAME=\"Debian GNU/Linux forky/sid\"\n", []string{"fail /etc/os-release: VERSION_ID is not a number, which curtin wants"}},
		{"two numbers", "lsb-release", "ubuntu2404", "", []string{"ok"}},

		// packages
		{"for UEFI", "packages", deb, "", []string{"ok /var/lib/dpkg/status: for uefi curtin finds its packages", "fail /var/lib/dpkg/status: curtin 20.2-rackn stops in dpkg-reconfigure without grub-pc; 2026-07 installs it from the network"}},
		{"BIOS asked", "packages", bios + deb, "", []string{"ok /var/lib/dpkg/status: for uefi curtin finds its packages", "fail /var/lib/dpkg/status: curtin 20.2-rackn stops in dpkg-reconfigure without grub-pc; 2026-07 installs it from the network"}},
		{"for BIOS", "packages", "ubuntu2204", "", []string{"info /var/lib/dpkg/status: for uefi curtin installs what is missing from the network: grub-efi-amd64", "ok /var/lib/dpkg/status: for bios curtin finds its packages"}},
		{"for neither", "packages", deb, "-- var/lib/dpkg/status --\nPackage: grub2-common\nStatus: install ok installed\n",
			[]string{"warn /var/lib/dpkg/status: for uefi curtin installs what is missing from the network: grub-efi-amd64, efibootmgr, shim-signed [", "warn /var/lib/dpkg/status: for bios curtin installs what is missing from the network: grub-pc"}},
		{"for neither, of today", "packages", head + deb, "-- var/lib/dpkg/status --\nPackage: grub2-common\nStatus: install ok installed\n",
			[]string{"warn /var/lib/dpkg/status: for uefi curtin installs what is missing from the network: grub-efi-amd64, efibootmgr [", "warn"}},
		{"no curtin", "packages", eikon + deb, "", []string{"ok /var/lib/dpkg/status: 15 packages, none"}},
		{"own hooks", "packages", deb, "-- curtin/curtin-hooks [0755] --\n#!/bin/sh\n", []string{"ok /var/lib/dpkg/status: 15 packages, none"}},
		{"arm64", "packages", "debian12", "-- usr/lib/systemd/systemd [elf=183] --\n", []string{"warn /var/lib/dpkg/status: for uefi curtin installs what is missing from the network: grub-efi-arm64 [install grub-efi-arm64]"}},
		{"half configured", "packages", eikon + deb, "-- var/lib/dpkg/status --\nPackage: linux-image-amd64\nStatus: install ok half-configured\n\nPackage: less\nStatus: install ok unpacked\n\nPackage: grub-common\nStatus: install ok triggers-pending\n",
			[]string{"warn /var/lib/dpkg/status: packages are not fully installed: grub-common triggers-pending, linux-image-amd64 half-configured [dpkg --configure -a]"}},
		{"half configured is not installed", "packages", deb, "-- var/lib/dpkg/status --\nPackage: efibootmgr\nStatus: install ok installed\n\nPackage: shim-signed\nStatus: install ok installed\n\nPackage: grub-efi-amd64\nStatus: install ok half-configured\n",
			[]string{"warn /var/lib/dpkg/status: packages are not fully installed", "warn /var/lib/dpkg/status: for uefi curtin installs what is missing from the network: grub-efi-amd64 [", "warn"}},
		{"removed", "packages", eikon + deb, "-- var/lib/dpkg/status --\nPackage: linux-image-amd64\nStatus: deinstall ok config-files\n", []string{"ok"}},
		{"no dpkg", "packages", "rhel9", "", []string{"info: not checked"}},
		{"FIFO", "packages", deb, "-- var/lib/dpkg/status [fifo] --\n", []string{"info: not checked", "warn /var/lib/dpkg/status: is not a regular file"}},
		{"huge", "packages", deb, "-- var/lib/dpkg/status [size=33554433] --\n", []string{"info: not checked", "warn /var/lib/dpkg/status: is longer than 33554432 bytes"}},
		{"loop", "packages", deb, "-- var/lib/dpkg/status -> status --\n", []string{"info: not checked", "warn /var/lib/dpkg/status: cannot be read: too many levels"}},
		{"out of the root", "packages", deb, "-- var/lib/dpkg/status -> ../../../../../../nowhere --\n", []string{"info: not checked"}},

		// fstab
		{"none", "fstab", deb, "-- etc/fstab [gone] --\n", []string{"ok: there is no fstab of the source"}},
		{"comments", "fstab", deb, "", []string{"ok /etc/fstab: has no entries"}},
		{"overwritten", "fstab", deb, "-- etc/fstab --\n/dev/sda1 / ext4 defaults 0 1\n", []string{"info /etc/fstab: is the source's, with one entry; curtin writes its own in its place"}},
		{"devices, no curtin", "fstab", eikon + deb, "-- etc/fstab --\n/dev/sda1 / ext4 defaults 0 1\n/dev/mapper/vg-var /var xfs defaults 0 2\n/dev/disk/by-uuid/1 /srv ext4 nofail\n/dev/cdrom /media iso9660 ro,noauto\nUUID=2 none swap sw\n",
			[]string{"info /etc/fstab: names disks by the source's devices, if the deployer keeps it: /dev/sda1 on /, /dev/mapper/vg-var on /var [name them by LABEL="}},
		{"no devices, no curtin", "fstab", eikon + deb, "-- etc/fstab --\nLABEL=root / ext4 defaults 0 1\ntmpfs /tmp tmpfs nosuid 0 0\n", []string{"info /etc/fstab: is the source's, with 2 entries, and names no disk by its device"}},
		{"FIFO", "fstab", deb, "-- etc/fstab [fifo] --\n", []string{"ok /etc/fstab: has no entries"}},
		{"unreadable", "fstab", deb, "-- etc/fstab [deny] --\n", []string{"warn /etc/fstab: cannot be read"}},

		// python
		{"there", "python", deb, "", []string{"ok /usr/bin/python3: runs cloud-init"}},
		{"missing", "python", deb, "-- usr/bin/python3 [gone] --\n", []string{"fail /usr/bin/python3: is missing or cannot be executed, and /usr/bin/cloud-init starts with it [install python3]"}},
		{"dangling", "python", deb, "-- usr/bin/python3.11 [gone] --\n", []string{"fail /usr/bin/python3:"}},
		{"platform-python", "python", "alma8", "", []string{"ok /usr/libexec/platform-python: runs cloud-init"}},
		{"no platform-python", "python", "alma8", "-- usr/libexec [gone] --\n", []string{"fail /usr/libexec/platform-python: is missing or cannot be executed, and /usr/bin/cloud-init starts with it [install platform-python]"}},
		{"two", "python", "centos7", "", []string{"ok /usr/bin/python: runs cloud-init"}},
		{"by env", "python", deb, "-- usr/bin/cloud-init [0755] --\n#!/usr/bin/env python3\n", []string{"ok /usr/bin/python3:"}},
		{"no first line", "python", deb, "-- usr/bin/cloud-init [0755 fill] --\n", []string{"ok /usr/bin/python3: is there for cloud-init"}},
		{"no first line, no Python", "python", deb, "-- usr/bin/cloud-init [0755 fill] --\n-- usr/bin/python3 [gone] --\n", []string{"warn /usr/bin/python3: is missing"}},
		{"no cloud-init", "python", "leap15", "", []string{"info: not checked"}},
	} {
		t.Run(c.rule+"/"+c.name, c.run)
	}
}

package bootcheck

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"image-capture/deploy"
)

// How the check is asked, in the names of fixtures of TestRules: words before it.
const (
	eikon = "eikon "
	uefi  = "uefi "
	bios  = "bios "
	hooks = "hooks " // ours are in the image
	head  = "curtin=2026-07 "
)

// addHooks adds ours.
func addHooks(img memTree) {
	if img["curtin"] == nil {
		img["curtin"] = &node{mode: fs.ModeDir | 0o755}
	}
	for _, f := range deploy.Hooks() {
		img[f.Path] = &node{mode: f.Mode, data: f.Content}
	}
}

// Fixtures that most rules are tried on.
const (
	deb = "debian12"
	arm = "debian12-arm64"
)

// ruleCase changes a fixture a little, and looks at the findings of one rule: the
// beginnings of its lines as text writes them, without the rule's name.
type ruleCase struct {
	name, rule, on, edit string
	want                 []string
}

func (c ruleCase) run(t *testing.T) {
	words := strings.Fields(c.on)
	img, opt, _ := fixture(t, words[len(words)-1])
	for _, word := range words[:len(words)-1] {
		if g, ok := strings.CutPrefix(word, "curtin="); ok {
			opt.Curtin = deploy.Generation(g)
		}
		switch word + " " {
		case hooks:
			addHooks(img)
		case eikon:
			opt.Deployer = Eikon
		case uefi:
			opt.Firmware |= UEFI
		case bios:
			opt.Firmware |= BIOS
		}
	}
	img.add(t, txtar.Parse([]byte(c.edit)))
	report, err := Check(t.Context(), img, opt)
	require.NoError(t, err)
	var got []string
	for _, f := range report.Findings {
		if f.Rule == c.rule {
			line := strings.Join(strings.Fields(text([]Finding{f})), " ")
			got = append(got, strings.Replace(line, " "+f.Rule, "", 1))
		}
	}
	require.Len(t, got, len(c.want), "%q", got)
	for i := range got {
		require.True(t, strings.HasPrefix(got[i], c.want[i]), "got  %s\nwant %s", got[i], c.want[i])
	}
}

func TestRules(t *testing.T) {
	for _, c := range []ruleCase{
		// distro
		{"nothing names it", "distro", deb, "-- etc/os-release [gone] --\n-- usr/lib/os-release [gone] --\n-- etc/debian_version [gone] --\n",
			[]string{"fail /etc/os-release: the distribution is unknown"}},
		{"a link to what is gone", "distro", deb, "-- etc/os-release -> ../usr/lib/os-release --\n-- usr/lib/os-release [gone] --\n-- etc/debian_version [gone] --\n",
			[]string{"fail /etc/os-release: the distribution is unknown: it is a link to ../usr/lib/os-release, where nothing tells it"}},
		{"debian_version only", "distro", deb, "-- etc/os-release [gone] --\n-- usr/lib/os-release [gone] --\n",
			[]string{"ok /etc/debian_version: Debian GNU/Linux 12.11 (debian family)", "warn /etc/os-release: is missing"}},
		{"only in /usr/lib", "distro", deb, "-- etc/os-release [gone] --\n",
			[]string{"ok /usr/lib/os-release:", "warn /etc/os-release: is missing"}},
		{"dangling link", "distro", deb, "-- etc/os-release -> nowhere --\n",
			[]string{"ok /usr/lib/os-release:", "warn /etc/os-release: is missing or leads nowhere"}},
		{"absolute link", "distro", deb, "-- etc/os-release -> /usr/lib/os-release --\n",
			[]string{"ok /etc/os-release:", "warn /etc/os-release: is an absolute symbolic link"}},
		{"absolute link at the second hop", "distro", deb, "-- etc/os-release -> release --\n-- etc/release -> /usr/lib/os-release --\n",
			[]string{"ok /etc/os-release:", "warn /etc/release: is an absolute symbolic link"}},
		{"absolute link, no curtin", "distro", eikon + deb, "-- etc/os-release -> /usr/lib/os-release --\n",
			[]string{"ok /etc/os-release:"}},
		{"comment in os-release", "distro", deb, "-- usr/lib/os-release --\n# made by hand\nID=debian\n",
			[]string{"ok /etc/os-release: debian (debian family)", "fail /etc/os-release: has a line that is not KEY=value (comments count before 2026-07): curtin stops at it: # made by hand"}},
		{"comment in os-release, 2026-07", "distro", head + "sles15", "-- etc/os-release --\n# made by hand\nID=sles\n", []string{"warn /etc/os-release: sles: curtin 2026-07 wants the package grub2-branding-SLE"}},
		{"comment in os-release, hooks", "distro", hooks + deb, "-- usr/lib/os-release --\n# made by hand\nID=debian\n", []string{"ok"}},
		{"SUSE", "distro", "sles15", "", []string{"fail /etc/os-release: SUSE Linux Enterprise Server 15 SP6: curtin 20.2-rackn ends with \"No block package mapping for distro: suse\", as do 20.2-rackn, 20.2, 22.1"}},
		{"two words unquoted", "distro", deb, "-- usr/lib/os-release --\nID=debian\nNAME=Debian Linux\n",
			[]string{"ok /etc/os-release: debian (debian family)", "fail /etc/os-release: has a line that is not KEY=value (comments count before 2026-07): curtin stops at it: NAME=Debian Linux"}},
		{"family by ID_LIKE", "distro", deb, "-- usr/lib/os-release --\nID=linuxmint\nID_LIKE=\"ubuntu debian\"\n",
			[]string{"fail /etc/os-release: linuxmint: curtin 20.2-rackn does not know ID=linuxmint; those that do are 22.1, 23.1, 2026-07"}},
		{"no family", "distro", deb, "-- usr/lib/os-release --\nID=void\n", []string{"fail /etc/os-release: void: curtin 20.2-rackn does not know ID=void; no generation does"}},
		{"no family, no curtin", "distro", eikon + deb, "-- usr/lib/os-release --\nID=void\n", []string{"warn /etc/os-release: void: Eikon knows roots like Debian's and Red Hat's only, and does the bare minimum with others"}},
		{"family without boot loader", "distro", deb, "-- usr/lib/os-release --\nID=arch\n", []string{"fail /etc/os-release: arch: curtin 20.2-rackn does not know ID=arch; no generation does"}},
		{"family without boot loader, own hooks", "distro", deb, "-- usr/lib/os-release --\nID=gentoo\n-- curtin/curtin-hooks [0755] --\n#!/bin/sh\n", []string{"ok /etc/os-release: gentoo (gentoo family)"}},
		{"family without boot loader, no curtin", "distro", "arch", "", []string{"warn /etc/os-release: Arch Linux: Eikon knows roots like Debian's and Red Hat's only, and does the bare minimum with others"}},
		{"no family, own hooks", "distro", deb, "-- usr/lib/os-release --\nID=void\n-- curtin/curtin-hooks [0755] --\n#!/bin/sh\n", []string{"info /etc/os-release: void: ID=void is of no family that the hooks know: they use the tools that they find"}},
		{"unknown to curtin only", "distro", deb, "-- usr/lib/os-release --\nID=alpine\n", []string{"fail /etc/os-release: alpine: curtin 20.2-rackn does not know ID=alpine; no generation does"}},
		{"unknown to curtin only, no curtin", "distro", "alpine", "", []string{"warn /etc/os-release: Alpine Linux v3.21: Eikon knows roots like Debian's and Red Hat's only, and does the bare minimum with other"}},
		{"FIFO", "distro", deb, "-- etc/os-release [fifo] --\n",
			[]string{"ok /usr/lib/os-release", "warn /etc/os-release: is a FIFO, not a regular file"}},
		{"unreadable", "distro", deb, "-- etc/os-release [deny] --\n",
			[]string{"ok /usr/lib/os-release", "warn /etc/os-release: cannot be read: permission denied"}},
		{"huge", "distro", deb, "-- etc/os-release [size=1048577] --\n",
			[]string{"ok /usr/lib/os-release", "warn /etc/os-release: is longer than 1048576 bytes"}},
		{"binary", "distro", deb, "-- etc/os-release [elf=62] --\n",
			[]string{"ok /usr/lib/os-release: Debian GNU/Linux 12 (bookworm) (debian family)", "fail /etc/os-release: has a line that is not KEY=value (comments count before 2026-07): curtin stops at it: \\x7fELF\\x02\\x01\\x01\\x0"}},
		{"loop", "distro", deb, "-- etc/os-release -> os-release --\n",
			[]string{"ok /usr/lib/os-release", "warn /etc/os-release: cannot be read: too many levels"}},

		// arch
		{"by init", "arch", deb, "", []string{"info /sbin/init: programs are for x86_64"}},
		{"by bash", "arch", deb, "-- usr/sbin/init [gone] --\n", []string{"info /bin/bash: programs are for x86_64"}},
		{"init is a script", "arch", deb, "-- usr/sbin/init [0755] --\n#!/bin/sh\n", []string{"info /bin/bash:"}},
		{"big endian", "arch", deb, "-- usr/sbin/init [elfbe=22] --\n", []string{"info /sbin/init: programs are for s390x"}},
		{"unknown machine", "arch", deb, "-- usr/sbin/init [elf=9999] --\n-- usr/bin/bash [gone] --\n", []string{"warn: the architecture is unknown"}},
		{"no programs", "arch", deb, "-- usr [gone] --\n", []string{"warn: the architecture is unknown"}},

		// root
		{"ordinary", "root", deb, "", []string{"ok: an ordinary root"}},
		{"ostree", "root", "fedora42", "-- ostree -> sysroot/ostree --\n-- sysroot/ostree/repo/config [fill] --\n", []string{"warn /ostree: an ostree root: "}},
		{"bootc", "root", "fedora42", "-- usr/bin/bootc [0755 fill] --\n-- sysroot/ostree/repo/config [fill] --\n", []string{"warn /usr/sbin/bootc: a bootc image: "}},
		{"bootc as a tool", "root", "fedora42", "-- usr/bin/bootc [0755 fill] --\n", []string{"ok"}},
		{"composefs", "root", "fedora42", "-- usr/lib/ostree/prepare-root.conf --\n[composefs]\nenabled = yes\n", []string{"warn /usr/lib/ostree/prepare-root.conf: a composefs root: "}},
		{"composefs off", "root", "fedora42", "-- usr/lib/ostree/prepare-root.conf --\n[composefs]\nenabled = no\n", []string{"ok"}},
		{"NixOS", "root", deb, "-- etc/os-release [gone] --\n-- etc/os-release --\nID=nixos\n", []string{"warn /nix/store: a NixOS root: "}},
		{"Nix as a package manager", "root", deb, "-- nix/store/x [fill] --\n", []string{"ok"}},
		{"live medium", "root", deb, "-- usr/lib/modules [gone] --\n-- live/filesystem.squashfs [fill] --\n", []string{"warn /live/filesystem.squashfs: a live medium: "}},
		{"EROFS", "root", deb, "-- etc/fstab --\n/dev/vda2 / erofs ro 0 0\n", []string{"warn /etc/fstab: a read-only SquashFS or EROFS root: "}},
		{"UKI only", "root", deb, "-- boot/vmlinuz-6.1.0-50-amd64 [gone] --\n-- boot/efi/EFI/Linux/debian.efi [fill] --\n", []string{"warn /boot/efi/EFI/Linux/debian.efi: a root with unified kernel images only: "}},
		{"a UKI too", "root", deb, "-- boot/efi/EFI/Linux/debian.efi [fill] --\n", []string{"ok"}},

		// curtin
		{"missing", "curtin", deb, "-- curtin [gone] --\n", []string{"info /curtin: is missing: RackN's documentation asks for it, though image-deploy takes an image without", "fail /curtin/curtin-hooks: there are no hooks, and curtin of every generation (20.2-rackn, 20.2, 22.1, 23.1, 2026-07) stops at the"}},
		{"missing, no curtin", "curtin", eikon + deb, "-- curtin [gone] --\n", []string{"info /curtin: is missing; only image-deploy wants it"}},
		{"link", "curtin", deb, "-- curtin -> opt --\n-- opt/ --\n", []string{"warn /curtin: is a symbolic link: image-deploy puts a directory in its place, and what it leads to, opt, is out of reach", "fail /curtin/curtin-hooks: there are no hooks, and curtin of every generation (20.2-rackn, 20.2, 22.1, 23.1, 2026-07) stops at the"}},
		{"file", "curtin", deb, "-- curtin --\n", []string{"warn /curtin: is not a directory: image-deploy puts one in its place", "fail /curtin/curtin-hooks: there are no hooks, and curtin of every generation (20.2-rackn, 20.2, 22.1, 23.1, 2026-07) stops at the"}},
		{"hooks", "curtin", deb, "-- curtin/curtin-hooks [0755] --\n#!/bin/sh\n-- curtin/finalize [0644] --\n#!/bin/sh\n",
			[]string{"ok /curtin: is a directory", "ok /curtin/curtin-hooks: hooks of the image's own deploy it", "fail /curtin/finalize: cannot be executed, and is run in place of the deployer's own hook"}},
		{"dangling hook", "curtin", deb, "-- curtin/curtin-hooks -> gone --\n", []string{"ok /curtin:", "fail /curtin/curtin-hooks: cannot"}},

		{"hooks of ours", "curtin", hooks + deb, "", []string{"ok /curtin: is a directory", "ok /curtin/curtin-hooks: our hooks, version 2, deploy the image"}},
		{"hooks of ours, an old version", "curtin", deb, "-- curtin/curtin-hooks [0755] --\n#!/bin/sh\n# image-capture-hooks: 0\n", []string{"ok /curtin:", "ok /curtin/curtin-hooks: hooks of the image's own"}},
		{"like Ubuntu Core", "curtin", hooks + deb, "-- snaps/ --\n", []string{"fail /snaps: is taken by curtin for a sign of Ubuntu Core: it runs no hooks", "ok", "ok"}},
		{"like Ubuntu Core 16", "curtin", hooks + deb, "-- system-data/var/lib/snapd/ --\n", []string{"fail /system-data/var/lib/snapd: is taken", "ok", "ok"}},
		{"no Ubuntu Core", "curtin", hooks + deb, "-- snap/ --\n-- var/lib/snapd/ --\n-- system-data/ --\n", []string{"ok", "ok"}},
		{"like Ubuntu Core, no curtin", "curtin", eikon + deb, "-- snaps/ --\n", []string{"info /curtin: only"}},
		{"link at /etc", "curtin", hooks + deb, "-- etc [gone] --\n-- etc -> usr/etc --\n", []string{"fail /etc: is a symbolic link: image-deploy puts a directory in its place", "ok", "ok"}},
		{"link at /usr/local", "curtin", hooks + deb, "-- usr/local -> ../var/usrlocal --\n", []string{"warn /usr/local: is a symbolic link", "ok", "ok"}},
		{"links, no curtin", "curtin", eikon + deb, "-- usr/local -> ../var/usrlocal --\n", []string{"info /curtin: only image-deploy makes use of it"}},
		{"Ubuntu without hooks", "curtin", "ubuntu2404", "", []string{"ok", "warn /curtin/curtin-hooks: there are no hooks: with the subtype ubuntu curtin 20.2-rackn installs linux-generic by apt, from the network"}},
		{"EL without hooks", "curtin", "rhel9", "", []string{"ok", "info /curtin/curtin-hooks: there are no hooks: those built into curtin 20.2-rackn install the boot loader"}},

		// kernel
		{"not where the hooks look", "kernel", hooks + deb, "-- boot/vmlinuz-6.1.0-50-amd64 [gone] --\n-- usr/lib/modules/6.1.0-50-amd64/vmlinuz [fill] --\n", []string{"ok", "fail /boot: there is no kernel here, and the hooks look"}},
		{"two kernels", "kernel", "rhel9", "-- boot/vmlinuz-5.14.0-1.el9.x86_64 [fill] --\n-- usr/lib/modules/5.14.0-1.el9.x86_64/modules.dep --\n", []string{"ok", "ok", "warn: there are 2 kernels: with the Param curtin/partitions set"}},
		{"two kernels, hooks", "kernel", hooks + "rhel9", "-- boot/vmlinuz-5.14.0-1.el9.x86_64 [fill] --\n-- usr/lib/modules/5.14.0-1.el9.x86_64/modules.dep --\n", []string{"ok", "ok"}},
		{"no modules", "kernel", deb, "-- usr/lib/modules [gone] --\n", []string{"fail /usr/lib/modules: there is no kernel"}},
		{"empty /boot", "kernel", deb, "-- boot [gone] --\n-- boot/ --\n",
			[]string{"warn /usr/lib/modules/6.1.0-50-amd64: modules without a kernel image", "fail /usr/lib/modules: there is no kernel"}},
		{"no modules.dep", "kernel", deb, "-- usr/lib/modules/6.1.0-50-amd64/modules.dep [gone] --\n",
			[]string{"warn /usr/lib/modules/6.1.0-50-amd64: has no modules.dep", "fail"}},
		// kmod 30 of Debian 12: modprobe --show-depends finds nothing without the .bin files, and all without the text.
		{"text only, kmod", "kernel", deb, "-- usr/bin/kmod [0755 fill] --\n", []string{"fail /usr/lib/modules/6.1.0-50-amd64: has no modules.dep.bin, and kmod reads no other list: kernel 6.1.0-50-amd64 cannot load a module [depmod -a 6.1.0-50-amd64]"}},
		{"text and index, kmod", "kernel", deb, "-- usr/bin/kmod [0755 fill] --\n-- usr/lib/modules/6.1.0-50-amd64/modules.dep.bin [fill] --\n", []string{"ok /boot/vmlinuz-6.1.0-50-amd64"}},
		{"index only, kmod", "kernel", "rocky9", "-- usr/bin/kmod [0755 fill] --\n-- usr/lib/modules/5.14.0-570.el9_6.x86_64/modules.dep [gone] --\n-- usr/lib/modules/5.14.0-570.el9_6.x86_64/modules.dep.bin [fill] --\n", []string{"ok /boot/vmlinuz-5.14.0-570.el9_6.x86_64"}},
		{"empty image", "kernel", deb, "-- boot/vmlinuz-6.1.0-50-amd64 --\n",
			[]string{"warn /boot/vmlinuz-6.1.0-50-amd64: is empty or leads nowhere", "fail"}},
		{"image with the modules only", "kernel", deb, "-- boot/vmlinuz-6.1.0-50-amd64 [gone] --\n-- usr/lib/modules/6.1.0-50-amd64/vmlinuz [fill] --\n",
			[]string{"ok /usr/lib/modules/6.1.0-50-amd64/vmlinuz: kernel 6.1.0-50-amd64, modules in /usr/lib/modules/6.1.0-50-amd64"}},
		{"image with the modules only, no curtin", "kernel", eikon + deb, "-- boot/vmlinuz-6.1.0-50-amd64 [gone] --\n-- usr/lib/modules/6.1.0-50-amd64/vmlinuz [fill] --\n",
			[]string{"ok /usr/lib/modules/6.1.0-50-amd64/vmlinuz: kernel 6.1.0-50-amd64"}},
		{"arm64 Image", "kernel", arm, "-- boot/vmlinuz-6.1.0-50-arm64 [gone] --\n-- boot/Image-6.1.0-50-arm64 [fill] --\n",
			[]string{"ok /boot/Image-6.1.0-50-arm64"}},
		{"left-over modules", "kernel", deb, "-- usr/lib/modules/5.10.0-1-amd64/modules.dep --\n-- usr/lib/modules/4.19.0-1-amd64/updates/x.ko --\n",
			[]string{"info /usr/lib/modules/5.10.0-1-amd64: modules without", "ok /boot/vmlinuz-6.1.0-50-amd64"}},
		{"one dash", "kernel", deb, "-- boot/vmlinuz-6.6.8 [fill] --\n-- usr/lib/modules/6.6.8/modules.dep --\n",
			[]string{"ok /boot/vmlinuz-6.1.0-50-amd64: kernel 6.1.0-50-amd64, modules in /usr/lib/modules/6.1.0-50-amd64", "ok /boot/vmlinuz-6.6.8: kernel 6.6.8, modules in /usr/lib/modules/6.6.8"}},
		{"names of another family", "kernel", "rhel9", "-- boot/vmlinuz-6.6.8 [fill] --\n", []string{"ok"}},
		{"/boot of its own", "kernel", deb, "-- boot [gone] --\n-- boot/ --\n-- etc/fstab --\nUUID=0123 /boot ext4 defaults 0 2\n",
			[]string{"warn /usr/lib/modules/6.1.0-50-amd64: modules without a kernel image [/boot is a filesystem of its own (UUID=0123 in fstab): mount it, and capture it too]",
				"fail /usr/lib/modules: there is no kernel: a version with modules.dep here and an image in /boot [/boot is a filesystem of its own"}},
		{"package without its files", "kernel", deb, "-- usr/lib/modules [gone] --\n", []string{"fail /usr/lib/modules: there is no kernel: a version with modules.dep here and an image in /boot [apt-get install --reinstall linux-image-amd64]"}},
		{"Arch", "kernel", "arch", "", []string{"ok /boot/vmlinuz-linux: kernel 6.14.2-arch1-1"}},
		{"Arch, two kernels", "kernel", "arch", "-- boot/vmlinuz-linux-lts [fill] --\n-- usr/lib/modules/6.12.23-1-lts/modules.dep --\n-- usr/lib/modules/6.12.23-1-lts/pkgbase --\nlinux-lts\n",
			[]string{"ok /boot/vmlinuz-linux-lts: kernel 6.12.23-1-lts", "ok /boot/vmlinuz-linux: kernel 6.14.2-arch1-1"}},
		{"Arch, no image", "kernel", "arch", "-- boot/vmlinuz-linux [gone] --\n-- usr/lib/modules/6.14.2-arch1-1/vmlinuz [gone] --\n", []string{"warn", "fail"}},
		{"a flavour that leaves /boot", "kernel", "arch", "-- boot [gone] --\n-- boot/ --\n-- usr/lib/modules/6.14.2-arch1-1/pkgbase --\nx/../../../etc\n-- usr/lib/modules/6.14.2-arch1-1/vmlinuz [gone] --\n", []string{"warn", "fail"}},
		{"Alpine", "kernel", "alpine", "", []string{"ok /boot/vmlinuz-lts: kernel 6.12.13-0-lts"}},
		{"Alpine, modules of another version", "kernel", "alpine", "-- usr/share/kernel/lts/kernel.release --\n6.12.99-0-lts\n", []string{"warn /lib/modules/6.12.13-0-lts: modules without a kernel image", "fail"}},
		{"SUSE's dangling link", "kernel", "leap15", "-- usr/lib/modules/6.4.0-150600.21-default/vmlinuz [gone] --\n", []string{"warn /boot/vmlinuz-6.4.0-150600.21-default: is empty or leads nowhere", "fail"}},
		{"rescue and kdump only", "kernel", deb, "-- usr/lib/modules/6.1.0-50-amd64 [gone] --\n-- usr/lib/modules/6-kdump/modules.dep --\n-- boot/vmlinuz-6-kdump [fill] --\n-- usr/lib/modules/0-rescue-1/modules.dep --\n-- boot/vmlinuz-0-rescue-1 [fill] --\n",
			[]string{"fail /usr/lib/modules: there is no kernel"}},

		// initramfs
		{"missing", "initramfs", deb, "-- boot/initrd.img-6.1.0-50-amd64 [gone] --\n", []string{"fail /boot: kernel 6.1.0-50-amd64 has no initramfs [update-initramfs"}},
		{"missing for one", "initramfs", "ubuntu2404", "-- boot/initrd.img-6.8.0-59-generic [gone] --\n",
			[]string{"ok", "warn /boot: kernel 6.8.0-59-generic has no initramfs, and another"}},
		{"Arch, main one missing", "initramfs", "arch", "-- boot/initramfs-linux.img [gone] --\n", []string{"fail /boot: kernel 6.14.2-arch1-1 has no initramfs [mkinitcpio -p linux]"}},
		{"Alpine, missing", "initramfs", "alpine", "-- boot/initramfs-lts [gone] --\n", []string{"fail /boot: kernel 6.12.13-0-lts has no initramfs [mkinitfs 6.12.13-0-lts]"}},
		{"no tool to make one", "initramfs", deb, "-- boot/initrd.img-6.1.0-50-amd64 [gone] --\n-- usr/sbin/update-initramfs [gone] --\n", []string{"fail /boot: kernel 6.1.0-50-amd64 has no initramfs [install initramfs-tools, and"}},
		{"empty", "initramfs", deb, "-- boot/initrd.img-6.1.0-50-amd64 --\n", []string{"fail /boot/initrd.img-6.1.0-50-amd64: is empty"}},
		{"dangling", "initramfs", "rhel9", "-- boot/initramfs-5.14.0-427.el9.x86_64.img -> gone --\n",
			[]string{"fail /boot/initramfs-5.14.0-427.el9.x86_64.img: is empty or leads nowhere: kernel 5.14.0-427.el9.x86_64 has no initramfs [dracut"}},
		{"no kernel", "initramfs", deb, "-- usr/lib/modules [gone] --\n", []string{"info: not checked"}},

		// cloud-init by OpenRC
		{"OpenRC", "cloud-init", "alpine", "", []string{"ok /etc/init.d/cloud-init: cloud-init is installed and in a runlevel"}},
		{"OpenRC, in no runlevel", "cloud-init", "alpine", "-- etc/runlevels/default [gone] --\n", []string{"fail /etc/init.d/cloud-init: cloud-init is installed, and in no runlevel: cloud-init, cloud-config, cloud-final [setup-cloud-init]"}},
		{"OpenRC, not whole", "cloud-init", "alpine", "-- etc/init.d/cloud-final [gone] --\n", []string{"fail /etc/init.d/cloud-final: is missing"}},
		{"OpenRC, switched off", "cloud-init-disabled", "alpine", "-- etc/cloud/cloud-init.disabled --\n", []string{"fail /etc/cloud/cloud-init.disabled"}},

		// cloud-init
		{"not installed", "cloud-init", deb, "-- usr/bin/cloud-init [gone] --\n-- usr/lib/systemd/system [gone] --\n", []string{"warn /usr/bin/cloud-init: cloud-init is not installed"}},
		{"no program", "cloud-init", deb, "-- usr/bin/cloud-init [gone] --\n", []string{"fail /usr/bin/cloud-init: is missing"}},
		{"program not executable", "cloud-init", deb, "-- usr/bin/cloud-init [0644 fill] --\n", []string{"fail /usr/bin/cloud-init: cannot be executed"}},
		{"no unit", "cloud-init", deb, "-- usr/lib/systemd/system [gone] --\n", []string{"fail /usr/bin/cloud-init: is there without a systemd unit"}},
		{"no configuration", "cloud-init", deb, "-- etc/cloud/cloud.cfg [gone] --\n", []string{"fail /etc/cloud/cloud.cfg: is missing"}},
		{"unit in /etc", "cloud-init", deb, "-- usr/lib/systemd/system/cloud-init.service [gone] --\n-- etc/systemd/system/cloud-init.service [fill] --\n", []string{"ok"}},
		{"unit in an unmerged /lib", "cloud-init", deb, "-- lib [gone] --\n-- usr/lib/systemd/system [gone] --\n-- lib/systemd/system/cloud-init.service [fill] --\n", []string{"ok"}},
		{"disabled", "cloud-init", deb, "-- etc/systemd/system/cloud-init.target.wants [gone] --\n", []string{"warn /usr/lib/systemd/system/cloud-init.service: is not enabled"}},
		{"no generator", "cloud-init", deb, "-- usr/lib/systemd/system-generators [gone] --\n",
			[]string{"warn /etc/systemd/system/cloud-init.target.wants/cloud-init.service: is enabled in cloud-init.target, but nothing starts that"}},
		{"masked generator", "cloud-init", deb, "-- etc/systemd/system-generators/cloud-init-generator -> /dev/null --\n", []string{"warn /etc/systemd/system/cloud-init.target.wants/cloud-init.service: is enabled in"}},
		{"no generator, linked target", "cloud-init", deb, "-- usr/lib/systemd/system-generators [gone] --\n-- etc/systemd/system/multi-user.target.wants/cloud-init.target -> /usr/lib/systemd/system/cloud-init.target --\n", []string{"ok"}},
		{"neither", "cloud-init", "rhel10", "", []string{"fail /usr/lib/systemd/system/cloud-init-network.service: cloud-init is installed and not enabled"}},
		{"wish taken back", "cloud-init", "alma8", "-- etc/systemd/system/multi-user.target.wants/cloud-init.service -> /dev/null --\n", []string{"fail"}},
		{"direct", "cloud-init", "alma8", "", []string{"ok /etc/systemd/system/multi-user.target.wants/cloud-init.service"}},

		// cloud-init-disabled
		{"file", "cloud-init-disabled", deb, "-- etc/cloud/cloud-init.disabled --\n", []string{"fail /etc/cloud/cloud-init.disabled"}},
		{"GRUB default", "cloud-init-disabled", deb, "-- etc/default/grub --\nGRUB_CMDLINE_LINUX_DEFAULT=\"quiet cloud-init=disabled\"\n", []string{"fail /etc/default/grub: has cloud-init=disabled"}},
		{"GRUB default, in a comment", "cloud-init-disabled", deb, "-- etc/default/grub --\n#GRUB_CMDLINE_LINUX=\"cloud-init=disabled\"\n", []string{"ok"}},
		{"GRUB default, set again", "cloud-init-disabled", deb, "-- etc/default/grub --\nGRUB_CMDLINE_LINUX=\"cloud-init=disabled\"\n-- etc/default/grub.d/50-x.cfg --\nGRUB_CMDLINE_LINUX=quiet\n", []string{"ok"}},
		{"GRUB default, built upon", "cloud-init-disabled", deb, "-- etc/default/grub --\nGRUB_CMDLINE_LINUX='cloud-init=disabled'\n-- etc/default/grub.d/50-x.cfg --\nGRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX quiet\"\n", []string{"fail /etc/default/grub:"}},
		{"GRUB default, over two lines", "cloud-init-disabled", deb, "-- etc/default/grub.d/50-x.cfg --\nexport GRUB_CMDLINE_LINUX=\"${GRUB_CMDLINE_LINUX} \\\n cloud-init=disabled\"\n", []string{"fail /etc/default/grub.d/50-x.cfg:"}},
		{"GRUB default, not a .cfg", "cloud-init-disabled", deb, "-- etc/default/grub.d/50-x.off --\nGRUB_CMDLINE_LINUX=cloud-init=disabled\n", []string{"ok"}},
		{"kernel-install", "cloud-init-disabled", deb, "-- etc/kernel/cmdline --\ncloud-init=disabled root=/dev/sda1\n", []string{"fail /etc/kernel/cmdline:"}},
		{"file in the place of a directory", "cloud-init-disabled", deb, "-- etc/kernel [fill] --\n", []string{"ok"}},
		{"boot loader entry", "cloud-init-disabled", "rhel9", "-- boot/loader/entries/x.conf --\ntitle x\noptions root=/dev/sda1 cloud-init=disabled\n", []string{"fail /boot/loader/entries/x.conf:"}},
		{"boot loader entry's title", "cloud-init-disabled", "rhel9", "-- boot/loader/entries/x.conf --\ntitle cloud-init=disabled\n", []string{"ok"}},
		{"grub.cfg", "cloud-init-disabled", deb, "-- boot/grub/grub.cfg --\n# cloud-init=disabled\nmenuentry 'x' {\n\tlinux /vmlinuz ro cloud-init=disabled quiet\n}\n", []string{"fail /boot/grub/grub.cfg:"}},
		{"grub.cfg, in a comment", "cloud-init-disabled", deb, "-- boot/grub/grub.cfg --\n\t# linux /vmlinuz cloud-init=disabled\n", []string{"ok"}},
		{"grub.cfg, other word", "cloud-init-disabled", deb, "-- boot/grub/grub.cfg --\nlinux /vmlinuz no-cloud-init=disabled cloud-init=disabled2\n", []string{"ok"}},
		{"grubenv", "cloud-init-disabled", "alma8", "-- boot/grub2/grubenv --\n# GRUB Environment Block\nkernelopts=root=/dev/sda1 cloud-init=disabled \n####\n", []string{"fail /boot/grub2/grubenv:"}},
		{"grubenv on the ESP", "cloud-init-disabled", "alma8", "-- boot/efi/EFI/almalinux/grubenv --\nkernelopts=cloud-init=disabled\n", []string{"fail /boot/efi/EFI/almalinux/grubenv:"}},
		{"masked", "cloud-init-disabled", deb, "-- etc/systemd/system/cloud-init.service -> /dev/null --\n", []string{"fail /etc/systemd/system/cloud-init.service: cloud-init.service is masked"}},
		{"masked by a relative link", "cloud-init-disabled", deb, "-- etc/systemd/system/cloud-final.service -> ../../../dev/null --\n", []string{"fail /etc/systemd/system/cloud-final.service:"}},
		{"masked by an empty file", "cloud-init-disabled", deb, "-- etc/systemd/system/cloud-init.target --\n", []string{"fail /etc/systemd/system/cloud-init.target:"}},
		{"mask of a removed unit", "cloud-init-disabled", "ubuntu2404", "-- etc/systemd/system/cloud-init.service -> /dev/null --\n", []string{"ok"}},
		{"mask overridden", "cloud-init-disabled", deb, "-- etc/systemd/system/cloud-init.service [fill] --\n-- usr/lib/systemd/system/cloud-init.service -> /dev/null --\n", []string{"ok"}},
		{"data sources with NoCloud", "cloud-init-disabled", "ubuntu2404", "", []string{"ok"}},
		{"data sources before RackN's file", "cloud-init-disabled", deb, "-- etc/cloud/cloud.cfg.d/90_x.cfg --\ndatasource_list: [ Ec2 ]\n", []string{"ok"}},
		{"RackN's file is replaced", "cloud-init-disabled", deb, "-- etc/cloud/cloud.cfg.d/95_datasource.cfg --\ndatasource_list: [ Ec2 ]\n", []string{"ok"}},
		{"data sources after RackN's file", "cloud-init-disabled", deb, "-- etc/cloud/cloud.cfg.d/99_x.cfg --\ndatasource_list: [ Ec2 ]\n", []string{"fail /etc/cloud/cloud.cfg.d/99_x.cfg: datasource_list is without NoCloud"}},
		{"several after RackN's file", "cloud-init-disabled", deb, "-- etc/cloud/cloud.cfg.d/99_x.cfg --\ndatasource_list: [ ConfigDrive, NoCloud ]\n", []string{"warn /etc/cloud/cloud.cfg.d/99_x.cfg: comes after the deployer's 95_datasource.cfg, and some releases of cloud-init find no data source by more than one name"}},
		{"ds-identify's policy", "cloud-init-disabled", deb, "-- usr/lib/cloud-init/ds-identify [0755 fill] --\n-- etc/cloud/ds-identify.cfg --\n# x\npolicy: disabled\n", []string{"fail /etc/cloud/ds-identify.cfg: disables cloud-init by ds-identify's policy: disabled"}},
		{"no nc", "cloud-init-disabled", deb, "-- usr/lib/systemd/system/cloud-init.service --\nExecStart=sh -c 'echo start | nc -Uu -W1 /run/cloud-init/share/network.sock'\n", []string{"fail /usr/bin/nc: is missing"}},
		{"nc", "cloud-init-disabled", deb, "-- usr/bin/nc [0755 fill] --\n-- usr/lib/systemd/system/cloud-init.service --\nExecStart=sh -c 'echo start | nc -Uu -W1 /run/cloud-init/share/network.sock'\n", []string{"ok"}},
		{"traditional nc", "cloud-init-disabled", deb, "-- usr/bin/nc -> /etc/alternatives/nc --\n-- etc/alternatives/nc -> /bin/nc.traditional --\n-- usr/bin/nc.traditional [0755 fill] --\n-- usr/lib/systemd/system/cloud-init.service --\nExecStart=sh -c 'echo start | nc -Uu -W1 /run/cloud-init/share/network.sock'\n", []string{"fail /usr/bin/nc: knows no Unix sockets"}},
		{"data sources without NoCloud", "cloud-init-disabled", eikon + deb, "-- etc/cloud/cloud.cfg.d/90_x.cfg --\ndatasource_list: [Ec2, None]\n",
			[]string{"fail /etc/cloud/cloud.cfg.d/90_x.cfg: datasource_list is without NoCloud, which the deployer writes: [Ec2, None]"}},
		{"None only", "cloud-init-disabled", eikon + deb, "-- etc/cloud/cloud.cfg.d/90_x.cfg --\ndatasource_list: [None]\n", []string{"fail"}},
		{"no data source", "cloud-init-disabled", eikon + deb, "-- etc/cloud/cloud.cfg.d/90_x.cfg --\ndatasource_list: []\n", []string{"fail"}},
		{"later file wins", "cloud-init-disabled", deb, "-- etc/cloud/cloud.cfg.d/90_x.cfg --\ndatasource_list: [Ec2]\n-- etc/cloud/cloud.cfg.d/99_y.cfg --\ndatasource_list:\n- NoCloud\n", []string{"ok"}},
		{"later than the main file", "cloud-init-disabled", eikon + deb, "-- etc/cloud/cloud.cfg --\ndatasource_list: [NoCloud]\n-- etc/cloud/cloud.cfg.d/00_x.cfg --\ndatasource_list: [Ec2]\n", []string{"fail /etc/cloud/cloud.cfg.d/00_x.cfg"}},
		{"not a .cfg", "cloud-init-disabled", deb, "-- etc/cloud/cloud.cfg.d/90_x.cfg.off --\ndatasource_list: [Ec2]\n", []string{"ok"}},
		{"not YAML", "cloud-init-disabled", deb, "-- etc/cloud/cloud.cfg.d/90_x.cfg --\ndatasource_list: [Ec2\n\t}\n",
			[]string{"ok", "warn /etc/cloud/cloud.cfg.d/90_x.cfg: is not YAML"}},
		{"not installed", "cloud-init-disabled", "leap15", "-- etc/cloud/cloud-init.disabled --\n", []string{"info: not checked"}},
	} {
		t.Run(c.rule+"/"+c.name, c.run)
	}
}

// The number of names in a directory cannot keep the check busy.
func TestDirectoriesAreBounded(t *testing.T) {
	img, opt, _ := fixture(t, "debian12")
	for i := range maxDir + 10 {
		img[fmt.Sprintf("etc/default/grub.d/%05d.cfg", i)] = &node{mode: 0o644}
	}
	img["etc/default/grub.d"] = &node{mode: fs.ModeDir | 0o755}
	img["etc/default/grub.d/last.cfg"] = &node{mode: 0o644, data: []byte("GRUB_CMDLINE_LINUX=cloud-init=disabled\n")}
	report, err := Check(t.Context(), img, opt)
	require.NoError(t, err)
	require.Contains(t, text(report.Findings),
		"warn cloud-init-disabled /etc/default/grub.d: has 4108 names, only the first 4096 were looked at\n")
	require.NotContains(t, text(report.Findings), "last.cfg")
}

package bootcheck

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
)

// TestRules changes a fixture a little, and looks at the findings of one rule:
// the beginnings of its lines as text writes them, without the rule's name.
func TestRules(t *testing.T) {
	const (
		eikon = "eikon "
		deb   = "debian12"
		arm   = "debian12-arm64"
	)
	// Where the modules are left out, the rest decides.
	const noModules = "-- usr/lib/grub/x86_64-efi [gone] --\n"
	const noSigned = noModules + "-- usr/lib/grub/x86_64-efi-signed [gone] --\n-- usr/lib/shim [gone] --\n"

	for _, c := range []struct {
		name, rule, on, edit string
		want                 []string
	}{
		// distro
		{"nothing names it", "distro", deb, "-- etc/os-release [gone] --\n-- usr/lib/os-release [gone] --\n-- etc/debian_version [gone] --\n",
			[]string{"fail /etc/os-release: the distribution is unknown"}},
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
			[]string{"ok /etc/os-release: debian (debian family)", "warn /etc/os-release: has a line that is not KEY=value"}},
		{"two words unquoted", "distro", deb, "-- usr/lib/os-release --\nID=debian\nNAME=Debian Linux\n",
			[]string{"ok", "warn /etc/os-release: has a line that is not KEY=value (comments count): curtin stops at it: NAME=Debian Linux"}},
		{"family by ID_LIKE", "distro", deb, "-- usr/lib/os-release --\nID=linuxmint\nID_LIKE=\"ubuntu debian\"\n",
			[]string{"ok /etc/os-release: linuxmint (debian family)"}},
		{"no family", "distro", deb, "-- usr/lib/os-release --\nID=void\n", []string{"fail /etc/os-release: void: neither ID=void"}},
		{"no family, no curtin", "distro", eikon + deb, "-- usr/lib/os-release --\nID=void\n", []string{"warn /etc/os-release: void: ID=void"}},
		{"family without boot loader", "distro", deb, "-- usr/lib/os-release --\nID=arch\n", []string{"warn /etc/os-release: arch: curtin knows"}},
		{"FIFO", "distro", deb, "-- etc/os-release [fifo] --\n",
			[]string{"ok /usr/lib/os-release", "warn /etc/os-release: is a FIFO, not a regular file"}},
		{"unreadable", "distro", deb, "-- etc/os-release [deny] --\n",
			[]string{"ok /usr/lib/os-release", "warn /etc/os-release: cannot be read: permission denied"}},
		{"huge", "distro", deb, "-- etc/os-release [size=1048577] --\n",
			[]string{"ok /usr/lib/os-release", "warn /etc/os-release: is longer than 1048576 bytes"}},
		{"binary", "distro", deb, "-- etc/os-release [elf=62] --\n",
			[]string{"ok /usr/lib/os-release", "warn /etc/os-release: has a line"}},
		{"loop", "distro", deb, "-- etc/os-release -> os-release --\n",
			[]string{"ok /usr/lib/os-release", "warn /etc/os-release: cannot be read: too many levels"}},

		// arch
		{"by init", "arch", deb, "", []string{"info /sbin/init: programs are for x86_64"}},
		{"by bash", "arch", deb, "-- usr/sbin/init [gone] --\n", []string{"info /bin/bash: programs are for x86_64"}},
		{"init is a script", "arch", deb, "-- usr/sbin/init [0755] --\n#!/bin/sh\n", []string{"info /bin/bash:"}},
		{"big endian", "arch", deb, "-- usr/sbin/init [elfbe=22] --\n", []string{"info /sbin/init: programs are for s390x"}},
		{"unknown machine", "arch", deb, "-- usr/sbin/init [elf=9999] --\n-- usr/bin/bash [gone] --\n", []string{"warn: the architecture is unknown"}},
		{"no programs", "arch", deb, "-- usr [gone] --\n", []string{"warn: the architecture is unknown"}},

		// curtin
		{"missing", "curtin", deb, "-- curtin [gone] --\n", []string{"fail /curtin: is missing"}},
		{"missing, no curtin", "curtin", eikon + deb, "-- curtin [gone] --\n", []string{"info /curtin: is missing"}},
		{"link", "curtin", deb, "-- curtin -> opt --\n-- opt/ --\n", []string{"fail /curtin: is a symbolic link"}},
		{"file", "curtin", deb, "-- curtin --\n", []string{"fail /curtin: is not a directory"}},
		{"hooks", "curtin", deb, "-- curtin/curtin-hooks [0755] --\n#!/bin/sh\n-- curtin/finalize [0644] --\n#!/bin/sh\n",
			[]string{"ok /curtin:", "warn /curtin/curtin-hooks: replaces", "fail /curtin/finalize: cannot be executed"}},
		{"dangling hook", "curtin", deb, "-- curtin/curtin-hooks -> gone --\n", []string{"ok /curtin:", "fail /curtin/curtin-hooks: cannot"}},

		// kernel
		{"no modules", "kernel", deb, "-- usr/lib/modules [gone] --\n", []string{"fail /usr/lib/modules: there is no kernel"}},
		{"empty /boot", "kernel", deb, "-- boot [gone] --\n-- boot/ --\n",
			[]string{"warn /usr/lib/modules/6.1.0-50-amd64: modules without a kernel image", "fail /usr/lib/modules: there is no kernel"}},
		{"no modules.dep", "kernel", deb, "-- usr/lib/modules/6.1.0-50-amd64/modules.dep [gone] --\n",
			[]string{"warn /usr/lib/modules/6.1.0-50-amd64: has no modules.dep", "fail"}},
		{"empty image", "kernel", deb, "-- boot/vmlinuz-6.1.0-50-amd64 --\n",
			[]string{"warn /boot/vmlinuz-6.1.0-50-amd64: is empty or leads nowhere", "fail"}},
		{"image with the modules only", "kernel", deb, "-- boot/vmlinuz-6.1.0-50-amd64 [gone] --\n-- usr/lib/modules/6.1.0-50-amd64/vmlinuz [fill] --\n",
			[]string{"ok /usr/lib/modules/6.1.0-50-amd64/vmlinuz: kernel 6.1.0-50-amd64", "warn /boot: there is no vmlinuz-*"}},
		{"image with the modules only, no curtin", "kernel", eikon + deb, "-- boot/vmlinuz-6.1.0-50-amd64 [gone] --\n-- usr/lib/modules/6.1.0-50-amd64/vmlinuz [fill] --\n",
			[]string{"ok /usr/lib/modules/6.1.0-50-amd64/vmlinuz: kernel 6.1.0-50-amd64"}},
		{"arm64 Image", "kernel", arm, "-- boot/vmlinuz-6.1.0-50-arm64 [gone] --\n-- boot/Image-6.1.0-50-arm64 [fill] --\n",
			[]string{"ok /boot/Image-6.1.0-50-arm64"}},
		{"left-over modules", "kernel", deb, "-- usr/lib/modules/5.10.0-1-amd64/modules.dep --\n-- usr/lib/modules/4.19.0-1-amd64/updates/x.ko --\n",
			[]string{"info /usr/lib/modules/5.10.0-1-amd64: modules without", "ok /boot/vmlinuz-6.1.0-50-amd64"}},
		{"one dash", "kernel", deb, "-- boot/vmlinuz-6.6.8 [fill] --\n-- usr/lib/modules/6.6.8/modules.dep --\n",
			[]string{"ok", "ok", "warn /boot/vmlinuz-6.6.8: curtin needs two dashes"}},
		{"rescue and kdump only", "kernel", deb, "-- usr/lib/modules/6.1.0-50-amd64 [gone] --\n-- usr/lib/modules/6-kdump/modules.dep --\n-- boot/vmlinuz-6-kdump [fill] --\n-- usr/lib/modules/0-rescue-1/modules.dep --\n-- boot/vmlinuz-0-rescue-1 [fill] --\n",
			[]string{"fail /usr/lib/modules: there is no kernel"}},

		// initramfs
		{"missing", "initramfs", deb, "-- boot/initrd.img-6.1.0-50-amd64 [gone] --\n", []string{"fail /boot: kernel 6.1.0-50-amd64 has no initramfs [update-initramfs"}},
		{"missing for one", "initramfs", "ubuntu2404", "-- boot/initrd.img-6.8.0-59-generic [gone] --\n",
			[]string{"ok", "warn /boot: kernel 6.8.0-59-generic has no initramfs, and another"}},
		{"empty", "initramfs", deb, "-- boot/initrd.img-6.1.0-50-amd64 --\n", []string{"fail /boot/initrd.img-6.1.0-50-amd64: is empty"}},
		{"dangling", "initramfs", "rhel9", "-- boot/initramfs-5.14.0-427.el9.x86_64.img -> gone --\n",
			[]string{"fail /boot/initramfs-5.14.0-427.el9.x86_64.img: is empty or leads nowhere: kernel 5.14.0-427.el9.x86_64 has no initramfs [dracut"}},
		{"no kernel", "initramfs", deb, "-- usr/lib/modules [gone] --\n", []string{"info: not checked"}},

		// grub-uefi
		{"directory alone", "grub-uefi", deb, noSigned + "-- usr/lib/grub/x86_64-efi/ --\n",
			[]string{"fail /usr/lib/grub/x86_64-efi/modinfo.sh: no UEFI boot loader: neither GRUB's modules for x86_64-efi nor a signed loader [install grub-efi-amd64-bin]"}},
		{"empty modinfo.sh", "grub-uefi", deb, noSigned + "-- usr/lib/grub/x86_64-efi/modinfo.sh --\n", []string{"fail"}},
		{"BIOS modules only", "grub-uefi", deb, noSigned + "-- usr/lib/grub/i386-pc/modinfo.sh [fill] --\n", []string{"fail"}},
		{"arm64, none", "grub-uefi", arm, "-- usr/lib/grub/arm64-efi [gone] --\n", []string{"fail /usr/lib/grub/arm64-efi/modinfo.sh: no UEFI boot loader: neither GRUB's modules for arm64-efi nor a signed loader [install grub-efi-arm64-bin]"}},
		{"arm64 with amd64's", "grub-uefi", arm, "-- usr/lib/grub/arm64-efi [gone] --\n-- usr/lib/grub/x86_64-efi/modinfo.sh [fill] --\n", []string{"fail"}},
		{"Debian, signed only", "grub-uefi", deb, noModules, []string{"warn /usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed: only a signed loader"}},
		{"shim only", "grub-uefi", deb, noModules + "-- usr/lib/grub/x86_64-efi-signed [gone] --\n", []string{"warn /usr/lib/shim/shimx64.efi.signed: a shim without a GRUB"}},
		{"no loaders at all", "grub-uefi", deb, noModules +
			"-- usr/lib/shim [gone] --\n-- usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed [gone] --\n-- boot/efi/EFI/debian/mmx64.efi [fill] --\n-- boot/efi/EFI/debian/fbx64.efi [fill] --\n-- boot/efi/EFI/debian/gcdx64.efi [fill] --\n",
			[]string{"fail"}},
		{"empty loader", "grub-uefi", deb, noSigned + "-- boot/efi/EFI/debian/grubx64.efi --\n", []string{"fail"}},
		{"another vendor's loader", "grub-uefi", deb, noSigned + "-- boot/efi/EFI/Microsoft/grubx64.efi [fill] --\n", []string{"fail"}},
		{"fallback loader", "grub-uefi", deb, noSigned + "-- boot/efi/efi/boot/bootx64.efi [fill] --\n", []string{"warn /boot/efi/efi/boot/bootx64.efi: only a signed loader"}},
		{"RHEL, ESP", "grub-uefi", "rhel9", "", []string{"info /boot/efi/efi/redhat/SHIMX64.EFI: boots by a signed loader"}},
		{"RHEL, none", "grub-uefi", "rhel9", "-- boot/efi [gone] --\n", []string{"fail /usr/lib/grub/x86_64-efi/modinfo.sh: no UEFI boot loader: neither GRUB's modules for x86_64-efi nor a signed loader [install grub2-efi-x64-modules]"}},
		{"RHEL on aarch64, ESP", "grub-uefi", "rhel9", "-- usr/lib/systemd/systemd [elf=183] --\n-- boot/efi/EFI/redhat/grubaa64.efi [fill] --\n-- boot/efi/efi [gone] --\n",
			[]string{"warn /boot/efi/EFI/redhat/grubaa64.efi: only a signed loader"}},
		{"SUSE, signed only", "grub-uefi", "leap15", "-- usr/share/grub2/x86_64-efi/modinfo.sh [gone] --\n", []string{"warn /usr/share/efi/x86_64/grub.efi: only a signed loader"}},
		{"SUSE, none", "grub-uefi", "leap15", "-- usr/share/grub2 [gone] --\n-- usr/share/efi [gone] --\n", []string{"fail /usr/lib/grub/x86_64-efi/modinfo.sh: no UEFI boot loader: neither GRUB's modules for x86_64-efi nor a signed loader [install grub2-x86_64-efi]"}},
		{"systemd-boot", "grub-uefi", deb, noSigned + "-- usr/lib/systemd/boot/efi/systemd-bootx64.efi [fill] --\n", []string{"warn /usr/lib/systemd/boot/efi/systemd-bootx64.efi: the only boot loader"}},
		{"other machine", "grub-uefi", deb, "-- usr/lib/systemd/systemd [elfbe=21] --\n", []string{"info: not checked for ppc64"}},

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
		{"data sources without NoCloud", "cloud-init-disabled", deb, "-- etc/cloud/cloud.cfg.d/90_x.cfg --\ndatasource_list: [Ec2, None]\n",
			[]string{"fail /etc/cloud/cloud.cfg.d/90_x.cfg: datasource_list is without NoCloud, which the deployer writes: [Ec2, None]"}},
		{"None only", "cloud-init-disabled", deb, "-- etc/cloud/cloud.cfg.d/90_x.cfg --\ndatasource_list: [None]\n", []string{"fail"}},
		{"no data source", "cloud-init-disabled", deb, "-- etc/cloud/cloud.cfg.d/90_x.cfg --\ndatasource_list: []\n", []string{"fail"}},
		{"later file wins", "cloud-init-disabled", deb, "-- etc/cloud/cloud.cfg.d/90_x.cfg --\ndatasource_list: [Ec2]\n-- etc/cloud/cloud.cfg.d/99_y.cfg --\ndatasource_list:\n- NoCloud\n", []string{"ok"}},
		{"later than the main file", "cloud-init-disabled", deb, "-- etc/cloud/cloud.cfg --\ndatasource_list: [NoCloud]\n-- etc/cloud/cloud.cfg.d/00_x.cfg --\ndatasource_list: [Ec2]\n", []string{"fail /etc/cloud/cloud.cfg.d/00_x.cfg"}},
		{"not a .cfg", "cloud-init-disabled", deb, "-- etc/cloud/cloud.cfg.d/90_x.cfg.off --\ndatasource_list: [Ec2]\n", []string{"ok"}},
		{"not YAML", "cloud-init-disabled", deb, "-- etc/cloud/cloud.cfg.d/90_x.cfg --\ndatasource_list: [Ec2\n\t}\n",
			[]string{"ok", "warn /etc/cloud/cloud.cfg.d/90_x.cfg: is not YAML"}},
		{"not installed", "cloud-init-disabled", "leap15", "-- etc/cloud/cloud-init.disabled --\n", []string{"info: not checked"}},
	} {
		t.Run(c.rule+"/"+c.name, func(t *testing.T) {
			on, isEikon := strings.CutPrefix(c.on, eikon)
			img, opt, _ := fixture(t, on)
			if isEikon {
				opt.Deployer = Eikon
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
		})
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
		"warn cloud-init-disabled /etc/default/grub.d: has 4107 names, only the first 4096 were looked at\n")
	require.NotContains(t, text(report.Findings), "last.cfg")
}

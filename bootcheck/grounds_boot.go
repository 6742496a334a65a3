package bootcheck

// groundsOfBoot are of the rules about kernel, initramfs and boot loader.
var groundsOfBoot = []Ground{
	{
		Rule: "kernel", Looks: "for each version in /usr/lib/modules its image, in /boot or beside the modules, and modules.dep; with our hooks an image in /boot", Happens: "a kernel without an image does not start, one without modules finds no disk; where another is whole, and the menu starts that, it does no harm",
		Hints: []string{"depmod -a VERSION", "install PACKAGE", "is /boot mounted?"}, Source: "10_linux of grub-mkconfig(8), depmod(8)", Basis: Read,
	},
	{
		Rule: "kernel", Looks: "modules.dep.bin, where the image has kmod", Happens: "kmod reads no other list: without it no module loads, whatever modules.dep says",
		Hints: []string{"depmod -a VERSION"}, Source: "modules.dep(5), libkmod", Basis: Seen, By: "modprobe -d of Debian's kmod 30 found no module by the text alone, and all by the binary list alone",
	},
	{
		Rule: "kernel", Looks: "more than one kernel in an image of the Red Hat family without hooks", Happens: "with the Param curtin/partitions set, curtin glues their names together, and dracut stops",
		Hints: []string{"remove all but one, or keep the layout simple"}, Source: "curtin's curthooks.py, what it makes of rpm -q kernel", Basis: Read, By: "its functions were run on made-up trees",
	},
	{
		Rule: "initramfs", Looks: "an initramfs for each kernel: initrd.img-V, initramfs-V.img, initrd-V, and the names of Arch and Alpine; not empty, no link that leads nowhere",
		Happens: "the kernel has no driver for the root's disk but those that are built in, and stops without a root", Hints: []string{"update-initramfs -c -k VERSION", "dracut --force --no-hostonly --kver VERSION"},
		Source: "initramfs-tools(7), dracut(8), mkinitcpio(8), the kernel's admin-guide/initrd", Basis: Read,
	},
	{
		Rule: "initramfs", Looks: "the kernel with which GRUB's menu begins: a copy that somebody kept beside a kernel, as vmlinuz-VERSION.bak, .orig or .save, comes before it", Happens: "the clone starts the copy, which has no initramfs of its name, and finds no root",
		Hints: []string{"move it out of /boot, or name it vmlinuz-VERSION.old, which comes after its kernel and has its initramfs"}, Source: "10_linux and grub-mkconfig_lib of grub-mkconfig(8)", Basis: Seen, By: "Debian 12 with a vmlinuz-VERSION.bak, deployed without hooks: the kernel panics, \"Unable to mount root fs\"; captured with --fix it came to a login, see boot.md; 10_linux of Debian 12 and 13 is the oracle of the tests",
	},
	{
		Rule: "initramfs-content", Looks: "the initramfs, unpacked as the kernel does: each archive, its compression and its end; and whether it has the modules of its kernel", Happens: "the kernel stops at what it cannot unpack, or comes up without the modules by which it finds the disk",
		Hints: []string{"update-initramfs -c -k VERSION", "dracut --force --no-hostonly --kver VERSION"}, Source: "init/initramfs.c and driver-api/early-userspace/buffer-format of Linux", Basis: Read, By: "cpio and the compressors are the oracles of the tests",
	},
	{
		Rule: "initramfs-host-only", Looks: "whether an initramfs was made for one machine only, or the next one will be: MODULES=dep, hostonly=, autodetect, and devices on the command line that dracut keeps in it",
		Happens: "on another machine the driver of its disk is not in it, and the boot ends in an emergency shell", Hints: []string{"set MODULES=most in /etc/initramfs-tools/initramfs.conf", `echo 'hostonly="no"' >/etc/dracut.conf.d/99-generic.conf`, "take autodetect out of HOOKS in /etc/mkinitcpio.conf"},
		Source: "initramfs.conf(5), dracut.conf(5), mkinitcpio.conf(5)", Basis: Reported, By: "Zakkaus/gentoo-install, pull request 511",
	},
	{
		Rule: "drivers", Looks: "where no --target is given: for each kernel the drivers of common disks and network cards of servers, and of virtio; a blacklisted one counts as missing", Happens: "a machine whose disk has no driver does not start; without one for its network nobody reaches it",
		Hints: []string{"install linux-image-ARCH in place of linux-image-cloud-ARCH", "install kernel-default in place of kernel-default-base"}, Source: "modprobe.d(5), the file lists of the distributions' kernel packages", Basis: Reported, By: "oamg/leapp issue 782, of a kernel without megaraid_sas",
	},
	{
		Rule: "target-drivers", Looks: "each storage and network device of the machine that --target names: its module, as modprobe looks it up, what that needs, blacklists, whether the files are there, for disks the initramfs, and firmware", Happens: "the machine does not find its disk, or is not reached",
		Hints: []string{"take that out of FILE", "install kernel VERSION again"}, Source: "modprobe(8), modprobe.d(5), depmod's modules.alias, MODULE_FIRMWARE of Linux", Basis: Read, By: "modprobe and modinfo are the oracles of the tests, over the devices of nine kinds of machines",
	},
	{
		Rule: "resume", Looks: "disks to resume from: RESUME= of initramfs-tools, resume= on command lines, and both inside an initramfs", Happens: "the boot waits for a disk that the clone does not have before it goes on",
		Hints: []string{"echo RESUME=none >FILE", "set RESUME=none in it"}, Source: "initramfs.conf(5), scripts/local-premount/resume of initramfs-tools, dracut.cmdline(7)", Basis: Read,
	},
	{
		Rule: "grub-uefi", Looks: "GRUB's modules for the platform (modinfo.sh), else a signed loader where curtin takes one: in /boot/efi, of the Red Hat and SUSE families", Happens: "grub-install ends with an error, and the deployment with it",
		Hints: []string{"install PACKAGE", hooksHint}, Source: "find_efi_loader and gen_uefi_install_commands of curtin's install_grub.py, grub-install(8)", Basis: Reported, By: "canonical/packer-maas, pull request 18",
	},
	{
		Rule: "grub-uefi", Looks: "with our hooks, a loader by what they look for", Happens: "they end the deployment of a UEFI machine before they change anything",
		Hints: []string{"install PACKAGE"}, Source: "deploy/hooks and docs/hooks.md", Basis: Seen, By: "a Debian 12 image without UEFI loaders was refused under UEFI, and booted by BIOS, see boot.md",
	},
	{
		Rule: "grub-uefi", Looks: "in the Red Hat family without hooks, the folder and the file below EFI where curtin has grub2-mkconfig write the menu", Happens: "newer ones refuse to write over the pointer that is there, or the folder is that of another vendor: the deployment ends, with a disk that does not boot",
		Hints: []string{"rm FILE before the capture: it points to a disk of the source"}, Source: `grub2's patch "Ensure grub cfg stub is not overwritten", curtin's install_grub.py`, Basis: Reported, By: "oamg/convert2rhel, pull request 1444, of the refusal",
	},
	{
		Rule: "grub-bios", Looks: "GRUB's modules for i386-pc; with our hooks what they look for", Happens: "grub-install cannot install to the disk: no machine with a BIOS boots. Boot sectors of the source are not in an image, and nobody installs syslinux",
		Hints: []string{"install PACKAGE"}, Source: "gen_install_commands of curtin's install_grub.py, grub-install(8)", Basis: Read,
	},
	{
		Rule: "grub-bios", Looks: "in the Red Hat family without hooks, the macro %rhel and whether this generation of curtin knows the release by it", Happens: "curtin ends without a boot loader for BIOS",
		Hints: []string{"deploy by UEFI, or " + hooksHint}, Source: "get_grub_package_name of curtin's install_grub.py", Basis: Read, By: "the function was run on made-up trees, see deployers.md",
	},
	{
		Rule: "grub-tools", Looks: "without hooks, the programs that the deployer runs in the image: grub-install, grub-mkconfig or update-grub, efibootmgr", Happens: "the deployer fetches packages from the network, or ends",
		Hints: []string{"install PACKAGE"}, Source: "gen_uefi_install_commands and gen_install_commands of curtin's install_grub.py", Basis: Read,
	},
	{
		Rule: "grub-tools", Looks: "with our hooks, what they run", Happens: "they end the deployment, or go on without what they can do without", Hints: []string{"install PACKAGE"}, Source: "deploy/hooks and docs/hooks.md",
		Basis: Seen, By: "a test takes each thing that they must have out of an image, and sees them end; the tools are stand-ins",
	},
	{
		Rule: "command-line", Looks: "root= in every file that holds a kernel's command line (GRUB's defaults and snippets, boot entries, /etc/kernel/cmdline, grubenv, unified kernel images, zipl, syslinux), and who writes it anew: our hooks, curtin, the image's grub2-mkconfig, or nobody",
		Happens: "the initramfs looks for the source's disk, and gives up. What is in /etc/kernel/cmdline comes with the first kernel update", Hints: []string{"remove the word there", hooksHint}, Source: "10_linux of grub-mkconfig(8), kernel-install(8), deployers.md",
		Basis: Seen, By: `Debian 12 with another machine's root= in a snippet of GRUB's defaults: "ALERT! UUID=... does not exist"; captured with --fix it came to a login, see boot.md`,
	},
	{
		Rule: "command-line", Looks: "in the Debian family, root= in /etc/kernel/cmdline, where the package systemd-boot installs itself when it is updated, as under updates", Happens: "clones start by GRUB, until systemd-boot was updated and then the kernel: the firmware starts systemd-boot then, by an entry with the source's root=",
		Hints: []string{"remove the file", hooksHint}, Source: "systemd-boot's postinst, 90-loaderentry.install of kernel-install(8), linux-run-hooks of linux-base", Basis: Seen,
		By: `Debian 13 with systemd-boot and another machine's root= there: it came to a login, and after both updates "ALERT! UUID=... does not exist"; captured with --fix it came to a login after them too, see boot.md; without the file the entry had the root= by which the clone ran`,
	},
	{
		Rule: "command-line", Looks: "in the Red Hat family, root= in the entries of /boot/loader/entries, where the image's grub2-mkconfig leaves them (Enterprise Linux 8, and 9.3 and later)", Happens: "the clone's menu has the source's root=, and no clone boots by it",
		Hints: []string{hooksHint}, Source: "grub2-mkconfig and 10_linux of the image; rhboot/grub2, pull request 126 (--update-bls-cmdline)", Basis: Reported, By: "voxpupuli/puppet-augeasproviders_grub issue 95, canonical/packer-maas issue 191 with Launchpad bug 2047863 of curtin",
	},
	{
		Rule: "command-line", Looks: "GRUB_DEVICE, GRUB_FORCE_PARTUUID, GRUB_DISABLE_LINUX_UUID, GRUB_DISABLE_UUID", Happens: "grub-mkconfig makes root= of a name that the builder or the deployer has for the disk, and the clone has not",
		Source: "10_linux of grub-mkconfig(8)", Basis: Reported, By: "Linutronix/elbe issue 431 (root=/dev/loop0p2), rear/rear issue 3561 (a PARTUUID in default/grub.d)",
	},
	{
		Rule: "command-line", Looks: "the menu that GRUB of the Red Hat family makes of boot entries: entries under two machine ids, a remembered entry that is gone, an entry without its kernel", Happens: "the clone may start an older kernel than the last one that was installed",
		Hints: []string{"remove the entry, or install the kernel again"}, Source: "blscfg.c of rhboot/grub2", Basis: Reported, By: `rear/rear issue 3578 (no saved_entry: the first by name), Redpill Linpro's "el9s-grubby-sorting" of 2026-06`,
	},
	{
		Rule: "command-line", Looks: "ip=, ifname=, BOOTIF=, bond= and its like, netconsole= with an address or a card of the source", Happens: "every clone comes up with that address, or waits for a card that it does not have",
		Hints: []string{"remove the word there"}, Source: "dracut.cmdline(7)", Basis: Read,
	},
	{
		Rule: "startup", Looks: "words for the kernel that start another target, or one user alone: single, s, S, 1, rescue, emergency, -b, systemd.unit=; and whether nobody takes them out", Happens: "the clone starts a shell at its console, or switches itself off: no network, no ssh, no cloud-init. For a unit that is masked or not there systemd starts rescue.target",
		Hints: []string{"remove the word there"}, Source: "kernel-command-line(7), systemd(1)", Basis: Seen, By: `systemd --test of 252 with a unit that is masked or not there: "Falling back to rescue.target"; of the other words it is read`,
	},
	{
		Rule: "startup", Looks: "init= for the kernel: a shell, a program that is not there, another than /sbin/init", Happens: "a shell starts in place of the system; where the program is not there, initramfs-tools and systemd go on with /sbin/init",
		Hints: []string{"remove the word there"}, Source: "validate_init in the init of initramfs-tools, do_reexecute of systemd's main.c", Basis: Read,
	},
	{
		Rule: "startup", Looks: "rd.break, rd.rescue, rd.systemd.unit= where dracut made the initramfs, break= where another did", Happens: "the initramfs stops at a shell", Hints: []string{"remove the word there"}, Source: "dracut.cmdline(7), initramfs-tools(7), mkinitcpio(8)", Basis: Read,
	},
	{
		Rule: "startup", Looks: "systemd's default.target: a link to a target for rescue or to switch off, one that leads nowhere, a masked one; initdefault of inittab elsewhere", Happens: "the clone starts a shell at its console, or switches itself off", Hints: []string{"systemctl set-default multi-user.target"},
		Source: "systemd.special(7), inittab(5)", Basis: Seen, By: `systemd --test of 252 with a default.target that is masked, empty or leads nowhere: "Falling back to rescue.target"; inittab is read`,
	},
	{
		Rule: "updates", Looks: "debconf's grub-pc/install_devices, where nobody writes it anew", Happens: "the first update of GRUB ends with an error, and dpkg leaves the package half configured; before GRUB 2.04-10 (Debian 11) new modules came to an old boot sector, and GRUB stopped at its prompt",
		Hints: []string{"printf 'grub-pc grub-pc/%s\\n' 'install_devices multiselect' 'install_devices_empty boolean true' | debconf-set-selections"}, Source: "grub-pc's postinst",
		Basis: Seen, By: `grub-pc of Debian 12 and 13 installed again, in a chroot, with an answer that names a disk that is not there: "does not exist, so cannot grub-install to it!", exit code 1, and no module in /boot/grub changed; an empty answer ended so too, but for install_devices_empty. Older ones: MichaIng/DietPi issue 3700, Debian bug 966575`,
	},
	{
		Rule: "updates", Looks: "SUSE's /etc/default/grub_installdevice", Happens: "the first update of GRUB looks for a disk of the source: new modules and an old boot sector do not fit, and GRUB stops at its prompt",
		Hints: []string{"remove the file"}, Source: "openSUSE's update-bootloader", Basis: Read,
	},
	{
		Rule: "updates", Looks: "GRUB's device.map with disks by id", Happens: "nothing: GRUB 2 passes over disks that are not there", Source: "the device map of grub-install(8)",
		Basis: Seen, By: "grub-install of Debian 12 and 13 to a disk, with a device.map of one by id that is not there: no error",
	},
	{
		Rule: "updates", Looks: "in the Debian family, the package systemd-boot where its postinst installs it when it is updated (Debian 13; that of 12 does not), and none on the EFI system partition", Happens: "the first update of systemd-boot puts it first in the firmware's order, with no kernel in its menu: the clone restarts into the firmware's setup",
		Hints: []string{"apt-get purge systemd-boot"}, Source: "systemd-boot's postinst, bootctl(1)", Basis: Seen,
		By: `Debian 13 deployed by its GRUB, dpkg-reconfigure systemd-boot in the guest (257.13-1~deb13u1), and a restart: "Reboot Into Firmware Interface" was all that its menu had; with systemd-boot on the partition its update put it last in the order`,
	},
	{
		Rule: "updates", Looks: "in the Red Hat family, a remembered entry (saved_entry) where neither UPDATEDEFAULT nor GRUB_UPDATE_DEFAULT_KERNEL moves it on", Happens: "the first kernel update brings a kernel that the clone does not start",
		Hints: []string{"echo UPDATEDEFAULT=yes >>/etc/sysconfig/kernel"}, Source: "grub2-get-kernel-settings and 20-grub.install", Basis: Reported, By: "QubesOS/qubes-issues issue 7467",
	},
	{
		Rule: "grub-multi-install", Looks: "/usr/lib/grub/grub-multi-install, in images of the Debian family without hooks", Happens: "curtin runs it in place of grub-install, and it goes to the disks in debconf's answers, which may be the source's",
		Hints: []string{"rm /usr/lib/grub/grub-multi-install"}, Source: "get_grub_install_command of curtin's install_grub.py; RackN says to remove it", Basis: Read,
	},
}

// groundsOfDisks are of the rules about filesystems, disks of the source, and labels.
var groundsOfDisks = []Ground{
	{
		Rule: "disk-tools", Looks: "what checks and grows the root's filesystem: that of the image's fstab, else ext4, which image-deploy makes", Happens: "it is never checked, and stays as small as the deployer made it, with a failed unit of cloud-init",
		Hints: []string{"install PACKAGE"}, Source: "systemd-fsck@.service(8), RESIZE_FS_PREFIXES_CMDS of cloud-init's cc_resizefs.py", Basis: Seen, By: "the first boots of Debian 13 without e2fsprogs ended with a failed unit; a missing fsck is read",
	},
	{
		Rule: "fstab", Looks: "with image-deploy, that there is a table: curtin writes another in its place", Happens: "nothing: it is only told", Source: "copy_fstab of curtin's curthooks.py", Basis: Seen, By: "each deployed system had the deployer's lines and none of the source's, see boot.md",
	},
	{
		Rule: "fstab", Looks: "with a deployer that keeps the table (Eikon), entries that name one filesystem in the world, without nofail or noauto", Happens: "systemd waits for the disk, and ends in its emergency shell",
		Hints: []string{"add nofail to its options, or leave the line out"}, Source: "fstab(5), systemd.mount(5)", Basis: Seen, By: "Debian 12 with another machine's /data in its fstab; captured with --fix it came to a login, see boot.md",
	},
	{
		Rule: "crypttab", Looks: "encrypted disks that the source opens at boot, in /etc/crypttab and in an initramfs", Happens: "the clone waits for a disk that it does not have, and the boot does not go on",
		Hints: []string{"remove the lines from FILE"}, Source: "crypttab(5), systemd-cryptsetup-generator(8)", Basis: Read, By: "systemd's generator is the oracle of what is an entry",
	},
	{
		Rule: "storage-identity", Looks: "LVM's list of disks: system.devices, or another that devicesfile= names, in the root and in an initramfs", Happens: "LVM sees no other disks: the clone's volume groups are not there, and a root on LVM is not found",
		Source: "lvmdevices(8), lvm.conf(5)", Basis: Reported, By: "rear/rear issue 3042, verge-io/docs issue 431",
	},
	{
		Rule: "storage-identity", Looks: "mdadm.conf with DEVICE for other than all disks, or AUTO -all, in the root and in an initramfs", Happens: "the clone's arrays are not assembled, and a root on one is not found",
		Hints: []string{"remove the line"}, Source: "mdadm.conf(5)", Basis: Reported, By: "desultory/ugrd, pull request 426",
	},
	{
		Rule: "storage-identity", Looks: "rd.lvm.*, rd.luks.*, rd.md.uuid=, luks.*, cryptdevice= on command lines that nobody writes anew", Happens: "dracut waits for these disks, and gives up into an emergency shell",
		Source: "dracut.cmdline(7), systemd-cryptsetup-generator(8)", Basis: Read,
	},
	{
		Rule: "storage-identity", Looks: "copies of such files in an initramfs", Happens: "no edit of the image changes them: they are there until the initramfs is made anew", Source: "dracut's modules lvm, multipath, mdraid and iscsi; the hooks of mdadm and multipath-tools for initramfs-tools", Basis: Read,
	},
	{
		Rule: "selinux", Looks: "where SELinux is enforcing or permissive, whether there is a policy", Happens: "an enforcing system stops the boot where it finds no policy to load",
		Source: "selinux_config(5), selinux-setup.c of systemd", Basis: Reported, By: "plus3it/ash-linux-formula issue 84",
	},
	{
		Rule: "selinux", Looks: "labels of a sample of files, /.autorelabel, and what sets labels there", Happens: "programs run in wrong domains, and logins are refused; since Enterprise Linux 8.4 an enforcing system without labels may not get as far as the relabel",
		Hints: []string{"touch /.autorelabel", "install policycoreutils"}, Source: "selinux-autorelabel of policycoreutils", Basis: Reported, By: "rear/rear issue 2716",
	},
}

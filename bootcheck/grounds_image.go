package bootcheck

// groundsOfImage are of the rules about what the deployer takes the image for, and unpacks.
var groundsOfImage = []Ground{
	{
		Rule: "distro", Looks: "os-release, else *-release or debian_version, and whether this generation of curtin (--curtin) knows the distribution",
		Happens: "curtin ends with ValueError, or makes the disk boot in the way of another distribution",
		Hints:   []string{hooksHint}, Source: "get_distroinfo of curtin's distro.py and install_missing_packages of its curthooks.py, in each generation",
		Basis: Read, By: "these functions were run on made-up trees, see deployers.md",
	},
	{
		Rule: "distro", Looks: "/etc/os-release as curtin reads it: no link with an absolute path, and each line KEY=value (comments count before 2026-07)",
		Happens: "curtin reads the deployer's own file, or stops at the line",
		Hints:   []string{"ln -sfn ../usr/lib/os-release /etc/os-release"}, Source: "os_release of curtin's distro.py, which splits the text by Python's shlex",
		Basis: Read,
	},
	{
		Rule: "distro", Looks: "for Eikon, whether the root is like Debian's or Red Hat's", Happens: `Eikon does "the bare minimum" with others: whether they boot is not judged`,
		Hints: []string{"run the image's hooks by hand: sh /curtin/curtin-hooks --target ROOT"}, Source: "RackN's documentation of eikon-chroot-grub", Basis: Read,
	},
	{
		Rule: "root", Looks: "kinds of roots that are no files put in place by a package manager: ostree, bootc, composefs, NixOS, live media, a read-only SquashFS or EROFS, unified kernel images only",
		Happens: "unpacked on a disk they do not start as they did: only an installer of their own makes them boot",
		Hints:   []string{"deploy it by its own installer"}, Source: "ostree-prepare-root(1), bootc-install(8), nixos-install(8), systemd-stub(7)", Basis: Read,
	},
	{
		Rule: "root", Looks: "a root in a folder of the image, where the top has no etc and usr", Happens: "nothing is where boot loader and kernel look for it",
		Hints: []string{"capture that folder"}, Source: "hier(7), file-hierarchy(7)", Basis: Read,
	},
	{
		Rule: "arch", Looks: "the ELF header of /sbin/init, else of bash, ls or sh", Happens: "processors of another kind do not run it; where nothing tells, the verdicts are not judged",
		Hints: []string{"is this the root of a system? is /usr mounted?"}, Source: "elf(5), e_machine", Basis: Read,
	},
	{
		Rule: "unpack", Looks: "all entries, by what GNU tar can make of them on ext4: names over 255 bytes, paths and link targets over PATH_MAX, an inode with more than 65,000 names",
		Happens: "tar ends with an error, and the deployment with it", Hints: []string{"rename it", "move it further up, or --exclude it", "make the image anew with image-capture, which begins another inode there"},
		Source: "path_resolution(7), fs/ext4/ext4.h (EXT4_LINK_MAX)", Basis: Seen, By: "GNU tar 1.34 extracted such archives to ext4",
	},
	{
		Rule: "unpack", Looks: "extended attributes over the room that ext4 has for them", Happens: "tar extracts the file without one of them, says so only in its log, and ends with 0",
		Hints: []string{"remove the attribute, if nothing needs it (setfattr -x)"}, Source: "fs/ext4/xattr.h", Basis: Seen, By: "GNU tar extracts such files to ext4 in the tests, which look for the lost attribute",
	},
	{
		Rule: "unpack", Looks: "at /boot/efi, which is vfat: links, FIFOs, devices, owners but root, set-id bits, : and the like in names, names that differ by case only, files of 4 GiB",
		Happens: "on machines that start by UEFI tar ends with an error, and the deployment with it; of two names that differ by case the clone has one file",
		Hints:   []string{"remove it: firmware does not see it either", "rename it", "remove one"}, Source: "fs/fat of Linux (fat_setattr, vfat_bad_char, vfat_is_used_badchars)", Basis: Read,
	},
	{
		Rule: "unpack", Looks: "zeros behind the gzip data of an image", Happens: "other readers may stop there",
		Hints: []string{"write the image to a file, not to a device, or cut the zeros off"}, Source: "gzip(1)", Basis: Seen, By: "GNU tar and gzip pass over them",
	},
	{
		Rule: "curtin", Looks: "in images of the Debian family, whether there are hooks", Happens: "without, curtin stops at the kernel: it splits the name of the deployer's own, of Enterprise Linux, in three (ValueError), and leaves a disk that does not boot; with the subtype ubuntu it installs linux-generic by apt, from the network",
		Hints: []string{hooksHint}, Source: "install_kernel of curtin's curthooks.py", Basis: Seen, By: "Debian 12 without hooks, deployed by 20.2-rackn under BIOS to a blank disk in a virtual machine, see deployers.md",
	},
	{
		Rule: "curtin", Looks: "/curtin/curtin-hooks and /curtin/finalize, which curtin runs in place of its own: executable, and whether they are ours", Happens: "what cannot be executed ends the deployment; hooks of others are not known, and the verdicts not judged",
		Hints: []string{"chmod 755 FILE, or remove it"}, Source: "run_hook_if_exists of curtin's util.py", Basis: Seen, By: "Debian 12 and 13 deployed with our hooks under UEFI and BIOS, to a login, see boot.md; the failure is read",
	},
	{
		Rule: "curtin", Looks: "the directory /curtin", Happens: "RackN's documentation asks for it; image-deploy takes an image without",
		Hints: []string{hooksHint}, Source: "RackN's page on images for image-deploy", Basis: Seen, By: "image-deploy's second archive makes it where it is missing, or a link or file: curtin's extract ends with 0",
	},
	{
		Rule: "curtin", Looks: "symbolic links at /etc, /etc/cloud, /usr/local, /usr/local/bin, /curtin", Happens: "image-deploy unpacks an archive of its own over the image, and tar makes directories of them without a word: what they led to is out of reach",
		Hints: []string{"make it a directory in the source"}, Source: "image-deploy's task 06_drp, see deployers.md", Basis: Seen, By: "GNU tar unpacked such an archive over images with these links, and ended with 0",
	},
	{
		Rule: "curtin", Looks: "/snaps and /system-data/var/lib/snapd", Happens: "curtin takes the image for Ubuntu Core, runs no hooks, those of the image neither, and ends with 0: the disk has no boot loader",
		Hints: []string{"give it another name in the source, or --exclude it"}, Source: "is_ubuntu_core of curtin's distro.py", Basis: Seen, By: "20.2-rackn and 2026-07 did so with an image that had an empty /snaps and hooks",
	},
	{
		Rule: "lsb-release", Looks: "in images of the Debian family without hooks, the program lsb_release, and a VERSION_ID that is a number", Happens: "curtin runs the one, takes what it says for the other, and stops",
		Hints: []string{"install PACKAGE", "write VERSION_ID into os-release: Debian's testing and unstable have none"}, Source: "setup_kernel_img_conf of curtin's curthooks.py", Basis: Read,
	},
	{
		Rule: "packages", Looks: "packages of dpkg's list that are half installed, among those without which an image does not boot or is not reached", Happens: "their files are there in part, or were never set up: an initramfs or a boot loader may be an old one",
		Hints: []string{"dpkg --configure -a"}, Source: "dpkg(1), package states", Basis: Read, By: "dpkg-query is the oracle of the list in the tests",
	},
	{
		Rule: "packages", Looks: "in images of the Debian family without hooks, what curtin installs for each firmware", Happens: "it fetches what is missing from the network, and the deployment ends where there is no way to a mirror; with grub-pc-bin and without grub-pc, dpkg-reconfigure stops",
		Hints: []string{"install PACKAGE"}, Source: "install_missing_packages of curtin's curthooks.py", Basis: Read,
	},
}

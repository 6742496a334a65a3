package identity

import "image-capture/entry"

const whyWaits = "the clone's boot waits for a disk that it does not have"

// ResumeDevice is a disk from which the source would wake up.
var ResumeDevice = Operation{Name: "resume", Rule: "resume",
	Paths: []string{"etc/initramfs-tools/initramfs.conf", "etc/initramfs-tools/conf.d/*", "etc/default/grub", "etc/default/grub.d/*.cfg", "etc/kernel/cmdline", "boot/loader/entries/*.conf", "boot/grub*/grubenv"},
	What:  "names a disk of the source to resume from", Why: whyWaits, Op: entry.Rewrite, Rewrite: rewriteResume, Judged: true, Source: "initramfs.conf(5), dracut.cmdline(7)"}

// StorageWords are the words of kernel command lines that name disks of the source.
var StorageWords = Operation{Name: "storage-words", Rule: "storage-identity",
	Paths: []string{"etc/default/grub", "etc/default/grub.d/*.cfg", "etc/kernel/cmdline", "boot/loader/entries/*.conf", "boot/grub*/grubenv"},
	What:  "names storage of the source on the kernel's command line", Why: "the initramfs waits for it, and then gives up into an emergency shell",
	Op: entry.Rewrite, Judged: true, Source: "dracut.cmdline(7), systemd-cryptsetup-generator(8)"}

// LVMDevicesFile is a list of disks by another name, which lvm.conf asks for.
var LVMDevicesFile = Operation{Name: "lvm-devicesfile", Rule: "storage-identity", Paths: []string{"etc/lvm/devices/*"},
	What: "lists the source's disks for LVM", Why: "LVM sees no other disks: the clone's volume groups are not there",
	Hint: "remove the file, and devicesfile= from the configuration", Judged: true, Source: "lvmdevices(8), devices/devicesfile of lvm.conf(5)"}

// Arrays are lines of mdadm.conf(5) about arrays of the source.
var Arrays = Operation{Name: "mdadm-arrays", Rule: "storage-identity",
	Paths: []string{"etc/mdadm/mdadm.conf", "etc/mdadm/mdadm.conf.d/*", "etc/mdadm.conf", "etc/mdadm.conf.d/*"},
	What:  "names RAID arrays of the source", Why: "a clone that has others gives them no name of its own", Hint: "remove the lines ARRAY",
	Op: entry.Rewrite, Rewrite: rewriteArrays, Scope: Generalized, Note: true, Judged: true, Source: "mdadm.conf(5)"}

// disks is what the source remembers about its disks.
var disks = []Operation{
	{Name: "lvm-devices", Rule: "storage-identity", Paths: []string{"etc/lvm/devices/system.devices"}, What: "lists the source's disks for LVM", Op: entry.Drop,
		Why: "LVM sees no other disks: the clone's volume groups are not there", Source: "lvmdevices(8), virt-sysprep(1)"},
	{Name: "zpool-cache", Rule: "storage-identity", Paths: []string{"etc/zfs/zpool.cache"}, What: "names the source's ZFS pools", Op: entry.Drop, Why: "a boot tries to import pools that the clone does not have", Source: "zpool-set(8) cachefile"},
	{Name: "multipath-names", Rule: "storage-identity", Paths: []string{"etc/multipath/wwids", "etc/multipath/bindings", "var/lib/multipath/wwids", "var/lib/multipath/bindings"}, What: "names the source's multipath disks", Op: entry.Drop, Scope: Generalized, Note: true,
		Why: "a clone with one of these disks gives it the source's name", Source: "multipath.conf(5)"},
	{Name: "lvm-backup", Rule: "storage-identity", Paths: []string{"etc/lvm/backup/*", "etc/lvm/archive/*"}, What: "describes a volume group of the source", Op: entry.Drop, Scope: Generalized, Note: true,
		Why: "who restores it by mistake writes another system's table", Source: "vgcfgbackup(8)"},
	{Name: "blkid-cache", Rule: "storage-identity", Paths: []string{"etc/blkid.tab", "etc/blkid/blkid.tab"}, What: "lists the source's disks", Op: entry.Drop, Scope: Generalized, Note: true,
		Why: "names of disks that are not there", Source: "blkid(8)"},
}

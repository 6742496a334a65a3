package rootfs

import (
	"strings"
)

// MountKind is what a type of filesystem means for a capture.
type MountKind string

// The kinds, in the words that reasons use.
const (
	LocalFS       MountKind = "local filesystem"
	PseudoFS      MountKind = "pseudo filesystem"
	NetworkFS     MountKind = "network filesystem"
	FUSE          MountKind = "FUSE filesystem"
	ReadOnlyImage MountKind = "read-only image"
	Overlay       MountKind = "overlay"
)

// fsKinds has the types as /proc/filesystems names them.
var fsKinds = map[string]MountKind{}

func init() {
	for kind, types := range map[MountKind]string{
		LocalFS:       "bcachefs btrfs exfat ext2 ext3 ext4 f2fs hfs hfsplus jfs jffs2 minix msdos nilfs2 ntfs ntfs3 reiserfs ubifs ufs vfat xfs zfs",
		PseudoFS:      "aufs autofs bdev bpf binder binfmt_misc cgroup cgroup2 configfs cpuset debugfs devfs devpts devtmpfs efivarfs fusectl hugetlbfs mqueue nfsd none nsfs proc pstore ramfs resctrl rootfs rpc_pipefs securityfs selinuxfs smackfs sysfs tmpfs tracefs usbfs xenfs",
		NetworkFS:     "9p acfs afs beegfs ceph cifs coda gfs gfs2 glusterfs gpfs lustre ncpfs nfs nfs4 ocfs2 pvfs2 smb3 smbfs virtiofs wekafs",
		ReadOnlyImage: "cramfs erofs iso9660 romfs squashfs udf",
		Overlay:       "overlay overlayfs unionfs",
	} {
		for _, t := range strings.Fields(types) {
			fsKinds[t] = kind
		}
	}
}

func kindOf(m *MountInfo) MountKind {
	if kind, ok := fsKinds[m.FSType]; ok {
		return kind
	}
	if strings.HasPrefix(m.FSType, "fuse") { // fuse.sshfs, fuseblk, ...
		return FUSE
	}
	// Of a type that nobody here has heard of, the device tells.
	if strings.HasPrefix(m.Source, "/dev/") {
		return LocalFS
	}
	return PseudoFS
}

// classify says whether a mount is captured when nobody says otherwise.
func classify(m *MountInfo) (captured bool, reason string) {
	return kindOf(m) == LocalFS, describe(m)
}

func describe(m *MountInfo) string {
	kind := kindOf(m)
	switch kind {
	case PseudoFS, Overlay:
		return string(kind) + " " + m.FSType
	}
	return string(kind) + " " + m.FSType + " on " + m.Source
}

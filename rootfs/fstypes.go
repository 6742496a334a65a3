package rootfs

import (
	"strings"

	"github.com/moby/sys/mountinfo"
)

// fsKinds sorts filesystem types, as /proc/filesystems names them, by what they
// mean for a capture.
var fsKinds = map[string]string{}

const (
	kindLocal   = "local filesystem"
	kindPseudo  = "pseudo filesystem"
	kindNetwork = "network filesystem"
	kindFUSE    = "FUSE filesystem"
	kindImage   = "read-only image"
	kindOverlay = "overlay"
)

func init() {
	for kind, types := range map[string]string{
		kindLocal:   "bcachefs btrfs exfat ext2 ext3 ext4 f2fs hfs hfsplus jfs jffs2 minix msdos nilfs2 ntfs ntfs3 reiserfs ubifs ufs vfat xfs zfs",
		kindPseudo:  "aufs autofs bdev bpf binder binfmt_misc cgroup cgroup2 configfs cpuset debugfs devfs devpts devtmpfs efivarfs fusectl hugetlbfs mqueue nfsd none nsfs proc pstore ramfs resctrl rootfs rpc_pipefs securityfs selinuxfs smackfs sysfs tmpfs tracefs usbfs xenfs",
		kindNetwork: "9p acfs afs beegfs ceph cifs coda gfs gfs2 glusterfs gpfs lustre ncpfs nfs nfs4 ocfs2 pvfs2 smb3 smbfs virtiofs wekafs",
		kindImage:   "cramfs erofs iso9660 romfs squashfs udf",
		kindOverlay: "overlay overlayfs unionfs",
	} {
		for _, t := range strings.Fields(types) {
			fsKinds[t] = kind
		}
	}
}

func kindOf(m *mountinfo.Info) string {
	if kind, ok := fsKinds[m.FSType]; ok {
		return kind
	}
	if strings.HasPrefix(m.FSType, "fuse") { // fuse.sshfs, fuseblk, ...
		return kindFUSE
	}
	// Of a type that nobody here has heard of, the device tells.
	if strings.HasPrefix(m.Source, "/dev/") {
		return kindLocal
	}
	return kindPseudo
}

// classify says whether a mount is captured when nobody says otherwise.
func classify(m *mountinfo.Info) (captured bool, reason string) {
	return kindOf(m) == kindLocal, describe(m)
}

func describe(m *mountinfo.Info) string {
	kind := kindOf(m)
	switch kind {
	case kindPseudo, kindOverlay:
		return kind + " " + m.FSType
	}
	return kind + " " + m.FSType + " on " + m.Source
}

package image

import (
	"bytes"
	"fmt"
)

// DiskError says that a filesystem or the image of a disk is where a tar was wanted.
type DiskError struct {
	What string // "an ext4 filesystem"
}

func (e *DiskError) Error() string {
	return fmt.Sprintf("not an image: it is %s; "+wanted, e.What)
}

// diskHead is how much of the beginning is needed to tell what it is.
const diskHead = 66 << 10

// disks are what tells filesystems and disks apart, and where it stands: see the
// documentation of each, as libmagic and blkid have it. What stands on other things, as
// a boot sector does, comes last.
var disks = []struct {
	at          int
	magic, what string
}{
	{0, "XFSB", "an XFS filesystem"},
	{0, "hsqs", "a squashfs image"},
	{0, "QFI\xfb", "a qcow2 disk image"},
	{0, "KDMV", "a VMDK disk image"},
	{0, "# Disk DescriptorFile", "a VMDK disk image"},
	{0, "vhdxfile", "a VHDX disk image"},
	{0, "conectix", "a VHD disk image"},
	{64, "\x7f\x10\xda\xbe", "a VDI disk image"},
	{0, "LUKS\xba\xbe", "an encrypted disk (LUKS)"},
	{512, "LABELONE", "a physical volume of LVM"},
	{1024, "\xe2\xe1\xf5\xe0", "an EROFS filesystem"},
	{1080, "\x53\xef", "an ext2, ext3 or ext4 filesystem"},
	{65600, "_BHRfS_M", "a btrfs filesystem"},
	{32769, "CD001", "an ISO 9660 image"},
	{512, "EFI PART", "the image of a disk with partitions (GPT)"},
	{4096, "EFI PART", "the image of a disk with partitions (GPT)"},
	{82, "FAT32   ", "a FAT filesystem"},
	{54, "FAT1", "a FAT filesystem"},
	{510, "\x55\xaa", "the image of a disk with partitions, or of a boot sector"},
}

// disk says what of a disk begins so; "" for nothing that is known.
func disk(b []byte) string {
	for _, d := range disks {
		if len(b) > d.at && bytes.HasPrefix(b[d.at:], []byte(d.magic)) {
			return d.what
		}
	}
	return ""
}

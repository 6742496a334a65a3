package bootcheck

import "testing"

// TestDiskTools: what works on the root's filesystem, as its fstab says or image-deploy
// makes it.
func TestDiskTools(t *testing.T) {
	noCloud := "-- usr/bin/cloud-init [gone] --\n"
	for _, c := range []ruleCase{
		{"all", "disk-tools", deb, "", []string{"ok: there is what a root on ext4 needs: fsck.ext4, resize2fs"}},
		{"no e2fsprogs", "disk-tools", deb, "-- usr/sbin/fsck.ext4 [gone] --\n-- usr/sbin/resize2fs [gone] --\n",
			[]string{"warn /usr/sbin/fsck.ext4: what a root on ext4 needs is missing: fsck.ext4, resize2fs [install e2fsprogs]"}},
		{"no resize2fs", "disk-tools", deb, "-- usr/sbin/resize2fs [gone] --\n", []string{"warn /usr/sbin/resize2fs: what a root on ext4 needs is missing: resize2fs "}},
		{"no resize2fs, nobody to run it", "disk-tools", deb, "-- usr/sbin/resize2fs [gone] --\n" + noCloud, []string{"ok"}},
		{"the image is on xfs", "disk-tools", deb, "-- etc/fstab --\nUUID=x / xfs defaults 0 0\n", []string{"warn /usr/sbin/xfs_repair: what a root on xfs needs is missing: xfs_repair, xfs_growfs "}},
		{"the image is on btrfs", "disk-tools", deb, "-- etc/fstab --\nUUID=x / btrfs defaults 0 0\n-- usr/bin/btrfs [0755 fill] --\n", []string{"ok: there is what a root on btrfs needs: btrfs"}},
		{"no growpart", "disk-tools", deb, "-- usr/bin/growpart [gone] --\n", []string{"ok", "info /usr/bin/growpart: is missing: cloud-init grows no partition"}},
	} {
		t.Run(c.name, c.run)
	}
}

#!/usr/bin/env bash
# Makes a golden root that is captured, deployed and booted: golden.sh DIR BASE SUITE.
# It is BASE, the plain Debian root of debian-root.sh (made when it is missing), with
# the loaders for UEFI and BIOS, what the layouts need (LVM, md, btrfs, xfs), traces of
# the machine that it would have come from, and the witnesses. Nothing is done when
# DIR is there already; a root that was not finished never gets that name.
set -euo pipefail
# A folder of this machine, which the root has not: packages fail to set up there.
unset TMPDIR

dir=${1:?usage: golden.sh DIR BASE SUITE} base=${2:?usage: golden.sh DIR BASE SUITE} suite=${3:?usage: golden.sh DIR BASE SUITE}
here=$(cd "$(dirname "$0")" && pwd)
[ ! -e "$dir" ] || exit 0
new=$dir.new
trap 'umount "$new/proc" 2>/dev/null || true' EXIT
trap 'exit 143' TERM INT HUP

# Making the base is downloading, for the greatest part: once more if it fails.
"$here/../debian-root.sh" "$base" "$suite" || "$here/../debian-root.sh" "$base" "$suite"

echo "golden.sh: adding packages and witnesses in $dir" >&2
rm -rf --one-file-system "$new"
mkdir -p "$(dirname "$new")"
cp -a --reflink=auto "$base" "$new"
printf '#!/bin/sh\nexit 101\n' >"$new/usr/sbin/policy-rc.d"
chmod 755 "$new/usr/sbin/policy-rc.d"
mount -t proc proc "$new/proc"
in_root() { DEBIAN_FRONTEND=noninteractive chroot "$new" "$@" >&2; }
# The lists in an old base name packages that the mirror has no more.
in_root apt-get update -o Acquire::Retries=1
in_root apt-get install -y --no-install-recommends -o Acquire::Retries=1 \
	linux-image-amd64 initramfs-tools systemd-sysv udev cloud-init locales openssh-server lsb-release netcat-openbsd \
	grub-efi-amd64 grub-efi-amd64-bin grub-efi-amd64-signed shim-signed grub-pc-bin efibootmgr \
	busybox e2fsprogs lvm2 mdadm btrfs-progs xfsprogs dosfstools zstd attr acl libcap2-bin iproute2
in_root apt-get clean
in_root systemctl enable systemd-networkd
# Half of the root, which no check and no guest looks for: unpacking it, and making an
# initramfs of it, would take minutes of each deployment under software emulation.
rm -rf "$new"/var/lib/apt/lists/* "$new"/usr/share/{doc,man,locale,i18n,zoneinfo}/* "$new"/usr/lib/udev/hwdb.d \
	"$new"/usr/lib/udev/hwdb.bin "$new"/usr/lib/x86_64-linux-gnu/libicu* "$new"/usr/sbin/xfs_scrub "$new"/usr/lib/grub/x86_64-efi/monolithic "$new"/usr/lib/grub/x86_64-efi-signed/{gcd,grubnet}* "$new"/usr/lib/x86_64-linux-gnu/gconv
version=$(ls "$new/usr/lib/modules")
kernel=/usr/lib/modules/$version/kernel
(cd "$new$kernel" && find arch/x86/crypto crypto fs/{autofs,binfmt_misc.ko*,btrfs,configfs,efivarfs,ext4,fat,fuse,nls,xfs} net/packet drivers/{block/virtio*,char/hw_random,firmware,md,virtio} \
	-name '*.ko*' -printf '%f\n') | sed 's/\.ko.*//' >"$new/keep"
# The drivers that the check looks for.
printf '%s\n' ahci ata_piix nvme megaraid_sas mpt3sas smartpqi hpsa sd_mod virtio_scsi ixgbe i40e ice bnxt_en mlx5_core tg3 virtio_net >>"$new/keep"
in_root sh -c "xargs modprobe -S $version -a --show-depends </keep | sed -n 's/^insmod \([^ ]*\).*/\1/p' | xargs readlink -f | sort -u >/kept"
(cd "$new" && find ".$kernel" -name '*.ko*' | sed 's/^.//' | sort | comm -23 - kept | sed 's/^/./' | xargs rm)
rm "$new/keep" "$new/kept"
in_root depmod "$version"
# Where the hooks make the initramfs new, this takes seconds with few modules and many
# minutes with "most".
sed -i 's/^MODULES=.*/MODULES=list/' "$new/etc/initramfs-tools/initramfs.conf"
echo COMPRESSLEVEL=1 >"$new/etc/initramfs-tools/conf.d/level"
printf '%s\n' virtio_pci virtio_blk virtio_scsi virtio_net ahci nvme sd_mod ext4 xfs btrfs vfat nls_ascii >>"$new/etc/initramfs-tools/modules"
in_root update-initramfs -u -k "$version"
umount "$new/proc"
rm "$new/usr/sbin/policy-rc.d"
: >"$new/etc/machine-id"
rm -f "$new/var/lib/dbus/machine-id" "$new"/etc/ssh/ssh_host_*

# Under software emulation on a busy machine udev needs more than 90 s for all devices.
mkdir -p "$new/etc/systemd/system.conf.d"
printf '[Manager]\nDefaultDeviceTimeoutSec=10min\nDefaultTimeoutStartSec=10min\n' >"$new/etc/systemd/system.conf.d/50-emulated.conf"

# What the hooks must replace: where the disks of the machine of origin were.
gone=01234567-89ab-cdef-0123-456789abcdef
cat >"$new/etc/fstab" <<-END
	UUID=$gone / ext4 errors=remount-ro 0 1
	UUID=$gone none swap sw 0 0
END
# And what they must leave: how this image wants to boot. net.ifnames=0 is looked for
# in the guest; no waiting for a key. With the mitigations on, each system call flushes
# what the emulator has translated addresses to.
mkdir -p "$new/etc/default/grub.d"
cat >"$new/etc/default/grub.d/50-golden.cfg" <<-END
	GRUB_TIMEOUT=0
	GRUB_TERMINAL=console
	GRUB_CMDLINE_LINUX="net.ifnames=0 mitigations=off resume=UUID=$gone"
END

"$here/witness.sh" make "$new"
mv "$new" "$dir"

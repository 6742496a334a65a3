#!/usr/bin/env bash
# Has the tasks that mount and unmount work on a real mirror, real volumes, an EFI
# system partition and an encrypted disk, which needs a kernel that has them: that of a
# Debian root, in QEMU, without a network.
#   sledgehammer.sh ROOT MOUNT.sh UNMOUNT.sh AGENT
# ROOT is left as it is. The guest's console goes to stdout.
set -euo pipefail
root=$(realpath "$1") mount=$(realpath "$2") unmount=$(realpath "$3") agent=$(realpath "$4")
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'umount -R "$work/root" 2>/dev/null || true; rm -rf --one-file-system "$work"' EXIT

# Meanwhile: whether QEMU can use KVM here.
"$here/../../testdata/boot/accel.sh" >"$work/accel" 2>/dev/null &
probe=$!
mkdir "$work/upper" "$work/overlay" "$work/root"
overlay="lowerdir=$root,upperdir=$work/upper,workdir=$work/overlay"
mount -t overlay overlay -o "$overlay,volatile" "$work/root" 2>/dev/null || mount -t overlay overlay -o "$overlay" "$work/root"
cp /etc/resolv.conf "$work/root/etc/resolv.conf"
mkdir -p "$work/root/etc/initramfs-tools"
echo update_initramfs=no >"$work/root/etc/initramfs-tools/update-initramfs.conf"
mount -t proc proc "$work/root/proc"
export DEBIAN_FRONTEND=noninteractive
{
	chroot "$work/root" apt-get update
	chroot "$work/root" apt-get install -y --no-install-recommends mdadm lvm2 xfsprogs btrfs-progs cryptsetup-bin dosfstools fdisk
} >"$work/apt.log" 2>&1 || { cat "$work/apt.log"; exit 1; }
umount "$work/root/proc"
cp "$here/guest.sh" "$work/root/guest.sh"
cp "$mount" "$work/root/mount.sh"
cp "$unmount" "$work/root/unmount.sh"
cp "$agent" "$work/root/image-capture"
chmod 755 "$work/root/guest.sh" "$work/root/image-capture"
rm -rf "$work/root/var/cache/apt/archives" "$work/root/var/lib/apt/lists" "$work/root/usr/share/doc" "$work/root/usr/share/locale"

truncate -s 2G "$work/vda"
truncate -s 512M "$work/vdb" "$work/vdc"
truncate -s 64M "$work/vdd" "$work/vde"
mkfs.ext4 -q -F -d "$work/root" "$work/vda"
kernel=$(echo "$root"/boot/vmlinuz-*) initrd=$(echo "$root"/boot/initrd.img-*)
disks=()
for d in vda vdb vdc vdd vde; do
	disks+=(-drive "if=virtio,format=raw,cache=unsafe,file=$work/$d")
done
wait "$probe" || echo tcg >"$work/accel"
timeout 900 qemu-system-x86_64 -machine pc -accel "${ACCEL:-$(cat "$work/accel")}" -m 768 -display none -monitor none -nic none -no-reboot -serial stdio \
	-kernel "$kernel" -initrd "$initrd" -append 'root=/dev/vda rw console=ttyS0 quiet no_timer_check panic=-1 init=/guest.sh' "${disks[@]}" </dev/null | tee "$work/log"
grep -aq 'guest: passed' "$work/log"

#!/usr/bin/env bash
# Runs a program as init of a guest with a Debian's own kernel, in QEMU, without a
# network: for what this machine's kernel may lack, such as arrays and volumes.
#   guest.sh ROOT INIT "PACKAGE ..." "SIZE ..." [FILE ...]
# ROOT is a Debian root with a kernel, and is left as it is: the guest's / (vda) is a copy
# of it with the packages, with INIT as /guest.sh, guest-init.sh and each FILE in /. SIZEs are those of its
# further disks, vdb and so on. The guest's console goes to stdout; INIT ends with a line
# "guest: passed".
set -euo pipefail
root=$(realpath "$1") init=$(realpath "$2") packages=$3 sizes=$4
shift 4
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'umount -R "$work/root" 2>/dev/null || true; rm -rf --one-file-system "$work"' EXIT

# Meanwhile: whether QEMU can use KVM here.
"$here/boot/accel.sh" >"$work/accel" 2>/dev/null &
probe=$!
mkdir "$work/upper" "$work/overlay" "$work/root"
overlay="lowerdir=$root,upperdir=$work/upper,workdir=$work/overlay"
mount -t overlay overlay -o "$overlay,volatile" "$work/root" 2>/dev/null || mount -t overlay overlay -o "$overlay" "$work/root"
cp /etc/resolv.conf "$work/root/etc/resolv.conf"
mkdir -p "$work/root/etc/initramfs-tools"
echo update_initramfs=no >"$work/root/etc/initramfs-tools/update-initramfs.conf"
mount -t proc proc "$work/root/proc"
export DEBIAN_FRONTEND=noninteractive
# A folder of this machine, which the root has not: packages fail to set up there.
unset TMPDIR
{
	chroot "$work/root" apt-get update
	# shellcheck disable=SC2086 # words
	chroot "$work/root" apt-get install -y --no-install-recommends $packages
} >"$work/apt.log" 2>&1 || { cat "$work/apt.log"; exit 1; }
umount "$work/root/proc"
install -m 755 "$init" "$work/root/guest.sh"
install -m 644 "$here/guest-init.sh" "$work/root/guest-init.sh"
[ $# = 0 ] || install -m 755 "$@" "$work/root"
rm -rf "$work/root/var/cache/apt/archives" "$work/root/var/lib/apt/lists" "$work/root/usr/share/doc" "$work/root/usr/share/locale"

truncate -s 2G "$work/vda"
mkfs.ext4 -q -F -d "$work/root" "$work/vda"
disks=(-drive "if=virtio,format=raw,cache=unsafe,file=$work/vda")
letter=b
for size in $sizes; do
	truncate -s "$size" "$work/vd$letter"
	disks+=(-drive "if=virtio,format=raw,cache=unsafe,file=$work/vd$letter")
	letter=$(tr a-y b-z <<<"$letter")
done
kernel=$(echo "$root"/boot/vmlinuz-*) initrd=$(echo "$root"/boot/initrd.img-*)
wait "$probe" || echo tcg >"$work/accel"
timeout 900 qemu-system-x86_64 -machine pc -accel "${ACCEL:-$(cat "$work/accel")}" -m 768 -display none -monitor none -nic none -no-reboot -serial stdio \
	-kernel "$kernel" -initrd "$initrd" -append 'root=/dev/vda rw console=ttyS0 quiet no_timer_check panic=-1 init=/guest.sh' "${disks[@]}" </dev/null | tee "$work/log"
grep -aq 'guest: passed' "$work/log"

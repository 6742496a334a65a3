#!/bin/sh
# usage: loop.sh ROOT ext4|xfs|btrfs HOOKS
# Deploys a real Debian root to a loop device with an MBR, by BIOS, as an operator does by
# hand, with the image's real GRUB and initramfs-tools; then once more. Checks what is on
# the disk. Its kernel needs no vfat, GPT or device-mapper.
set -eu
root=$1 fs=$2 hooks=$3
dir=$(mktemp -d) loop=''
mnt=$dir/mnt
mkdir "$mnt"
trap 'umount -R "$mnt" 2>/dev/null || true; [ -z "$loop" ] || { partx -d "$loop" && losetup -d "$loop"; } || true; rm -rf "$dir"' EXIT
fail() { echo "$fs: $*" >&2 && exit 1; }

truncate -s 3G "$dir/disk"
printf 'label: dos\nstart=2048, type=83, bootable\n' | sfdisk -q "$dir/disk"
loop=$(losetup -f --show "$dir/disk")
# What an earlier disk left at this device is not ours.
partx -d "$loop" 2>/dev/null || true
partx -a "$loop"
part=${loop}p1
case $fs in
ext4) mkfs.ext4 -q "$part" ;;
*) "mkfs.$fs" -q -f "$part" ;;
esac
mount "$part" "$mnt"
rel='' options=defaults flags=''
if [ "$fs" = btrfs ]; then
	btrfs -q subvolume create "$mnt/@"
	btrfs -q subvolume create "$mnt/@home"
	umount "$mnt"
	mount -o subvol=@ "$part" "$mnt"
	mkdir "$mnt/home"
	mount -o subvol=@home "$part" "$mnt/home"
	rel=/@ options=subvol=/@ flags=' rootflags=subvol=@'
fi
tar -C "$root" --one-file-system --xattrs --numeric-owner -cf - . | tar -C "$mnt" --xattrs -xpf -
printf 'UUID=0bad / ext4 defaults 0 1\n' >"$mnt/etc/fstab"
echo 0123456789abcdef0123456789abcdef >"$mnt/etc/machine-id"

before=$(grep -c " $mnt" /proc/self/mountinfo)
for n in 1 2; do
	sh "$hooks" --target "$mnt" >"$dir/out" 2>&1 || { cat "$dir/out" >&2 && fail "run $n failed"; }
	[ "$(grep -c " $mnt" /proc/self/mountinfo)" = "$before" ] || fail "mounts are left behind"
	# GRUB's environment, log and time stamps apart.
	find "$mnt" -xdev -type f ! -name image-capture-hooks.log -exec md5sum {} + | sort -k2 >"$dir/sums.$n"
done
diff "$dir/sums.1" "$dir/sums.2" || fail "the second run changed something"

uuid=$(blkid -c /dev/null -o value -s UUID "$part")
grep -q -x "UUID=$uuid / $fs $options 0 [01]" "$mnt/etc/fstab" || fail "fstab: $(cat "$mnt/etc/fstab")"
[ "$fs" != btrfs ] || grep -q -x "UUID=$uuid /home btrfs subvol=/@home 0 0" "$mnt/etc/fstab" || fail "fstab has no /home"
grep -q "linux[[:space:]]*$rel/boot/vmlinuz-.* root=UUID=$uuid ro$flags" "$mnt/boot/grub/grub.cfg" || fail "grub.cfg: $(grep linux "$mnt/boot/grub/grub.cfg")"
[ -z "$(cat "$mnt/etc/machine-id")" ] || fail "machine-id is not empty"
dd if="$loop" bs=512 count=1 2>/dev/null | grep -q -a GRUB || fail "no GRUB in the boot sector"
[ -s "$mnt/boot/grub/i386-pc/core.img" ] || fail "no core.img"
echo "$fs: deployed twice"

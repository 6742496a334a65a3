#!/usr/bin/env bash
# Deploys an image onto a blank disk as image-deploy does, and with nothing but
# what is in the image: deploy.sh IMAGE DISK signed|modules. DISK is a file that it
# makes. The last argument says which UEFI loader goes onto the disk where the
# image has both: the vendor's signed shim and GRUB, or one made of GRUB's modules.
# An image without either leaves the EFI system partition empty. On stdout it says
# which it was: signed, modules or none.
image=${1:?usage: deploy.sh IMAGE DISK signed|modules} disk=${2:?} prefer=${3:?}
# shellcheck source-path=SCRIPTDIR source=disk.sh
. "$(dirname "$0")/disk.sh"
case $prefer in signed | modules) ;; *) echo "deploy.sh: signed or modules, not $prefer" >&2; exit 2 ;; esac

rm -f "$disk"
truncate -s 3G "$disk"
sgdisk -n1:2048:+64M -t1:ef00 -n2:0:+1M -t2:ef02 -n3:0:0 -t3:8300 "$disk" >/dev/null
attach_disk "$disk" "$(dirname "$disk")"
uuid=$(cat /proc/sys/kernel/random/uuid)
esp=${uuid:0:8}
esp=${esp^^} # as the kernel, and so fstab, writes it
mkfs.vfat -F 32 -i "$esp" "${part}1" >/dev/null
mkfs.ext4 -q -U "$uuid" "${part}3"
mount "${part}3" "$mnt"

case $image in
*.tgz) decode=(gzip -dc) ;;
*.tar.zst) decode=(zstd -dcq) ;;
*.tar) decode=(cat) ;;
*) echo "deploy.sh: $image: of an unknown format" >&2; exit 1 ;;
esac
"${decode[@]}" "$image" | tar --xattrs '--xattrs-include=*' -Sxpf - --numeric-owner -C "$mnt"

mkdir -p "$mnt/boot/efi" "$mnt/etc/default/grub.d"
cat >"$mnt/etc/fstab" <<-EOF
	UUID=$uuid / ext4 errors=remount-ro 0 1
	UUID=${esp:0:4}-${esp:4} /boot/efi vfat umask=0077 0 0
EOF
cat >"$mnt/etc/default/grub.d/90-deployer.cfg" <<-'EOF'
	GRUB_CMDLINE_LINUX="console=ttyS0,115200"
	GRUB_CMDLINE_LINUX_DEFAULT=""
	GRUB_TERMINAL=console
	GRUB_TIMEOUT=0
EOF

# A /dev of its own: without the link in by-uuid (udev makes it elsewhere)
# grub-mkconfig writes the loop device as the root.
mount -t proc proc "$mnt/proc"
mount -t sysfs sysfs "$mnt/sys"
mount -t tmpfs -o mode=755,dev tmpfs "$mnt/dev"
mknod -m 666 "$mnt/dev/null" c 1 3
mknod -m 444 "$mnt/dev/urandom" c 1 9
block_node "${loop#/dev/}" "$mnt$loop"
for i in 1 2 3; do block_node "${part#/dev/}$i" "$mnt$part$i"; done
mkdir -p "$mnt/dev/disk/by-uuid"
ln -s "../../${part#/dev/}3" "$mnt/dev/disk/by-uuid/$uuid"
chroot "$mnt" grub-mkconfig -o /boot/grub/grub.cfg >&2
grep -q "root=UUID=$uuid" "$mnt/boot/grub/grub.cfg" || { echo "deploy.sh: grub.cfg does not find the root by its UUID" >&2; exit 1; }

if [ -e "$mnt/usr/lib/grub/i386-pc/modinfo.sh" ]; then
	chroot "$mnt" grub-install --target=i386-pc "$loop" >&2
fi

# The EFI system partition is filled by mtools: the kernel may be one without vfat.
# Without this it refuses a geometry that is not one of a disk with heads.
export MTOOLS_SKIP_CHECK=1
efi() { mcopy -o -i "${part}1" "$1" "::$2"; }
shim=$mnt/usr/lib/shim/shimx64.efi.signed grub=$mnt/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed modules=$mnt/usr/lib/grub/x86_64-efi
loader=none
if [ -e "$modules/modinfo.sh" ]; then loader=modules; fi
if [ -e "$shim" ] && [ -e "$grub" ] && { [ $loader = none ] || [ "$prefer" = signed ]; }; then loader=signed; fi
if [ $loader != none ]; then
	mmd -i "${part}1" ::EFI ::EFI/BOOT ::EFI/debian
	# What grub-install writes: the root by its UUID, then what is there.
	cat >"$mnt/boot/grub/esp.cfg" <<-EOF
		search.fs_uuid $uuid root
		set prefix=(\$root)/boot/grub
	EOF
fi
case $loader in
signed)
	efi "$shim" EFI/BOOT/BOOTX64.EFI
	efi "$grub" EFI/BOOT/grubx64.efi
	echo "configfile \$prefix/grub.cfg" >>"$mnt/boot/grub/esp.cfg"
	# Debian's signed GRUB looks in its vendor's folder wherever it lies itself.
	efi "$mnt/boot/grub/esp.cfg" EFI/debian/grub.cfg
	;;
modules)
	# What grub-install does, but for its look at the type of the mounted filesystem.
	cp -r "$modules" "$mnt/boot/grub/"
	chroot "$mnt" grub-mkimage -O x86_64-efi -o /boot/grub/core.efi -c /boot/grub/esp.cfg -p /boot/grub part_gpt ext2 search_fs_uuid configfile normal
	efi "$mnt/boot/grub/core.efi" EFI/BOOT/BOOTX64.EFI
	;;
esac
echo "$loader"

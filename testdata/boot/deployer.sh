#!/usr/bin/env bash
# Makes the operating system that deploys: deployer.sh DIR BASE. In DIR are then
# vmlinuz, initrd and root.ext4, of the plain Debian root BASE with the tools that
# partition and format. It is a guest of its own because the kernels of build machines
# often lack vfat, GPT, device-mapper and md. No systemd and no large initramfs: under
# software emulation they would take longer than the deployment.
set -euo pipefail
# A folder of this machine, which the root has not: packages fail to set up there.
unset TMPDIR

dir=${1:?usage: deployer.sh DIR BASE} base=${2:?usage: deployer.sh DIR BASE}
[ ! -e "$dir" ] || exit 0
new=$dir.new root=$dir.new/root
trap 'umount "$root/proc" 2>/dev/null || true' EXIT
trap 'exit 143' TERM INT HUP

rm -rf --one-file-system "$new"
mkdir -p "$new"
cp -a --reflink=auto "$base" "$root"
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
mount -t proc proc "$root/proc"
in_root() { DEBIAN_FRONTEND=noninteractive chroot "$root" "$@" >&2; }
in_root apt-get update -o Acquire::Retries=1
# Its own boot loaders go: what makes the disk start must come out of the image.
in_root apt-get purge -y --allow-remove-essential 'grub*' 'shim*' cloud-init openssh-server
in_root apt-get install -y --no-install-recommends -o Acquire::Retries=1 \
	udev kmod fdisk gdisk dosfstools e2fsprogs xfsprogs btrfs-progs lvm2 mdadm efibootmgr gzip zstd attr acl busybox-static cpio
in_root apt-get autoremove -y --purge
in_root apt-get clean
umount "$root/proc"
rm -rf "$root"/boot/grub "$root"/usr/share/{doc,locale,man} "$root"/var/lib/apt/lists "$root"/boot/initrd*

version=$(ls "$root/usr/lib/modules")
mv "$root/boot/vmlinuz-$version" "$new/vmlinuz"

# What it takes to get at the root and at the directory shared with the host.
mkdir -p "$new/cpio"/{bin,dev,proc,sys,new,modules}
cp "$root/bin/busybox" "$new/cpio/bin/busybox"
n=100
chroot "$root" modprobe -S "$version" --show-depends -a virtio_pci virtio_blk ext4 9p 9pnet_virtio |
	sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++' | while read -r module; do
	cp "$root$module" "$new/cpio/modules/$n-$(basename "$module")"
	n=$((n + 1))
done
cat >"$new/cpio/init" <<-'END'
	#!/bin/busybox sh
	export PATH=/bin
	/bin/busybox --install -s /bin
	mount -t proc proc /proc
	mount -t sysfs sysfs /sys
	mount -t devtmpfs dev /dev
	for m in /modules/*; do insmod "$m" 2>/dev/null; done
	until root=$(findfs LABEL=deployer); do sleep 0.1; done
	mount -t ext4 -o noatime "$root" /new
	mkdir -p /new/job
	mount -t 9p -o trans=virtio,version=9p2000.L,msize=524288,cache=none job /new/job
	umount /proc /sys
	mount --move /dev /new/dev
	exec switch_root /new /bin/bash /job/deployer/init
END
chmod 755 "$new/cpio/init"
(cd "$new/cpio" && find . | cpio -o -H newc --quiet) >"$new/initrd"
mke2fs -q -t ext4 -d "$root" -E lazy_itable_init=1 -O ^has_journal -m 0 -L deployer "$new/root.ext4" 3G
rm -rf --one-file-system "$root" "$new/cpio"
mv "$new" "$dir"

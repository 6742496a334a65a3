#!/usr/bin/env bash
# Makes a Debian root to capture: debian-root.sh DIR [SUITE]. It holds what a gold
# image does: kernel, initramfs, cloud-init, GRUB's UEFI modules, sshd. Nothing is
# done when DIR is there already; a root that was not finished never gets that name.
set -euo pipefail

dir=${1:?usage: debian-root.sh DIR [SUITE]} suite=${2:-bookworm}
[ ! -e "$dir" ] || exit 0
[ "$(id -u)" = 0 ] || { echo "debian-root.sh: must be root, for debootstrap" >&2; exit 1; }
command -v debootstrap >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends debootstrap >&2

new=$dir.new
trap 'umount "$new/proc" 2>/dev/null || true' EXIT
rm -rf --one-file-system "$new"
mkdir -p "$(dirname "$dir")"
echo "debian-root.sh: making a Debian $suite root in $dir, this takes two minutes" >&2
debootstrap --variant=minbase "$suite" "$new" >&2
# No service may start in there.
printf '#!/bin/sh\nexit 101\n' >"$new/usr/sbin/policy-rc.d"
chmod 755 "$new/usr/sbin/policy-rc.d"
# The host's way to the packages: proxies and the like.
cp -a /etc/apt/apt.conf.d/*proxy* "$new/etc/apt/apt.conf.d/" 2>/dev/null || true
mount -t proc proc "$new/proc"
DEBIAN_FRONTEND=noninteractive chroot "$new" apt-get install -y --no-install-recommends \
	linux-image-amd64 initramfs-tools systemd-sysv cloud-init grub-efi-amd64-bin openssh-server iputils-ping lsb-release acl >&2
chroot "$new" apt-get clean
umount "$new/proc"
rm "$new/usr/sbin/policy-rc.d"
mv "$new" "$dir"

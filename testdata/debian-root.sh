#!/usr/bin/env bash
# Makes a Debian root to capture: debian-root.sh DIR [SUITE]. It holds what a gold
# image does: kernel, initramfs, cloud-init, sshd, and of GRUB what it takes to make
# it start under UEFI (also Secure Boot) and BIOS; and no identity, which the
# packages make when they are installed. Nothing is done when DIR is there already;
# a root that was not finished never gets that name.
set -euo pipefail
# A folder of this machine, which the root has not: packages fail to set up there.
unset TMPDIR

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
# The package grub-efi-amd64 is what curtin installs for UEFI; the modules for BIOS
# go beside it, as grub-pc does not.
DEBIAN_FRONTEND=noninteractive chroot "$new" apt-get install -y --no-install-recommends \
	linux-image-amd64 initramfs-tools systemd-sysv cloud-init openssh-server iputils-ping lsb-release acl \
	grub-efi-amd64 grub-efi-amd64-signed shim-signed grub-pc-bin efibootmgr >&2
chroot "$new" apt-get clean
umount "$new/proc"
rm "$new/usr/sbin/policy-rc.d"
# What clones must not share: they get their own from systemd and cloud-init.
: >"$new/etc/machine-id"
rm -f "$new/var/lib/dbus/machine-id" "$new"/etc/ssh/ssh_host_*
mv "$new" "$dir"

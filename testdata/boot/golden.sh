#!/usr/bin/env bash
# Makes the golden root that is deployed and booted: golden.sh DIR BASE. It is BASE,
# the plain Debian root of debian-root.sh (made when it is missing), with the
# loaders for UEFI and BIOS, and with the witnesses. Nothing is done when DIR is
# there already; a root that was not finished never gets that name.
set -euo pipefail

dir=${1:?usage: golden.sh DIR BASE} base=${2:?usage: golden.sh DIR BASE}
here=$(cd "$(dirname "$0")" && pwd)
[ ! -e "$dir" ] || exit 0
new=$dir.new
trap 'umount "$new/proc" 2>/dev/null || true' EXIT
trap 'exit 143' TERM INT HUP

# Making the base is downloading, for the greatest part: once more if it fails.
"$here/../debian-root.sh" "$base" || "$here/../debian-root.sh" "$base"

echo "golden.sh: adding loaders and witnesses in $dir" >&2
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
	linux-image-amd64 initramfs-tools systemd-sysv cloud-init locales openssh-server \
	grub-efi-amd64 grub-efi-amd64-bin grub-efi-amd64-signed shim-signed grub-pc-bin efibootmgr
in_root apt-get clean
umount "$new/proc"
rm "$new/usr/sbin/policy-rc.d"
"$here/witness.sh" make "$new"
mv "$new" "$dir"

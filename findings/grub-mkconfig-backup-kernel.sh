#!/usr/bin/env bash
# grub-mkconfig makes a backup of a kernel the first entry of the menu, without an initrd.
#
# Expected: who copies /boot/vmlinuz-VERSION to vmlinuz-VERSION.bak (.orig, .save) before a
# change keeps a file aside; the menu goes on with the kernel that is installed, as it does
# beside names in .old, .dpkg-bak, .rpmsave and .sig.
# What happens: 10_linux takes every other vmlinuz-* for a kernel, sorts the copy before its
# original, and looks for initrd.img-VERSION.bak, which is not there. After the next
# update-grub the machine starts the copy without an initrd, and finds no root.
#
# Exits with 1 when that changes. Wants Debian 12's apt-get.
set -euo pipefail

version=2.06-13+deb12u2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download "grub-common=$version" >/dev/null
dpkg -x grub-common_*.deb package

# first NAME...: kernel and initrd of the first entry, of a /boot with these names.
first() {
	rm -rf boot
	mkdir boot
	(cd boot && touch "$@")
	# 10_linux with this /boot; no disk is looked at.
	GRUB_DEVICE=/dev/sda1 GRUB_DEVICE_UUID=1-2 GRUB_FS=ext2 LC_ALL=C sh -c '
		. package/usr/share/grub/grub-mkconfig_lib
		grub_probe=true
		make_system_path_relative_to_its_root() { echo "$1"; }
		prepare_grub_to_access_device() { :; }
		pkgdatadir=package/usr/share/grub datarootdir=package/usr/share
		eval "$(sed -e "s/^\. .*grub-mkconfig_lib\"//" -e "s# /boot/# boot/#g" -e "s# /vmlinu# none/vmlinu#g" package/etc/grub.d/10_linux)"' 2>/dev/null |
		awk '$1 == "linux" { entry++ } entry == 1 && ($1 == "linux" || $1 == "initrd") { printf "%s ", $2 }' | sed 's,boot/,,g; s, $,,'
}

kernel=vmlinuz-6.1.0-50-amd64 initrd=initrd.img-6.1.0-50-amd64
for end in .bak .orig .save .old .dpkg-bak; do
	got=$(first $kernel $initrd $kernel$end)
	echo "beside $kernel$end: $got"
	case $end in
	.old | .dpkg-bak) [ "$got" = "$kernel $initrd" ] ;;
	*) [ "$got" = "$kernel$end" ] ;;
	esac
done

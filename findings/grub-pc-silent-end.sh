#!/usr/bin/env bash
# An update of grub-pc ends without a reason where debconf names a disk by id, and this machine
# has no /dev/disk/by-id.
#
# Expected: of a disk that is gone it says "... does not exist, so cannot grub-install to it!",
# and what to type, as it does of /dev/sdz.
# What happens: the answer of the machine that an image was made on is a path below
# /dev/disk/by-id. Where udev made no such directory, as no disk has an id, the postinst's
# "readlink -f" fails, and set -e ends it: exit code 1 right after "Running grub-install
# ...", with no word of a disk. With the directory, empty, the words are there.
#
# Exits with 1 when that changes. Wants root and debootstrap; takes a minute.
set -euo pipefail

version=2.06-13+deb12u2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
unset TMPDIR
debootstrap --variant=minbase --include=grub-pc bookworm root >log 2>&1 || { tail log; exit 1; }
in_root() { DEBIAN_FRONTEND=noninteractive chroot root "$@"; }
[ "$(in_root dpkg-query -Wf "\${Version}" grub-pc)" = "$version" ]
echo "grub-pc $version"
# So a machine looks on which GRUB was installed once.
mkdir -p root/boot/grub/i386-pc
touch root/boot/grub/i386-pc/core.img

# updated DISK: what the postinst, which an update runs, comes to, and what it says of a disk.
updated() {
	echo "grub-pc grub-pc/install_devices multiselect $1" | in_root debconf-set-selections
	in_root dpkg-reconfigure grub-pc >said 2>&1 </dev/null && code=0 || code=$?
	echo "$1: exit code $code, $(grep -c 'does not exist, so cannot grub-install' said || true) line(s) of the disk, the last words: $(tail -n 1 said)"
}
rm -rf root/dev/disk
by_name=$(updated /dev/sdz)
by_id=$(updated /dev/disk/by-id/ata-GONE)
mkdir -p root/dev/disk/by-id
with_folder=$(updated /dev/disk/by-id/ata-GONE)
printf '%s\n' "$by_name" "$by_id" "with that directory: $with_folder"
[[ $by_name == *': exit code 1, 1 line'* && $with_folder == *': exit code 1, 1 line'* ]]
[[ $by_id == *': exit code 1, 0 line(s) of the disk, the last words: grub-pc: Running grub-install ...' ]]

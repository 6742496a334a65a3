#!/bin/sh
# usage: unshare -m sh machine.sh CASE SHELL HOOKS...
# Makes the machine that the folder CASE describes, in a mount namespace of its own, and
# runs the hooks on it as curtin does; the hooks themselves know nothing of tests. Real:
# mounts, chroot, the shell, the deployer's coreutils. Made up: /sys, /dev, the kernel's
# command line, blkid, and the tools in the image.
#
#   CASE/root    the unpacked image        CASE/sys      what /sys is
#   CASE/nodes   block devices, one a line CASE/links    links in /dev: NAME TARGET
#   CASE/mounts  DIR DEVICE SUBDIR         CASE/run      what /run is, with the state of the stand-ins
#   CASE/cmdline /proc/cmdline             CASE/env      environment of curtin
# Left behind: CASE/out, CASE/status, CASE/after (the image), CASE/mounted (mounts left).
set -eu
here=$1 shell=$2
shift 2
mount --make-rprivate /
mount -t tmpfs deployer /usr/local/sbin
cp "$here/standin.sh" /usr/local/sbin/blkid
if [ -e "$here/no-blkid" ]; then rm /usr/local/sbin/blkid; fi
# What is no program is not found.
if [ -e "$here/no-efibootmgr" ] && host=$(command -v efibootmgr); then mount --bind /dev/null "$host"; fi
mount --bind "$here/cmdline" /proc/cmdline
mkdir "$here/dev" "$here/target" "$here/disks"
mount -t tmpfs dev "$here/dev"
mknod -m 666 "$here/dev/null" c 1 3
mknod -m 666 "$here/dev/zero" c 1 5
minor=0
while read -r name; do
	mkdir -p "$(dirname "$here/dev/$name")"
	mknod "$here/dev/$name" b 240 $minor
	minor=$((minor + 1))
done <"$here/nodes"
while read -r name to; do
	mkdir -p "$(dirname "$here/dev/$name")"
	ln -s "$to" "$here/dev/$name"
done <"$here/links"
target=$here/target
while read -r dir device sub; do
	name=$(echo "$device" | tr / _)
	if [ ! -d "$here/disks/$name" ]; then
		mkdir "$here/disks/$name"
		mount -t tmpfs "$device" "$here/disks/$name"
	fi
	mkdir -p "$here/disks/$name/$sub" "$target/$dir"
	mount --bind "$here/disks/$name/$sub" "$target/$dir"
	# Not the place where it was made, or that mount point would count.
done <"$here/mounts"
# cp -a of modes and links as tar would unpack them.
cp -a "$here/root/." "$target/"
mount --bind "$here/run" /run
mount -t tmpfs sys "$here/disks"
mount --rbind "$here/sys" /sys
if [ -d /sys/firmware/efi/efivars ]; then mount -t tmpfs efivarfs /sys/firmware/efi/efivars; fi
mount --bind "$here/dev" /dev

set -a
# shellcheck disable=SC1091 # made by the test
. "$here/env"
set +a
set +e
if [ "$1" = exec ]; then
	# As curtin starts them.
	"$target/curtin/curtin-hooks" >"$here/out" 2>&1 </dev/null
else
	# shellcheck disable=SC2086 # words: busybox ash
	$shell "$@" >"$here/out" 2>&1 </dev/null
fi
echo $? >"$here/status"
set -e
grep " $target" /proc/self/mountinfo | awk '{ print $5 }' | grep -v -x -F -f "$here/expected" >"$here/mounted" || true
# Nothing is copied through mounts that should be gone.
if [ -s "$here/mounted" ]; then exit 0; fi
mkdir "$here/after"
cp -a "$target/." "$here/after/"

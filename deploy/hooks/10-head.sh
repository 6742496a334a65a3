#!/bin/sh
# image-capture-hooks: 2
#
# Copyright 2026 The image-capture authors
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
#
# Makes the disk that this image was unpacked on boot: fstab, network, kernel
# command line, initramfs, boot loader, identity. curtin runs /curtin/curtin-hooks in
# the deployer's system in place of its own curthooks; an operator runs it by hand
# after tar -x. Plain POSIX sh, because nothing more is sure to be in the deployer.
# Single quotes hold what awk, sed, GRUB and the image's own shell read.
# shellcheck disable=SC2016
set -u

# One language for the messages that are read here, and all the places where tools are:
# the same PATH is used inside of the image.
LC_ALL=C
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin${PATH:+:$PATH}
DEBIAN_FRONTEND=noninteractive
# Other disks may hold systems too: the menu of this one does not list them.
GRUB_DISABLE_OS_PROBER=true
export LC_ALL PATH DEBIAN_FRONTEND GRUB_DISABLE_OS_PROBER
unset TMPDIR LD_PRELOAD LD_LIBRARY_PATH ENV BASH_ENV
umask 022

VERSION=2
target='' log='' work='' bound='' dry=''
by_hand=no

usage() {
	cat <<'END'
usage: curtin-hooks [--target DIR] [--dry-run]
       curtin-hooks --help | --version

Makes the system unpacked at DIR boot from the disks that are mounted there.
DIR is a mount point, with /boot and /boot/efi mounted below it where there are such
partitions. Without --target: $TARGET_MOUNT_POINT, as curtin sets it.

  --target DIR   where the new root is mounted; never /
  --dry-run      say what was found and change nothing

Settings are read from image-capture-hooks.conf beside this file.
What was done is printed, and kept in /var/log/image-capture-hooks.log of the new root.
END
}

say() {
	printf 'curtin-hooks: %s\n' "$*"
	if [ -n "$log" ]; then printf '%s\n' "$*" >>"$log"; fi
}

warn() {
	printf 'curtin-hooks: warning: %s\n' "$*" >&2
	if [ -n "$log" ]; then printf 'warning: %s\n' "$*" >>"$log"; fi
}

# die ends everything. It must not be called in $(...), where it would end only that.
die() {
	printf 'curtin-hooks: error: %s\n' "$*" >&2
	if [ -n "$log" ]; then printf 'error: %s\n' "$*" >>"$log"; fi
	exit 1
}

# run COMMAND...: its output goes to our output and to the log.
run() {
	say "run: $*"
	"$@" >"$work/out" 2>&1 </dev/null
	status=$?
	sed 's/^/    /' "$work/out"
	if [ -n "$log" ]; then sed 's/^/    /' "$work/out" >>"$log"; fi
	return $status
}

# must COMMAND...: run it, and end with its last words if it fails.
must() {
	run "$@" || die "exit $status from: $* ($(sed -n '/./h;${x;p;}' "$work/out"))"
}

# in_target COMMAND...: the image's own tools, in the image.
in_target() { must chroot "$target" "$@"; }

# has NAME: is there such a command in the image? The image's shell looks for it:
# from outside absolute links would lead into the deployer's system.
has() { chroot "$target" /bin/sh -c 'command -v "$1"' sh "$1" >/dev/null 2>&1; }

# there PATH: is there such a file in the image, with content?
there() { chroot "$target" /bin/sh -c 'test -s "$1"' sh "$1"; }

# show PATH: the content of a file of the image; nothing if it is not there.
show() { chroot "$target" /bin/sh -c 'if test -f "$1"; then cat "$1"; fi' sh "$1"; }

# put PATH MODE: writes $work/new to a file of the image, whole or not at all. A link is
# replaced and not followed, and a directory is resolved in the image. Nothing is touched
# where the content is there already. Never at the end of a pipe: die could not end us.
put() {
	put_dir=$(chroot "$target" /bin/sh -c 'mkdir -p "$1" && cd "$1" && pwd -P' sh "${1%/*}/") ||
		die "cannot make directory ${1%/*} in $target"
	put_to=${target%/}${put_dir%/}/${1##*/}
	if [ -f "$put_to" ] && [ ! -L "$put_to" ]; then
		if [ "$(cksum <"$put_to")" = "$(cksum <"$work/new")" ]; then return 0; fi
		# The new file gets owner, mode and label of the old one.
		cp -a "$put_to" "$put_to.new~" 2>/dev/null || cp "$put_to" "$put_to.new~" || die "cannot write $1 in $target"
	else
		rm -f "$put_to.new~"
		(umask 077 && : >"$put_to.new~") || die "cannot write $1 in $target"
		chmod "$2" "$put_to.new~" || die "cannot write $1 in $target"
	fi
	if ! cat "$work/new" >"$put_to.new~" || ! mv -f "$put_to.new~" "$put_to"; then
		rm -f "$put_to.new~"
		die "cannot write $1 in $target"
	fi
	say "wrote $1"
}

# drop PATH WHY: removes a file of the image.
drop() {
	if chroot "$target" /bin/sh -c 'test -e "$1" || test -L "$1"' sh "$1"; then
		chroot "$target" rm -f "$1" || die "cannot remove $1 in $target"
		say "removed $1: $2"
	fi
}

# bind DIR: the deployer's DIR inside of the image, for the tools that run there.
# What somebody else has mounted there already stays.
bind() {
	if is_mounted "${target%/}$1"; then return 0; fi
	[ -d "${target%/}$1" ] || mkdir -p "${target%/}$1" || die "cannot make directory $1 in $target"
	mount --bind "$1" "${target%/}$1" || die "cannot bind-mount $1 into $target"
	bound="$1 $bound"
}

is_mounted() {
	awk -v d="$1" '$5 == d { n = 1 } END { exit !n }' /proc/self/mountinfo
}

# clean_up always runs: no mount of ours outlives us, or the deployer could not
# unmount the disk.
clean_up() {
	clean_status=$?
	trap '' HUP INT TERM
	trap - EXIT
	for d in $bound; do
		umount "${target%/}$d" 2>/dev/null || {
			sleep 1
			umount "${target%/}$d" 2>/dev/null
		} || umount -l "${target%/}$d" || {
			warn "cannot unmount ${target%/}$d"
			clean_status=1
		}
	done
	[ -z "$work" ] || rm -rf "$work"
	exit "$clean_status"
}

while [ $# -gt 0 ]; do
	case $1 in
	--help | -h) usage && exit 0 ;;
	--version) echo "image-capture-hooks $VERSION" && exit 0 ;;
	--dry-run) dry=yes ;;
	--target=*) target=${1#*=} by_hand=yes ;;
	--target)
		[ $# -gt 1 ] || die "--target wants a directory"
		target=$2 by_hand=yes
		shift
		;;
	*) die "what is $1? See --help" ;;
	esac
	shift
done
if [ $by_hand = no ]; then target=${TARGET_MOUNT_POINT:-}; fi
[ -n "$target" ] || die "which root? Give --target DIR (curtin sets TARGET_MOUNT_POINT)"

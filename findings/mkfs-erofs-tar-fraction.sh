#!/usr/bin/env bash
# mkfs.erofs --tar takes the fraction of a time for a number of nanoseconds.
#
# Expected: "mtime=1000000000.5" in a pax header is half a second after 1000000000: in POSIX
# pax the first digit after the point is tenths of a second. GNU tar and bsdtar leave out
# zeros at the end.
# What happens: the file gets 1000000000.000000005. Only fractions of nine digits are right;
# one in ten of the times that have nanoseconds ends in a zero.
#
# Exits with 1 when that changes. Wants Debian's apt-get, and root for chroot: the program
# is Debian 13's.
set -euo pipefail

version=1.8.6-1
work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT
cd "$work"
mkdir -p apt/lists/partial apt/cache/archives/partial apt/etc/apt.conf.d apt/etc/preferences.d
touch apt/status
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian trixie main" >apt/sources.list
options=(-qq -y -o "Dir::Etc=$work/apt/etc" -o "Dir::Etc::sourcelist=$work/apt/sources.list" -o Dir::Etc::sourceparts=-
	-o "Dir::State=$work/apt" -o "Dir::State::status=$work/apt/status" -o "Dir::Cache=$work/apt/cache" -o APT::Sandbox::User=root)
apt-get "${options[@]}" update
apt-get "${options[@]}" --no-install-recommends --download-only install "erofs-utils=$version" >/dev/null
mkdir -p root/usr/{bin,sbin,lib,lib64}
(cd root && ln -s usr/{bin,sbin,lib,lib64} .)
for deb in apt/cache/archives/*.deb; do dpkg -x "$deb" root; done

mkdir tree
touch -d @1000000000.5 tree/half
touch -d @1000000000.123456789 tree/nine-digits
tar -C tree --format=pax -cf root/tree.tar half nine-digits
grep -a -o 'mtime=.*' root/tree.tar
chroot root mkfs.erofs -d0 --tar=f tree.erofs tree.tar >/dev/null
time_of() { TZ=UTC chroot root dump.erofs "--path=/$1" tree.erofs | sed -n 's/^Timestamp: *//p'; }
half=$(time_of half) nine=$(time_of nine-digits)
echo "half:        $half"
echo "nine-digits: $nine"
[[ $half == *:40.000000005 ]] && [[ $nine == *:40.123456789 ]]

#!/usr/bin/env bash
# rdsquashfs --set-xattr --chown unpacks a file without its capability.
#
# Expected: the two options together restore owner and xattrs, as unsquashfs does and as
# GNU tar does with what sqfs2tar makes of the same image.
# What happens: the xattrs are set first and the owner after them, and Linux drops
# security.capability at a change of owner, also to the owner that the file has. The exit
# code is 0, nothing is said, and other xattrs are there. With --set-xattr alone the
# capability is there, and the owner is not.
#
# Exits with 1 when that changes. Wants root, attr, setcap and Debian 12's apt-get; 1.3.2 of
# Debian 13 does the same.
set -euo pipefail

version=1.2.0-1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download "squashfs-tools-ng=$version" "libsquashfs1=$version" squashfs-tools=1:4.5.1-1 liblzo2-2=2.10-2 >/dev/null
for package in ./*.deb; do dpkg -x "$package" package; done
bin=$work/package/usr/bin
export LD_LIBRARY_PATH=$work/package/usr/lib/x86_64-linux-gnu:$work/package/lib/x86_64-linux-gnu
"$bin/rdsquashfs" --version | sed -n 1p
dpkg-deb -f squashfs-tools_*.deb Package Version | paste -sd " "

mkdir tree
echo program >tree/ping
setfattr -n user.x -v value tree/ping
setcap cap_net_raw+ep tree/ping
"$bin/mksquashfs" tree image.squashfs -quiet -no-progress >/dev/null

# has DIRECTORY: the capability and the other xattr of the file in it.
has() { echo "'$(getcap -n "$1/ping" | sed 's/.* //')' '$(getfattr --only-values -n user.x "$1/ping")'"; }
mkdir xattr both tar
"$bin/unsquashfs" -quiet -no-progress -d un image.squashfs >/dev/null
"$bin/sqfs2tar" image.squashfs | tar -C tar --xattrs '--xattrs-include=*' -xpf -
"$bin/rdsquashfs" --quiet --set-xattr --unpack-path / --unpack-root xattr image.squashfs
"$bin/rdsquashfs" --quiet --set-xattr --chown --unpack-path / --unpack-root both image.squashfs
echo "unsquashfs:                      $(has un)"
echo "sqfs2tar | tar:                  $(has tar)"
echo "rdsquashfs --set-xattr:          $(has xattr)"
echo "rdsquashfs --set-xattr --chown:  $(has both)"
for kept in un tar xattr; do [ "$(has $kept)" = "'cap_net_raw=ep' 'value'" ]; done
[ "$(has both)" = "'' 'value'" ]

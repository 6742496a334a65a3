#!/usr/bin/env bash
# pax and toybox empty the hard-linked files of a cpio archive that GNU cpio wrote.
#
# Expected: cpio's "newc" format, that of every initramfs, is read alike by all. GNU cpio
# and bsdcpio write the content of a file with several names once, with the last of them.
# What happens: pax links all names to the first, which came empty, and passes over the
# content that comes with the last: it is lost. toybox makes a file of its own of every
# name, and all but the last are empty. Both exit with 0, and say nothing.
#
# Exits with 1 when that changes. Wants Debian 12's apt-get.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download cpio=2.13+dfsg-7.1 busybox=1:1.35.0-4+deb12u1+b1 pax=1:20201030-1 toybox=0.8.9+dfsg-1 >/dev/null
for package in ./*.deb; do
	dpkg -x "$package" package
	dpkg-deb -f "$package" Package Version | sed 's/.*: //' | paste -sd ' '
done
bin=$work/package/bin

mkdir tree
cd tree
echo content >one
ln one two
ln one three
printf '%s\n' one two three | "$bin/cpio" --quiet -o -H newc >../archive.cpio
cd ..

# read_by COMMAND ...: how many bytes each name has after it, how many names of one file there are.
read_by() {
	rm -rf out
	mkdir out
	(cd out && "$@" <../archive.cpio 2>../errors)
	echo "$(cd out && stat -c %s one two three | paste -sd ' '), links $(stat -c %h out/one)"
}
cpio=$(read_by "$bin/cpio" --quiet -i)
busybox=$(read_by "$bin/busybox" cpio -i)
pax=$(read_by "$bin/pax" -r)
paxcpio=$(read_by "$bin/paxcpio" -i --)
toybox=$(read_by "$bin/toybox" cpio -i)
echo "GNU cpio:    bytes $cpio"
echo "busybox:     bytes $busybox"
echo "pax -r:      bytes $pax"
echo "paxcpio -i:  bytes $paxcpio"
echo "toybox cpio: bytes $toybox"
[ "$cpio" = '8 8 8, links 3' ]
[ "$pax" = '0 0 0, links 3' ]
[ "$toybox" = '0 0 8, links 1' ]

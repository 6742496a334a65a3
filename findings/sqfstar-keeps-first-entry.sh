#!/usr/bin/env bash
# sqfstar and genext2fs make the old file of an archive in which a newer one follows.
#
# Expected: what "tar -r" and "tar -u" add is the newer state, and the last entry of a name
# counts, as GNU tar's manual says; a filesystem made of the archive holds that file.
# What happens: the first entry of the name is taken. sqfstar prints "already exists in the
# tar file, ignoring" among its other lines, genext2fs -a nothing; both exit with 0. tar2sqfs
# refuses the archive.
#
# Exits with 1 when that changes. Wants Debian 12's apt-get, and debugfs of e2fsprogs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download squashfs-tools=1:4.5.1-1 genext2fs=1.5.0-3 squashfs-tools-ng=1.2.0-1 libsquashfs1=1.2.0-1 libarchive13=3.6.2-1+deb12u5 >/dev/null
for package in ./*.deb; do
	dpkg -x "$package" package
	dpkg-deb -f "$package" Package Version | sed 's/.*: //' | paste -sd ' '
done
bin=$work/package/usr/bin
export LD_LIBRARY_PATH=$work/package/usr/lib/x86_64-linux-gnu

mkdir tree out
echo old >tree/file
tar -cf archive.tar -C tree .
echo new >tree/file
tar -rf archive.tar -C tree ./file
tar -xf archive.tar -C out
echo "tar -x:      $(cat out/file)"

"$bin/sqfstar" -no-progress made.squashfs <archive.tar >squash.out 2>&1
squash=$("$bin/unsquashfs" -cat made.squashfs file)
echo "sqfstar:     $squash, exit code 0, $(grep already squash.out)"
"$bin/genext2fs" -b 1024 -a archive.tar made.ext2 >ext2.out 2>&1
ext2=$(debugfs -R 'cat file' made.ext2 2>/dev/null)
echo "genext2fs:   $ext2, exit code 0, $(paste -sd ' ' ext2.out)"
"$bin/tar2sqfs" -q ng.squashfs <archive.tar 2>ng.out && ng=0 || ng=$?
echo "tar2sqfs:    exit code $ng, $(head -n 1 ng.out)"
[ "$(cat out/file) $squash $ext2" = 'new old old' ]

#!/usr/bin/env bash
# GRUB cannot read a file of ext4 that begins with a hole.
#
# Expected: a hole reads as zeros wherever it is. GRUB reads one in the middle of a file so,
# and one at its start on ext2 without extents.
# What happens: where the first blocks of the file are a hole, a read at offset 0 ends with
# "something wrong with extent", and no byte comes. An image that begins with zeros (an ISO's
# first 32 KiB, a disk image's first MiB) has that hole after "cp --sparse=always", or after
# "tar -x" of an archive made with -S, and GRUB can no longer load it whole. Linux and debugfs
# read all of it.
#
# Exits with 1 when that changes. Wants e2fsprogs and Debian 12's apt-get; 2.12 of Debian 13
# does the same.
set -euo pipefail

version=2.06-13+deb12u2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download "grub-common=$version" libdevmapper1.02.1=2:1.02.185-2 >/dev/null
for package in ./*.deb; do dpkg -x "$package" package; done
export LD_LIBRARY_PATH=$work/package/lib/x86_64-linux-gnu:$work/package/usr/lib/x86_64-linux-gnu
fstest() { package/usr/bin/grub-fstest "$@"; }
fstest --version
mke2fs -V 2>&1 | sed -n 1p

# The two differ in where their zeros are; debugfs stores both with holes.
seq 10000 | tail -n 6000 >text
head -c 32K /dev/zero >zeros
cat zeros text >zeros-first
cat text zeros text >zeros-inside
for type in ext4 ext2; do
	truncate -s 16M $type.img
	mke2fs -q -F -t $type -b 4096 $type.img
	debugfs -w -R 'write zeros-first zeros-first' $type.img >/dev/null 2>&1
	debugfs -w -R 'write zeros-inside zeros-inside' $type.img >/dev/null 2>&1
done

# read_by_grub TYPE NAME: exit code, what came, and what was said.
read_by_grub() {
	debugfs -R "dump $2 $work/dumped" "$1.img" 2>/dev/null
	cmp dumped "$2"
	fstest "$work/$1.img" cp "(loop0)/$2" got 2>error && code=0 || code=$?
	cmp -s got "$2" && same=same || same=different
	echo "$code $same $(sed 's/.*: //' error)"
}
for type in ext4 ext2; do
	for name in zeros-first zeros-inside; do
		got=$(read_by_grub $type $name)
		echo "$type, $name: $got"
		case $type-$name in
		ext4-zeros-first) [ "$got" = '1 different something wrong with extent.' ] ;;
		*) [ "$got" = '0 same ' ] ;;
		esac
	done
done

#!/usr/bin/env bash
# bsdtar cannot read the mtree that it makes of an archive whose first entry is ./
#
# Expected: "bsdtar --format=mtree -cf - @image.tar" lists what an archive holds, for any
# reader of mtree(5). An archive of a whole root begins with "./": tar -C ROOT . makes it so.
# What happens: the entry "./" is written as "/.", a name that no reader takes: bsdtar
# itself says "Can't parse line 2", NetBSD's mtree "invalid specification". The same tree
# listed from the directory has ".", and is read.
#
# Exits with 1 when that changes. Wants Debian 12's apt-get.
set -euo pipefail

version=3.6.2-1+deb12u5
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download "libarchive-tools=$version" "libarchive13=$version" mtree-netbsd=20180822-7 >/dev/null
for package in ./*.deb; do dpkg -x "$package" package; done
export LD_LIBRARY_PATH=$work/package/usr/lib/x86_64-linux-gnu
bsdtar() { "$work/package/usr/bin/bsdtar" "$@"; }
bsdtar --version
mkdir tree
echo content >tree/file
tar -cf image.tar -C tree .
tar -tf image.tar | paste -sd ' '

# reads SPEC: what the two make of it.
reads() {
	for command in "bsdtar -tf $1" "package/usr/bin/mtree -C -f $1"; do
		$command >out 2>&1 && code=0 || code=$?
		echo "  ${command##*/} exits with $code: $(head -n 1 out)"
	done
}
bsdtar --format=mtree --options='!all,type,size' -cf archive.mtree @image.tar
bsdtar --format=mtree --options='!all,type,size' -cf tree.mtree -C tree .
echo "of the archive: $(paste -sd ';' archive.mtree)"
reads archive.mtree | tee archive.read
echo "of the tree:    $(paste -sd ';' tree.mtree)"
reads tree.mtree | tee tree.read
grep -qx '/\. type=dir' archive.mtree && ! grep -q 'with 0' archive.read && ! grep -q 'with [^0]' tree.read

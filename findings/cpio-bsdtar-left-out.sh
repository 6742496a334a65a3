#!/usr/bin/env bash
# GNU cpio, bsdcpio and bsdtar end with 0 when they left out files that do not fit the format.
#
# Expected: an archive without some of the files that were to be in it is a failure: bsdtar
# ends with 1 for a file that is not there, and GNU tar with 2 for a name or an owner that
# does not fit.
# What happens: the file that has no room in the format (of more than 4 GiB in newc, a long
# name or a large owner in ustar) is left out, and the exit code is 0. bsdtar's words do not
# even say which file: ": Pathname too long: Numeric user ID too large". The next step of a
# script takes the archive for whole.
#
# Exits with 1 when that changes. Wants root and Debian 12's apt-get; cpio 2.15 and
# libarchive 3.7.4 of Debian 13 do the same.
set -euo pipefail

version=3.6.2-1+deb12u5
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download "libarchive-tools=$version" "libarchive13=$version" tar=1.34+dfsg-1.2+deb12u1 cpio=2.13+dfsg-7.1 >/dev/null
for package in ./*.deb; do dpkg -x "$package" package; done
export LD_LIBRARY_PATH=$work/package/usr/lib/x86_64-linux-gnu PATH=$work/package/bin:$work/package/usr/bin:$PATH
bsdtar --version
tar --version | sed -n 1p
cpio --version | sed -n 1p

mkdir tree
name=$(printf 'n%.0s' {1..120})
touch tree/file "tree/$name" tree/owned
chown 3000000 tree/owned
truncate -s 5G tree/large

# made ARCHIVE-MAKING COMMAND ...: its exit code, the names in the archive, what it said.
made() {
	"$@" >archive 2>said && code=0 || code=$?
	echo "$code: $(bsdtar -tf archive | sed 's/n\{120\}/NAME/' | LC_ALL=C sort | paste -sd ' ') ($(tr '\n' ' ' <said | sed 's/n\{120\}/NAME/'))"
}
cd tree
names=(file "$name" owned)
tar=$(made tar --format=ustar -cf - "${names[@]}")
bsdtar=$(made bsdtar --format=ustar -cf - "${names[@]}")
bsdcpio=$(printf '%s\n' "${names[@]}" | made bsdcpio --quiet -o -H ustar)
absent=$(made bsdtar --format=ustar -cf - file absent)
large=(file large)
newc=$(printf '%s\n' "${large[@]}" | made bsdcpio --quiet -o -H newc)
cpio=$(printf '%s\n' "${large[@]}" | made cpio --quiet -o -H newc)
echo "GNU tar, ustar:         $tar"
echo "bsdtar, ustar:          $bsdtar"
echo "bsdtar, no such file:   $absent"
echo "bsdcpio, ustar:         $bsdcpio"
echo "bsdcpio, newc, 5 GiB:   $newc"
echo "GNU cpio, newc, 5 GiB:  $cpio"
[[ $bsdtar == '0: file ('*'Pathname too long'*'Numeric user ID too large'* ]]
[[ $bsdcpio == '0: file ('* && $newc == '0: file ('* && $cpio == '0: file ('* ]]
[[ $tar == 2:* && $absent == 1:* ]]

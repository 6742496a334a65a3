#!/usr/bin/env bash
# GNU cpio -o gives a file of the owner 65536 to root, and with -H odc that of 262144.
#
# Expected: an owner that does not fit the format is an error, as in pax, or at least a line,
# as cpio writes one where a file's size does not fit.
# What happens: the number is cut to the bits of the field, 16 or 18, with exit code 0 and
# no word. Containers of systemd-nspawn -U and of subordinate ids begin at a multiple of
# 65536: what their root owns belongs to the host's root in the archive, and what their user
# 1000 owns to the host's. bsdcpio, whose default is odc, writes 262143 for all larger ones,
# without a word too. Only newc, crc and the tar formats keep them.
#
# Exits with 1 when that changes. Wants root and Debian 12's apt-get; 2.15 of Debian 13 does
# the same.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download cpio=2.13+dfsg-7.1 libarchive-tools=3.6.2-1+deb12u5 libarchive13=3.6.2-1+deb12u5 pax=1:20201030-1 >/dev/null
for package in ./*.deb; do dpkg -x "$package" package; done
export LD_LIBRARY_PATH=$work/package/usr/lib/x86_64-linux-gnu PATH=$work/package/bin:$work/package/usr/bin:$PATH
cpio --version | sed -n 1p
bsdcpio --version

mkdir tree
touch tree/file
# owner OWNER COMMAND ...: the exit code of COMMAND for a file of OWNER, and the owner that
# its archive has.
owner() {
	chown "$1" tree/file
	(cd tree && echo file | "${@:2}" >../archive 2>../said) && code=0 || code=$?
	echo "$code $(cpio -itvn --quiet <archive 2>/dev/null | awk '{ print $3 }')"
}
for number in 65535 65536 66536 262144 300000; do
	bin=$(owner $number cpio -o --quiet)
	odc=$(owner $number cpio -o --quiet -H odc)
	newc=$(owner $number cpio -o --quiet -H newc)
	bsd=$(owner $number bsdcpio -o --quiet)
	pax=$(owner $number pax -w -x cpio)
	echo "$number: cpio $bin, cpio -H odc $odc, cpio -H newc $newc, bsdcpio $bsd, pax -x cpio $pax"
	[ "$bin $newc" = "0 $((number % 65536)) 0 $number" ]
	[ "$odc" = "0 $((number % 262144))" ]
	case $number in
	262144 | 300000) [ "$bsd" = '0 262143' ] && [ "${pax% *}" = 1 ] ;;
	esac
done

#!/usr/bin/env bash
# xz unpacks of what pixz made of a tar more bytes than the tar has.
#
# Expected: pixz writes xz files, with the index of the archive's files beside the data, as
# zstd's seek tables and xz's own index are; what comes out is what went in, by any reader.
# What happens: the index is one more block of data after the tar. pixz -d takes it away,
# xz and every other reader of xz give it out: the digest of the unpacked archive is not
# that of the tar, and not the one that pixz -d gives. "xz -t" is content, and tar does not
# see it, since it stops at its own end; of two joined archives "tar -i" lists only the first
# and ends with 2.
#
# Exits with 1 when that changes. Wants Debian 12's apt-get.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download pixz=1.0.7-2 xz-utils=5.4.1-1+deb12u1 liblzma5=5.4.1-1+deb12u1 libarchive13=3.6.2-1+deb12u5 >/dev/null
for package in ./*.deb; do
	dpkg -x "$package" package
	dpkg-deb -f "$package" Package Version | sed 's/.*: //' | paste -sd ' '
done
export LD_LIBRARY_PATH=$work/package/usr/lib/x86_64-linux-gnu:$work/package/lib/x86_64-linux-gnu PATH=$work/package/usr/bin:$PATH

mkdir tree
seq 20000 >tree/one
seq 20000 >tree/two
tar -cf image.tar tree
pixz image.tar image.tpxz
pixz -t image.tar as-data.xz
xz -t image.tpxz
pixz -d image.tpxz by-pixz
xz -dc image.tpxz >by-xz
xz -dc as-data.xz >by-xz-of-data
for name in image.tar by-pixz by-xz by-xz-of-data; do
	printf '%-16s%8d bytes, %.12s...\n' "$name" "$(stat -c %s $name)" "$(sha256sum <$name)"
done
extra=$(tail -c "+$(($(stat -c %s image.tar) + 1))" by-xz | tr -c '[:print:]' ' ' | tr -s ' ')
echo "after the tar in by-xz: $extra"
cmp image.tar by-pixz
cmp image.tar by-xz-of-data
cmp -n "$(stat -c %s image.tar)" image.tar by-xz
[[ $(stat -c %s by-xz) -gt $(stat -c %s image.tar) && $extra == *tree/one*tree/two* ]]

cat by-xz by-xz >joined
joined=$(tar -itf joined 2>/dev/null | wc -l) && code=0 || code=$?
both=$(cat image.tar image.tar | tar -itf - | wc -l)
echo "two joined: tar -i lists $joined names and exits with $code, of the tar itself $both"
[ "$joined $code $both" = '3 2 6' ]

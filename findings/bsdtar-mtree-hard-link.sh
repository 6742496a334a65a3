#!/usr/bin/env bash
# bsdtar writes the hard links of an archive into an mtree as empty files.
#
# Expected: "bsdtar --format=mtree -cf - @image.tar" describes the tree that the archive
# holds, as it describes a directory: each name of a file has its size and its digest.
# What happens: what is stored as a hard link becomes "type=file size=0", without a digest
# or a word that it is a link, with exit code 0. Who checks what was extracted against it
# sees a wrong size at every second name; who takes it for the list of an image sees empty
# files.
#
# Exits with 1 when that changes. Wants Debian 12's apt-get.
set -euo pipefail

version=3.6.2-1+deb12u5
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download "libarchive-tools=$version" "libarchive13=$version" >/dev/null
for package in ./*.deb; do dpkg -x "$package" package; done
export LD_LIBRARY_PATH=$work/package/usr/lib/x86_64-linux-gnu
bsdtar() { "$work/package/usr/bin/bsdtar" "$@"; }
bsdtar --version
mkdir tree extracted
echo content >tree/one
ln tree/one tree/two
tar -cf image.tar -C tree one two
tar -xf image.tar -C extracted

# describe ARGUMENT ...: sizes and digests in the mtree of it.
describe() { bsdtar --format=mtree --options='!all,type,size,link,sha256' -cf - "$@" | sed -n 's/\(digest=.\{6\}\).*/\1.../; s,^\./,,p'; }
archive=$(describe @image.tar) tree=$(describe -C extracted one two)
echo "of the archive:"
echo "$archive"
echo "of what was extracted from it:"
echo "$tree"
[[ $archive == *$'\n''two type=file size=0' ]]
[[ $tree == *$'\n''two type=file size=8 sha256digest='* ]]

#!/usr/bin/env bash
# Python's tarfile changes the other name of a hard-linked file when a later entry of the
# archive replaces one of them.
#
# Expected: of an archive to which "tar -r" or "tar -u" added a file again, the later entry
# replaces that name; the hard link that the archive holds beside it keeps the old content,
# as in the tree that was archived. GNU tar and bsdtar extract it so.
# What happens: extractall opens the name that is there, and writes into it. Both names then
# hold the new content, no exception is raised, and the old content is gone.
#
# Exits with 1 when that changes. Wants Debian 12's apt-get.
set -euo pipefail

version=3.11.2-6+deb12u9
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download "python3.11-minimal=$version" "libpython3.11-minimal=$version" "libpython3.11-stdlib=$version" tar=1.34+dfsg-1.2+deb12u1 \
	libarchive-tools=3.6.2-1+deb12u5 libarchive13=3.6.2-1+deb12u5 >/dev/null
for package in ./*.deb; do
	dpkg -x "$package" package
	dpkg-deb -f "$package" Package Version | sed 's/.*: //' | paste -sd ' '
done
export LD_LIBRARY_PATH=$work/package/usr/lib/x86_64-linux-gnu PYTHONHOME=$work/package/usr

# Two names of one file; then one of them becomes another file, and is added again.
mkdir tree
echo old >tree/one
ln tree/one tree/two
package/bin/tar -cf archive.tar -C tree one two
rm tree/one
echo new >tree/one
package/bin/tar -rf archive.tar -C tree one
package/bin/tar -tvf archive.tar

# extract COMMAND ...: what is in the two files, extracted by it.
extract() {
	rm -rf out
	mkdir out
	"$@" >/dev/null
	cat out/one out/two | paste -sd ' '
}
tree=$(cat tree/one tree/two | paste -sd ' ')
tar=$(extract package/bin/tar -xf archive.tar -C out)
bsdtar=$(extract package/usr/bin/bsdtar -xf archive.tar -C out)
python=$(extract package/usr/bin/python3.11 -c 'import tarfile; tarfile.open("archive.tar").extractall("out")')
echo "the tree: $tree"
echo "GNU tar:  $tar"
echo "bsdtar:   $bsdtar"
echo "tarfile:  $python"
[ "$tree $tar $bsdtar" = 'new old new old new old' ] && [ "$python" = 'new new' ]

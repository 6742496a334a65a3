#!/usr/bin/env bash
# The rows of docs/formats.md's table of readers that need packages which no other test
# does: readers.sh AGENT. Those of bsdtar, busybox, Python and mksquashfs are in
# testdata/script/readers.txtar.
set -euo pipefail
agent=$(realpath "$1")
fail() { echo "readers.sh: $*" >&2; exit 1; }
if ! command -v tar2sqfs 7zz borg ostree >/dev/null; then
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends squashfs-tools-ng 7zip borgbackup ostree >/dev/null
fi
work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT
cd "$work"
export HOME=$work BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes

mkdir -p root/dir
echo plain >root/plain
ln root/plain root/plain-too
mkfifo root/fifo
mknod root/null c 1 3
echo owner >root/owner
chown 1000:5 root/owner
truncate -s 1M root/dir/sparse
echo end >>root/dir/sparse
setfattr -n user.x -v 1 root/plain
touch -d @1000000000.123456789 root/plain
touch -d @1000000000 root/owner root root/dir root/dir/sparse
"$agent" root -o i.tgz --check off --default-excludes=false --quiet >/dev/null

# tar2sqfs: nanoseconds.
gzip -dc i.tgz | tar2sqfs -q i.sqfs
unsquashfs -q -n -d sq i.sqfs >/dev/null
[ "$(getfattr --only-values -n user.x sq/plain)" = 1 ] || fail "tar2sqfs loses xattrs"
cmp root/dir/sparse sq/dir/sparse || fail "tar2sqfs does not know sparse files"
[ "$(stat -c %.Y sq/plain)" = 1000000000.000000000 ] || fail "tar2sqfs: time $(stat -c %.Y sq/plain)"
[ "$(stat -c %u sq/owner) $(stat -c %t,%T sq/null)" = "1000 1,3" ] || fail "tar2sqfs: owners or devices"

# 7-Zip: sparse files, devices, owners.
gzip -dc i.tgz >i.tar
7zz x -y -o7z i.tar >/dev/null || [ $? = 2 ] || fail "7-Zip ends with another code"
if cmp -s root/dir/sparse 7z/dir/sparse; then fail "7-Zip knows sparse files now"; fi
[ ! -c 7z/null ] || fail "7-Zip makes devices now"
[ "$(stat -c %u 7z/owner)" = 0 ] || fail "7-Zip keeps owners now"
cmp root/plain 7z/plain

# borg import-tar: all xattrs.
borg init -e none repo 2>/dev/null
borg import-tar repo::a i.tgz
mkdir borg
(cd borg && borg extract --numeric-ids ../repo::a)
cmp root/plain borg/plain
[ -z "$(getfattr -d -m - borg/plain)" ] || fail "borg keeps xattrs now"
[ "$(stat -c %u borg/owner) $(stat -c %h borg/plain)" = "1000 2" ] || fail "borg: owners or hard links"

# ostree: times.
rm root/fifo root/null # it takes none
"$agent" root -o o.tgz --check off --default-excludes=false --quiet >/dev/null
ostree --repo=ostree init --mode=bare
ostree --repo=ostree commit -b x --tree=tar=o.tgz >/dev/null
ostree --repo=ostree checkout x tree
cmp root/plain tree/plain
[ "$(stat -c %Y tree/plain)" = 0 ] || fail "ostree keeps times now"
[ "$(stat -c %u tree/owner)" = 1000 ] || fail "ostree: owners"
echo "readers: tar2sqfs, 7-Zip, borg and ostree are as the table says"

#!/usr/bin/env bash
# The rows of docs/formats.md's table of readers that need packages which no other test
# does: readers.sh AGENT. Those of bsdtar, busybox, Python and mksquashfs are in
# testdata/script/readers.txtar. When a row fails, the table is to be mended too.
set -euo pipefail
umask 022
agent=$(realpath "$1")
here=$(realpath "$(dirname "$0")")/readers
fail() { echo "readers.sh: $*" >&2; exit 1; }
install=
for n in tar2sqfs:squashfs-tools-ng 7zz:7zip borg:borgbackup ostree:ostree toybox:toybox umoci:umoci restic:restic npm:npm; do
	command -v "${n%%:*}" >/dev/null || install="$install ${n##*:}"
done
if [ -n "$install" ]; then
	# shellcheck disable=SC2086 # words
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $install >/dev/null
fi
work=$(mktemp -d)
trap 'umount -q "$work/mnt" || true; rm -rf --one-file-system "$work"' EXIT
cd "$work"
(cd "$here/layers" && go build -o "$work/layers" .)
export HOME=$work BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes RESTIC_PASSWORD=none

# lost PROGRAM DIR: what DIR has otherwise than root, against what is on stdin.
lost() {
	python3 "$here/lost.py" root "$2" >found
	diff -u --label expected --label "$1" - found >&2 || fail "$1 keeps and loses other things than before"
}
# mounted PROGRAM FILESYSTEM: lost of a filesystem.
mounted() {
	mkdir -p mnt
	mount -o loop,ro "$2" mnt
	lost "$1" mnt
	umount mnt
}
# image NAME: of root.
image() {
	touch -d @1000000000 root
	"$agent" root -o "$1.tgz" --check off --default-excludes=false --quiet --overwrite >/dev/null
	gzip -dc "$1.tgz" >"$1.tar"
}

mkdir root
(
	cd root
	mkdir acl dir
	echo plain >plain
	ln plain plain-too
	ln -s plain link
	ln link link-too
	mkfifo fifo
	mknod null c 1 3
	for n in acl/file cap early flag high labelled owner setid setid-owner xattr .wh.deleted $'\351'; do echo "$n" >"$n"; done
	ln cap cap-too
	truncate -s 1M dir/sparse
	echo end >>dir/sparse
	setfattr -n user.x -v 1 xattr
	setfattr -n user.a=b -v 1 xattr
	setfattr -n trusted.x -v 1 xattr
	setfattr -h -n trusted.x -v 1 link
	setfattr -n security.selinux -v system_u:object_r:etc_t:s0 labelled
	setfacl -m u:1000:rwx acl/file
	setfacl -d -m u:1000:rwx acl
	chattr +d flag
	chown 1000:5 owner setid-owner dir
	chown 4000000000:4000000000 high
	setcap cap_net_raw+ep cap
	chmod 4755 setid setid-owner
	chmod 1777 dir
	find . -exec touch -h -d @1000000000 {} +
	touch -d @1000000000.123456789 plain
	touch -d @-5.5 early
)
image all

# Debian 13's programs, from its packages without their scripts.
mkdir -p apt/lists/partial apt/cache/archives/partial apt/etc/apt.conf.d apt/etc/preferences.d
touch apt/status
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian trixie main" >apt/sources.list
trixie=(-qq -y -o "Dir::Etc=$PWD/apt/etc" -o "Dir::Etc::sourcelist=$PWD/apt/sources.list" -o Dir::Etc::sourceparts=-
	-o "Dir::State=$PWD/apt" -o "Dir::State::status=$PWD/apt/status" -o "Dir::Cache=$PWD/apt/cache" -o APT::Sandbox::User=root)
apt-get "${trixie[@]}" update
apt-get "${trixie[@]}" --no-install-recommends --download-only install e2fsprogs libarchive13t64 erofs-utils >/dev/null
mkdir -p trixie/usr/{bin,sbin,lib,lib64}
(cd trixie && ln -s usr/{bin,sbin,lib,lib64} .)
for deb in apt/cache/archives/*.deb; do dpkg -x "$deb" trixie; done
cp all.tar trixie/

tar2sqfs -q all.sqfs <all.tar 2>/dev/null
unsquashfs -q -n -d sq all.sqfs >/dev/null 2>&1
lost tar2sqfs sq <<'END'
acl: system.posix_acl_default
acl/file: system.posix_acl_access
early: time
flag: flags
plain: nanoseconds
plain-too: nanoseconds
xattr: user.a%3Db user.a=b
END

7zz x -y -o7z all.tar >/dev/null 2>&1 || [ $? = 2 ] || fail "7-Zip ends with another code"
lost 7-Zip 7z <<'END'
.: time
acl: system.posix_acl_default
acl/file: mode system.posix_acl_access
cap: security.capability
cap-too: security.capability
dir: gid mode uid
dir/GNUSparseFile.0: more
dir/GNUSparseFile.0/sparse: more
dir/sparse: missing
fifo: type
flag: flags
high: gid uid
labelled: security.selinux
link: trusted.x
link-too: type
null: type
owner: gid uid
setid: mode
setid-owner: gid mode uid
xattr: trusted.x user.a=b user.x
END

mkdir toybox
toybox tar -C toybox -xf all.tar
lost toybox toybox <<'END'
acl: system.posix_acl_default
acl/file: system.posix_acl_access
cap: security.capability
cap-too: security.capability
dir/GNUSparseFile.0: more
dir/GNUSparseFile.0/sparse: more
dir/sparse: missing
early: time
flag: flags
high: gid uid
labelled: security.selinux
link: trusted.x
link-too: trusted.x
plain: nanoseconds
plain-too: nanoseconds
xattr: trusted.x user.a=b user.x
END

borg init -e none borg 2>/dev/null
borg import-tar borg::a all.tgz
mkdir borg-x
(cd borg-x && borg extract --numeric-ids ../borg::a)
lost borg borg-x <<'END'
acl: system.posix_acl_default
acl/file: system.posix_acl_access
cap: security.capability
cap-too: security.capability
early: time
flag: flags
labelled: security.selinux
link: trusted.x
link-too: trusted.x
plain: nanoseconds
plain-too: nanoseconds
xattr: trusted.x user.a=b user.x
END

truncate -s 64M trixie/fs.img
chroot trixie mke2fs -q -t ext4 -d all.tar fs.img 2>/dev/null
mounted "mke2fs -d of an archive" trixie/fs.img <<'END'
acl: system.posix_acl_default
acl/file: mode system.posix_acl_access
early: time
flag: flags
labelled: security.selinux
link: trusted.x
link-too: trusted.x
lost+found: more
plain: nanoseconds
plain-too: nanoseconds
xattr: trusted.x user.a=b user.x
END
truncate -s 64M fs.img
mke2fs -q -t ext4 -d root fs.img
mounted "mke2fs -d of a directory" fs.img <<'END'
.: time
early: nanoseconds
flag: flags
link-too: names
lost+found: more
plain: nanoseconds
plain-too: nanoseconds
END

# The early file has another time, as it takes the fraction .5 for 5 nanoseconds.
chroot trixie mkfs.erofs -d0 --tar=f erofs.img all.tar >/dev/null
mounted mkfs.erofs trixie/erofs.img <<'END'
dir/GNUSparseFile.0: more
dir/GNUSparseFile.0/sparse: more
dir/sparse: missing
early: time
flag: flags
xattr: user.a%3Db user.a=b
END

umoci init --layout oci
umoci new --image oci:x
umoci raw add-layer --image oci:x all.tar
umoci unpack --image oci:x bundle 2>/dev/null
lost umoci bundle/rootfs <<'END'
.wh.deleted: missing
flag: flags
labelled: security.selinux
xattr: user.a%3Db user.a=b
END

mkdir containerd
./layers containerd all.tar "$PWD/containerd" 2>/dev/null
lost containerd containerd <<'END'
.: time
.wh.deleted: missing
early: time
flag: flags
link: trusted.x
link-too: trusted.x
xattr: trusted.x user.a%3Db user.a=b
END

mkdir docker
if ./layers docker all.tar "$PWD/docker" 2>said; then fail "go-archive takes xattrs of symlinks now"; fi
grep -q 'lsetxattr .*/docker/plain: ' said || fail "go-archive: $(cat said)"
setfattr -h -x trusted.x root/link
image unlabelled
rm -r docker
mkdir docker
./layers docker unlabelled.tar "$PWD/docker"
lost go-archive docker <<'END'
.: time
.wh.deleted: missing
deleted: more
early: time
flag: flags
xattr: user.a%3Db user.a=b
END
setfattr -h -n trusted.x -v 1 root/link

npm install --silent --no-audit --no-fund --ignore-scripts tar@7.5.23 tar-stream@3.2.2 tar-fs@3.1.3 decompress@4.2.1 >/dev/null
mkdir npm
node "$here/npm.js" tar all.tgz npm
lost "npm tar" npm <<'END'
.: time
acl: system.posix_acl_default time
acl/file: mode system.posix_acl_access
cap: security.capability
cap-too: security.capability
dir: mode time
dir/GNUSparseFile.0: more
dir/GNUSparseFile.0/sparse: more
dir/sparse: missing
fifo: missing
flag: flags
labelled: security.selinux
link: time trusted.x
link-too: missing
null: missing
plain: nanoseconds
plain-too: nanoseconds
setid-owner: mode
xattr: trusted.x user.a=b user.x
\xe9: missing
\xef\xbf\xbd: more
END
node "$here/npm.js" tar-stream all.tgz >found
for line in './dir/GNUSparseFile.0/sparse file 0 1000000000000 ' './high file 0 1000000000000 ' './plain file 0 1000000000000 ' './early file 0 0 ' './owner file 1000 1000000000000 '; do
	grep -qxF "$line" found || fail "tar-stream gives other things: $(cat found)"
done
mkdir decompress
if node "$here/npm.js" decompress all.tgz decompress 2>said; then fail "decompress takes hard links now"; fi
grep -q 'ENOENT.* link .*-too' said || fail "decompress: $(cat said)"

# restic: of what it was given as a directory.
(
	restic -q -r restic init
	cd root
	restic -q -r ../restic backup .
) >/dev/null
if restic -q -r restic dump latest / >/dev/null 2>said; then fail "restic dump takes xattrs with = now"; fi
grep -q 'SCHILY.xattr.user.a=b' said || fail "restic: $(cat said)"
setfattr -x user.a=b root/xattr
(cd root && restic -q -r ../restic backup .)
mkdir dump
restic -q -r restic dump latest / | tar --xattrs '--xattrs-include=*' -Sxpf - --numeric-owner -C dump 2>/dev/null
lost "restic dump" dump <<'END'
.: time
acl: system.posix_acl_default
acl/file: system.posix_acl_access
cap-too: names
early: time
fifo: type
flag: flags
link: trusted.x
link-too: names trusted.x
null: type
plain: nanoseconds
plain-too: names nanoseconds
END
restic -q -r restic restore latest --target restored >/dev/null
lost "restic restore" restored <<'END'
.: mode time
flag: flags
link: trusted.x
link-too: names trusted.x
END

# Both stop at one thing after the other.
refuses() { # refuses WHAT COMMAND...
	if "${@:2}" >said 2>&1; then fail "$2 takes $1 now"; fi
	grep -q "$1" said || fail "$2: $(cat said)"
}
tar_fs() {
	image tar-fs
	rm -rf tar-fs
	mkdir tar-fs
	node "$here/npm.js" tar-fs tar-fs.tgz tar-fs
}
ostree_commit() {
	image ostree
	ostree --repo=ostree commit -b x --tree=tar=ostree.tgz
}
ostree --repo=ostree init --mode=bare
refuses "fifo" tar_fs
refuses "fifo" ostree_commit
rm root/fifo root/null
refuses "link-too" tar_fs
refuses "UTF-8" ostree_commit
rm root/$'\351'
echo high >root/equal
cp root/equal root/equal-too
touch -d @1000000000 root/equal root/equal-too
ostree_commit >/dev/null
ostree --repo=ostree checkout x tree
lost ostree tree <<'END'
.: time
.wh.deleted: time
acl: time
acl/file: time
cap: time
cap-too: time
dir: time
dir/sparse: time
early: time
equal: time
equal-too: names time
flag: flags time
high: time
labelled: time
link: time
link-too: time
owner: time
plain: time
plain-too: time
setid: time
setid-owner: time
xattr: time
END
rm root/link-too
tar_fs
lost tar-fs tar-fs <<'END'
acl: system.posix_acl_default
acl/file: mode system.posix_acl_access
cap: security.capability
cap-too: security.capability
dir: mode
dir/GNUSparseFile.0: more
dir/GNUSparseFile.0/sparse: more
dir/sparse: missing
early: time
flag: flags
high: gid uid
labelled: security.selinux
link: time trusted.x
plain: nanoseconds
plain-too: nanoseconds
setid: mode
setid-owner: mode
xattr: trusted.x user.x
END
echo "readers: as the table says"

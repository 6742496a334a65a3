#!/usr/bin/env bash
# systemd-dissect --make-archive writes a tar without xattrs, capabilities, ACLs and hard
# links.
#
# Expected: it makes of an OS image "a UNIX tarball", by libarchive, which bsdtar writes
# them all with; what is unpacked of it is the image's tree again.
# What happens: exit code 0, no word, and an archive in which a file with a capability is a
# plain one, ping for example, SELinux's labels are gone, and each name of a hard-linked
# file has the content once more. A socket anywhere in the tree ends it with 1 instead, and
# the archive is removed: "pax format cannot archive sockets".
#
# Exits with 1 when that changes. Wants root (for the capability), attr, acl, setcap and
# Debian 12's apt-get; Debian 13's packages come from the same archive.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir -p apt/lists/partial apt/cache/archives/partial new old
# The site is the one that this machine's sources name.
site=$(apt-get indextargets --format "\$(SITE)" | grep '/debian/*$' | head -n 1)
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $site trixie main" >apt/sources.list
trixie() {
	apt-get -o Dir::Etc::SourceList="$work/apt/sources.list" -o Dir::Etc::SourceParts=/none \
		-o Dir::State::Lists="$work/apt/lists" -o Dir::Cache="$work/apt/cache" -o APT::Sandbox::User=root "$@" >/dev/null
}
version=257.13-1~deb13u1
trixie update
(cd new && trixie download "systemd-container=$version" "libsystemd-shared=$version" libarchive13t64=3.7.4-4+deb13u1 libc6 libacl1 \
	libblkid1 libcap2 libcrypt1 libmount1 libssl3t64 libpam0g libseccomp2 libselinux1 zlib1g libzstd1 libaudit1 libpcre2-8-0 \
	libcap-ng0 liblzma5 libbz2-1.0 liblz4-1 libnettle8t64 libxml2)
(cd old && apt-get download libarchive-tools=3.6.2-1+deb12u5 libarchive13=3.6.2-1+deb12u5 >/dev/null)
for package in {new,old}/*.deb; do dpkg -x "$package" "${package%%/*}"; done
libraries=$work/new/usr/lib/x86_64-linux-gnu
dissect() { "$libraries/ld-linux-x86-64.so.2" --library-path "$libraries:$libraries/systemd" new/usr/bin/systemd-dissect "$@"; }
bsdtar() { LD_LIBRARY_PATH=$work/old/usr/lib/x86_64-linux-gnu old/usr/bin/bsdtar "$@"; }
dissect --version | sed -n 1p
bsdtar --version

mkdir -p tree/etc
printf 'ID=shown\nVERSION_ID=1\n' >tree/etc/os-release
echo content >tree/one
ln tree/one tree/two
setcap cap_net_raw+ep tree/one
setfattr -n user.x -v value tree/one
setfacl -m u:1000:rw tree/one

# kept ARCHIVE: what of it is in what is unpacked.
kept() {
	rm -rf out
	mkdir out
	bsdtar -xpf "$1" -C out
	echo "$(stat -c '%h link(s)' out/two), capability '$(getcap -n out/two | sed 's/.* //')'," \
		"user.x '$(getfattr --only-values -n user.x out/two 2>/dev/null || true)'," \
		"$(getfacl -nc out/two 2>/dev/null | grep -c '^user:1000:') ACL entry"
}
bsdtar -cf bsdtar.tar -C tree .
dissect --make-archive tree dissect.tar
by_bsdtar=$(kept bsdtar.tar) by_dissect=$(kept dissect.tar)
echo "by bsdtar:          $by_bsdtar"
echo "by systemd-dissect: $by_dissect"
[ "$by_bsdtar" = "2 link(s), capability 'cap_net_raw=ep', user.x 'value', 1 ACL entry" ]
[ "$by_dissect" = "1 link(s), capability '', user.x '', 0 ACL entry" ]

python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("tree/socket")'
dissect --make-archive tree socket.tar >out.txt 2>&1 && code=0 || code=$?
echo "with a socket: exit code $code, $(head -n 1 out.txt)"
[ "$code" = 1 ] && [ ! -e socket.tar ]

#!/usr/bin/env bash
# systemd-dissect --copy-from and --copy-to leave file capabilities behind.
#
# Expected: "access mode, extended attributes and timestamps are copied as well", says the
# manual page, for a file and for a tree; a capability is an extended attribute.
# What happens: those of the user namespace are copied and no others: a file's capability,
# its ACL and SELinux's label are lost on the way out of the image and on the way in, with
# exit code 0 and no word. A program that was put into an image so, or taken out of it, runs
# without its privilege.
#
# Exits with 1 when that changes. Wants root, attr, setcap and Debian 12's apt-get; Debian
# 13's packages come from the same archive.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir -p apt/lists/partial apt/cache/archives/partial new
# The site is the one that this machine's sources name.
site=$(apt-get indextargets --format "\$(SITE)" | grep '/debian/*$' | head -n 1)
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $site trixie main" >apt/sources.list
trixie() {
	apt-get -o Dir::Etc::SourceList="$work/apt/sources.list" -o Dir::Etc::SourceParts=/none \
		-o Dir::State::Lists="$work/apt/lists" -o Dir::Cache="$work/apt/cache" -o APT::Sandbox::User=root "$@" >/dev/null
}
version=257.13-1~deb13u1
trixie update
(cd new && trixie download "systemd-container=$version" "libsystemd-shared=$version" libc6 libacl1 libblkid1 libcap2 \
	libcrypt1 libmount1 libssl3t64 libpam0g libseccomp2 libselinux1 zlib1g libzstd1 libaudit1 libpcre2-8-0 libcap-ng0)
for package in new/*.deb; do dpkg -x "$package" new; done
libraries=$work/new/usr/lib/x86_64-linux-gnu
dissect() { "$libraries/ld-linux-x86-64.so.2" --library-path "$libraries:$libraries/systemd" new/usr/bin/systemd-dissect "$@"; }
dissect --version | sed -n 1p

mkdir -p image/etc image/bin
printf 'ID=shown\nVERSION_ID=1\n' >image/etc/os-release
echo program >image/bin/ping
setcap cap_net_raw+ep image/bin/ping
setfattr -n user.x -v value image/bin/ping

# has FILE: its capability and its xattr.
has() { echo "capability '$(getcap -n "$1" | sed 's/.* //')', user.x '$(getfattr --only-values -n user.x "$1" 2>/dev/null || true)'"; }
dissect --copy-from image /bin/ping "$work/file"
dissect --copy-from image /bin "$work/tree"
cp -a image/bin/ping ping
dissect --copy-to image "$work/ping" /bin/copied
for name in image/bin/ping ping file tree/ping image/bin/copied; do printf '%-18s%s\n' "$name" "$(has $name)"; done
for name in image/bin/ping ping; do [ "$(has $name)" = "capability 'cap_net_raw=ep', user.x 'value'" ]; done
for name in file tree/ping image/bin/copied; do [ "$(has $name)" = "capability '', user.x 'value'" ]; done

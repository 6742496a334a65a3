#!/usr/bin/env bash
# Installs the tools that the tests compare with, when one is missing, this is root
# and there is apt-get. Without them the tests that need them are skipped, or fail
# where CI is "true".
set -euo pipefail

# command:package
need="bsdtar:libarchive-tools rsync:rsync getfattr:attr getfacl:acl getcap:libcap2-bin zstd:zstd gzip:gzip tar:tar sshd:openssh-server shellcheck:shellcheck debootstrap:debootstrap pigz:pigz strace:strace mkfs.ext4:e2fsprogs filefrag:e2fsprogs mkfs.btrfs:btrfs-progs openssl:openssl mkswap:util-linux"
missing=
PATH=$PATH:/usr/sbin:/sbin
for n in $need; do
	command -v "${n%%:*}" >/dev/null || missing="$missing ${n##*:}"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "tests that need these packages are skipped:$missing" >&2
	exit 0
fi
echo "installing for the tests:$missing" >&2
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # words
apt-get install -y --no-install-recommends $missing >/dev/null || { apt-get update >/dev/null && apt-get install -y --no-install-recommends $missing >/dev/null; }

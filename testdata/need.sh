#!/usr/bin/env bash
# Installs the tools that the tests compare with, when one is missing, this is root
# and there is apt-get. Without them the tests that need them are skipped, or fail
# where CI is "true".
set -euo pipefail

# command or file:package, as in Debian 12. None of the packages starts a service or
# changes how this machine boots: dracut-core, not dracut, which would take the place
# of initramfs-tools.
need="bsdtar:libarchive-tools tar:tar rsync:rsync find:findutils python3:python3 strace:strace shellcheck:shellcheck readelf:binutils
	getfattr:attr setfattr:attr getfacl:acl getcap:libcap2-bin chattr:e2fsprogs
	gzip:gzip pigz:pigz zstd:zstd bzip2:bzip2 xz:xz-utils lzma:xz-utils lz4:lz4 lzop:lzop cpio:cpio busybox:busybox-static
	mkfs.ext4:e2fsprogs mke2fs:e2fsprogs tune2fs:e2fsprogs debugfs:e2fsprogs filefrag:e2fsprogs mkfs.btrfs:btrfs-progs mkfs.xfs:xfsprogs xfs_logprint:xfsprogs
	mksquashfs:squashfs-tools mkswap:util-linux unshare:util-linux fincore:util-linux-extra setpriv:util-linux lsblk:util-linux blkid:util-linux
	losetup:mount swapon:mount ip:iproute2
	sshd:openssh-server sudo:sudo tcsh:tcsh nsenter:util-linux openssl:openssl jq:jq curl:curl debootstrap:debootstrap qemu-system-x86_64:qemu-system-x86 qemu-aarch64:qemu-user
	/usr/share/bash-completion/bash_completion:bash-completion zsh:zsh fish:fish man:man-db mandoc:mandoc
	rpm:rpm rpmbuild:rpm db_load:db-util
	modprobe:kmod depmod:kmod modinfo:kmod dracut:dracut-core
	systemd-machine-id-setup:systemd /lib/systemd/system-generators/systemd-cryptsetup-generator:systemd"
missing=
PATH=$PATH:/usr/sbin:/sbin
for n in $need; do
	command -v "${n%%:*}" >/dev/null || [ -e "${n%%:*}" ] || missing="$missing ${n##*:}"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "tests that need these packages are skipped:$missing" >&2
	exit 0
fi
echo "installing for the tests:$missing" >&2
export DEBIAN_FRONTEND=noninteractive
# Services are not started: sshd is only run by a test, with its own configuration.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod 755 $policy
	trap 'rm -f $policy' EXIT
fi
install() {
	# shellcheck disable=SC2086 # words
	apt-get install -y --no-install-recommends -o Acquire::Retries=1 $missing >/dev/null
}
install || { apt-get update >/dev/null && install; }

#!/usr/bin/env bash
# Installs what the boot test needs and this machine lacks. Nothing is skipped
# there: without one of these the test fails.
set -euo pipefail

# command or file:package
need="qemu-system-x86_64:qemu-system-x86 /usr/share/OVMF/OVMF_CODE_4M.fd:ovmf /usr/share/seabios/bios-256k.bin:seabios
	ssh:openssh-client mke2fs:e2fsprogs cpio:cpio debootstrap:debootstrap tar:tar getfattr:attr setfacl:acl setcap:libcap2-bin"
missing=
PATH=$PATH:/usr/sbin:/sbin
for n in $need; do
	command -v "${n%%:*}" >/dev/null || [ -e "${n%%:*}" ] || missing="$missing ${n##*:}"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "boot/need.sh: these Debian packages are missing:$missing" >&2
	exit 1
fi
echo "installing for the boot test:$missing" >&2
export DEBIAN_FRONTEND=noninteractive
# A download that fails is tried once more, nothing else is.
install() {
	# shellcheck disable=SC2086 # words
	apt-get install -y --no-install-recommends -o Acquire::Retries=1 $missing >/dev/null
}
install || { apt-get update >/dev/null && install; }

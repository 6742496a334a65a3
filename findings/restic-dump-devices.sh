#!/usr/bin/env bash
# restic dump makes empty files of FIFOs and devices.
#
# Expected: what restic has backed up as a FIFO or a device, and restores as one, is one in
# the tar of restic dump, which has entries for both.
# What happens: the tar has a regular file of no bytes with that name; dump ends with 0 and
# says nothing. A program that writes to /dev/null of the unpacked tree fills a file.
#
# Exits with 1 when that changes. Wants root and Debian 12's apt-get; 0.18.0 of Debian 13
# does the same.
set -euo pipefail

version=0.14.0-1+b5
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download "restic=$version" >/dev/null
dpkg -x restic_*.deb package
export HOME=$work RESTIC_PASSWORD=none
restic() { "$work/package/usr/bin/restic" "$@"; }
restic version

mkdir tree
mkfifo tree/fifo
mknod tree/null c 1 3
restic -q -r repository init
(cd tree && restic -q -r ../repository backup .)
restic -q -r repository restore latest --target restored
restic -q -r repository dump latest / >dump.tar
types() { (cd "$1" && stat -c '%n %F' fifo null) | paste -sd ,; }
mkdir dumped
tar -C dumped -xpf dump.tar
echo "restored: $(types restored)"
echo "dumped:   $(types dumped)"
[ "$(types restored)" = "fifo fifo,null character special file" ]
[ "$(types dumped)" = "fifo regular empty file,null regular empty file" ]

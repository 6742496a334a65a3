#!/bin/bash
# What the init of each guest of guest.sh begins with, to be sourced: mounts, and end WORDS,
# which says how it ended and switches the guest off. A command that fails is the end.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C HOME=/root
end() {
	echo "guest: $1"
	sync
	echo o >/proc/sysrq-trigger
	sleep 60
}
trap 'end "failed at line $LINENO"' ERR
set -E

mountpoint -q /proc || mount -t proc proc /proc
mountpoint -q /run || mount -t tmpfs none /run
mount -t tmpfs none /tmp

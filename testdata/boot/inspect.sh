#!/usr/bin/env bash
# Looks at the root of a disk that has booted: inspect.sh DISK uefi|bios. Fails where
# a witness is not what witness.txt says, where /curtin is missing, or where the
# guest did not write what it shall.
disk=${1:?usage: inspect.sh DISK uefi|bios} firmware=${2:?}
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=disk.sh
. "$here/disk.sh"
attach_disk "$disk" "$(dirname "$disk")"
# Writable: the guest was switched off, its journal wants a replay.
mount "${part}3" "$mnt"

bad=0
# Not at the end of a pipe: what it finds would be lost with the subshell.
same() { diff -u --label "expected: $1" --label "on the disk" "$2" "$3" || bad=1; }
same witnesses "$here/witness.txt" <("$here/witness.sh" show "$mnt" 2>&1)
if [ ! -d "$mnt/curtin" ] || [ -L "$mnt/curtin" ]; then echo "/curtin is no directory"; bad=1; fi
same "what the guest wrote" \
	<(printf '%s\n' 'host captured' "firmware $firmware" 'ssh active' 'capability works' 'acl works') \
	<(cat "$mnt/var/lib/boot-test/marker" 2>&1)
exit $bad

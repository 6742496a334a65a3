# shellcheck shell=bash
# For scripts that open a disk image, to be sourced: attach_disk gives it block
# devices, detach_disk takes them and every mount below $mnt away again, also on
# exit and when the script is ended.
set -euo pipefail

mnt='' loop='' nodes=()

detach_disk() {
	if [ -n "$mnt" ]; then
		umount -R "$mnt" 2>/dev/null || umount -Rl "$mnt" 2>/dev/null || true
		rmdir "$mnt"
		mnt=''
	fi
	if [ -n "$loop" ]; then
		partx -d "$loop" || true
		losetup -d "$loop"
		loop=''
	fi
	[ ${#nodes[@]} = 0 ] || rm -f "${nodes[@]}"
	nodes=()
}
trap detach_disk EXIT
trap 'exit 143' TERM INT HUP

# attach_disk FILE WORKDIR sets $loop, $part (the prefix of the partitions' devices)
# and $mnt, an empty directory in WORKDIR. The kernel may be one without a GPT
# parser, so it is told of the partitions.
attach_disk() {
	loop=$(losetup -f --show "$1")
	mnt=$(mktemp -d -p "$2" mnt.XXXXXX)
	local i
	for i in 1 2 3 4 5; do
		# A kernel with the parser was faster; or the one before us still goes.
		partx -u "$loop" 2>/dev/null && [ -e "/sys/class/block/${loop#/dev/}p3/dev" ] && break
		sleep "$i"
	done
	part=${loop}p
	# Where /dev is no devtmpfs (a container), nobody makes the nodes.
	for i in 1 2 3; do
		[ ! -b "$part$i" ] || continue
		block_node "${part#/dev/}$i" "$part$i"
		nodes+=("$part$i")
	done
}

# block_node NAME PATH makes the node of the kernel's block device NAME.
block_node() {
	local dev
	dev=$(cat "/sys/class/block/$1/dev")
	mknod "$2" b "${dev%:*}" "${dev#*:}"
}

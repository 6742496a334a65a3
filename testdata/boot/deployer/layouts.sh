# shellcheck shell=bash disable=SC2154 # disk, second, firmware, fstab and target are deploy's
# For deploy: each layout_NAME partitions the blank $disk (and $second), formats it,
# mounts it at $target and writes $fstab as curtin does. $esp is the EFI system
# partition. release gives the disks free.

esp='' release=()

# parts DISK ROOTTYPE [boot]: what the firmware needs, /boot where asked for, the rest.
# Sets $first, $boot and $root.
parts() {
	local args=(-n1:2048:+1M -t1:ef02)
	[ "$firmware" = bios ] || args=(-n1:2048:+128M -t1:ef00)
	if [ "${3:-}" = boot ]; then args+=(-n2:0:+400M -t2:8300); fi
	sgdisk "${args[@]}" -n3:0:0 "-t3:$2" "$1" >/dev/null
	udevadm settle
	first=${1}1 boot=${1}2 root=${1}3
	for _ in $(seq 50); do [ ! -b "$root" ] || break; sleep 0.1; done
}

# spec DEVICE: the link that curtin's get_volume_spec takes.
spec() {
	local want=/by-uuid/
	case $1 in
	/dev/md*) want=/md-uuid- ;;
	/dev/dm-*) want=/dm-uuid- ;;
	esac
	udevadm settle
	udevadm info -q symlink "$1" | tr ' ' '\n' | sed 's#^#/dev/#' | grep -m1 -e "$want"
}

# entry DEVICE PATH TYPE OPTIONS: a line of fstab, and the mount.
entry() {
	local device
	device=$(readlink -f "$1")
	if [ "$3" = swap ]; then
		echo "$(spec "$device") none swap sw 0 0" >>"$fstab"
		return
	fi
	printf '# %s was on %s during curtin installation\n%s %s %s %s 0 1\n' "$2" "$device" "$(spec "$device")" "$2" "$3" "$4" >>"$fstab"
	mkdir -p "$target$2"
	mount -t "$3" -o "$4" "$device" "$target$2"
}
efi() {
	[ "$firmware" = uefi ] || return 0
	esp=$first
	mkfs.vfat -F 32 "$esp" >/dev/null
	entry "$esp" /boot/efi vfat defaults
}

# As "curtin block-meta simple": MBR or GPT by the firmware, labels in fstab.
layout_simple() {
	if [ "$firmware" = bios ]; then
		echo 'start=2048, type=83, bootable' | sfdisk -q --label dos "$disk"
		root=${disk}1
	else
		sgdisk -n15:2048:+128M -t15:ef00 -n1:0:0 -t1:8300 "$disk" >/dev/null
		root=${disk}1 esp=${disk}15
	fi
	udevadm settle
	mkfs.ext4 -q -L cloudimg-rootfs "$root"
	mount "$root" "$target"
	if [ "$firmware" = uefi ]; then
		mkfs.vfat -n uefi-boot "$esp" >/dev/null
		mkdir -p "$target/boot/efi"
		mount "$esp" "$target/boot/efi"
		echo 'LABEL=uefi-boot /boot/efi vfat defaults 0 0' >>"$fstab"
	fi
	echo 'LABEL=cloudimg-rootfs / ext4 defaults 0 0' >>"$fstab"
	udevadm settle
}

layout_boot() {
	parts "$disk" 8300 boot
	mkfs.ext4 -q "$root"
	mkfs.ext4 -q "$boot"
	entry "$root" / ext4 errors=remount-ro
	entry "$boot" /boot ext4 defaults
	efi
}

layout_xfs() {
	parts "$disk" 8300
	mkfs.xfs -q "$root"
	entry "$root" / xfs defaults
	efi
}

layout_btrfs() {
	parts "$disk" 8300
	mkfs.btrfs -q "$root"
	mount "$root" "$target"
	btrfs -q subvolume create "$target/@"
	btrfs -q subvolume create "$target/@home"
	umount "$target"
	entry "$root" / btrfs subvol=@
	entry "$root" /home btrfs subvol=@home
	efi
}

# What the installers of RHEL and its kin make.
layout_lvm() {
	parts "$disk" 8e00 boot
	volumes "$root"
}

# volumes DEVICE: the root and swap on LVM, /boot on a partition.
volumes() {
	pvcreate -q "$1"
	vgcreate -q vg0 "$1"
	lvcreate -q -y -L 128M -n swap vg0
	lvcreate -q -y -l 100%FREE -n root vg0
	mkfs.xfs -q /dev/vg0/root
	mkswap -q /dev/vg0/swap
	mkfs.ext4 -q "$boot"
	entry /dev/vg0/root / xfs defaults
	entry "$boot" /boot ext4 defaults
	efi
	entry /dev/vg0/swap none swap sw
	release+=("vgchange -q -an vg0")
}

# mirror [boot]: of the last partitions of both disks.
mirror() {
	local other
	parts "$second" fd00 "$@"
	other=$root
	parts "$disk" fd00 "$@"
	mdadm --create /dev/md0 --run --quiet --homehost=any --metadata=1.2 --level=1 --assume-clean --raid-devices=2 "$root" "$other"
	mdadm --detail --scan >"$(dirname "$fstab")/mdadm.conf"
}

layout_md() {
	mirror
	mkfs.ext4 -q /dev/md0
	entry /dev/md0 / ext4 defaults
	efi
	release+=("mdadm --stop --quiet /dev/md0")
}

layout_lvm-md() {
	mirror boot
	volumes /dev/md0
	release+=("mdadm --stop --quiet /dev/md0")
}

release() {
	local command
	for command in ${release[@]+"${release[@]}"}; do $command; done
}

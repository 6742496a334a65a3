
# --- Block devices, by /sys and blkid

# kernel_name DEVICE: sda2, dm-0, md127. Without udev /dev/mapper/NAME is no link.
kernel_name() {
	kn=$(readlink -f "$1" 2>/dev/null)
	kn=${kn##*/}
	if [ ! -e "/sys/class/block/$kn" ]; then
		for kn_dm in /sys/class/block/dm-*; do
			if [ "$(cat "$kn_dm/dm/name" 2>/dev/null)" = "${1##*/}" ]; then kn=${kn_dm##*/}; fi
		done
	fi
	echo "$kn"
}

# device_file NAME: the file in /dev for a kernel's name.
device_file() {
	if [ -r "/sys/class/block/$1/dm/name" ]; then
		echo "/dev/mapper/$(cat "/sys/class/block/$1/dm/name")"
	else
		case $1 in
		*!*) echo "/dev/$1" | tr '!' / ;;
		*) echo "/dev/$1" ;;
		esac
	fi
}

# probe TAG DEVICE: UUID, TYPE, LABEL, PARTUUID or PTTYPE of a device, or nothing. A
# device is asked once, and never blkid's cache: that may know what the disk held before.
probe() {
	probe_file=$work/probe.${2##*/}
	if [ ! -e "$probe_file" ]; then ask_device "$2" >"$probe_file"; fi
	sed -n "s/^$1=//p" "$probe_file"
}

# ask_device DEVICE: TAG=VALUE, one a line.
ask_device() {
	if blkid -c /dev/null -o export "$1" 2>/dev/null; then return; fi
	if chroot "$target" blkid -c /dev/null -o export "$1" 2>/dev/null; then return; fi
	# busybox: DEVICE: UUID="..." TYPE="..."
	blkid "$1" 2>/dev/null | sed 's/^[^:]*: //' | tr ' ' '\n' | tr -d '"'
	for t in uuid label partuuid; do
		for l in "/dev/disk/by-$t"/*; do
			if [ -e "$l" ] && [ "$(readlink -f "$l")" = "$(readlink -f "$1")" ]; then
				echo "$(echo $t | tr '[:lower:]' '[:upper:]')=${l##*/}"
			fi
		done
	done
}

# device_type DEVICE ELSE
device_type() {
	dt=$(probe TYPE "$1")
	echo "${dt:-$2}"
}

# below NAME: the device and all that it lies on, one a line: dm-0 md0 sda2 sda sdb2 sdb.
# A multipath device, or an array that the firmware knows, is a disk of its own.
below() (
	echo "$1"
	if is_disk_map "$1"; then return; fi
	dir=/sys/class/block/$1
	if [ -e "$dir/partition" ]; then
		up=$(readlink -f "$dir")
		up=${up%/*}
		below "${up##*/}"
	fi
	for s in "$dir"/slaves/*; do
		if [ -e "$s" ] || [ -L "$s" ]; then below "${s##*/}"; fi
	done
)

is_disk_map() {
	case $(cat "/sys/class/block/$1/dm/uuid" 2>/dev/null) in
	mpath-*) return 0 ;;
	esac
	case $(cat "/sys/class/block/$1/md/metadata_version" 2>/dev/null) in
	external:*) return 0 ;;
	esac
	return 1
}

# all_below DEVICE: as below, for every device of the filesystem: btrfs may have several.
all_below() {
	ab_uuid=$(probe UUID "$1")
	if [ -n "$ab_uuid" ] && [ -d "/sys/fs/btrfs/$ab_uuid/devices" ]; then
		for ab in "/sys/fs/btrfs/$ab_uuid/devices"/*; do below "${ab##*/}"; done
	else
		below "$(kernel_name "$1")"
	fi | awk '!seen[$0]++'
}

# disks_of DEVICE: the whole disks, as kernel names.
disks_of() {
	all_below "$1" | while read -r n; do
		if is_disk_map "$n"; then echo "$n" && continue; fi
		[ ! -e "/sys/class/block/$n/partition" ] || continue
		[ -z "$(ls "/sys/class/block/$n/slaves" 2>/dev/null)" ] || continue
		echo "$n"
	done
}

# find_stack writes $work/stack, what the root lies on: NAME and, where it is one, lvm,
# crypt or mpath (device-mapper) or md. And $work/disks, its whole disks.
find_stack() {
	all_below "$root_dev" | while read -r n; do
		kind=
		if [ -d "/sys/class/block/$n/md" ]; then kind=md; fi
		case $(cat "/sys/class/block/$n/dm/uuid" 2>/dev/null) in
		LVM-*) kind=lvm ;;
		CRYPT-*) kind=crypt ;;
		mpath-* | part*-mpath-*) kind=mpath ;;
		esac
		echo "$n $kind"
	done >"$work/stack"
	disks_of "$root_dev" >"$work/disks"
	root_disks=$(tr '\n' ' ' <"$work/disks")
	root_disks=${root_disks% }
}

# on KIND: the devices of that kind under the root.
on() { sed -n "s/ $1\$//p" "$work/stack"; }

# by_id NAME: a name of the disk that stays, for debconf; else its name of today.
by_id() {
	for bi in /dev/disk/by-id/wwn-* /dev/disk/by-id/nvme-eui.* /dev/disk/by-id/*; do
		if [ -e "$bi" ] && [ "$(readlink -f "$bi")" = "/dev/$1" ]; then echo "$bi" && return; fi
	done
	device_file "$1"
}

# link_uuid DEVICE: without udev there is no /dev/disk/by-uuid, and grub-mkconfig would
# write the device's name of today into the menu.
link_uuid() {
	lu=$(probe UUID "$1")
	if [ -n "$lu" ] && [ ! -e "/dev/disk/by-uuid/$lu" ]; then
		if ! mkdir -p /dev/disk/by-uuid || ! ln -sf "$(readlink -f "$1")" "/dev/disk/by-uuid/$lu"; then
			die "cannot make /dev/disk/by-uuid/$lu"
		fi
	fi
}

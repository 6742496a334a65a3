
# --- Files of the image that name disks, networks and this machine

# write_fstab: curtin's own lines or what is mounted, then swap, then what of the
# image's fstab needs no disk.
write_fstab() {
	show /etc/fstab >"$work/fstab.old"
	: >"$work/fstab"
	if [ -n "${OUTPUT_FSTAB:-}" ] && [ $by_hand = no ]; then
		[ -r "$OUTPUT_FSTAB" ] || die "cannot read OUTPUT_FSTAB=$OUTPUT_FSTAB"
		cat "$OUTPUT_FSTAB" >"$work/fstab"
		if grep -q '[^[:space:]]' "$work/fstab"; then
			awk '$1 !~ /^#/ && $2 == "/" { n = 1 } END { exit !n }' "$work/fstab" ||
				die "the fstab of the deployer ($OUTPUT_FSTAB) has no line for /"
		fi
	fi
	if ! grep -q '[^[:space:]]' "$work/fstab"; then fstab_of_mounts >"$work/fstab"; fi
	swap_lines >"$work/swaps"
	cat "$work/swaps" >>"$work/fstab"
	make_swap_file
	# Swap files that came with the image, and tmpfs, need no disk of the source.
	awk '$1 !~ /^#/ && ($3 == "swap" && $1 ~ /^\// && $1 !~ /^\/dev\// || $3 == "tmpfs")' "$work/fstab.old" >"$work/keep"
	while read -r spec dir type rest; do
		if [ "$type" = swap ] && ! there "$spec"; then continue; fi
		if awk -v s="$spec" -v d="$dir" -v t="$type" '$1 !~ /^#/ && (t == "swap" ? $1 == s : $2 == d) { n = 1 } END { exit !n }' "$work/fstab"; then
			continue
		fi
		printf '%s %s %s %s\n' "$spec" "$dir" "$type" "$rest" >>"$work/fstab"
	done <"$work/keep"
	{
		echo "# /etc/fstab: the disks that this system was deployed to."
		cat "$work/fstab"
	} >"$work/new"
	put /etc/fstab 644
	awk '$1 !~ /^#/ && NF > 2 { print $1, $2 }' "$work/fstab.old" | while read -r spec dir; do
		grep -q -F -- "$spec" "$work/fstab" || say "left out of the image's fstab: $spec $dir"
	done
	# A mount point that is not there would stop the boot.
	awk '$1 !~ /^#/ && $2 ~ /^\// { print $2 }' "$work/fstab" | while read -r dir; do
			chroot "$target" /bin/sh -c 'test -d "$1" || mkdir -p "$1"' sh "$dir" || exit 1
	done || die "cannot make the mount points of fstab in $target"
}

fstab_of_mounts() {
	while read -r dir dev type sub opts; do
		uuid=$(probe UUID "$dev")
		type=$(device_type "$dev" "$type")
		fs_opts=
		if [ "$type" = btrfs ] && [ "$sub" != / ]; then fs_opts=subvol=$sub; fi
		for o in $(echo "$opts" | tr , ' '); do
			case $o in
			nodev | nosuid | noexec | noatime | ro) fs_opts=${fs_opts:+$fs_opts,}$o ;;
			esac
		done
		pass=2
		case $type in
		xfs | btrfs) pass=0 ;;
		vfat) fs_opts=${fs_opts:-umask=0077} ;;
		*) [ "$dir" != / ] || pass=1 ;;
		esac
		printf '%s %s %s %s 0 %s\n' "${uuid:+UUID=}${uuid:-$dev}" "$dir" "$type" "${fs_opts:-defaults}" "$pass"
	done <"$work/mounts"
}

# swap_lines: swap on the disks of the root which fstab does not know yet.
swap_lines() {
	for d in /sys/class/block/*; do
		dev=$(device_file "${d##*/}")
		[ "$(probe TYPE "$dev")" = swap ] || continue
		disks_of "$dev" | grep -q -x -F -f "$work/disks" || continue
		uuid=$(probe UUID "$dev")
		label=$(probe LABEL "$dev")
		if awk -v a="$dev" -v b="$uuid" -v c="$label" '$3 == "swap" && ($1 == a || b && index($1, b) || c && $1 == "LABEL=" c) { n = 1 } END { exit !n }' "$work/fstab"; then
			continue
		fi
		# curtin names a volume by a link of udev: /dev/disk/by-id/dm-uuid-LVM-...
		if awk '$3 == "swap" && $1 ~ /^\/dev\// { print $1 }' "$work/fstab" | while read -r spec; do readlink -f "$spec"; done |
			grep -q -x -F "$(readlink -f "$dev")"; then
			continue
		fi
		printf '%s none swap sw 0 0\n' "${uuid:+UUID=}${uuid:-$dev}"
	done
}

# write_network hands the deployer's configuration to the image's cloud-init, which
# has a renderer for what the image uses; there is none here.
write_network() {
	net=/etc/cloud/cloud.cfg.d/50-curtin-networking.cfg
	src=${OUTPUT_NETWORK_CONFIG:-}
	if [ $by_hand = yes ] || [ -z "$src" ] || ! grep -q '[^[:space:]]' "$src" 2>/dev/null; then
		drop $net "it was the network of another machine"
		return
	fi
	if ! has cloud-init; then
		say "no cloud-init in the image: the network configuration of the deployer is not applied"
		return
	fi
	if grep -q '^network:' "$src"; then
		cat "$src"
	else
		echo network:
		sed 's/^/  /' "$src"
	fi >"$work/new"
	put $net 600
	after=
	for f in "$target"/etc/cloud/cloud.cfg.d/*.cfg; do
		if [ "${f##*/}" = 50-curtin-networking.cfg ]; then
			after=yes
		elif [ -n "$after" ] && grep -q 'config:[[:space:]]*disabled' "$f"; then
			warn "${f#"$target"} turns cloud-init's network off: the deployer's network configuration will not be used"
		fi
	done
}

# write_identity: what two machines must not share, and the clock as firmware and every
# Linux have it.
write_identity() {
	: >"$work/new"
	put /etc/machine-id 444
	if chroot "$target" /bin/sh -c 'test -f /var/lib/dbus/machine-id && ! test -L /var/lib/dbus/machine-id'; then
		drop /var/lib/dbus/machine-id "it is the source's"
	fi
	show /etc/adjtime >"$work/adjtime"
	if [ "$(sed -n 3p "$work/adjtime")" != UTC ]; then
		printf '0.0 0 0.0\n0\nUTC\n' >"$work/new"
		put /etc/adjtime 644
	fi
}

# write_storage: files that name the disks of md, LVM, LUKS and multipath.
write_storage() {
	storage_dir=
	if [ $by_hand = no ] && [ -n "${OUTPUT_FSTAB:-}" ]; then storage_dir=${OUTPUT_FSTAB%/*}; fi

	# LVM uses only what this file lists; without it, all disks.
	drop /etc/lvm/devices/system.devices "it lists the source's disks"
	if [ -n "$(on lvm)" ] && show /etc/lvm/lvm.conf | grep -q '^[[:space:]]*\(global_\)\{0,1\}filter[[:space:]]*='; then
		warn "the image's /etc/lvm/lvm.conf has a filter: if it leaves out the new disks, the root is not found"
	fi
	if [ -d "$target/etc/lvm/devices/backup" ]; then
		chroot "$target" /bin/sh -c 'rm -f /etc/lvm/devices/backup/*' || die "cannot empty /etc/lvm/devices/backup"
	fi

	md_conf=/etc/mdadm.conf
	if [ "$family" = debian ] || there /etc/mdadm/mdadm.conf; then md_conf=/etc/mdadm/mdadm.conf; fi
	show $md_conf >"$work/mdadm.old"
	: >"$work/arrays"
	if [ -n "$storage_dir" ] && grep -q '^ARRAY' "$storage_dir/mdadm.conf" 2>/dev/null; then
		grep '^ARRAY' "$storage_dir/mdadm.conf" >"$work/arrays"
	elif [ -n "$(ls -d /sys/class/block/md*/md 2>/dev/null)" ]; then
		if has mdadm; then
			chroot "$target" mdadm --detail --scan >"$work/arrays" 2>"$work/out" || die "mdadm --detail --scan: $(sed -n '$p' "$work/out")"
		elif [ -n "$(on md)" ]; then
			die "the root is on md (RAID), but there is no mdadm in the image"
		fi
	fi
	if [ -s "$work/arrays" ] || grep -q '^ARRAY' "$work/mdadm.old"; then
		{
			grep -v '^ARRAY' "$work/mdadm.old"
			cat "$work/arrays"
		} >"$work/new"
		put $md_conf 644
	fi

	show /etc/crypttab >"$work/crypttab.old"
	: >"$work/crypttab"
	if [ -n "$storage_dir" ] && [ -s "$storage_dir/crypttab" ]; then
		cat "$storage_dir/crypttab" >"$work/crypttab"
	else
		while read -r name dev key opts; do
			case $name in
			'#'* | '') continue ;;
			esac
			if has_device "$dev"; then
				printf '%s %s %s %s\n' "$name" "$dev" "$key" "$opts"
			else
				say "left out of crypttab: $name ($dev is not here)" >&2
			fi
		done <"$work/crypttab.old" >"$work/crypttab"
		for n in $(on crypt); do
			name=$(cat "/sys/class/block/$n/dm/name")
			uuid=$(luks_uuid "$n")
			if ! awk -v n="$name" '$1 == n { f = 1 } END { exit !f }' "$work/crypttab"; then
				echo "$name UUID=$uuid none luks" >>"$work/crypttab"
			fi
		done
	fi
	if [ -s "$work/crypttab" ] || grep -q '^[^#[:space:]]' "$work/crypttab.old"; then
		cp "$work/crypttab" "$work/new"
		put /etc/crypttab 600
	fi

	# multipath keeps in these files which disks it knows and what they are called.
	wwids='' names=''
	for n in $(on mpath); do
		case $(cat "/sys/class/block/$n/dm/uuid") in
		mpath-*)
			w=$(cat "/sys/class/block/$n/dm/uuid")
			wwids="$wwids/${w#mpath-}/
"
			names="$names$(cat "/sys/class/block/$n/dm/name") ${w#mpath-}
"
			;;
		esac
	done
	if [ -n "$wwids" ]; then
		has multipath || die "the root is on a multipath disk, but there is no multipath in the image"
		printf '# Multipath wwids\n%s' "$wwids" >"$work/new"
		put /etc/multipath/wwids 600
		printf '# Multipath bindings\n%s' "$names" >"$work/new"
		put /etc/multipath/bindings 600
	else
		drop /etc/multipath/wwids "it lists the source's disks"
		drop /etc/multipath/bindings "it lists the source's disks"
	fi
}

# has_device SPEC: is the device of this crypttab or fstab entry on this machine?
has_device() {
	case $1 in
	UUID=*)
		hd=$(printf '%s' "${1#UUID=}" | tr -d '"')
		[ -e "/dev/disk/by-uuid/$hd" ] || blkid -U "$hd" >/dev/null 2>&1
		;;
	PARTUUID=*) [ -e "/dev/disk/by-partuuid/${1#PARTUUID=}" ] ;;
	LABEL=*) [ -e "/dev/disk/by-label/${1#LABEL=}" ] ;;
	/dev/*) [ -e "$1" ] ;;
	*) there "$1" ;;
	esac
}

# luks_uuid NAME: the UUID of the LUKS header that dm device NAME was opened from.
luks_uuid() {
	for lu_s in "/sys/class/block/$1/slaves"/*; do probe UUID "$(device_file "${lu_s##*/}")"; done | sed -n 1p
}

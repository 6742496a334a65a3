
# --- Kernels and their initramfs

# find_kernels writes $work/kernels: version, kernel, initramfs; as GRUB will find them.
find_kernels() {
	ramdisk_tool=none
	if has update-initramfs && { ! has dracut || there /etc/initramfs-tools/initramfs.conf; }; then
		ramdisk_tool="initramfs-tools"
	elif has dracut; then
		ramdisk_tool=dracut
	fi
	: >"$work/kernels"
	for d in "$target"/lib/modules/*/modules.dep; do
		v=${d%/modules.dep}
		v=${v##*/}
		kernel='' ramdisk=''
		for k in vmlinuz vmlinux Image; do
			if there "/boot/$k-$v"; then kernel=/boot/$k-$v; fi
		done
		for k in "initrd.img-$v" "initramfs-$v.img" "initrd-$v"; do
			if there "/boot/$k"; then ramdisk=/boot/$k; fi
		done
		if [ -z "$ramdisk" ]; then
			case $family in
			debian) ramdisk=/boot/initrd.img-$v ;;
			suse) ramdisk=/boot/initrd-$v ;;
			*) ramdisk=/boot/initramfs-$v.img ;;
			esac
		fi
		if [ -n "$kernel" ]; then echo "$v $kernel $ramdisk" >>"$work/kernels"; fi
	done
	# Others than the known families have kernels whose names have no version.
	if [ ! -s "$work/kernels" ] && [ "$family" = generic ]; then
		for k in "$target"/boot/vmlinuz*; do
			if [ -s "$k" ]; then echo "${k##*/vmlinuz-} ${k#"$target"} -" >>"$work/kernels"; fi
		done
	fi
	[ -s "$work/kernels" ] || die "no kernel: nothing in /boot of $target fits a directory of /lib/modules"
}

# host_only says why the initramfs may hold the source's drivers only, or nothing.
host_only() {
	case $ramdisk_tool in
	initramfs-tools)
		m=$(cat "$target"/etc/initramfs-tools/initramfs.conf "$target"/etc/initramfs-tools/conf.d/* 2>/dev/null |
			sed -n 's/^[[:space:]]*MODULES=//p' | sed -n '$p')
		if [ "$m" = dep ]; then echo "MODULES=dep: it was made for the source's hardware"; fi
		;;
	dracut)
		# The main file first, then those of both directories by name; /etc wins.
		{
			if [ -f "$target/etc/dracut.conf" ]; then echo "0 $target/etc/dracut.conf"; fi
			for f in "$target"/usr/lib/dracut/dracut.conf.d/*.conf "$target"/etc/dracut.conf.d/*.conf; do
				if [ -f "$f" ]; then echo "1${f##*/} $f"; fi
			done | sort -s -k1,1 | awk '{ last[$1] = $2; if (!($1 in n)) { n[$1] = ++c; name[c] = $1 } } END { for (i = 1; i <= c; i++) print name[i], last[name[i]] }'
		} | while read -r _ f; do
			sed -n 's/^[[:space:]]*hostonly=["'\'']*\([a-z]*\).*/\1/p' "$f"
		done | sed -n '$p' >"$work/hostonly"
		h=$(cat "$work/hostonly")
		# Without a word dracut makes generic ones; the families set hostonly=yes.
		case $h in
		yes | sloppy | strict) echo "hostonly=$h: it was made for the source's hardware" ;;
		esac
		;;
	esac
}

make_initramfs() {
	why=
	resume_conf=/etc/initramfs-tools/conf.d/resume
	r=$(show $resume_conf | sed -n 's/^[[:space:]]*RESUME=//p' | sed -n '$p' | tr -d '"')
	case $r in
	'' | none | auto) ;;
	*) if ! has_device "$r"; then
		# It would wait half a minute for this disk at each boot.
		echo RESUME=none >"$work/new"
		put $resume_conf 644
		why="it waits for the source's swap"
	fi ;;
	esac
	for layer in md lvm crypt mpath; do
		if [ -n "$(on $layer)" ]; then why="the root is on $layer"; fi
	done
	h=$(host_only)
	[ -z "$h" ] || why=$h
	while read -r v _ ramdisk; do
		[ "$ramdisk" = - ] || there "$ramdisk" || why="$ramdisk is not in the image"
	done <"$work/kernels"
	[ "$initramfs" != always ] || why="the settings say so"
	if [ -z "$why" ] || [ "$initramfs" = never ]; then
		say "initramfs stays as it is in the image${why:+ (initramfs=never), although $why}"
		return
	fi
	say "initramfs is made new: $why"
	case $ramdisk_tool in
	none) die "the initramfs must be made new ($why), but the image has neither update-initramfs nor dracut" ;;
	esac
	[ -z "$(on lvm)" ] || has lvm || die "the root is on LVM, but there is no lvm in the image"
	[ -z "$(on crypt)" ] || has cryptsetup || die "the root is on LUKS, but there is no cryptsetup in the image"
	[ -z "$(on md)" ] || has mdadm || die "the root is on md (RAID), but there is no mdadm in the image"
	while read -r v _ ramdisk; do
		case $ramdisk_tool in
		initramfs-tools)
			mode=-c
			if there "$ramdisk"; then mode=-u; fi
			in_target update-initramfs $mode -k "$v"
			;;
		dracut)
			# Not host-only: dracut would look at the modules that the deployer's
			# kernel has loaded, under names of that kernel.
			set -- --force --no-hostonly
			if [ -n "$(on lvm)" ]; then set -- "$@" --add lvm --lvmconf; fi
			if [ -n "$(on md)" ]; then set -- "$@" --add mdraid --mdadmconf; fi
			if [ -n "$(on crypt)" ]; then set -- "$@" --add crypt; fi
			if [ -n "$(on mpath)" ]; then set -- "$@" --add multipath; fi
			in_target dracut "$@" "$ramdisk" "$v"
			;;
		esac
		there "$ramdisk" || die "$ramdisk was not made by $ramdisk_tool"
	done <"$work/kernels"
}

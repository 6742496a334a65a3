
# --- GRUB: its menu, and the boot sectors of BIOS

# reset_grub: what remembers the source's disks.
reset_grub() {
	drop /boot/$grub/device.map "it lists the source's disks"
	link_uuid "$root_dev"
	link_uuid "$boot_dev"
	if has debconf-set-selections && there /var/lib/dpkg/info/grub-pc.list; then
		ids=
		if [ $firmware = bios ]; then
			for d in $(boot_disks); do ids="$ids${ids:+, }$(by_id "$d")"; done
		fi
		printf 'grub-pc grub-pc/install_devices multiselect %s\n' "$ids" >"$work/debconf"
		if [ -z "$ids" ]; then echo 'grub-pc grub-pc/install_devices_empty boolean true' >>"$work/debconf"; fi
		say "run: debconf-set-selections: $(cat "$work/debconf")"
		chroot "$target" debconf-set-selections <"$work/debconf" >"$work/out" 2>&1 ||
			die "debconf-set-selections: $(sed -n '$p' "$work/out")"
	fi
	if [ "$family" = suse ]; then
		if there /etc/sysconfig/bootloader; then
			loader=grub2
			if [ $firmware = uefi ]; then loader=grub2-efi; fi
			show /etc/sysconfig/bootloader | sed "s/^LOADER_TYPE=.*/LOADER_TYPE=\"$loader\"/" >"$work/new"
			put /etc/sysconfig/bootloader 644
		fi
		if [ $firmware = bios ]; then
			{
				for d in $(boot_disks); do by_id "$d"; done
				echo generic_mbr
			} >"$work/new"
			put /etc/default/grub_installdevice 644
		else
			drop /etc/default/grub_installdevice "it lists the source's disks"
		fi
	fi
}

# boot_disks: the disks that BIOS may start from, each one of an array: those of /boot
# and of the root.
boot_disks() {
	{
		cat "$work/disks"
		[ "$boot_dev" = "$root_dev" ] || disks_of "$boot_dev"
	} | awk '!seen[$0]++'
}

# can_embed DISK: is there room for GRUB? A GPT needs a BIOS boot partition.
can_embed() {
	[ "$(probe PTTYPE "$(device_file "$1")")" = gpt ] || return 0
	# The partitions of a multipath disk are what lies on it.
	for ce in "/sys/class/block/$1/$1"* "/sys/class/block/$1/holders"/*; do
		[ -e "$ce/partition" ] || [ -e "$ce/dm" ] || continue
		ce_dev=$(device_file "${ce##*/}")
		case $(blkid -p -o value -s PART_ENTRY_TYPE "$ce_dev" 2>/dev/null || lsblk -n -d -o PARTTYPE "$ce_dev" 2>/dev/null) in
		21686148-6449-6e6f-744e-656564454649) return 0 ;;
		esac
	done
	return 1
}

# find_loader: are the boot loader and its tools there? Asked before anything is changed
# or takes minutes.
find_loader() {
	has $grub-mkconfig || die "no $grub-mkconfig in the image: it writes the boot menu"
	if [ $firmware = uefi ]; then
		has_signed || has_modules
		return
	fi
	has $grub-install || die "no $grub-install in the image: this machine was booted by BIOS and needs it"
	grub_modules i386-pc || die "no GRUB for BIOS in the image (/usr/lib/grub/i386-pc): install $(bios_package)"
	for d in $(boot_disks); do
		if can_embed "$d"; then return; fi
	done
	die "this machine was booted by BIOS, but no disk of the root has a BIOS boot partition (type ef02)"
}

install_bios() {
	for d in $(boot_disks); do
		if ! can_embed "$d"; then
			warn "no BIOS boot partition (type ef02) on /dev/$d: GRUB is not installed there"
			continue
		fi
		in_target $grub-install --target=i386-pc --recheck "$(device_file "$d")"
	done
	there "/boot/$grub/i386-pc/core.img" || die "$grub-install left no /boot/$grub/i386-pc/core.img"
}

bios_package() {
	case $family in
	debian) echo grub-pc-bin ;;
	rhel) echo grub2-pc-modules ;;
	suse) echo grub2-i386-pc ;;
	*) echo "GRUB's modules" ;;
	esac
}

# grub_modules PLATFORM: are the modules in the image that grub-install needs?
grub_modules() { there "/usr/lib/grub/$1/modinfo.sh" || there "/usr/share/grub2/$1/modinfo.sh" || there "/usr/lib/grub2/$1/modinfo.sh"; }

# write_menu makes grub.cfg by the image's own scripts.
write_menu() {
	chroot "$target" mkdir -p /boot/$grub || die "cannot make /boot/$grub"
	in_target $grub-mkconfig -o /boot/$grub/grub.cfg
	there /boot/$grub/grub.cfg || die "$grub-mkconfig wrote no /boot/$grub/grub.cfg"
	if ! show /boot/$grub/grub.cfg | grep -q -E '^[[:space:]]*(linux(16|efi)?[[:space:]]|blscfg)'; then
		die "the boot menu /boot/$grub/grub.cfg has no kernel"
	fi
}

# write_bls: entries of the Boot Loader Specification hold the command line and the
# place of the kernel themselves, and grub2-mkconfig leaves them as they are (always
# since EL 9.3). That is why they are made right here, and put back if it did not.
write_bls() {
	[ "$family" = rhel ] || return 0
	grubenv=/boot/$grub/grubenv
	# On EL 8 with UEFI this is a link into the ESP, where GRUB can't follow it.
	if [ -L "$target$grubenv" ]; then
		show "$grubenv" >"$work/grubenv"
		chroot "$target" rm -f "$grubenv" || die "cannot remove $grubenv"
		if [ -s "$work/grubenv" ]; then
			cp "$work/grubenv" "$work/new"
			put "$grubenv" 600
		fi
	fi
	show /etc/default/grub | grep -q -E '^[[:space:]]*GRUB_ENABLE_BLSCFG=["'\'']?true' || return 0
	entries=$target/boot/loader/entries
	if [ -z "$(ls "$entries"/*.conf 2>/dev/null)" ]; then
		while read -r v kernel ramdisk; do
			{
				printf 'title %s (%s)\nversion %s\n' "$(os NAME)" "$v" "$v"
				printf 'linux %s\ninitrd %s\n' "$kernel" "$ramdisk"
				printf 'options %s\n' "$(show /etc/default/grub | sed -n 's/^GRUB_CMDLINE_LINUX="\(.*\)"$/\1/p')"
				printf 'grub_users $grub_users\ngrub_arg --unrestricted\ngrub_class %s\n' "$os_id"
			} >"$work/new"
			put "/boot/loader/entries/$os_id-$v.conf" 644
		done <"$work/kernels"
	fi
	kernelopts=
	for f in "$entries"/*.conf; do
		name=/boot/loader/entries/${f##*/}
		missing=
		awk '$1 == "linux" || $1 == "initrd" { for (i = 2; i <= NF; i++) if ($i ~ /^\//) { n = split($i, p, "/"); print p[n] } }' "$f" >"$work/named"
		while read -r w; do there "/boot/$w" || missing=/boot/$w; done <"$work/named"
		if [ -n "$missing" ]; then
			drop "$name" "it names $missing, which is not in the image"
			continue
		fi
		options=$(sed -n 's/^options[[:space:]]*//p' "$f")
		case $options in
		*'$kernelopts'*)
			if [ -z "$kernelopts" ]; then
				kernelopts=$(chroot "$target" "$grub-editenv" "$grubenv" list 2>/dev/null | sed -n 's/^kernelopts=//p')
				[ -n "$kernelopts" ] || kernelopts=$(show /etc/default/grub | sed -n 's/^GRUB_CMDLINE_LINUX="\(.*\)"$/\1/p')
				kernelopts=$(printf '%s\n' "$kernelopts" | new_cmdline)
			fi
			;;
		*) options=$(printf '%s\n' "$options" | new_cmdline) ;;
		esac
		# awk's -v would read backslashes: the environment does not.
		bls_options=$options bls_boot=$grub_rel awk '
			$1 == "options" { if (!done++) print "options " ENVIRON["bls_options"]; next }
			$1 == "linux" || $1 == "initrd" {
				for (i = 2; i <= NF; i++) if ($i ~ /^\//) { n = split($i, p, "/"); $i = ENVIRON["bls_boot"] "/" p[n] }
			}
			{ print }' "$f" >"$work/new"
		put "$name" 644
	done
	mkdir "$work/bls" || die "cannot write in $work"
	cp "$entries"/*.conf "$work/bls/" || die "the image has no entry in /boot/loader/entries whose kernel is there"
}

# after_menu: what grub2-mkconfig changed of what write_bls made, and GRUB's variables.
after_menu() {
	[ -d "$work/bls" ] || return 0
	for f in "$work/bls"/*.conf; do
		cp "$f" "$work/new"
		put "/boot/loader/entries/${f##*/}" 644
	done
	there "$grubenv" || in_target "$grub-editenv" "$grubenv" create
	if [ -n "$kernelopts" ]; then in_target "$grub-editenv" "$grubenv" set "kernelopts=$kernelopts"; fi
	# On a subvolume GRUB does not find the entries by itself.
	case $grub_rel in
	'' | /boot) in_target "$grub-editenv" "$grubenv" unset blsdir ;;
	*) in_target "$grub-editenv" "$grubenv" set "blsdir=$grub_rel/loader/entries" ;;
	esac
}

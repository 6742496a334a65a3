
# --- The kernel command line

# keep_words: of a command line on stdin, a word a line, those that hold on other disks.
# Words of dracut that name no disk stay: rd.driver.blacklist is for a card, not for a disk.
keep_words() {
	tr -s '[:space:]' '\n' | awk -v drop="$console_words" '
		BEGIN { n = split(drop, d, " "); for (i = 1; i <= n; i++) mine[d[i]] = 1 }
		$0 == "" || $0 in mine { next }
		/^rd\.(driver\.|udev\.|systemd\.|plymouth|shell|debug|timeout|retry|luks=0$|lvm=0$|md=0$|dm=0$)/ { print; next }
		/^(root|rootflags|rootfstype|resume|resume_offset|rd\.[^=]*|luks\.[^=]*|cryptdevice|cryptopts|boot|BOOT_IMAGE|BOOTIF|initrd|systemd\.machine_id)=/ { next }
		/^rd\./ { next }
		{ print }'
}

# find_words sets console_words (the deployer's) and disk_words (what dracut must be told).
find_words() {
	console_words=
	if [ "$consoles" = carry ]; then
		console_words=$(tr -s '[:space:]' '\n' </proc/cmdline | grep -E '^console=[A-Za-z0-9,:._/-]+$' | tr '\n' ' ')
		console_words=${console_words% }
	fi
	disk_words=
	if [ "$ramdisk_tool" = dracut ]; then
		for n in $(on lvm); do
			# dm writes vg-lv, and -- for a dash in either name.
			vg_lv=$(awk '{ gsub(/--/, "\001"); sub(/-/, "/"); gsub(/\001/, "-"); print }' "/sys/class/block/$n/dm/name")
			disk_words="$disk_words rd.lvm.lv=$vg_lv"
		done
		for n in $(on md); do
			md_uuid=$(mdadm --detail --export "/dev/$n" 2>/dev/null || chroot "$target" mdadm --detail --export "/dev/$n" 2>/dev/null)
			md_uuid=$(printf '%s\n' "$md_uuid" | sed -n 's/^MD_UUID=//p')
			if [ -n "$md_uuid" ]; then
				disk_words="$disk_words rd.md.uuid=$md_uuid"
			else
				disk_words="$disk_words rd.auto=1"
			fi
		done
		for n in $(on crypt); do disk_words="$disk_words rd.luks.uuid=luks-$(luks_uuid "$n")"; done
		if [ -n "$(on mpath)" ]; then disk_words="$disk_words rd.multipath=default"; fi
	fi
	# With fips=1 the kernel's own check reads /boot, and must be told where that is.
	if [ "$boot_dev" != "$root_dev" ] && show /etc/default/grub | grep -q 'fips=1'; then
		disk_words="$disk_words boot=UUID=$(probe UUID "$boot_dev")"
	fi
	disk_words=${disk_words# }
}

# root_words: root= of the new disk. GRUB's own scripts make the same.
root_words() {
	rw_uuid=$(probe UUID "$root_dev")
	printf 'root=%s' "${rw_uuid:+UUID=}${rw_uuid:-$root_dev}"
	if [ "$(device_type "$root_dev" "$(mount_field / 3)")" = btrfs ] && [ "$(mount_field / 4)" != / ]; then
		rw_sub=$(mount_field / 4)
		printf ' rootflags=subvol=%s' "${rw_sub#/}"
	fi
}

# new_cmdline: the whole command line made of an old one on stdin.
new_cmdline() {
	nc_words=$(keep_words | tr '\n' ' ')
	case " $nc_words" in
	*' ro '* | *' rw '*) ;;
	*) nc_words="ro $nc_words" ;;
	esac
	printf '%s\n' "$(root_words) $nc_words $disk_words $console_words" | tr -s ' ' | sed 's/ $//'
}

# clean_defaults PATH APPEND: the GRUB_CMDLINE_LINUX... lines of a file that GRUB's
# scripts source. Only words change; it stays the file that it was.
clean_defaults() {
	show "$1" >"$work/defaults"
	awk '
		/^[[:space:]]*(export[[:space:]]+)?GRUB_CMDLINE_LINUX[A-Z_]*=/ {
			at = index($0, "=")
			head = substr($0, 1, at)
			rest = substr($0, at + 1)
			quote = substr(rest, 1, 1)
			if (quote != "\"" && quote != "\047") { print head; print rest; print ""; next }
			end = index(substr(rest, 2), quote)
			if (end == 0) { print "="; print $0; print ""; next }
			print head quote; print substr(rest, 2, end - 1); print substr(rest, end + 1)
			next
		}
		# The partition of another disk, as cloud images of Ubuntu have it.
		/^[[:space:]]*(export[[:space:]]+)?GRUB_FORCE_PARTUUID=/ { print "="; print "# " $0; print ""; next }
		{ print "="; print $0; print "" }' "$work/defaults" >"$work/three"
	# Three lines each: what is before the words, the words, what is after them.
	while IFS= read -r head && IFS= read -r words && IFS= read -r tail; do
		if [ "$head" = = ]; then
			printf '%s\n' "$words"
			continue
		fi
		words=$(printf '%s\n' "$words" | keep_words | tr '\n' ' ')
		words=${words% }
		case $head in
		*GRUB_CMDLINE_LINUX=*)
			# A file of grub.d that adds to the words of the others has them already.
			case $1:$words in
			/etc/default/grub.d/*'$GRUB_CMDLINE_LINUX'* | /etc/default/grub.d/*'${GRUB_CMDLINE_LINUX}'*) ;;
			*) for w in $2; do words="$words${words:+ }$w"; done ;;
			esac
			case $words:$head in
			*' '*:*=) words=\"$words\" ;;
			esac
			;;
		esac
		printf '%s%s%s\n' "$head" "$words" "$tail"
	done <"$work/three" >"$work/defaults.new"
	if [ "$1" = /etc/default/grub ] && [ -n "$2" ] && ! grep -q -E '^[[:space:]]*(export[[:space:]]+)?GRUB_CMDLINE_LINUX=' "$work/defaults.new"; then
		echo "GRUB_CMDLINE_LINUX=\"$2\"" >>"$work/defaults.new"
	fi
	if [ -s "$work/defaults.new" ]; then
		cp "$work/defaults.new" "$work/new"
		put "$1" 644
	fi
}

write_cmdline() {
	more_words="$disk_words${disk_words:+ }$console_words"
	clean_defaults /etc/default/grub "$more_words"
	# The last of these files that sets the words replaces those of the others.
	for f in "$target"/etc/default/grub.d/*.cfg; do
		if [ -f "$f" ]; then clean_defaults "/etc/default/grub.d/${f##*/}" "$more_words"; fi
	done
	# Read by kernel-install when a new kernel comes.
	if there /etc/kernel/cmdline; then
		show /etc/kernel/cmdline | new_cmdline >"$work/new"
		put /etc/kernel/cmdline 644
	fi
}

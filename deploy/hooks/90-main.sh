
# --- SELinux, and the whole from first to last

# label: files written here have no label, and since EL 8.4 systemd of an enforcing system
# does not get so far that it could label them at boot: it is done here by the image's own
# setfiles, and at boot only where that does not work.
label() {
	if [ "$relabel" = no ]; then return; fi
	selinux=$(show /etc/selinux/config | sed -n 's/^SELINUX=//p' | tr -d ' "')
	policy=$(show /etc/selinux/config | sed -n 's/^SELINUXTYPE=//p' | tr -d ' "')
	case $selinux in
	enforcing | permissive) ;;
	*) return ;;
	esac
	contexts=/etc/selinux/$policy/contexts/files/file_contexts
	if [ "$relabel" = auto ] && has setfiles && there "$contexts"; then
		if run chroot "$target" setfiles -e /dev -e /proc -e /run -e /sys ${esp:+-e "$esp"} "$contexts" /; then return; fi
		warn "setfiles could not label the files: they are labelled at the first boot"
	fi
	: >"$work/new"
	put /.autorelabel 644
	if [ "$selinux" = enforcing ]; then
		warn "SELinux is enforcing and files are unlabelled until the first boot: since EL 8.4 such a boot may fail; put setfiles (policycoreutils) into the image"
	fi
}

report() {
	say "$(os PRETTY_NAME) ($family) at $target, $machine, booted by $firmware"
	while read -r dir dev type sub _; do say "$dir is $dev ($(device_type "$dev" "$type")${sub:+, $sub})"; done <"$work/mounts"
	say "disks of the root: $root_disks"
	say "kernels: $(awk '{ print $1 }' "$work/kernels" | tr '\n' ' ')(initramfs by $ramdisk_tool)"
}

main() {
	trap clean_up EXIT
	trap 'die "stopped by a signal"' HUP INT TERM
	work=$(mktemp -d) || die "cannot make a directory in /tmp"
	check_target
	read_settings
	apply_layers
	read_os
	find_family
	find_machine
	find_mounts
	find_stack
	find_kernels
	if [ -n "$dry" ]; then
		report
		find_loader
		return
	fi
	log=$(chroot "$target" /bin/sh -c 'mkdir -p /var/log && cd /var/log && pwd -P') || die "cannot make /var/log in $target"
	log=$target$log/image-capture-hooks.log
	if [ -L "$log" ]; then rm -f "$log"; fi
	if ! true >>"$log" || ! chmod 600 "$log"; then die "cannot write in /var/log of $target: is it read-only?"; fi
	say "image-capture-hooks $VERSION"
	report
	find_loader

	for d in /dev /proc /sys /run; do bind $d; done
	if [ $firmware = uefi ] && ! bind_efivars; then say "no efivarfs here"; fi
	find_words

	write_fstab
	write_network
	write_identity
	write_storage
	write_cmdline
	reset_grub
	make_initramfs
	write_bls
	write_menu
	after_menu
	if [ $firmware = uefi ]; then install_uefi; else install_bios; fi
	label
	say "done: $(os PRETTY_NAME) boots by $firmware from $root_disks"
}

# bind_efivars: it is a mount of its own, which a bind mount of /sys does not bring.
bind_efivars() {
	vars=/sys/firmware/efi/efivars
	[ -d $vars ] || return 1
	if is_mounted $vars; then
		bind $vars
	elif mount -t efivarfs efivarfs "$target$vars" 2>/dev/null; then
		bound="$vars $bound"
	else
		return 1
	fi
}

main

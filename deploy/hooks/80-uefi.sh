
# --- UEFI: loaders on the EFI system partition, and the firmware's boot entries

# find_on_esp PATH: the file by that name in any case, as vfat has it; or nothing.
find_on_esp() {
	(cd "$target$esp/EFI" && find . -type f) 2>/dev/null | want=./$1 awk '
		BEGIN { want = tolower(ENVIRON["want"]); any = sub(/^\.\/\*/, "", want) }
		tolower(any ? substr($0, length($0) - length(want) + 1) : $0) == want' |
		sort | sed -n "1s|^\.|$esp/EFI|p"
}

copy() { in_target cp -f "$1" "$2"; }

# write_stub DIR: the grub.cfg of a signed GRUB, which only knows its own directory:
# it finds the real one by the filesystem's UUID.
write_stub() {
	stub_uuid=$(probe UUID "$boot_dev")
	[ -n "$stub_uuid" ] || die "$boot_dev has no UUID by which GRUB could find it"
	case $family in
	debian) printf 'search.fs_uuid %s root\nset prefix=($root)%s/%s\nconfigfile $prefix/grub.cfg\n' "$stub_uuid" "$grub_rel" "$grub" ;;
	*) printf 'search --no-floppy --fs-uuid --set=dev %s\nset prefix=($dev)%s/%s\nexport prefix\nconfigfile $prefix/grub.cfg\n' "$stub_uuid" "$grub_rel" "$grub" ;;
	esac >"$work/new"
	put "$1/grub.cfg" 644
}

# first_of PATH...: the first that is in the image.
first_of() {
	for fo in "$@"; do
		if there "$fo"; then echo "$fo" && return; fi
	done
}

# has_signed: are there the vendor's loaders, or at least some of them?
has_signed() {
	case $family in
	debian) debian_signed && return ;;
	suse) suse_signed && return ;;
	rhel)
		for d in "$target"/usr/lib/efi/*/*/EFI; do
			if [ -d "$d" ]; then return; fi
		done
		for f in "*/shim$efi_arch.efi" "*/grub$efi_arch.efi" "BOOT/$efi_boot.EFI"; do
			if [ -n "$(find_on_esp "$f")" ]; then return; fi
		done
		;;
	esac
	return 1
}

# has_modules: else a loader can be made of these.
has_modules() {
	has $grub-install || die "no signed loader and no $grub-install in the image: this machine was booted by UEFI"
	grub_modules $efi_target || die "no loader for UEFI in the image: neither a signed one nor GRUB's modules ($efi_target)"
}

install_uefi() {
	vendor_dir=$esp/EFI/$efi_vendor
	loader=
	case $family in
	debian) signed_debian ;;
	rhel) signed_rhel ;;
	suse) signed_suse ;;
	esac
	if [ -z "$loader" ]; then made_from_modules; fi
	boot_file=$(find_on_esp "BOOT/$efi_boot.EFI")
	[ -n "$boot_file" ] || die "no $esp/EFI/BOOT/$efi_boot.EFI was made"
	boot_entry "$(printf '%s' "${loader#"$esp"}" | sed 's|/|\\|g')"
}

# debian_signed sets s and g, the shim and the GRUB.
debian_signed() {
	s=$(first_of "/usr/lib/shim/shim$efi_arch.efi.signed" "/usr/lib/shim/shim$efi_arch.efi.signed.latest")
	g=$(first_of "/usr/lib/grub/$efi_target-signed/grub$efi_arch.efi.signed" "/usr/lib/grub/$efi_target-signed/grub$efi_arch.efi.signed.latest")
	[ -n "$s" ] && [ -n "$g" ]
}

# signed_debian: shim and GRUB as the packages shim-signed and grub-efi-*-signed have
# them. They go where grub-install of Debian puts them.
signed_debian() {
	debian_signed || return 0
	m=$(first_of "/usr/lib/shim/mm$efi_arch.efi.signed" "/usr/lib/shim/mm$efi_arch.efi")
	fb=$(first_of "/usr/lib/shim/fb$efi_arch.efi.signed" "/usr/lib/shim/fb$efi_arch.efi")
	csv=$(first_of "/usr/lib/shim/BOOT$(echo $efi_arch | tr '[:lower:]' '[:upper:]').CSV")
	# The directory is part of the signed GRUB: a derivative that has its loaders from
	# Debian or Ubuntu keeps their name.
	for d in debian ubuntu; do
		if [ "$efi_vendor" != $d ] && chroot "$target" grep -q -a "/EFI/$d" "$g"; then vendor_dir=$esp/EFI/$d efi_vendor=$d; fi
	done
	chroot "$target" mkdir -p "$vendor_dir" "$esp/EFI/BOOT" || die "cannot make directories on the EFI system partition"
	copy "$s" "$vendor_dir/shim$efi_arch.efi"
	copy "$g" "$vendor_dir/grub$efi_arch.efi"
	[ -z "$m" ] || copy "$m" "$vendor_dir/mm$efi_arch.efi"
	[ -z "$fb" ] || copy "$fb" "$vendor_dir/fb$efi_arch.efi"
	[ -z "$csv" ] || copy "$csv" "$vendor_dir/${csv##*/}"
	write_stub "$vendor_dir"
	copy "$s" "$esp/EFI/BOOT/$efi_boot.EFI"
	copy "$g" "$esp/EFI/BOOT/grub$efi_arch.efi"
	[ -z "$m" ] || copy "$m" "$esp/EFI/BOOT/mm$efi_arch.efi"
	write_stub "$esp/EFI/BOOT"
	# The menu of GRUB 2.12 loads modules that its own signed loader does not hold (bli):
	# grub-install leaves them beside the menu, too.
	if there "/usr/lib/grub/$efi_target/moddep.lst"; then
		in_target mkdir -p "/boot/$grub/$efi_target"
		in_target sh -c 'cp -f "$1"/*.mod "$1"/*.lst "$2/"' sh "/usr/lib/grub/$efi_target" "/boot/$grub/$efi_target"
	fi
	loader=$vendor_dir/shim$efi_arch.efi
}

# signed_rhel: the packages shim-* and grub2-efi-* put their files on the ESP itself, so
# they came with the image; since EL 10 and Fedora 43 they are below /usr/lib/efi too.
signed_rhel() {
	for d in "$target"/usr/lib/efi/*/*/EFI; do
		[ -d "$d" ] || continue
		if [ -n "$(find_on_esp "$efi_vendor/grub$efi_arch.efi")" ] && [ -n "$(find_on_esp "$efi_vendor/shim$efi_arch.efi")" ]; then break; fi
		in_target cp -rf "${d#"$target"}" "$esp/"
	done
	loader=$(find_on_esp "$efi_vendor/shim$efi_arch.efi")
	if [ -z "$loader" ]; then loader=$(find_on_esp "*/shim$efi_arch.efi"); fi
	if [ -z "$loader" ]; then
		# A packaged GRUB without shim knows the directory of its vendor; one that
		# grub2-install made for other disks does not.
		loader=$(find_on_esp "$efi_vendor/grub$efi_arch.efi")
		if [ -n "$loader" ] && grub_modules "$efi_target" && has $grub-install && ! grep -q -a "/EFI/$efi_vendor" "$target$loader"; then loader=; fi
	fi
	if [ -z "$loader" ] && removable_rhel; then return; fi
	if [ -z "$loader" ]; then return; fi
	vendor_dir=${loader%/*}
	efi_vendor=${vendor_dir##*/}
	g=$(find_on_esp "$efi_vendor/grub$efi_arch.efi")
	[ -n "$g" ] || die "there is $loader in the image, but no grub$efi_arch.efi beside it: install grub2-efi-$efi_arch"
	write_stub "$vendor_dir"
	if [ -z "$(find_on_esp "BOOT/$efi_boot.EFI")" ]; then
		chroot "$target" mkdir -p "$esp/EFI/BOOT" || die "cannot make $esp/EFI/BOOT"
		copy "$loader" "$esp/EFI/BOOT/$efi_boot.EFI"
	fi
	# Without the fallback loader beside it shim starts the GRUB of its own directory.
	if [ -z "$(find_on_esp "BOOT/fb$efi_arch.efi")" ]; then
		copy "$g" "$esp/EFI/BOOT/grub$efi_arch.efi"
		write_stub "$esp/EFI/BOOT"
	fi
}

# removable_rhel: Amazon Linux 2023 has its signed GRUB at the removable path only, and no
# shim. Which directory it reads its grub.cfg from is built in: it finds one in either.
removable_rhel() {
	b=$(find_on_esp "BOOT/$efi_boot.EFI")
	[ -n "$b" ] && chroot "$target" grep -q -a -i grub "$b" || return 1
	# What grub2-install made knows the disks of the source.
	if grub_modules "$efi_target" && has $grub-install && ! grep -q -a -i -E "/EFI/(BOOT|$efi_vendor)" "$target$b"; then return 1; fi
	chroot "$target" mkdir -p "$vendor_dir" || die "cannot make $vendor_dir"
	write_stub "$vendor_dir"
	write_stub "${b%/*}"
	loader=$b
}

suse_signed() { has shim-install && { there "/usr/share/efi/$machine/shim.efi" || there /usr/lib64/efi/shim.efi; }; }

# signed_suse: shim-install knows where SUSE's files are and what it wants beside them.
signed_suse() {
	suse_signed || return 0
	in_target shim-install --no-nvram --efi-directory="$esp" --config-file=/boot/$grub/grub.cfg
	loader=$(find_on_esp "$efi_vendor/shim.efi")
	# It takes the name of GRUB_DISTRIBUTOR.
	if [ -z "$loader" ]; then loader=$(find_on_esp "*/shim.efi"); fi
	[ -n "$loader" ] || die "shim-install left no shim.efi on the EFI system partition"
	efi_vendor=${loader%/*}
	efi_vendor=${efi_vendor##*/}
	# shim-install leaves EFI/BOOT alone where another system's loader is.
	b=$(find_on_esp "BOOT/$efi_boot.EFI")
	if [ -z "$b" ] || [ "$(cksum <"$target$b")" != "$(cksum <"$target$loader")" ]; then
		in_target shim-install --removable --efi-directory="$esp" --config-file=/boot/$grub/grub.cfg
	fi
}

# made_from_modules: no signed loader; will not start with Secure Boot on.
made_from_modules() {
	has_modules
	warn "no signed loader in the image: it will not start with Secure Boot on"
	force=
	# The family's grub2-install wants to be sure that nobody needs Secure Boot.
	if [ "$family" = rhel ]; then force=--force; fi
	# shellcheck disable=SC2086 # nothing, or one word
	in_target $grub-install --target=$efi_target --efi-directory="$esp" --bootloader-id="$efi_vendor" --no-nvram --recheck $force
	# shellcheck disable=SC2086 # nothing, or one word
	in_target $grub-install --target=$efi_target --efi-directory="$esp" --removable --no-nvram --recheck $force
	loader=$(find_on_esp "$efi_vendor/grub$efi_arch.efi")
	[ -n "$loader" ] || die "$grub-install left no $esp/EFI/$efi_vendor/grub$efi_arch.efi"
}

# boot_entry LOADER: tells the firmware, where it can be told. What is on EFI/BOOT
# boots without it.
boot_entry() {
	if [ "$nvram" = no ]; then say "no boot entry is made (nvram=no)" && return; fi
	why=
	if has efibootmgr; then
		efibootmgr() { chroot "$target" efibootmgr "$@"; }
	elif ! command -v efibootmgr >/dev/null 2>&1; then
		why="no efibootmgr, neither in the image nor here"
	fi
	if [ -z "$why" ] && ! efibootmgr -v >"$work/efi" 2>"$work/out"; then
		why="the firmware's variables cannot be read ($(sed -n 1p "$work/out"))"
	fi
	[ -n "$why" ] || make_entry "$1"
	if [ -n "$why" ]; then
		[ "$nvram" = auto ] || die "no boot entry: $why (nvram=$nvram)"
		warn "no boot entry: $why. The firmware must find EFI/BOOT/$efi_boot.EFI by itself"
	fi
}

# is_gone GUID: is the partition on no disk of this machine? Only udev's links tell.
is_gone() { [ -d /dev/disk/by-partuuid ] && [ ! -e "/dev/disk/by-partuuid/$1" ]; }

make_entry() {
	current=$(sed -n 's/^BootCurrent: //p' "$work/efi")
	for n in $(all_below "$(mount_field $esp 2)"); do
		[ -e "/sys/class/block/$n/partition" ] || continue
		up=$(readlink -f "/sys/class/block/$n")
		up=${up%/*}
		guid=$(probe PARTUUID "$(device_file "$n")" | tr '[:upper:]' '[:lower:]')
		# Those of this partition that run 2 left behind, and those of a partition that is gone.
		sed -n 's/^Boot\([0-9A-Fa-f]\{4\}\)[* ] /\1 /p' "$work/efi" | while read -r num rest; do
			case $rest in
			"$efi_vendor	"* | "$efi_vendor "*) ;;
			*) continue ;;
			esac
			their=$(printf '%s\n' "$rest" | sed -n 's/.*HD([0-9]*,GPT,\([0-9A-Fa-f-]*\),.*/\1/p' | tr '[:upper:]' '[:lower:]')
			if [ -n "$their" ] && { [ "$their" = "$guid" ] || is_gone "$their"; }; then echo "$num"; fi
		done >"$work/old"
		while read -r num; do
			run efibootmgr -q -b "$num" -B || why="efibootmgr: $(sed -n '$p' "$work/out")"
		done <"$work/old"
		run efibootmgr -q -c -d "$(device_file "${up##*/}")" -p "$(cat "/sys/class/block/$n/partition")" -L "$efi_vendor" -l "$1" ||
			why="efibootmgr: $(sed -n '$p' "$work/out")"
		[ -z "$why" ] || return 0
	done
	# A new entry comes first. A machine that is deployed over the network starts from
	# there next time too, or its server could not reach it again.
	if [ "$boot_order" = new ] || { [ "$boot_order" = auto ] && [ $by_hand = yes ]; }; then return 0; fi
	order=$(efibootmgr | sed -n 's/^BootOrder: //p')
	case ,$order, in
	*,"$current",*)
		rest=$(echo ",$order," | sed "s/,$current,/,/;s/^,//;s/,\$//")
		new_order=$current${rest:+,$rest}
		if [ "$order" != "$new_order" ]; then
			run efibootmgr -q -o "$new_order" || why="efibootmgr: $(sed -n '$p' "$work/out")"
		fi
		;;
	esac
}

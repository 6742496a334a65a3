#!/bin/sh
# Stands in for a tool of an image: writes down how it was called, and leaves what the
# hooks look for afterwards. /run is the one of the machine that the test made.
tool=${0##*/}
line=$tool
for a in "$@"; do line="$line $a"; done
case $tool:${1:-} in
# Questions are no steps.
efibootmgr:-v | efibootmgr: | blkid:* | uname:* | grub2-editenv:*list* | mdadm:--detail) ;;
*) printf '%s\n' "$line" >>/run/calls ;;
esac
if [ -e "/run/fail-$tool" ]; then
	echo "some words" >&2
	echo "$tool: error: out of luck" >&2
	exit 1
fi
if [ -e "/run/slow-$tool" ]; then
	: >/run/slow-started
	sleep 3
fi
value() { for v in "$@"; do case $v in "$option="*) printf '%s\n' "${v#*=}" ;; esac; done; }

case $tool in
uname) cat /run/machine ;;
grub-install | grub2-install)
	dir=/boot/${tool%-install}
	option=--target
	target=$(value "$@")
	mkdir -p "$dir/$target"
	echo "core.img made by $tool" >"$dir/$target/core.img"
	option=--efi-directory
	esp=$(value "$@")
	option=--bootloader-id
	id=$(value "$@")
	case $target in x86_64-efi) a=x64 b=X64 ;; *) a=aa64 b=AA64 ;; esac
	case "$*" in
	*--removable*) mkdir -p "$esp/EFI/BOOT" && echo "made by $tool" >"$esp/EFI/BOOT/BOOT$b.EFI" ;;
	*) if [ -n "$esp" ]; then mkdir -p "$esp/EFI/$id" && echo "made by $tool" >"$esp/EFI/$id/grub$a.efi"; fi ;;
	esac
	;;
grub-mkconfig | grub2-mkconfig)
	# Old ones write the options of the entries anew, from defaults only.
	if grep -q 'GRUB_ENABLE_BLSCFG=true' /etc/default/grub; then
		echo blscfg >"$2"
		for f in /boot/loader/entries/*.conf; do
			sed 's/^options .*/options by grub2-mkconfig/' "$f" >/run/entry && cat /run/entry >"$f"
		done
	else
		(
			# shellcheck disable=SC1091 # the image's
			. /etc/default/grub
			# shellcheck disable=SC1090 # the image's
			for f in /etc/default/grub.d/*.cfg; do if [ -f "$f" ]; then . "$f"; fi; done
			for k in /boot/vmlinuz-*; do echo "linux $k root=by-$tool $GRUB_CMDLINE_LINUX $GRUB_CMDLINE_LINUX_DEFAULT"; done
		) >"$2"
	fi
	;;
grub2-editenv | grub-editenv)
	case $2 in
	create) echo "# GRUB Environment Block" >"$1" ;;
	list) grep -v '^#' "$1" ;;
	set)
		grep -v "^${3%%=*}=" "$1" >/run/env
		printf '%s\n' "$3" >>/run/env
		cat /run/env >"$1"
		;;
	unset)
		grep -v "^$3=" "$1" >/run/env
		cat /run/env >"$1"
		;;
	esac
	;;
efibootmgr)
	# Its state: the first line is the order, then one line an entry.
	case ${1:-} in
	'' | -v)
		echo "BootCurrent: 0003"
		echo "BootOrder: $(sed -n 1p /run/nvram)"
		sed 1d /run/nvram
		;;
	*)
		case "$*" in
		*" -c "*)
			shift
			while [ $# -gt 0 ]; do
				case $1 in
				-p) part=$2 ;;
				-L) label=$2 ;;
				-l) loader=$2 ;;
				esac
				shift
			done
			n=0010
			while grep -q "^Boot$n" /run/nvram; do n=00$((${n#00} + 1)); done
			printf '%s\n' "$n,$(sed -n 1p /run/nvram)" | sed 's/,$//' >/run/nvram.new
			sed 1d /run/nvram >>/run/nvram.new
			printf 'Boot%s* %s\tHD(%s,GPT,%s,0x800,0x100000)/File(%s)\n' "$n" "$label" "$part" "$(cat /run/esp-guid)" "$loader" >>/run/nvram.new
			;;
		*" -B"*)
			sed "1s/$3,\{0,1\}//;/^Boot$3/d" /run/nvram >/run/nvram.new
			;;
		*" -o "*)
			echo "$3" >/run/nvram.new
			sed 1d /run/nvram >>/run/nvram.new
			;;
		esac
		cat /run/nvram.new >/run/nvram
		;;
	esac
	;;
update-initramfs) echo "made by $tool" >"/boot/initrd.img-$3" ;;
dracut)
	while [ $# -gt 2 ]; do shift; done
	echo "made by $tool" >"$1"
	;;
shim-install)
	option=--efi-directory
	esp=$(value "$@")
	mkdir -p "$esp/EFI/boot" "$esp/EFI/sles"
	echo stub >"$esp/EFI/sles/grub.cfg"
	cp /usr/share/efi/x86_64/shim.efi /usr/share/efi/x86_64/grub.efi /usr/share/efi/x86_64/MokManager.efi "$esp/EFI/sles/"
	cp /usr/share/efi/x86_64/shim.efi "$esp/EFI/boot/bootx64.efi"
	cp /usr/share/efi/x86_64/fallback.efi "$esp/EFI/boot/"
	;;
debconf-set-selections) sed 's/^/    /' >>/run/calls ;;
mdadm)
	case "$*" in
	*--scan*) echo "ARRAY /dev/md/root metadata=1.2 UUID=11111111:22222222:33333333:44444444" ;;
	*--export*) echo MD_UUID=11111111:22222222:33333333:44444444 ;;
	esac
	;;
blkid)
	# As far as the hooks ask: blkid -c FILE -o export DEVICE, blkid -p -o value -s TAG
	# DEVICE, blkid -U UUID.
	tag=''
	while [ $# -gt 0 ]; do
		case $1 in
		-c | -o) shift ;;
		-s) tag=$2 && shift ;;
		-U) tag=-U && break ;;
		-p) ;;
		*) break ;;
		esac
		shift
	done
	if [ "$tag" = -U ]; then grep -q " UUID $2\$" /run/blkid && exit 0 || exit 2; fi
	device=$(readlink -f "$1")
	case $tag in
	'') sed -n "s|^$device \([A-Z_]*\) |\1=|p" /run/blkid | grep -v ^PART_ENTRY | grep . || exit 2 ;;
	*) sed -n "s|^$device $tag ||p" /run/blkid | grep . || exit 2 ;;
	esac
	;;
esac
exit 0

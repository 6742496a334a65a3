
# --- What there is: the target, its system, this machine

# families: ID of os-release, family, directory of its loaders below EFI/ on the ESP.
# The same list is in families.go; a test holds them together.
families() {
	cat <<'END'
debian debian debian
ubuntu debian ubuntu
linuxmint debian ubuntu
pop debian ubuntu
zorin debian ubuntu
elementary debian ubuntu
kali debian kali
raspbian debian debian
devuan debian devuan
proxmox debian proxmox
rhel rhel redhat
centos rhel centos
rocky rhel rocky
almalinux rhel almalinux
ol rhel redhat
fedora rhel fedora
amzn rhel amzn
azurelinux rhel azurelinux
mariner rhel mariner
cloudlinux rhel cloudlinux
eurolinux rhel eurolinux
openeuler rhel openEuler
openEuler rhel openEuler
anolis rhel anolis
sles suse sles
sled suse sled
sle_hpc suse sle_hpc
sles_sap suse sles
sl-micro suse sl
suse suse sles
opensuse suse opensuse
opensuse-leap suse opensuse
opensuse-tumbleweed suse opensuse
END
}

# os KEY: the value of KEY in the image's os-release; never executed.
os() {
	sed -n "s/^$1=//p" "$work/os-release" | sed -n '1{s/^["'\'']//;s/["'\''][[:space:]]*$//;p;}'
}

# setting KEY DEFAULT ALLOWED...: a word from the settings.
setting() {
	setting_value=$(sed -n "s/^[[:space:]]*$1[[:space:]]*=[[:space:]]*//p" "$work/conf" | sed -n '${s/[[:space:]]*$//;p;}')
	setting_name=$1
	[ -n "$setting_value" ] || setting_value=$2
	shift 2
	for w in "$@"; do
		if [ "$w" = "$setting_value" ]; then return 0; fi
	done
	die "image-capture-hooks.conf: $setting_name=$setting_value is none of: $*"
}

read_settings() {
	conf=
	case $0 in
	*/*) conf=${0%/*}/image-capture-hooks.conf ;;
	esac
	[ -f "$conf" ] || conf=$target/curtin/image-capture-hooks.conf
	: >"$work/conf"
	if [ -f "$conf" ]; then cat "$conf" >"$work/conf" || die "cannot read $conf"; fi
	bad=$(sed -e '/^[[:space:]]*#/d' -e '/^[[:space:]]*$/d' "$work/conf" |
		grep -v -E '^[[:space:]]*(nvram|boot_order|consoles|initramfs|relabel)[[:space:]]*=' | sed -n 1p)
	[ -z "$bad" ] || die "image-capture-hooks.conf: what is \"$bad\"?"
	setting nvram auto auto required no
	nvram=$setting_value
	setting boot_order auto auto current new
	boot_order=$setting_value
	setting consoles carry carry keep
	consoles=$setting_value
	setting initramfs auto auto always never
	initramfs=$setting_value
	setting relabel auto auto boot no
	relabel=$setting_value
}

# check_target: a mounted root that is not the running one. A wrong DIR would have its
# boot loader and its fstab replaced.
check_target() {
	[ "$(id -u)" = 0 ] || die "only root can do this"
	[ -d "$target" ] || die "$target is not a directory"
	target=$(cd -P "$target" && pwd -P) || die "cannot enter $target"
	[ "$target" != / ] || die "refused: / is the running system, not a new root"
	is_mounted "$target" || die "refused: $target is not a mount point; mount the new root there first"
	own=$(awk '$5 == "/" { x = $3 " " $4 } END { print x }' /proc/self/mountinfo)
	new=$(awk -v d="$target" '$5 == d { x = $3 " " $4 } END { print x }' /proc/self/mountinfo)
	[ "$own" != "$new" ] || die "refused: $target is the running system once more"
	[ -e "$target/bin/sh" ] || [ -L "$target/bin/sh" ] || die "$target holds no system: there is no /bin/sh"
	chroot "$target" /bin/sh -c : 2>/dev/null || die "programs of $target do not run here (other architecture than this machine's?)"
}

# read_os: what layers have made of the image is what counts.
read_os() {
	for f in /etc/os-release /usr/lib/os-release; do
		show $f >"$work/os-release"
		[ -s "$work/os-release" ] && break
	done
	[ -s "$work/os-release" ] || die "$target has no /etc/os-release: which distribution is it?"
}

# find_family sets family and efi_vendor by ID, then by ID_LIKE.
find_family() {
	os_id=$(os ID)
	family='' efi_vendor=''
	for id in $os_id $(os ID_LIKE); do
		line=$(families | awk -v id="$id" '$1 == id { print; exit }')
		if [ -n "$line" ]; then
			# shellcheck disable=SC2086 # three words
			set -- $line
			family=$2 efi_vendor=$3
			break
		fi
	done
	if [ -z "$family" ]; then
		family=generic efi_vendor=${os_id:-linux}
		warn "os-release ID \"$os_id\" is of no family that is known here: doing what can be done by the tools in the image"
	fi
	# The names that the family's GRUB has.
	if [ -d "$target/boot/grub2" ] || { [ "$family" != debian ] && has grub2-mkconfig; }; then
		grub=grub2
	else
		grub=grub
	fi
}

# find_machine sets firmware, and the words that GRUB and UEFI have for the machine.
find_machine() {
	machine=$(chroot "$target" uname -m 2>/dev/null || uname -m)
	firmware=bios
	if [ -d /sys/firmware/efi ]; then firmware=uefi; fi
	efi_bits=64
	if [ -r /sys/firmware/efi/fw_platform_size ]; then read -r efi_bits </sys/firmware/efi/fw_platform_size; fi
	case $machine in
	x86_64 | amd64 | i?86)
		if [ "$efi_bits" = 32 ]; then
			efi_arch=ia32 efi_target=i386-efi
		else
			efi_arch=x64 efi_target=x86_64-efi
		fi
		;;
	aarch64 | arm64) efi_arch=aa64 efi_target=arm64-efi ;;
	*) die "these hooks know x86_64 and aarch64, not $machine" ;;
	esac
	# As the firmware looks for it: see "Removable Media Boot Behavior" in the UEFI
	# specification.
	efi_boot=BOOT$(echo $efi_arch | tr '[:lower:]' '[:upper:]')
	if [ $firmware = bios ] && [ $efi_arch = aa64 ]; then
		die "this machine was not booted by UEFI (no /sys/firmware/efi), and on $machine these hooks know nothing else"
	fi
}

# find_mounts writes $work/mounts: directory in the image, device, type, directory in
# the filesystem (a subvolume of btrfs, else /), options; the upmost mount counts.
find_mounts() {
	awk -v t="$target" '
		$5 == t || index($5, t "/") == 1 {
			for (i = 7; $i != "-"; i++) ;
			dir = substr($5, length(t) + 1)
			if (dir == "") dir = "/"
			if ($(i+2) !~ /^\/dev\//) { if (dir == "/") print dir, $(i+2), $(i+1), $4, $6; next }
			seen[dir] = dir " " $(i+2) " " $(i+1) " " $4 " " $6
		}
		END { for (d in seen) print seen[d] }' /proc/self/mountinfo | sort >"$work/mounts"
	root_dev=$(mount_field / 2)
	case $root_dev in
	/dev/*) ;;
	*) die "$target is a $(mount_field / 3) and on no disk ($root_dev)" ;;
	esac
	if [ -n "$(mount_field /boot 2)" ]; then
		boot_dev=$(mount_field /boot 2)
		grub_rel=$(mount_field /boot 4)
	else
		boot_dev=$root_dev
		grub_rel=$(mount_field / 4)
		grub_rel=${grub_rel%/}/boot
	fi
	# Where /boot is, as GRUB sees it: "", /boot, or /@/boot.
	grub_rel=${grub_rel%/}
	esp=
	for d in /boot/efi /efi /boot; do
		case $(mount_field $d 2) in
		'') ;;
		*) case $(device_type "$(mount_field $d 2)" "$(mount_field $d 3)") in
			vfat | msdos | fat*) esp=$d && break ;;
			esac ;;
		esac
	done
	if [ $firmware = uefi ] && [ -z "$esp" ]; then
		die "this machine was booted by UEFI, but no EFI system partition is mounted at $target/boot/efi"
	fi
}

# mount_field DIR N: the Nth field of the mount at DIR in the image, or nothing.
mount_field() { awk -v d="$1" -v n="$2" '$1 == d { print $n }' "$work/mounts"; }

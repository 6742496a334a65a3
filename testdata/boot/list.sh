# shellcheck shell=bash
# For run.sh: the list of deployments, and what each must come to. read_list sets names
# and, by name, image_of, layout_of, firmware_of, deployer_of and options_of.

names=()
declare -A image_of layout_of firmware_of deployer_of options_of

# read_list FILE ci|nightly|NAME...
read_list() {
	local file=$1 list name i l f d o
	shift
	while read -r list name i l f d o; do
		case $list in '' | '#'*) continue ;; esac
		[[ " $* " == *" $name "* || " $* " == *" $list "* || " $* " == " nightly " ]] || continue
		names+=("$name")
		image_of[$name]=$i layout_of[$name]=$l firmware_of[$name]=$f deployer_of[$name]=$d options_of[$name]=$o
	done <"$file"
	[ ${#names[@]} -gt 0 ] || { echo "list.sh: nothing in $file is called $*" >&2; exit 2; }
	case "$*" in
	ci) covers 1 ;;
	nightly) covers 2 ;;
	esac
}

# covers N: each value (1), each pair of values (2), that the list has at all is among
# the chosen that boot.
covers() {
	local name lacking
	lacking=$(for name in "${names[@]}"; do
		[[ ${options_of[$name]} != @(refused|plain*) ]] || continue
		echo "debian=${image_of[$name]%%[.-]*} format=${image_of[$name]#*.} layout=${layout_of[$name]} firmware=${firmware_of[$name]} deployer=${deployer_of[$name]}"
	done | awk -v n="$1" '
		BEGIN {
			split("debian=12 debian=13 format=tgz format=tar.zst layout=simple layout=boot layout=btrfs layout=lvm layout=md layout=xfs firmware=uefi firmware=bios deployer=el deployer=debian", all)
		}
		{ for (i = 1; i <= NF; i++) { one[$i]; for (j = 1; j <= NF; j++) two[$i, $j] } }
		# These layouts have what others are made of: LVM lies on md, with a /boot of its
		# own, and xfs.
		/layout=lvm-md/ { one["layout=md"]; one["layout=lvm"] }
		/layout=lvm/ { one["layout=boot"]; one["layout=xfs"] }
		END {
			for (a in all) {
				if (!(all[a] in one)) print all[a]
				for (b in all) {
					x = all[a]; y = all[b]
					if (n == 2 && substr(x, 1, index(x, "=")) != substr(y, 1, index(y, "=")) && !((x, y) in two)) print x, y
				}
			}
		}')
	[ -z "$lacking" ] || { printf 'list.sh: not among the deployments:\n%s\n' "$lacking" >&2; exit 2; }
}

# option NAME WORD
option() { [[ " ${options_of[$1]} " == *" $2 "* ]]; }

list_images() { printf '%s\n' "${image_of[@]}" | sort -u; }

# list_names FIRMWARE DEPLOYER
list_names() {
	local name
	for name in "${names[@]}"; do
		if [ "${firmware_of[$name]} ${deployer_of[$name]}" = "$1 $2" ]; then echo "$name"; fi
	done
}

# expected NAME [ENTRY]: what look.sh must say in the guest; ENTRY is the firmware's by which
# it started, where that is not the deployer's.
expected() {
	local name=$1 root=ext4
	case ${layout_of[$name]} in
	btrfs) root=btrfs ;;
	lvm* | xfs) root=xfs ;;
	esac
	echo 'boot-test: begin'
	echo 'host captured'
	echo "firmware ${firmware_of[$name]}"
	if [ "${firmware_of[$name]}" = uefi ]; then
		# The entry that the hooks made, or (of the firmware) the removable path.
		if [ "${options_of[$name]}" = new-machine ]; then echo 'boot entry UEFI Misc Device'; else echo "boot entry ${2:-debian}"; fi
	fi
	echo "/ $root"
	case ${layout_of[$name]} in
	boot | lvm*) echo '/boot ext4' ;;
	btrfs) echo '/home btrfs' ;;
	esac
	if [[ ${layout_of[$name]} = lvm* ]]; then echo partition; fi
	echo 'ssh active'
	echo 'NoCloud from file:///curtin/'
	printf '%s\n' 'net.ifnames=0' 'eth0 UP 192.0.2.7/24' 'drpcli is there' 'machine-id made' 'capability works' 'acl works'
	if option "$name" layers; then echo 'layer second, .bashrc .profile and a file'; fi
	cat "$(dirname "${BASH_SOURCE[0]}")/witness.txt"
	echo 'boot-test: end'
}

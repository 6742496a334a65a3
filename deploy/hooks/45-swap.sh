
# --- The swap file that the deployer asks for (image-deploy's swapfile-size)

# swap_setting KEY: a value of "swap" in curtin's configuration, which is JSON on one line.
swap_setting() {
	printf '%s\n' "$swap_config" | sed -n "s/.*\"$1\": *\"\{0,1\}\([^\",}]*\).*/\1/p"
}

# mebibytes SIZE: 1073741824, 512M, 4G, as curtin reads it.
mebibytes() {
	printf '%s\n' "$1" | awk '
		!/^[0-9]+(\.[0-9]+)?[BKMGT]?B?$/ { exit }
		{ n = $0 + 0; u = $0; gsub(/[0-9.]/, "", u); u = substr(u, 1, 1)
		  if (u == "K") n /= 1024; else if (u == "G") n *= 1024; else if (u == "T") n *= 1048576; else if (u != "M") n /= 1048576
		  printf "%d\n", n }'
}

make_swap_file() {
	swap_config=
	if [ $by_hand = no ] && [ -r "${CONFIG:-}" ]; then swap_config=$(sed -n 's/.*"swap": *{\([^}]*\)}.*/\1/p' "$CONFIG"); fi
	size=$(swap_setting size)
	max=$(swap_setting maxsize)
	if [ -z "$size$max" ]; then return; fi
	name=$(swap_setting filename)
	name=/${name#/}
	[ "$name" != / ] || name=/swap.img
	case $name in
	*..* | *[!A-Za-z0-9/._-]*) die "swapfile-name $name is no plain path" ;;
	esac
	# As large as the memory, where only a limit is given.
	mib=$(mebibytes "${size:-$(awk '/^MemTotal/ { print $2 "K" }' /proc/meminfo)}")
	limit=$(mebibytes "${max:-${mib}M}")
	if [ -z "$mib" ] || [ -z "$limit" ]; then die "swapfile-size \"$size\" or swapfile-maxsize \"$max\" is no size"; fi
	if [ "$mib" -gt "$limit" ]; then mib=$limit; fi
	if [ "$mib" = 0 ]; then return; fi
	swap_dir=$(chroot "$target" /bin/sh -c 'mkdir -p "$1" && cd "$1" && pwd -P' sh "${name%/*}/") || die "cannot make ${name%/*} in $target"
	swap_to=${target%/}${swap_dir%/}/${name##*/}
	if [ ! -f "$swap_to" ] || [ "$(wc -c <"$swap_to")" != $((mib * 1048576)) ]; then
		rm -f "$swap_to"
		(umask 077 && true >"$swap_to") || die "cannot make $name in $target"
		# btrfs takes only files that it does not copy on write.
		chattr +C "$swap_to" 2>/dev/null
		must dd if=/dev/zero of="$swap_to" bs=1M count="$mib"
		must mkswap "$swap_to"
	fi
	printf '%s none swap sw 0 0\n' "$name" >>"$work/fstab"
}

#!/usr/bin/env bash
# The proof that captured images deploy and boot: captures a golden Debian root,
# deploys each image onto a blank disk, boots the disks under UEFI (OVMF) and BIOS
# (SeaBIOS), and looks at what came out. And the other way round: the image of
# which the check says that it does not boot under UEFI must not.
#
# BUILD is where everything is made (build/boot), AGENT the binary (./image-capture),
# BASE the plain root that the golden one is made of (build/debian-12). In BUILD are
# left: golden, kept for the next run; the serial logs; verdicts.md.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
repo=$(cd "$here/../.." && pwd)
build=${BUILD:-$repo/build/boot} agent=$(realpath "${AGENT:-$repo/image-capture}") base=${BASE:-$repo/build/debian-12}
PATH=$PATH:/usr/sbin:/sbin
work='' pids=()
end() {
	if [ ${#pids[@]} -gt 0 ]; then
		kill "${pids[@]}" 2>/dev/null || true
		wait
	fi
	[ -z "$work" ] || rm -rf --one-file-system "$work"
}
trap end EXIT
trap 'exit 143' TERM INT HUP
fail() { echo "boot-test: $*" >&2; exit 1; }
step() { printf '== %s (%s s)\n' "$*" "$SECONDS"; }
# quiet LOG COMMAND...: what it says is of interest only when it fails.
quiet() { local log=$1; shift; "$@" >"$log" 2>&1 || { tail -n 40 "$log" >&2; fail "$(basename "$1") failed, see $log"; }; }

[ "$(id -u)" = 0 ] || fail "must be root, for mounts and owners"
step tools
"$here/need.sh"
ACCEL=$("$here/accel.sh")
export ACCEL
mkdir -p "$build"
exec 9>"$build/lock"
flock -n 9 || fail "another run is at work in $build"
# Of a run that was killed.
rm -rf --one-file-system "$build"/run.*
rm -f "$build"/*.log "$build/verdicts.md"
work=$(mktemp -d -p "$build" run.XXXXXX)

step "golden root"
golden=$build/golden
quiet "$build/golden.log" "$here/golden.sh" "$golden" "$base"
diff -u "$here/witness.txt" <("$here/witness.sh" show "$golden") || fail "the golden root lacks its witnesses; remove $golden"

mkfs.vfat -C -n CIDATA "$work/seed.img" 1440 >/dev/null
mcopy -i "$work/seed.img" "$here/seed/user-data" "$here/seed/meta-data" ::

# What the check looks for under "grub-uefi": GRUB's modules and the signed loaders.
without=(--exclude './usr/lib/grub/x86_64-efi*' --exclude './usr/lib/shim' --exclude './boot/efi/*')

# capture NAME FORMAT VERDICT [FLAG...]: the check must give VERDICT, ok or fail, for
# UEFI (and so for the whole, by its exit code, as both firmwares are asked for) and
# then makes work/NAME.
capture() {
	local name=$1 format=$2 verdict=$3 code=0 want=0 mode=enforce
	shift 3
	[ "$verdict" = ok ] || want=3 mode=warn
	"$agent" check "$golden" --format "$format" --firmware both --add-curtin "$@" >"$build/$name.check.log" 2>&1 || code=$?
	[ $code = $want ] || { cat "$build/$name.check.log" >&2; fail "check of $name: exit code $code, not $want"; }
	grep -q "^$verdict  *grub-uefi " "$build/$name.check.log" || { cat "$build/$name.check.log" >&2; fail "check of $name does not say $verdict for grub-uefi"; }
	[ "$(grep -c '^fail ' "$build/$name.check.log")" = "$((want / 3))" ] || { cat "$build/$name.check.log" >&2; fail "check of $name fails for something else"; }
	quiet "$build/$name.capture.log" "$agent" "$golden" --format "$format" --firmware both --add-curtin --check "$mode" "$@" --output "$work/$name" --manifest "$work/$name.txt" --progress off
}

# deploy NAME LOADER WANT puts work/NAME onto two disks, one for each firmware:
# what the first guest writes must not be there for the second. WANT is the UEFI
# loader that must have been in the image.
deploy() {
	local log=$build/$1.deploy.log
	"$here/deploy.sh" "$work/$1" "$work/$1.uefi" "$2" >"$work/$1.loader" 2>"$log" || { tail -n 40 "$log" >&2; fail "deploy.sh failed, see $log"; }
	[ "$(cat "$work/$1.loader")" = "$3" ] || fail "$1: the UEFI loader in it is: $(cat "$work/$1.loader"), expected $3"
	rm "$work/$1"
	cp --sparse=always "$work/$1.uefi" "$work/$1.bios"
}

# boot_both NAME WANT_UEFI WANT_BIOS boots both disks, at the same time.
boot_both() {
	local name=$1 firmware want pid
	pids=()
	for firmware in uefi bios; do
		"$here/boot.sh" "$work/$name.$firmware" $firmware "$work/seed.img" "$build/$name.$firmware.log" >"$work/$name.$firmware.out" &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do wait "$pid" || fail "boot.sh failed"; done
	pids=()
	for firmware in uefi bios; do
		want=$2
		[ $firmware = uefi ] || want=$3
		judge "$name" $firmware "$want"
	done
	rm "$work/$name".{uefi,bios}
}

# judge NAME FIRMWARE WANT compares the outcome with WANT and writes a row.
judge() {
	local outcome seconds log=$build/$1.$2.log verdict loader found=''
	read -r outcome seconds <"$work/$1.$2.out"
	if [ "$outcome" != "$3" ]; then
		printf -- '-- the end of %s:\n' "$log" >&2
		tail -n 40 "$log" | tr -d '\r' | cat -v >&2
		fail "$1 under $2: $outcome after $seconds s, expected $3"
	fi
	if [ "$outcome" = login ]; then
		"$here/inspect.sh" "$work/$1.$2" "$2" || fail "$1 under $2 booted, but the root is not what was captured"
		found='all there'
	fi
	verdict=$(sed -n 's/^\([a-z]*\)  *grub-uefi .*/\1/p' "$build/$1.check.log")
	loader=$(cat "$work/$1.loader")
	[ "$2" = uefi ] || verdict='-' loader='GRUB i386-pc'
	# shellcheck disable=SC2016 # Markdown's quotes
	printf '| `%s` | %s | %s | %s | %s | %s s | %s |\n' "$1" "$verdict" "$loader" "$2" "$outcome" "$seconds" "${found:--}" >>"$build/verdicts.md"
}

cat >"$build/verdicts.md" <<'EOF'
| image | check: grub-uefi | loader, from the image | firmware | outcome | in | witnesses |
|---|---|---|---|---|---|---|
EOF

step "capture"
capture whole.tgz tgz ok
capture whole.tar.zst tar-zst ok
capture no-uefi.tar.zst tar-zst fail "${without[@]}"

for name in whole.tgz whole.tar.zst no-uefi.tar.zst; do
	# Every way by which the check says ok is gone: the vendor's loader from one
	# image, GRUB's modules from the other.
	case $name in
	whole.tgz) prefer=signed loader=signed uefi=login ;;
	whole.tar.zst) prefer=modules loader=modules uefi=login ;;
	no-uefi.tar.zst) prefer=signed loader=none uefi=no-loader ;;
	esac
	step "deploy $name"
	deploy "$name" "$prefer" "$loader"
	step "boot $name under UEFI and BIOS ($ACCEL)"
	boot_both "$name" "$uefi" login
done

step "what was booted"
cat "$build/verdicts.md"

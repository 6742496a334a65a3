#!/usr/bin/env bash
# The proof that captured images deploy and boot: run.sh [ci|nightly|NAME...], ci by
# default; NAME is one of deploys.txt. Golden Debian roots are captured; a deploying
# system in QEMU partitions blank disks, unpacks the images as curtin does and runs the
# hooks that came in them; then the disks boot under UEFI (OVMF) or BIOS (SeaBIOS), and
# say themselves what came out.
#
# BUILD is where everything is made (build/boot), AGENT the binary (./image-capture),
# BASES where the plain roots debian-12 and debian-13 are (build). In BUILD are left:
# golden-12, golden-13 and deployer, kept for the next run; the logs; verdicts.md.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
repo=$(cd "$here/../.." && pwd)
build=${BUILD:-$repo/build/boot} agent=$(realpath "${AGENT:-$repo/image-capture}") bases=${BASES:-$repo/build}
PATH=$PATH:/usr/sbin:/sbin
work=''
end() {
	# shellcheck disable=SC2046 # words
	kill $(jobs -p) 2>/dev/null || true
	wait
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

# shellcheck source-path=SCRIPTDIR source=list.sh
. "$here/list.sh"
read_list "$here/deploys.txt" "${@:-ci}"

step "golden roots and the deployer"
# made NAME SCRIPT ARGUMENT...: what the script of today made stays for the next run.
made() {
	local name=$1 script=$2 sum
	shift 2
	sum=$(cat "$here/$script" "$here/witness.sh" | sha256sum)
	if [ "$(cat "$build/$name.made-by" 2>/dev/null)" != "$sum" ]; then
		rm -rf --one-file-system "${build:?}/$name"
		quiet "$build/$name.log" "$here/$script" "$build/$name" "$@"
		echo "$sum" >"$build/$name.made-by"
	fi
}
made golden-12 golden.sh "$bases/debian-12" bookworm
made golden-13 golden.sh "$bases/debian-13" trixie &
made deployer deployer.sh "$bases/debian-12"
wait $!
for golden in "$build"/golden-1[23]; do
	diff -u "$here/witness.txt" <("$here/witness.sh" show "$golden") || fail "the golden root lacks its witnesses; remove $golden"
done

step capture
# What the check looks for under "grub-uefi": GRUB's modules and the signed loaders.
without=(--exclude './usr/lib/grub/x86_64-efi*' --exclude './usr/lib/shim' --exclude './boot/efi/*')
mkdir "$work/images"

# capture IMAGE makes work/images/IMAGE, hooks and all. The check must say ok for UEFI,
# or fail (and so for the whole, by its exit code) for the root without a loader.
capture() {
	case $1 in *-root-word* | *-data* | *-kept* | *-later*) capture_broken "$1" && return ;; esac
	local image=$1 root=${1%%[.-]*} format=tgz verdict=ok code=0 want=0 mode=enforce flags=()
	case $image in *.tar.zst) format=tar-zst ;; esac
	case $image in *-no-uefi.*) flags=("${without[@]}") verdict=fail want=3 mode=warn ;; esac
	"$agent" check "$build/golden-$root" --format "$format" --firmware both --add-curtin ${flags[@]+"${flags[@]}"} >"$build/$image.check.log" 2>&1 || code=$?
	[ $code = $want ] || { cat "$build/$image.check.log" >&2; fail "check of $image: exit code $code, not $want"; }
	grep -q "^$verdict  *grub-uefi " "$build/$image.check.log" || { cat "$build/$image.check.log" >&2; fail "check of $image does not say $verdict for grub-uefi"; }
	[ "$(grep -c '^fail ' "$build/$image.check.log")" = "$((want / 3))" ] || { cat "$build/$image.check.log" >&2; fail "check of $image fails for something else"; }
	quiet "$build/$image.capture.log" "$agent" "$build/golden-$root" --format "$format" --firmware both --add-curtin --check $mode ${flags[@]+"${flags[@]}"} --output "$work/images/$image" --manifest "$work/$image.txt" --progress off
}

# capture_broken IMAGE is for a root in which something of another machine stays: root-word
# has its root= on the command line, data its /data in fstab; kept has a copy beside its
# kernel. The check must say that it does not boot, by that; and that it does, once --fix was
# at it. later has that root= where kernel-install reads it, and systemd-boot: that one boots
# until both were updated, and the check must say this.
capture_broken() {
	local image=$1 broken want flags=() code=0 gone=01234567-89ab-cdef-0123-456789abcdef root kernel under=BIOS
	broken=${1#*-} broken=${broken%%.*} broken=${broken%-fix}
	root=$work/$broken
	[ -d "$root" ] || cp -a --reflink=auto "$build/golden-${image%%-*}" "$root"
	case $broken in
	root-word)
		want='no (the command line keeps the source.s root='
		sed -i "s/^GRUB_CMDLINE_LINUX=\"\(root=[^ ]* \)\?/GRUB_CMDLINE_LINUX=\"root=UUID=$gone /" "$root/etc/default/grub.d/50-golden.cfg"
		;;
	data)
		want='no (fstab waits for the source.s /data' flags=(--deployer eikon)
		# Not for the ten minutes of the golden root.
		grep -q ' /data ' "$root/etc/fstab" || echo "UUID=76543210-89ab-cdef-0123-456789abcdef /data ext4 x-systemd.device-timeout=5s 0 2" >>"$root/etc/fstab"
		;;
	kept)
		want='no (the menu begins with vmlinuz-.*\.bak'
		for kernel in "$root"/boot/vmlinuz-*-amd64; do cp "$kernel" "$kernel.bak"; done
		;;
	later)
		under=UEFI want='yes; the first kernel update after one of systemd-boot will write the source.s root='
		[ -e "$root/usr/bin/bootctl" ] || quiet "$build/later.apt.log" install_boot "$root"
		echo "root=UUID=$gone ro net.ifnames=0 mitigations=off console=ttyS0,115200" >"$root/etc/kernel/cmdline"
		sed -i 's/ resume=[^" ]*//' "$root/etc/default/grub.d/50-golden.cfg"
		;;
	esac
	case $image in
	# That systemd-boot comes in GRUB's place stays so, and the kernel's update goes with it.
	*-later-fix.*) want='yes; the first update of systemd-boot will put it in GRUB.s place, with no kernel in its menu$' flags+=(--fix) ;;
	*-fix.*) want=yes flags+=(--fix) ;;
	esac
	"$agent" check "$root" --format tgz ${flags[@]+"${flags[@]}"} >"$build/$image.check.log" 2>&1 || code=$?
	grep -q "^boots under $under: $want" "$build/$image.check.log" || { cat "$build/$image.check.log" >&2; fail "check of $image (exit code $code) does not say that it boots: $want"; }
	quiet "$build/$image.capture.log" "$agent" "$root" --format tgz --check warn ${flags[@]+"${flags[@]}"} --output "$work/images/$image" --manifest "$work/$image.txt" --progress off
}
# install_boot ROOT: systemd-boot beside GRUB. No EFI system partition is there, so that
# nothing is on one either.
install_boot() {
	chroot "$1" apt-get update -o Acquire::Retries=1 &&
		DEBIAN_FRONTEND=noninteractive chroot "$1" apt-get install -y --no-install-recommends -o Acquire::Retries=1 systemd-boot &&
		chroot "$1" apt-get clean && rm -rf "$1"/var/lib/apt/lists/*
}
for image in $(list_images); do capture "$image"; done

# The layers over 12.tgz: one changes files, adds one, and takes away one and a directory, in
# whose place a file is; the other changes one again. What comes out look.sh says.
layers() {
	local root=$work/layered
	cp -a --reflink=auto "$build/golden-12" "$root"
	echo first >"$root/etc/layer"
	rm -r "$root/etc/skel/.bash_logout" "$root/etc/update-motd.d"
	echo 'a file' >"$root/etc/update-motd.d"
	layer first --base "$work/12.tgz.txt"
	echo second >"$root/etc/layer"
	layer second --base "$work/12.tgz.txt" --base "$work/first.MANIFEST.txt"
	quiet "$build/layers.capture.log" "$agent" hooks --layer "$work/first.tgz" --layer "$work/second.tgz" -o "$work/images/layers.tgz"
	rm -rf --one-file-system "$root"
}
layer() {
	local name=$1
	shift
	quiet "$build/$name.capture.log" "$agent" "$work/layered" --format tgz --firmware both --add-curtin --check enforce "$@" --output "$work/$name.tgz" --progress off
}
[[ " ${options_of[*]} " != *" layers "* ]] || layers

# The second archive: what image-deploy's 06_drp unpacks over the image.
second=$work/second
mkdir -p "$second/curtin" "$second/usr/local/bin" "$second/etc/cloud/cloud.cfg.d"
cp "$here"/second/{meta-data,user-data,look.sh} "$here/witness.sh" "$second/curtin/"
cp "$here/second/95_datasource.cfg" "$second/etc/cloud/cloud.cfg.d/"
cp "$here/second/drpcli" "$second/usr/local/bin/"
# For the guests that are captured while they run.
ssh-keygen -q -t ed25519 -N '' -f "$work/ssh-key"
mkdir -m 700 "$second/root" "$second/root/.ssh"
cp "$work/ssh-key.pub" "$second/root/.ssh/authorized_keys"
tar -C "$second" --owner=0 --group=0 -cf "$work/images/second.tar" .

# Two guests at a time: each takes a token and gives it back.
mkfifo "$work/tokens"
exec 8<>"$work/tokens"
printf xx >&8
# in_turn COMMAND...: in the background of its caller, which ends it when it is ended.
in_turn() {
	local rc=0
	read -r -N1 -u8 _
	"$@" &
	wait $! || rc=$?
	printf x >&8
	return $rc
}
lost() { tail -n "${2:-40}" "$1" | tr -d '\r' | cat -v >&2; echo "boot-test: $3" >&2; touch "$work/failed"; }

# guest FIRMWARE KIND runs the deployer for its deployments and boots what came out.
guest() {
	local firmware=$1 kind=$2 job=$work/$1-$2 name pids=()
	trap 'kill $(jobs -p) 2>/dev/null; exit 143' TERM
	mkdir -p "$job/disks"
	ln "$work/images" "$job/images" 2>/dev/null || cp -al "$work/images" "$job/images"
	for name in $(list_names "$firmware" "$kind"); do
		truncate -s 4G "$job/disks/$name.disk"
		if [[ ${layout_of[$name]} = *md ]]; then truncate -s 4G "$job/disks/$name-2.disk"; fi
		echo "$name ${layout_of[$name]} ${image_of[$name]} ${options_of[$name]}"
	done >"$job/plan"
	if ! in_turn "$here/install.sh" "$firmware" "$kind" "$build/deployer" "$job" "$build/$firmware-$kind.log"; then
		lost "$build/$firmware-$kind.log" 40 "the deployer for $firmware, $kind failed, see $build/$firmware-$kind.log"
	fi
	cp "$job"/out/*.log "$build/"
	for name in $(list_names "$firmware" "$kind"); do
		judge_deploy "$name" "$job/out" || continue
		boot "$name" "$job" &
		pids+=($!)
	done
	wait
}

# judge_deploy NAME OUT: fails where there is nothing to boot.
judge_deploy() {
	local name=$1 log=$build/$1.log result=none want=0 hint
	result=$(cat "$2/$name.result" 2>/dev/null) || result=none
	[ "${options_of[$name]}" != refused ] || want=1
	if [ "$result" != $want ]; then
		[ -e "$log" ] || : >"$log"
		lost "$log" 60 "deploy $name: exit code $result, expected $want, see $log"
		return 1
	fi
	if [ $want = 0 ]; then return 0; fi
	# One clear line, and not a disk that looks deployed.
	hint=$(grep -c '^curtin-hooks: error: .*UEFI' "$log") || true
	if [ "$hint" != 1 ]; then lost "$log" 60 "deploy $name: the hooks do not say in one line what is missing"; return 1; fi
	row "$name" "refused by the hooks" -
	return 1
}

# boot NAME JOB
boot() {
	local name=$1 job=$2 firmware=${firmware_of[$1]} log=$build/$1.serial.log report=$build/$1.report.log outcome seconds
	local disks=("$job/disks/$name.disk") vars=$job/out/$name.vars
	trap 'kill $(jobs -p) 2>/dev/null; exit 143' TERM
	if [[ ${layout_of[$name]} = *md ]]; then disks+=("$job/disks/$name-2.disk"); fi
	case ${options_of[$name]} in
	# The first disk of the mirror is gone.
	lost-disk) disks=("$job/disks/$name-2.disk") ;;
	# The disk in another machine, whose firmware knows no entry for it.
	new-machine) rm "$vars" ;;
	# It runs, and is captured over SSH.
	running) at_login capture "$job" ;;
	clone) at_login identity "$job" ;;
	# It runs, and its packages are updated.
	*update*) at_login update "$job" ;;
	esac
	in_turn "$here/boot.sh" "$firmware" "$vars" "$log" "$report" "${disks[@]}" >"$job/$name.out" || true
	read -r outcome seconds <"$job/$name.out" || outcome=failed seconds=0
	if option "$name" unbootable && ! option "$name" update; then
		unbootable "$name" "$outcome" "$seconds" || return
		rm "${disks[@]}"
		row "$name" "does not boot, as the check said" "-"
		return
	fi
	came_up "$name" "$outcome" "$seconds" || return
	if option "$name" update; then
		updated "$name" "$job" "$seconds"
		return
	fi
	rm "${disks[@]}"
	row "$name" login "$seconds s"
	if option "$name" running; then clone "$name" "$job"; fi
}

# came_up NAME OUTCOME SECONDS: is it the system that was deployed? The log, the report and
# the outcome are those of boot.
came_up() {
	if [ "$2" != login ]; then
		lost "$log" 40 "boot of $1: $2 after $3 s, see $log"
		return 1
	fi
	if ! diff -u --label "expected of $1" --label "said by the guest" <(expected "$1" "${by:-}") <(tr -d '\r' <"$report" | sed -n '/^boot-test: begin/,$p') >&2; then
		echo "boot-test: $1 booted, but is not what was deployed" >&2
		touch "$work/failed"
		return 1
	fi
}

# unbootable NAME OUTCOME SECONDS: is it what the check foretold? The initramfs looks for the
# source's root, the system waits for its /data, or the kernel has no initramfs.
unbootable() {
	if [ "$2" != failed ] || ! grep -aqE 'UUID=01234567-89ab-cdef-0123-456789abcdef does not exist|Dependency failed for .*/data|emergency mode|Unable to mount root fs' "$log"; then
		lost "$log" 40 "boot of $1: $2 after $3 s, and should not get so far, see $log"
		return 1
	fi
}

# updated NAME JOB SECONDS boots what was updated when it ran: systemd-boot is the loader now.
updated() {
	local name=$1 job=$2 first=$3 outcome seconds by='Linux Boot Manager'
	local log=$build/$name.updated.serial.log report=$build/$name.updated.report.log
	unset SSH_PORT AT_LOGIN
	in_turn "$here/boot.sh" "${firmware_of[$name]}" "$job/out/$name.vars" "$log" "$report" "$job/disks/$name.disk" >"$job/$name.out" || true
	read -r outcome seconds <"$job/$name.out" || outcome=failed seconds=0
	if option "$name" unbootable; then
		unbootable "$name" "$outcome" "$seconds" || return
		row "$name" "login, and not after an update, as the check said" "$first s, -"
	else
		came_up "$name" "$outcome" "$seconds" || return
		row "$name" "login, also after an update" "$first s, $seconds s"
	fi
	rm "$job/disks/$name.disk"
}

# at_login VERB JOB: what boot.sh does with a guest that runs.
at_login() {
	export SSH_PORT=$((20000 + RANDOM % 10000))
	cp "$work/ssh-key" "$2/"
	export AT_LOGIN="$here/running.sh $1 $2 $agent $SSH_PORT"
}

# clone NAME JOB deploys the image that was made of a running guest onto another disk, and
# boots it.
clone() {
	local name=$1-clone job=$2-clone
	unset SSH_PORT AT_LOGIN
	image_of[$name]=running.tgz layout_of[$name]=${layout_of[$1]} firmware_of[$name]=${firmware_of[$1]} deployer_of[$name]=${deployer_of[$1]} options_of[$name]=clone
	mkdir -p "$job/disks" "$job/images"
	cp "$work/images/second.tar" "$2/running.tgz" "$job/images/"
	truncate -s 4G "$job/disks/$name.disk"
	echo "$name ${layout_of[$name]} running.tgz clone" >"$job/plan"
	in_turn "$here/install.sh" "${firmware_of[$name]}" "${deployer_of[$name]}" "$build/deployer" "$job" "$build/$name.deployer.log" ||
		lost "$build/$name.deployer.log" 40 "the deployer of $name failed"
	cp "$job"/out/*.log "$build/"
	judge_deploy "$name" "$job/out" || return
	boot "$name" "$job"
	# What every machine has of its own, and what failed there that did not before.
	if [ -s "$job/identity" ] && ! comm -12 <(sort "$2/identity") <(sort "$job/identity") | grep -v '^failed ' &&
		! comm -13 <(sort "$2/identity") <(sort "$job/identity") | grep '^failed '; then
		return
	fi
	lost "$job/identity" 40 "the clone is not another machine, or something fails there, than in: $(cat "$2/identity")"
}

row() {
	local name=$1
	# shellcheck disable=SC2016 # Markdown's quotes
	printf '| %s | `%s` | %s | %s | %s | %s | %s |\n' "$name" "${image_of[$name]}" "${layout_of[$name]}" "${firmware_of[$name]}" "${deployer_of[$name]}" "$2" "$3" >>"$build/verdicts.md"
}

cat >"$build/verdicts.md" <<'END'
| deployment | image | layout | firmware | deployer | outcome | booted in |
|---|---|---|---|---|---|---|
END

step "deploy and boot ($ACCEL)"
started=$SECONDS
for f in uefi bios; do
	for k in el debian; do
		[ -z "$(list_names $f $k)" ] || guest $f $k &
	done
done
wait
step "what was booted"
cat "$build/verdicts.md"
echo "guests: $((SECONDS - started)) s"
[ ! -e "$work/failed" ] || fail "not all that should, see above"
[ "$(grep -c '^| ' "$build/verdicts.md")" = $((${#names[@]} + $(grep -cw running <<<"${options_of[*]}") + 1)) ] || fail "something was not deployed"

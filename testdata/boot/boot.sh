#!/usr/bin/env bash
# Boots the disks of a deployment in QEMU and says how far it came:
# boot.sh uefi|bios VARS LOG REPORT DISK... . VARS are the firmware's variables, as the
# deployer left them. LOG gets the serial console, REPORT what look.sh says in the
# guest. The last line on stdout is the outcome and the seconds that it took:
#   login      there is a login prompt and cloud-init has run look.sh to its end
#   no-loader  the firmware looked everywhere and found nothing to start
#   failed     anything else: a panic, a rescue shell, QEMU gone, time over
# After LIMIT seconds (600) it is over. With AT_LOGIN, a command and its arguments, that is
# run while the guest is there: what it says goes to stderr, and "login" needs that it succeeds.
firmware=${1:?usage: boot.sh uefi|bios VARS LOG REPORT DISK...} vars=${2:?} log=${3:?} report=${4:?}
shift 4
# shellcheck source-path=SCRIPTDIR source=qemu.sh
. "$(dirname "$0")/qemu.sh"
disk_args "$@"
: >"$report"
start_qemu "$firmware" "$vars" "$log" -m 1024 -serial "file:$report" "${args[@]}"

said() { grep -aqE "$1" "$log"; }
start=$SECONDS outcome='' why=''
while [ -z "$outcome" ]; do
	sleep 1
	if said 'login:' && grep -aq 'boot-test: end' "$report"; then outcome=login
	elif said 'UEFI Interactive Shell|No bootable option or device|No bootable device'; then outcome=no-loader
	elif said 'Kernel panic|grub rescue>|Minimal BASH-like|Press any key to continue|job control turned off|\(initramfs\)|emergency mode'; then outcome=failed why='the log says so'
	elif ! qemu_runs; then outcome=failed why="QEMU ended: $(cat "$qemu_says")"
	elif [ $((SECONDS - start)) -ge "${LIMIT:-600}" ]; then outcome=failed why="nothing after ${LIMIT:-600} s"
	fi
done
seconds=$((SECONDS - start))
if [ "$outcome" = login ] && [ -n "${AT_LOGIN:-}" ]; then
	# In the background, so that a signal ends it and the guest now.
	# shellcheck disable=SC2086 # words
	$AT_LOGIN >&2 &
	trap 'kill $! 2>/dev/null || true; end_qemu' EXIT
	wait $! || outcome=failed why="$AT_LOGIN failed"
fi
[ -z "$why" ] || echo "boot.sh: $why" >&2
echo "$outcome $seconds"

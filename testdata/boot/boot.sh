#!/usr/bin/env bash
# Boots a disk in QEMU and says how far it came: boot.sh DISK uefi|bios SEED LOG
# [SECONDS]. LOG gets the serial console. The last line on stdout is the outcome and
# the seconds that it took:
#   login      there is a login prompt and cloud-init has done what SEED says
#   no-loader  the firmware looked everywhere and found nothing to start
#   failed     anything else: a panic, a rescue shell, QEMU gone, time over
# QEMU runs without a network: nothing can boot from there. ACCEL is kvm or tcg.
set -euo pipefail

disk=${1:?usage: boot.sh DISK uefi|bios SEED LOG [SECONDS]} firmware=${2:?} seed=${3:?} log=${4:?} limit=${5:-300}
qemu='' work=$(mktemp -d)
end() {
	if [ -n "$qemu" ]; then kill "$qemu" 2>/dev/null || true; wait "$qemu" 2>/dev/null || true; fi
	rm -rf "$work"
}
trap end EXIT
trap 'exit 143' TERM INT HUP

case $firmware in
uefi)
	cp /usr/share/OVMF/OVMF_VARS_4M.fd "$work/vars.fd"
	rom=(-drive "if=pflash,format=raw,unit=0,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd"
		-drive "if=pflash,format=raw,unit=1,file=$work/vars.fd")
	;;
bios) rom=(-bios /usr/share/seabios/bios-256k.bin) ;;
*) echo "boot.sh: uefi or bios, not $firmware" >&2; exit 2 ;;
esac

: >"$log"
# graphics=off: SeaBIOS talks on the serial line then. cache=unsafe: the disk is ours alone.
qemu-system-x86_64 -machine q35,graphics=off -accel "${ACCEL:-tcg}" -m 1024 -display none -monitor none -nic none -no-reboot \
	"${rom[@]}" -serial "file:$log" -device virtio-rng-pci \
	-drive "if=virtio,format=raw,cache=unsafe,file=$disk" -drive "if=virtio,format=raw,readonly=on,file=$seed" >"$work/qemu" 2>&1 &
qemu=$!

said() { grep -aqE "$1" "$log"; }
start=$SECONDS outcome='' why=''
while [ -z "$outcome" ]; do
	sleep 1
	if said 'login:' && said 'boot-test: cloud-init ran'; then outcome=login
	elif said 'UEFI Interactive Shell|No bootable option or device|No bootable device'; then outcome=no-loader
	elif said 'Kernel panic|grub rescue>|Minimal BASH-like|Press any key to continue|job control turned off|\(initramfs\)|emergency mode'; then outcome=failed why='the log says so'
	elif ! kill -0 "$qemu" 2>/dev/null; then outcome=failed why="QEMU ended: $(cat "$work/qemu")"
	elif [ $((SECONDS - start)) -ge "$limit" ]; then outcome=failed why="nothing after $limit s"
	fi
done
[ -z "$why" ] || echo "boot.sh: $why" >&2
echo "$outcome $((SECONDS - start))"

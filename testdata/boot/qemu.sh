# shellcheck shell=bash
# For scripts that run a guest, to be sourced: start_qemu starts it, and it ends with
# the script. ACCEL is kvm or tcg.
set -euo pipefail

qemu='' qemu_says=$(mktemp)
end_qemu() {
	if [ -n "$qemu" ]; then
		kill "$qemu" 2>/dev/null || true
		wait "$qemu" 2>/dev/null || true
		qemu=''
	fi
	rm -f "$qemu_says"
}
trap end_qemu EXIT
trap 'exit 143' TERM INT HUP

# start_qemu uefi|bios VARS LOG ARGUMENT...: VARS holds the variables of the UEFI
# firmware, and is made as a new machine has it where it is missing. LOG gets the serial
# console.
start_qemu() {
	local firmware=$1 vars=$2 log=$3 rom net=hubport,id=net,hubid=0
	shift 3
	case $firmware in
	uefi)
		[ -e "$vars" ] || cp /usr/share/OVMF/OVMF_VARS_4M.fd "$vars"
		rom=(-drive "if=pflash,format=raw,unit=0,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd"
			-drive "if=pflash,format=raw,unit=1,file=$vars")
		;;
	bios) rom=(-bios /usr/share/seabios/bios-256k.bin) ;;
	*) echo "uefi or bios, not $firmware" >&2; exit 2 ;;
	esac
	[ -z "${SSH_PORT:-}" ] || net=user,id=net,restrict=on,net=192.0.2.0/24,host=192.0.2.2,hostfwd=tcp:127.0.0.1:$SSH_PORT-192.0.2.7:22
	: >"$log"
	# graphics=off: SeaBIOS talks on the serial line then. Nothing can be fetched or booted
	# from the network that the card is in: without SSH_PORT nothing is connected to it, with
	# it only sshd can be reached, and only from outside.
	qemu-system-x86_64 -machine q35,graphics=off -accel "${ACCEL:-tcg}" -display none -monitor none -no-reboot \
		"${rom[@]}" -serial "file:$log" -device virtio-rng-pci \
		-netdev "$net" -device virtio-net-pci,netdev=net,mac=52:54:00:12:34:56,romfile= \
		"$@" >"$qemu_says" 2>&1 &
	qemu=$!
}
qemu_runs() { kill -0 "$qemu" 2>/dev/null; }

# disk_args FILE...: the disks, with the name of the file as serial number. cache=unsafe:
# they are ours alone.
disk_args() {
	local disk id
	args=()
	for disk in "$@"; do
		id=$(basename "$disk" .disk)
		args+=(-drive "if=none,id=$id,format=raw,cache=unsafe,discard=unmap,file=$disk" -device "virtio-blk-pci,drive=$id,serial=$id")
	done
}

#!/usr/bin/env bash
# Prints kvm where QEMU can use it, else tcg (software emulation). A /dev/kvm that is
# there and opens proves nothing: under some nested hypervisors the firmware dies in
# it. So it is tried: the firmware must get as far as looking for a disk.
set -euo pipefail
work=$(mktemp -d) qemu=''
end() {
	if [ -n "$qemu" ]; then kill "$qemu" 2>/dev/null || true; wait "$qemu" 2>/dev/null || true; fi
	rm -rf "$work"
}
trap end EXIT
trap 'exit 143' TERM INT HUP

if [ ! -r /dev/kvm ] || [ ! -w /dev/kvm ]; then echo tcg; exit; fi
cp /usr/share/OVMF/OVMF_VARS_4M.fd "$work/vars.fd"
: >"$work/serial"
qemu-system-x86_64 -machine q35 -accel kvm -m 512 -display none -monitor none -nic none -serial "file:$work/serial" \
	-drive if=pflash,format=raw,unit=0,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd \
	-drive "if=pflash,format=raw,unit=1,file=$work/vars.fd" >"$work/qemu" 2>&1 &
qemu=$!
for _ in $(seq 20); do
	sleep 1
	if grep -aq BdsDxe "$work/serial"; then echo kvm; exit; fi
	if grep -q 'KVM internal error' "$work/qemu" || ! kill -0 "$qemu" 2>/dev/null; then break; fi
done
echo tcg

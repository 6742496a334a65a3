#!/usr/bin/env bash
# Runs the deployer: install.sh uefi|bios el|debian DEPLOYER JOB LOG. DEPLOYER is what
# deployer.sh made. JOB is the directory shared with the guest: plan, images, the disks
# as disks/NAME.disk. In JOB/out it leaves for each line of the plan NAME.result (the
# exit code), NAME.log, NAME.hooks and, under UEFI, NAME.vars. It fails when the guest
# does not come to its end in LIMIT seconds (1500).
firmware=${1:?usage: install.sh uefi|bios el|debian DEPLOYER JOB LOG} kind=${2:?} deployer=${3:?} job=${4:?} log=${5:?}
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=qemu.sh
. "$here/qemu.sh"

mkdir -p "$job/out"
echo "$kind" >"$job/kind"
cp -r "$here/deployer" "$job/"
disk_args "$job"/disks/*.disk
TMPDIR=$job start_qemu "$firmware" "$job/vars" "$log" -m 1536 \
	-kernel "$deployer/vmlinuz" -initrd "$deployer/initrd" -append "console=ttyS0,115200 quiet panic=-1 mitigations=off" \
	-drive "if=virtio,format=raw,cache=unsafe,snapshot=on,file=$deployer/root.ext4" \
	-virtfs "local,path=$job,mount_tag=job,security_model=none,multidevs=remap" \
	"${args[@]}"

start=$SECONDS
while qemu_runs; do
	sleep 0.5
	for rc in "$job"/out/*.rc; do
		[ -e "$rc" ] || continue
		# The firmware writes through: this is what the machine would have now.
		[ ! -e "$job/vars" ] || cp "$job/vars" "${rc%.rc}.vars"
		mv "$rc" "${rc%.rc}.result"
	done
	if [ $((SECONDS - start)) -ge "${LIMIT:-1500}" ]; then
		echo "install.sh: the deployer did not end in ${LIMIT:-1500} s" >&2
		exit 1
	fi
done
grep -aq '^deployer: end' "$log" || { echo "install.sh: the deployer broke off: $(cat "$qemu_says")" >&2; exit 1; }

#!/usr/bin/env bash
# Makes of a root that debian-root.sh made two that the boot check must judge
# otherwise: debian-states.sh DIR. DIR-cloud has the -cloud- kernel alone, which lacks
# the drivers of physical servers; DIR-live is as a server is left that has run: with
# its machine id, host keys, cloud-init's state, leases and pinned interfaces. Nothing
# is done for what is there already.
set -euo pipefail
# A folder of this machine, which the root has not: packages fail to set up there.
unset TMPDIR

dir=${1:?usage: debian-states.sh DIR}
[ "$(id -u)" = 0 ] || { echo "debian-states.sh: must be root" >&2; exit 1; }
new=
trap '[ -z "$new" ] || umount "$new/proc" 2>/dev/null || true' EXIT

if [ ! -e "$dir-cloud" ]; then
	new=$dir-cloud.new
	rm -rf --one-file-system "$new"
	cp -a --reflink=auto "$dir" "$new"
	mount -t proc proc "$new/proc"
	export DEBIAN_FRONTEND=noninteractive
	chroot "$new" apt-get update >/dev/null
	chroot "$new" apt-get install -y --no-install-recommends linux-image-cloud-amd64 >&2
	# shellcheck disable=SC2016 # for the shell in there
	chroot "$new" sh -c 'apt-get purge -y linux-image-amd64 $(dpkg-query -Wf "\${Package}\n" "linux-image-[0-9]*" | grep -v -e -cloud-)' >&2
	umount "$new/proc"
	mv "$new" "$dir-cloud"
fi

if [ ! -e "$dir-live" ]; then
	new=$dir-live.new
	rm -rf --one-file-system "$new"
	cp -a --reflink=auto "$dir" "$new"
	echo 4d9f5c5b2c8e4b0f9d3a1e6f7a8b9c0d >"$new/etc/machine-id"
	echo web7 >"$new/etc/hostname"
	chroot "$new" ssh-keygen -A >&2
	mkdir -p "$new"/var/lib/cloud/{instances/i-0123,sem,data} "$new"/var/lib/dhcp "$new"/etc/{udev/rules.d,netplan}
	ln -s /var/lib/cloud/instances/i-0123 "$new/var/lib/cloud/instance"
	echo '#cloud-config' >"$new/var/lib/cloud/instances/i-0123/user-data.txt"
	echo i-0123 >"$new/var/lib/cloud/data/instance-id"
	echo ran >"$new/var/lib/cloud/sem/config_scripts_per_once.once"
	printf 'lease {\n  interface "eth0";\n  fixed-address 192.0.2.7;\n}\n' >"$new/var/lib/dhcp/dhclient.eth0.leases"
	echo 'SUBSYSTEM=="net", ACTION=="add", ATTR{address}=="52:54:00:12:34:56", NAME="eth0"' >"$new/etc/udev/rules.d/70-persistent-net.rules"
	printf 'network:\n  version: 2\n  ethernets:\n    eth0:\n      match: {macaddress: "52:54:00:12:34:56"}\n      dhcp4: true\n' >"$new/etc/netplan/01-eth0.yaml"
	chmod 600 "$new/etc/netplan/01-eth0.yaml"
	echo 'UUID=0b5a5e0c-6a1c-4a0e-9d8e-2f1f7c1b2a3d / ext4 errors=remount-ro 0 1' >"$new/etc/fstab"
	echo 'passwd' >"$new/root/.bash_history"
	mv "$new" "$dir-live"
fi

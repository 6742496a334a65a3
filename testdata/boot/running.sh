#!/usr/bin/env bash
# What is done with a guest that runs, over SSH: running.sh capture|identity|update DIR AGENT PORT.
# The guest listens on PORT of this machine; DIR holds the key, ssh-key.
#   identity  writes the guest's machine-id, its host key and the units that failed to
#             DIR/identity
#   capture   the same, then captures the guest's / to DIR/running.tgz, while it writes,
#             renames and deletes files
#   update    has dpkg do with systemd-boot and the kernel what it does when a newer one is
#             there, and restarts the guest, which ends its QEMU
set -euo pipefail

verb=${1:?usage: running.sh capture|identity|update DIR AGENT PORT} dir=${2:?} agent=${3:?} port=${4:?}
options=("IdentityFile=$dir/ssh-key" BatchMode=yes StrictHostKeyChecking=no UserKnownHostsFile=/dev/null LogLevel=ERROR)
guest() { ssh "${options[@]/#/-o}" -p "$port" root@127.0.0.1 "$@" </dev/null; }

identity() {
	echo "machine-id $(guest cat /etc/machine-id)"
	echo "host key $(guest cat /etc/ssh/ssh_host_ed25519_key.pub | cut -d' ' -f2)"
	guest systemctl --failed --no-legend --plain | sed 's/^\([^ ]*\).*/failed \1/'
}

capture() {
	# It has no disk of its own to fill: what it writes is as much at the end as now.
	guest "systemd-run --quiet --unit=load sh -c 'mkdir -p /var/lib/load; cd /var/lib/load; n=0
		while :; do n=\$((n + 1)); k=\$((n % 50))
			seq \$n \$((n + 500)) >new; mv new file-\$k; date >>log
			[ \$k != 0 ] || { rm -f file-1* log; sync; }; sleep 1; done'"
	"$agent" "ssh://root@127.0.0.1:$port/" "${options[@]/#/--ssh-option=}" --generalize --fix --add-curtin --firmware bios --check enforce \
		--exclude ./var/lib/load/new --level fast --output "$dir/running.tgz" --progress off &
	wait $!
	guest 'systemctl is-active load; systemctl stop load'
	# Nothing of the capture is there any more.
	if guest 'ls -l /proc/[0-9]*/exe /dev/shm 2>/dev/null' | grep -i 'image-capture\|memfd'; then
		echo "running.sh: something of the capture stayed on the guest" >&2
		exit 1
	fi
}

update() {
	# shellcheck disable=SC2016 # for the guest's shell
	guest 'export DEBIAN_FRONTEND=noninteractive
		dpkg-reconfigure systemd-boot && dpkg-reconfigure "linux-image-$(uname -r)" || exit
		bootctl list --no-pager; efibootmgr
		# look.sh is for the first boot of a clone: once more.
		rm /var/lib/cloud/instance/sem/config_scripts_user' >"$dir/update-$port.log" 2>&1 ||
		{ cat "$dir/update-$port.log"; exit 1; }
	guest systemctl --no-block reboot 2>/dev/null || true # the connection may end first
	for _ in $(seq 900); do
		sleep 1
		(: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || return 0
	done
	echo "running.sh: the guest does not end" >&2
	exit 1
}

trap 'exit 143' TERM
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
if [ "$verb" = update ]; then
	update
	exit
fi
identity >"$dir/identity"
if [ "$verb" = capture ]; then capture; fi

#!/usr/bin/env bash
# ds-identify of cloud-init leaves out the last line of /etc/cloud/ds-identify.cfg when
# no newline ends it.
#
# Expected: "policy: disabled" switches cloud-init off, with or without a newline at its
# end, as every YAML file of cloud-init's is read.
# What happens: without the newline the policy is not read, and the default "search" is
# taken, without a word. An image builder that writes the file with printf leaves
# cloud-init on, and one that writes "policy: enabled" so leaves it off.
#
# Exits with 1 when that changes. Wants Debian 12's apt-get.
set -euo pipefail

version=22.4.2-1+deb12u4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download "cloud-init=$version" >/dev/null
dpkg -x cloud-init_*.deb package
echo "cloud-init $(dpkg-deb -f cloud-init_*.deb Version)"

# mode TEXT: the mode that ds-identify takes from a configuration with that text.
mode() {
	rm -rf root
	mkdir -p root/etc/cloud root/run root/proc/1 root/sys/class/dmi/id root/sys/class/block root/var/lib/cloud
	: >root/proc/1/environ
	echo 'BOOT_IMAGE=/vmlinuz' >root/proc/cmdline
	echo '1.0 2.0' >root/proc/uptime
	printf '%s' "$1" >root/etc/cloud/ds-identify.cfg
	PATH_ROOT=$work/root DI_LOG=stderr UNAME_MACHINE=x86_64 sh package/usr/lib/cloud-init/ds-identify --force 2>&1 |
		sed -n 's/^policy loaded: mode=\([a-z]*\) .*/\1/p' || true
}

with=$(mode $'policy: disabled\n') without=$(mode 'policy: disabled')
echo "with a newline at the end:    mode=$with"
echo "without one:                  mode=$without"
[ "$with" = disabled ] && [ "$without" = search ]

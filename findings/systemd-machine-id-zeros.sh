#!/usr/bin/env bash
# systemd-machine-id-setup keeps a machine id of zeros, which machine-id(5) forbids.
#
# Expected: "This ID may not be all zeros", says machine-id(5), so such a file counts as one
# without a valid id, and gets a new one, as an empty file and one of other letters do.
# What happens: the zeros are read, printed and kept, with exit code 0. Who "clears" the id
# of an image with zeros gives all machines that are made of it one id.
#
# Exits with 1 when that changes. Wants Debian 12's apt-get.
set -euo pipefail

version=252.39-1~deb12u2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download "systemd=$version" "libsystemd-shared=$version" >/dev/null
for package in ./*.deb; do dpkg -x "$package" package; done
export LD_LIBRARY_PATH=$work/package/usr/lib/x86_64-linux-gnu/systemd

# setup CONTENT: what the file has after it.
setup() {
	rm -rf root
	mkdir -p root/etc
	printf '%s\n' "$1" >root/etc/machine-id
	package/bin/systemd-machine-id-setup --root=root >/dev/null 2>&1
	cat root/etc/machine-id
}
zeros=00000000000000000000000000000000
kept=$(setup $zeros)
echo "an id of zeros becomes: $kept"
for other in '' xyz 0123; do
	new=$(setup "$other")
	echo "'$other' becomes an id of ${#new} digits"
	[ ${#new} = 32 ] && [ "$new" != $zeros ]
done
[ "$kept" = $zeros ]

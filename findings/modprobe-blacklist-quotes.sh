#!/usr/bin/env bash
# Of a blacklist in quotes on the kernel's command line, modprobe drops the first and the
# last module.
#
# Expected: modprobe.blacklist="one,two,three" blacklists three modules, as the kernel takes
# double quotes off the value of a word (next_arg in its lib/cmdline.c).
# What happens: modprobe reads /proc/cmdline itself. It knows quotes only in so far as a
# blank between them ends no word, and leaves them in the value: it blacklists a module by
# the name "one with a quote before it, two, and three" with one behind. The first and the
# last are loaded, without a word. In GRUB's menu it is not noticed, as GRUB's shell takes
# such quotes off; the same line in a unified kernel image goes to the kernel as it is.
#
# Exits with 1 when that changes. Wants Debian 12's apt-get, and root for a mount of its own
# in place of /proc/cmdline.
set -euo pipefail

version=30+20221128-1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download "kmod=$version" "libkmod2=$version" >/dev/null
for package in ./*.deb; do dpkg -x "$package" package; done
export LD_LIBRARY_PATH=$work/package/lib/x86_64-linux-gnu
ln -s kmod package/bin/modprobe
package/bin/modprobe --version | head -n 1

# blacklisted COMMAND-LINE: what modprobe has in its blacklist of it, in one line.
blacklisted() {
	printf '%s\n' "$1" >cmdline
	unshare --mount sh -ec 'mount --bind cmdline /proc/cmdline; package/bin/modprobe -C /nonexistent -c' 2>/dev/null |
		sed -n 's/^blacklist //p' | paste -sd ' '
}
for line in 'ro modprobe.blacklist=one,two,three quiet' 'ro modprobe.blacklist="one,two,three" quiet'; do
	echo "$line: $(blacklisted "$line")"
done
[ "$(blacklisted 'ro modprobe.blacklist=one,two,three quiet')" = 'one two three' ]
[ "$(blacklisted 'ro modprobe.blacklist="one,two,three" quiet')" = '"one two three"' ]

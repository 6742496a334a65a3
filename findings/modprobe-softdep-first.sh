#!/usr/bin/env bash
# modprobe obeys one softdep line of a module; whether it is the administrator's or the
# module's own is decided by the name of the file in /etc/modprobe.d.
#
# Expected: lines of modprobe.d(5) add up, as "options" and "blacklist" do; depmod writes a
# line to modules.softdep for each soft dependency that a module names (btrfs has four),
# and modprobe -c lists them all.
# What happens: only the first line is obeyed, in the order of the files' names, and
# modules.softdep is one of these names. So of a module's own lines all but the first are
# nothing, "softdep MODULE pre: OTHER" does nothing in z.conf, and in a.conf it takes away
# what the module asks for. No word is said, and the page does not tell. Makers of initramfs
# list modules by modprobe --show-depends: what is missing here is missing at boot.
#
# Exits with 1 when that changes. Wants Debian 12's apt-get, and as of binutils.
set -euo pipefail

version=30+20221128-1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download "kmod=$version" "libkmod2=$version" >/dev/null
for package in ./*.deb; do dpkg -x "$package" package; done
export LD_LIBRARY_PATH=$work/package/lib/x86_64-linux-gnu:$work/package/usr/lib/x86_64-linux-gnu
echo "kmod $version"

# module NAME LINE ...: a module of that name, with these lines of modinfo.
mkdir -p root/lib/modules/6.1.0/kernel config
touch root/lib/modules/6.1.0/modules.{order,builtin,builtin.modinfo}
module() {
	{
		echo '.section .modinfo, "a"'
		printf '.asciz "%s"\n' license=GPL "name=$1" "${@:2}"
		printf '.section .gnu.linkonce.this_module, "aw"\n.zero 64\n'
	} | as -o "root/lib/modules/6.1.0/kernel/$1.ko" -
}
module storage 'softdep=pre: first' 'softdep=pre: second'
module plain
module first
module second
module third
module fourth
package/sbin/depmod -b root 6.1.0
grep ^softdep root/lib/modules/6.1.0/modules.softdep

# loads MODULE: what modprobe would load for it.
loads() {
	package/sbin/modprobe -d "$work/root" -C config -S 6.1.0 --show-depends "$1" |
		sed 's,.*/\([a-z]*\).ko.*,\1,' | paste -sd ' '
}
own=$(loads storage)
echo "modprobe storage:                                  $own"
echo 'softdep storage pre: third' >config/z.conf
late=$(loads storage)
echo "'softdep storage pre: third' in z.conf:            $late"
mv config/z.conf config/a.conf
early=$(loads storage)
echo "the same line in a.conf:                           $early"
printf '%s\n' 'softdep plain pre: third' 'softdep plain pre: fourth' >config/b.conf
plain=$(loads plain)
echo "modprobe plain, with lines for third and fourth:   $plain"
[ "$own" = 'first storage' ] && [ "$late" = 'first storage' ]
[ "$early" = 'third storage' ] && [ "$plain" = 'third plain' ]

#!/usr/bin/env bash
# systemd-tmpfiles --root=ROOT puts what is named by %S, %t, %C or %L under ROOT twice.
#
# Expected: "all paths will be prefixed with the given alternate root path", so the line
# "d %S/service" makes ROOT/var/lib/service, and a link to %S/service points to
# /var/lib/service, as on the system itself.
# What happens: these four already hold ROOT, and it is put before them again: the directory
# is made at ROOT/ROOT/var/lib/service, and a link inside the image points to the folder of
# the machine that built it. The exit code is 0, and nothing is said. A line with %T or %V
# goes where it should.
#
# Exits with 1 when that changes. Wants Debian 12's apt-get; 257 of Debian 13 does the same.
set -euo pipefail

version=252.39-1~deb12u2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download "systemd=$version" "libsystemd-shared=$version" >/dev/null
for package in ./*.deb; do dpkg -x "$package" package; done
export LD_LIBRARY_PATH=$work/package/usr/lib/x86_64-linux-gnu/systemd
package/bin/systemd-tmpfiles --version | sed -n 1p

mkdir -p root/usr/lib/tmpfiles.d root/etc
cat >root/usr/lib/tmpfiles.d/service.conf <<'END'
d %S/state
d %t/runtime
d %C/cache
d %L/log
d %V/temporary
d /var/lib/plain
L /etc/state - - - - %S/state
END
package/bin/systemd-tmpfiles --root="$work/root" --create
cd root
# The folder of this run is called FOLDER in what is shown.
made=$(find . -type d -empty | sed "s,$work,/FOLDER,; s,^\.,," | LC_ALL=C sort)
link=$(readlink etc/state)
echo "made below the root:"
echo "$made"
echo "/etc/state in it points to ${link/$work//FOLDER}"
[ "$made" = "/FOLDER/root/run/runtime
/FOLDER/root/var/cache/cache
/FOLDER/root/var/lib/state
/FOLDER/root/var/log/log
/var/lib/plain
/var/tmp/temporary" ]
[ "$link" = "$work/root/var/lib/state" ]

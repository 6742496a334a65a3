#!/usr/bin/env bash
# casync cannot extract a name of more than 237 bytes from the archive that it made.
#
# Expected: what casync stored with exit code 0 it brings back; a name may have 255 bytes.
# What happens: a file is extracted under its name with 18 more characters first, which the
# filesystem refuses from 238 bytes on: "Failed to run synchronizer: File name too long",
# without a word of which file. Whatever follows it in the archive is not extracted either.
# "casync list" and "casync digest" read the archive without complaint.
#
# Exits with 1 when that changes. Wants Debian 12's apt-get.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download casync=2+20201210-1+b1 libfuse2=2.9.9-6+b1 >/dev/null
for package in ./*.deb; do dpkg -x "$package" package; done
export LD_LIBRARY_PATH=$work/package/usr/lib/x86_64-linux-gnu:$work/package/lib/x86_64-linux-gnu
casync() { package/usr/bin/casync "$@"; }
echo "casync $(dpkg-deb -f casync_*.deb Version)"

for length in 237 238 255; do
	rm -rf tree out
	mkdir tree out
	name=$(printf "n%.0s" $(seq "$length"))
	touch tree/a "tree/$name" tree/z
	casync make tree.catar tree >/dev/null
	casync digest tree.catar >/dev/null
	listed=$(casync list tree.catar | grep -c "$name")
	casync extract tree.catar out >/dev/null 2>said && code=0 || code=$?
	extracted=$(find out -type f -printf '%f\n' | LC_ALL=C sort | sed 's/nnn*/NAME/' | paste -sd ' ')
	echo "a name of $length bytes: listed $listed, extract exits with $code, $extracted; $(cat said)"
	case $length in
	237) [ "$code $extracted" = '0 a NAME z' ] ;;
	*) [ "$listed $code $extracted" = '1 1 a' ] && grep -q 'File name too long' said ;;
	esac
done

#!/usr/bin/env bash
# systemd-dissect --mtree writes a space in a name as \x20, which no mtree reader of BSD knows.
#
# Expected: its output is "a BSD mtree(5) compatible file manifest", says the manual page;
# in mtree(5) a space is \040, a backslash \134 or \\.
# What happens: systemd escapes as C does: \x20, \x5c. bsdtar takes that for the name
# itself, and makes a file "a\x20b" of it with exit code 0; NetBSD's mtree stops at it. All
# roots with systemd have such a name: units with \x2d in theirs.
#
# Exits with 1 when that changes. Wants Debian 12's apt-get; Debian 13's packages come from
# the same archive.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir -p apt/lists/partial apt/cache/archives/partial new old
# The site is the one that this machine's sources name.
site=$(apt-get indextargets --format "\$(SITE)" | grep '/debian/*$' | head -n 1)
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $site trixie main" >apt/sources.list
trixie() {
	apt-get -o Dir::Etc::SourceList="$work/apt/sources.list" -o Dir::Etc::SourceParts=/none \
		-o Dir::State::Lists="$work/apt/lists" -o Dir::Cache="$work/apt/cache" -o APT::Sandbox::User=root "$@" >/dev/null
}
version=257.13-1~deb13u1
trixie update
(cd new && trixie download "systemd-container=$version" "libsystemd-shared=$version" libc6 libacl1 libblkid1 libcap2 \
	libcrypt1 libmount1 libssl3t64 libpam0g libseccomp2 libselinux1 zlib1g libzstd1 libaudit1 libpcre2-8-0 libcap-ng0)
(cd old && apt-get download libarchive-tools=3.6.2-1+deb12u5 libarchive13=3.6.2-1+deb12u5 mtree-netbsd=20180822-7 >/dev/null)
for package in {new,old}/*.deb; do dpkg -x "$package" "${package%%/*}"; done
libraries=$work/new/usr/lib/x86_64-linux-gnu
dissect() { "$libraries/ld-linux-x86-64.so.2" --library-path "$libraries:$libraries/systemd" new/usr/bin/systemd-dissect "$@"; }
export LD_LIBRARY_PATH=$work/old/usr/lib/x86_64-linux-gnu
dissect --version | head -n 1
old/usr/bin/bsdtar --version

mkdir tree
touch 'tree/a b' 'tree/c\d'
# The directory's own line has a slash at its end, which NetBSD's mtree does not know either.
{
	echo '#mtree'
	dissect --mtree "$work/tree" | sed 's,^\./ ,. ,'
} >spec
tail -n +2 spec
old/usr/bin/bsdtar -cf made.tar @spec && code=0 || code=$?
names=$(tar -tf made.tar --quoting-style=literal | tail -n +2 | paste -sd ' ')
echo "bsdtar exits with $code, and makes: $names"
old/usr/bin/mtree -C -f spec >out 2>&1 && stops=0 || stops=$?
echo "NetBSD's mtree exits with $stops: $(head -n 1 out)"
# shellcheck disable=SC1003
[ "$code $names" = '0 ./a\x20b ./c\x5cd' ] && [ "$stops" != 0 ]

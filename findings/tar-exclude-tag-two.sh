#!/usr/bin/env bash
# GNU tar keeps of a directory with two tags only that of the last option, not both.
#
# Expected: --exclude-tag=FILE "excludes contents of directories containing FILE, except
# for FILE itself", so with two such options, or with --exclude-caches beside one, a
# directory that holds both files keeps both.
# What happens: the option that was given last decides which file is kept; the other is
# left out without a word. What is extracted from the archive has lost that tag, and the
# next backup by that tag alone takes in all that is written there.
#
# Exits with 1 when that changes. Wants Debian 12's apt-get.
set -euo pipefail

version=1.34+dfsg-1.2+deb12u1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download "tar=$version" >/dev/null
dpkg -x tar_*.deb package
tar() { "$work/package/bin/tar" "$@"; }
tar --version | head -n 1

mkdir -p tree/cache
printf 'Signature: 8a477f597d28d172789f06886806bc55\n' >tree/cache/CACHEDIR.TAG
touch tree/cache/.nobackup tree/cache/content

# kept OPTION ...: what is in the archive of the directory.
kept() { tar -cf - -C tree "$@" cache | tar -tf - | sed -n 's,^cache/\(..*\),\1,p' | paste -sd ' '; }

caches_last=$(kept --exclude-tag=.nobackup --exclude-caches)
caches_first=$(kept --exclude-caches --exclude-tag=.nobackup)
tags=$(kept --exclude-tag=CACHEDIR.TAG --exclude-tag=.nobackup)
echo "--exclude-tag=.nobackup --exclude-caches:               $caches_last"
echo "--exclude-caches --exclude-tag=.nobackup:               $caches_first"
echo "--exclude-tag=CACHEDIR.TAG --exclude-tag=.nobackup:     $tags"
[ "$caches_last" = CACHEDIR.TAG ] && [ "$caches_first" = .nobackup ] && [ "$tags" = .nobackup ]

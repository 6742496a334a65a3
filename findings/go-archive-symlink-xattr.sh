#!/usr/bin/env bash
# moby/go-archive, by which Docker unpacks layers, gives the xattrs of a symbolic link to
# what the link points to.
#
# Expected: an entry's xattrs go to that entry, as with GNU tar, bsdtar, umoci and
# go-archive up to 0.2.1; the function that sets them is even called lsetxattr.
# What happens: since 0.3.0 the path of the entry is resolved, and its last component too:
# the link has no xattr, its target has one that it never had, and where the target comes
# later in the archive, or not at all, the unpacking ends with ENOENT. Each link of a system
# with SELinux has an xattr, security.selinux.
#
# Exits with 1 when that changes. Wants root (for trusted.x), GNU tar, attr and Go with its
# module proxy.
set -euo pipefail

version=v0.3.3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >go.mod <<END
module unpack
go 1.26
require github.com/moby/go-archive $version
END
cat >main.go <<'END'
package main

import (
	"fmt"
	"os"

	"github.com/moby/go-archive"
)

func main() {
	tar, _ := os.Open(os.Args[1])
	if err := archive.Untar(tar, os.Args[2], &archive.TarOptions{}); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
END
go mod tidy 2>/dev/null
go build -o unpack .

mkdir tree out lost
echo target >tree/a-target
ln -s a-target tree/link
setfattr -h -n trusted.x -v of-the-link tree/link
tar -C tree --xattrs '--xattrs-include=*' --format=pax -cf both.tar a-target link
tar -C tree --xattrs '--xattrs-include=*' --format=pax -cf link.tar link

./unpack both.tar "$work/out"
value() { getfattr -h --only-values -n trusted.x "$1" 2>/dev/null || true; }
echo "the link has:   $(value out/link)"
echo "its target has: $(value out/a-target)"
code=0
said=$(./unpack link.tar "$work/lost") || code=$?
echo "without the target: $code, ${said##*/}"
[ -z "$(value out/link)" ] && [ "$(value out/a-target)" = of-the-link ] && [ $code = 1 ] && [[ $said == *"no such file or directory" ]]

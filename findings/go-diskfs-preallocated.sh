#!/usr/bin/env bash
# go-diskfs reads from a preallocated file of ext4 what the disk held before.
#
# Expected: what fallocate(2) reserved and nobody wrote reads as zeros, as in the kernel,
# in debugfs and in e2fsprogs: such an extent is marked "unwritten". Journals of systemd and
# files of databases end with them.
# What happens: the mark is not looked at, and the old content of the blocks is given as the
# file's, without an error. A copy of such a file differs from the file.
#
# Exits with 1 when that changes. Wants e2fsprogs, Go, and its module proxy.
set -euo pipefail

work=$(mktemp -d)
trap 'chmod -R u+w "$work" && rm -rf "$work"' EXIT
cd "$work"
export GOPATH=$work/go GOFLAGS=-mod=mod
cat >go.mod <<'END'
module shown

go 1.25.0

require github.com/diskfs/go-diskfs v1.9.4
END
cat >main.go <<'END'
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/diskfs/go-diskfs/backend/file"
	"github.com/diskfs/go-diskfs/filesystem/ext4"
)

func main() {
	disk, err := file.OpenFromPath("disk.img", true)
	if err != nil {
		panic(err)
	}
	fs, err := ext4.Read(disk, 16<<20, 0, 512)
	if err != nil {
		panic(err)
	}
	f, err := fs.OpenFile("/reserved", os.O_RDONLY)
	if err != nil {
		panic(err)
	}
	data, err := io.ReadAll(f)
	fmt.Fprintln(os.Stderr, "error", err)
	os.Stdout.Write(data)
}
END
go list -m github.com/diskfs/go-diskfs 2>/dev/null
mke2fs -V 2>&1 | sed -n 1p

# A filesystem on a disk that was full of other text, with a file of two blocks, reserved.
yes before 2>/dev/null | head -c 16M >disk.img || true
mke2fs -q -F -t ext4 -b 4096 -E nodiscard disk.img
debugfs -w -f - disk.img >/dev/null 2>&1 <<'END'
write /dev/null reserved
set_inode_field reserved size 8192
fallocate reserved 0 1
END
debugfs -R 'stat reserved' disk.img 2>/dev/null | sed -n '/^(0/s/^/extent /p'
debugfs -R "dump reserved $work/expected" disk.img 2>/dev/null
go run . >got 2>error
for name in expected got; do
	echo "$name: $(stat -c %s $name) bytes, of these not zero: $(tr -d '\0' <$name | wc -c)"
done
cat error
[ "$(tr -d '\0' <expected | wc -c)" = 0 ] && grep -qx 'error <nil>' error && grep -q before got

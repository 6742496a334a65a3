#!/usr/bin/env bash
# unix.Getdents of golang.org/x/sys refuses a buffer that the system call fills, if it
# does not begin at a multiple of 8.
#
# Expected: Getdents(fd, buf) is getdents64(2) with that buffer: one of 24 bytes holds an
# entry of 24 bytes, wherever it lies in memory.
# What happens: of a buffer that is not aligned the first bytes are left out (and what was
# read is copied down), without a word in the documentation. A buffer that just holds the
# next entry gives EINVAL, "result buffer is too small", or not, by where the slice begins
# that is handed over.
#
# Exits with 1 when that changes. Wants Go, and its module proxy.
set -euo pipefail

work=$(mktemp -d)
trap 'chmod -R u+w "$work" && rm -rf "$work"' EXIT
cd "$work"
export GOPATH=$work/go GOFLAGS=-mod=mod
cat >go.mod <<'EOF'
module shown

go 1.24

require golang.org/x/sys v0.50.0
EOF
cat >main.go <<'EOF'
package main

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

func main() {
	dir, _ := os.MkdirTemp(".", "dir")
	os.WriteFile(dir+"/abcd", nil, 0o600)
	read := func(how string, buf []byte, call func(fd int, buf []byte) (int, error)) {
		fd, err := unix.Open(dir, unix.O_RDONLY, 0)
		if err != nil {
			panic(err)
		}
		defer unix.Close(fd)
		n, err := call(fd, buf)
		fmt.Printf("%s: %d bytes, error %v\n", how, n, err)
	}
	raw := func(fd int, buf []byte) (int, error) {
		n, _, e := unix.Syscall(unix.SYS_GETDENTS64, uintptr(fd), uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)))
		if e != 0 {
			return 0, e
		}
		return int(n), nil
	}
	words := make([]uint64, 8)
	all := unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), 64)
	read("x/sys, aligned          ", all[0:24], unix.Getdents)
	read("x/sys, not aligned      ", all[1:25], unix.Getdents)
	read("system call, not aligned", all[1:25], raw)
}
EOF
go version
go list -m golang.org/x/sys
go run . | tee out
grep -q '^x/sys, aligned *: 24 bytes, error <nil>$' out
grep -q '^x/sys, not aligned *: -\?[0-9]* bytes, error invalid argument$' out
grep -q '^system call, not aligned: 24 bytes, error <nil>$' out

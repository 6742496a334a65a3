// Package clitest is for tests: what holds for all that the program prints.
package clitest

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// block matches the lines of the summary, which is on stderr when the image is on
// stdout.
var block = regexp.MustCompile(`^(Image Builder created image information:|-{80}| *(filename|ident|date|size|md5sum|upload tarball|upload manifest|sha256sum|format|unpacked size|entries):.*)$`)

// MessageRules are those of a job log: whole lines, each of which says whose it
// is, without a period at its end, and no byte that moves a cursor.
func MessageRules(stderr string) error {
	for line := range strings.Lines(stderr) {
		line, ok := strings.CutSuffix(line, "\n")
		switch {
		case !ok:
			return fmt.Errorf("%q has no end", line)
		case strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\ufffd' }):
			return fmt.Errorf("%q has bytes that are no text", line)
		case block.MatchString(line):
		case !slices.ContainsFunc([]string{"image-capture: ", "why: ", "hint: ", "fix: "}, func(s string) bool { return strings.HasPrefix(line, s) }):
			return fmt.Errorf("%q does not say whose it is", line)
		case strings.HasSuffix(line, "."):
			return fmt.Errorf("%q ends in a period", line)
		}
	}
	return nil
}

// Initramfs is a cpio archive as the kernel takes it, see its
// Documentation/driver-api/early-userspace/buffer-format.rst.
func Initramfs(files map[string][]byte) []byte {
	var b bytes.Buffer
	file := func(name string, data []byte, mode int) {
		fmt.Fprintf(&b, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", b.Len()+1, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name)+1, 0)
		for _, part := range []string{name + "\x00", string(data)} {
			b.WriteString(part)
			b.Write(make([]byte, -b.Len()&3))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		file(name, files[name], 0o100755)
	}
	file("TRAILER!!!", nil, 0)
	return b.Bytes()
}

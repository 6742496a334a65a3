package rootfs

import (
	"bufio"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"image-capture/entry"
)

// SwapFiles returns the swap files in use on this host, from /proc/swaps: their
// content is the memory of running programs. A host without swap, or whose files
// are out of reach, has none to tell.
func SwapFiles() []entry.FileID {
	f, err := os.Open("/proc/swaps")
	if err != nil {
		return nil
	}
	defer f.Close()
	var ids []entry.FileID
	for _, path := range swapPaths(f) {
		var e entry.Entry
		if _, err := statName(unix.AT_FDCWD, path, &e); err == nil {
			ids = append(ids, e.ID)
		}
	}
	return ids
}

// swapPaths returns the names of the swap files, not of the partitions, in a text
// like that of /proc/swaps; see proc_swaps(5).
func swapPaths(r io.Reader) []string {
	var paths []string
	for lines := bufio.NewScanner(r); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) >= 2 && fields[1] == "file" {
			paths = append(paths, unescapeOctal(fields[0]))
		}
	}
	return paths
}

// unescapeOctal undoes the kernel's seq_path: blanks and backslashes are written
// as \040.
func unescapeOctal(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, ok := octal(s[i+1 : i+4]); ok {
				b.WriteByte(n)
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func octal(s string) (byte, bool) {
	n := 0
	for _, c := range []byte(s) {
		if c < '0' || c > '7' {
			return 0, false
		}
		n = n*8 + int(c-'0')
	}
	return byte(n), n < 256
}

package initramfs

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// magics are the first bytes of what is taken for an initramfs now and then.
var magics = []struct{ magic, what string }{
	{"070707", "a cpio archive of the old kind (cpio -H newc makes the right one)"},
	{"\xc7\x71", "a cpio archive of the old kind (cpio -H newc makes the right one)"},
	{"\x27\x05\x19\x56", "an initramfs in U-Boot's wrapping (mkimage)"},
	{"MZ", "an EFI program"},
	{"\x7fELF", "an ELF program"},
	{"hsqs", "a squashfs image"},
	{"\x45\x3d\xcd\x28", "a cramfs image"},
	{"PK\x03\x04", "a zip archive"},
	{"!<arch>\n", "an ar archive"},
	{"LZIP", "lzip"},
	{"#!", "a script"},
	{"version https://git-lfs", "a Git LFS pointer"},
}

// looksLike says what comes next, which is no archive.
func looksLike(br *bufio.Reader) string {
	b, _ := br.Peek(512)
	for _, m := range magics {
		if bytes.HasPrefix(b, []byte(m.magic)) {
			return m.what
		}
	}
	switch {
	case len(b) >= 262 && string(b[257:262]) == "ustar":
		return "a tar archive"
	case !bytes.ContainsFunc(b, func(r rune) bool { return r < ' ' && r != '\n' && r != '\r' && r != '\t' || r >= 0x7f }):
		return "text"
	}
	return fmt.Sprintf("data of no known kind (% x)", b[:min(len(b), 8)])
}

// bootconfigEnd is the magic at the end of a bootconfig; before it are its content,
// of less than 32 KiB, and two numbers of 4 bytes.
const (
	bootconfigEnd = "#BOOTCONFIG\n"
	bootconfigMax = 32<<10 + 8 + len(bootconfigEnd)
)

// junk says what there is where no archive is. A bootconfig is not an error.
func (x *reader) junk(at int64) error {
	what := looksLike(x.raw)
	if len(x.Segments) == 0 && at == 0 {
		return errors.New("it looks like " + what)
	}
	if len(x.Segments) > 0 {
		rest, err := io.ReadAll(io.LimitReader(x.raw, int64(bootconfigMax)))
		if err != nil {
			return err
		}
		if bytes.HasSuffix(rest, []byte(bootconfigEnd)) {
			return nil
		}
	}
	return fmt.Errorf("at byte %d, behind %d archives, there is %s", at, len(x.Segments), what)
}

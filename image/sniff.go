package image

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"image-capture/compress"
)

// inputBuffer is how much is read of an image at once.
const inputBuffer = 256 << 10

// magics are the first bytes of what is taken for an image now and then.
var magics = []struct{ magic, what string }{
	{"\x04\x22\x4d\x18", "lz4"},
	{"LZIP", "lzip"},
	{"\x5d\x00\x00", "lzma"},
	{"PK\x03\x04", "a zip archive"},
	{"07070", "a cpio archive"},
	{"\xc7\x71", "a cpio archive"},
	{"!<arch>\n", "an ar archive"},
	{"\x7fELF", "an ELF program"},
}

const wanted = "an image is a tar, plain or through gzip, zstd, xz or bzip2"

// sniff tells by its first bytes how an image is compressed.
func sniff(br *bufio.Reader) (compress.Codec, error) {
	b, err := br.Peek(blockSize)
	if err != nil && err != io.EOF {
		return 0, fmt.Errorf("read image: %w", err)
	}
	codec := compress.Sniff(b)
	switch {
	case len(b) == 0:
		return 0, errors.New("not an image: it is empty")
	case codec == compress.Gzip, codec == compress.XZ:
		return codec, nil
	case compress.StartsZstd(b):
		return compress.Zstd, nil
	case len(b) == blockSize && (string(b[257:262]) == "ustar" || isHeader(b)):
		return compress.None, nil
	case codec == compress.Bzip2 && len(b) > 4 && b[3] >= '1' && b[3] <= '9' && (b[4] == '1' || b[4] == 0x17):
		// Only now: a file in a plain tar may have such a name.
		return codec, nil
	}
	head, _ := br.Peek(diskHead)
	if what := disk(head); what != "" {
		return 0, &DiskError{what}
	}
	if len(b) == blockSize && isZero(b) {
		return compress.None, nil
	}
	for _, m := range magics {
		if bytes.HasPrefix(b, []byte(m.magic)) {
			return 0, fmt.Errorf("not an image: it looks like %s; "+wanted, m.what)
		}
	}
	what := "data of no kind that is known here"
	if isText(b) {
		what = "text"
	}
	return 0, fmt.Errorf("not an image: it looks like %s; "+wanted, what)
}

func isZero(b []byte) bool {
	for len(b) > len(zeros) {
		if !bytes.Equal(b[:len(zeros)], zeros[:]) {
			return false
		}
		b = b[len(zeros):]
	}
	return bytes.Equal(b, zeros[:len(b)])
}

func isText(b []byte) bool {
	for _, c := range b {
		if (c < ' ' && c != '\n' && c != '\r' && c != '\t') || c == 0x7f {
			return false
		}
	}
	return true
}

// noEOF is for where the input must not end.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

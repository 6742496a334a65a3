package manifest

import "fmt"

// Format is how an image is packed. The zero value is TGZ, the only rootfs format
// that image-deploy takes.
type Format uint8

// The formats that a capture can write. Eikon takes all three.
const (
	TGZ Format = iota
	TarZst
	Tar
)

var formats = [...]struct{ name, suffix string }{
	TGZ:    {"tgz", ".tgz"},
	TarZst: {"tar-zst", ".tar.zst"},
	Tar:    {"tar", ".tar"},
}

// ParseFormat reads what String writes: "tgz", "tar-zst" or "tar", the words of
// the deployers' image-type params.
func ParseFormat(s string) (Format, error) {
	for f := range formats {
		if formats[f].name == s {
			return Format(f), nil
		}
	}
	return 0, fmt.Errorf("unknown image format %q: use tgz, tar-zst or tar", s)
}

func (f Format) valid() bool { return int(f) < len(formats) }

// String returns the word that ParseFormat reads.
func (f Format) String() string {
	if !f.valid() {
		return fmt.Sprintf("Format(%d)", uint8(f))
	}
	return formats[f].name
}

// Suffix returns the end of an image's file name, with its dot.
func (f Format) Suffix() string {
	if !f.valid() {
		return ""
	}
	return formats[f].suffix
}

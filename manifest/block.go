package manifest

import (
	"strconv"
	"strings"
)

// blockLabel is the width of the block's labels, without their colon.
const blockLabel = 16

// Block returns what a job log says of the image: the heading, the rule and the
// seven lines of the Image Builder content pack, to the byte, so that whoever
// looks for them goes on; then sha256sum, format, unpacked size and entries in
// the same shape. A line without a value ends in its colon.
func (f Facts) Block() string {
	var b strings.Builder
	b.WriteString("Image Builder created image information:\n")
	b.WriteString(strings.Repeat("-", 80) + "\n")
	for _, line := range []struct{ label, value string }{
		{"filename", f.Filename},
		{"ident", f.Ident},
		{"date", f.date()},
		{"size", strconv.FormatInt(f.Size, 10)},
		{"md5sum", f.MD5},
		{"upload tarball", f.UploadTarball},
		{"upload manifest", f.UploadManifest},
		{"sha256sum", f.SHA256},
		{"format", f.Format.String()},
		{"unpacked size", strconv.FormatInt(f.UnpackedSize, 10)},
		{"entries", strconv.FormatInt(f.Entries, 10)},
	} {
		b.WriteString(strings.Repeat(" ", blockLabel-len(line.label)))
		b.WriteString(line.label + ":")
		if line.value != "" {
			b.WriteString("  ")
			b.Write(appendVis(nil, line.value, visText))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

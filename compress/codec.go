package compress

import "bytes"

// Codec is a way of compression.
type Codec uint8

// The codecs. The zero value is gzip, which every deployer takes. Gzip, Zstd and None
// are written. XZ and Bzip2 are read too as images of others, and all but LZMA are
// read in what the kernel is given.
const (
	Gzip Codec = iota
	Zstd
	None
	XZ
	Bzip2
	Lzop
	LZ4Legacy // of lz4 -l, which the kernel reads
	LZ4       // the frame format, which the kernel does not read
	LZMA      // the format before xz, known by name only
)

// codecs are the names, and the first bytes of a stream; none where a codec has none.
var codecs = [...]struct{ name, magic string }{
	Gzip:      {"gzip", "\x1f\x8b"},
	Zstd:      {"zstd", zstdMagic},
	None:      {"none", ""},
	XZ:        {"xz", "\xfd7zXZ\x00"},
	Bzip2:     {"bzip2", "BZh"},
	Lzop:      {"lzop", "\x89LZO\x00\r\n\x1a\n"},
	LZ4Legacy: {"lz4 legacy", lz4Legacy},
	LZ4:       {"lz4", lz4Frame},
	LZMA:      {"lzma", "\x5d\x00\x00"},
}

// String returns what the codec is called.
func (c Codec) String() string {
	if int(c) < len(codecs) {
		return codecs[c].name
	}
	return "unknown"
}

// Sniff tells by its first bytes how a stream is compressed; 9 are enough. It is None
// for whatever else there is.
func Sniff(first []byte) Codec {
	for c, k := range codecs {
		if k.magic != "" && bytes.HasPrefix(first, []byte(k.magic)) {
			return Codec(c)
		}
	}
	return None
}

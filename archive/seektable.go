package archive

import "encoding/binary"

// seekTable is the table of the zstd seekable format, in a skippable frame that
// decoders pass over; see contrib/seekable_format in zstd's sources.
type seekTable struct {
	entries []byte
}

func (t *seekTable) add(compressed, decompressed int) {
	t.entries = binary.LittleEndian.AppendUint32(t.entries, uint32(compressed))
	t.entries = binary.LittleEndian.AppendUint32(t.entries, uint32(decompressed))
}

func (t *seekTable) frame() []byte {
	const entry, footer = 8, 9
	b := binary.LittleEndian.AppendUint32(nil, 0x184D2A5E)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(t.entries)+footer))
	b = append(b, t.entries...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(t.entries)/entry))
	b = append(b, 0) // no checksums: each frame carries its own
	return binary.LittleEndian.AppendUint32(b, 0x8F92EAB1)
}

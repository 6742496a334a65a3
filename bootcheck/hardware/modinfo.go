package hardware

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// maxModinfo bounds the section in bytes; that of amdgpu has 30 KiB.
const maxModinfo = 1 << 20

// modinfo returns the section .modinfo of a kernel module, in which the kernel's
// build keeps what the MODULE_ macros say: "key=value", each ended by a zero
// byte. It reads ELF as far as that takes, see elf(5), and of 64 bits only, as
// the kernels are; debug/elf would bring DWARF and two decompressors along.
func modinfo(module []byte) ([]byte, error) {
	const (
		headerSize, sectionSize = 64, 64
		compressed              = 0x800 // SHF_COMPRESSED
		noBits                  = 8     // SHT_NOBITS
	)
	if len(module) < headerSize || string(module[:4]) != "\x7fELF" || module[4] != 2 {
		return nil, errors.New("not a 64-bit ELF file")
	}
	var order binary.ByteOrder = binary.LittleEndian
	if module[5] == 2 {
		order = binary.BigEndian
	}
	number := func(b []byte, at int) uint64 { return order.Uint64(b[at:]) }
	// cut returns a part of the file.
	cut := func(offset, size uint64) ([]byte, error) {
		if n := uint64(len(module)); offset > n || size > n-offset {
			return nil, errors.New("the ELF file is cut off")
		}
		return module[offset : offset+size], nil
	}

	count, names := int(order.Uint16(module[60:])), int(order.Uint16(module[62:]))
	if order.Uint16(module[58:]) != sectionSize || names >= count {
		return nil, errors.New("the ELF file has no table of sections")
	}
	table, err := cut(number(module, 40), uint64(count)*sectionSize)
	if err != nil {
		return nil, err
	}
	section := func(i int) []byte { return table[i*sectionSize:][:sectionSize] }
	text, err := cut(number(section(names), 24), number(section(names), 32))
	if err != nil {
		return nil, err
	}
	for i := range count {
		s := section(i)
		if at := uint64(order.Uint32(s)); at >= uint64(len(text)) || !bytes.HasPrefix(text[at:], []byte(".modinfo\x00")) {
			continue
		}
		switch size := number(s, 32); {
		case order.Uint32(s[4:]) == noBits || number(s, 8)&compressed != 0:
			return nil, errors.New("the .modinfo section has no plain content")
		case size > maxModinfo:
			return nil, fmt.Errorf("the .modinfo section is longer than %d bytes", maxModinfo)
		default:
			return cut(number(s, 24), size)
		}
	}
	return nil, errors.New("no .modinfo section")
}

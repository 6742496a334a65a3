package bootcheck

import (
	"encoding/binary"
	"fmt"
)

// machine returns the architecture as uname -m writes it, and the program that
// told it; both empty when none did. Every root has one of these programs, and
// init is never a script.
func (t *tree) machine() (arch, name string) {
	for _, name := range []string{"sbin/init", "bin/bash", "bin/ls", "bin/sh"} {
		if !t.isFile(name) {
			continue
		}
		// e_ident, e_type, e_machine; see elf(5).
		if head, ok := t.head(name, 20); ok {
			if arch := elfMachine(head); arch != "" {
				return arch, name
			}
		}
	}
	return "", ""
}

// elfMachine reads the beginning of an ELF file; empty when it is none, or of
// an architecture that no deployer knows.
func elfMachine(head []byte) string {
	if len(head) < 20 || string(head[:4]) != "\x7fELF" {
		return ""
	}
	const is64, isLittle, isBig = 2, 1, 2 // EI_CLASS, EI_DATA
	var order binary.ByteOrder
	switch head[5] {
	case isLittle:
		order = binary.LittleEndian
	case isBig:
		order = binary.BigEndian
	default:
		return ""
	}
	wide, little := head[4] == is64, head[5] == isLittle
	switch machine := order.Uint16(head[18:]); {
	case machine == 62 && wide:
		return "x86_64"
	case machine == 183 && wide:
		return "aarch64"
	case machine == 21 && little:
		return "ppc64le"
	case machine == 21:
		return "ppc64"
	case machine == 22 && wide:
		return "s390x"
	case machine == 243 && wide:
		return "riscv64"
	case machine == 258 && wide:
		return "loongarch64"
	case machine == 3:
		return "i686"
	case machine == 40:
		return "armv7l"
	}
	return ""
}

// checkArch asks which machines the image runs on.
func checkArch(s *survey) {
	arch, name := s.machine()
	if arch == "" {
		s.warn("", "the architecture is unknown: /sbin/init, /bin/bash, /bin/ls and /bin/sh are no ELF programs of a known one",
			"is this the root of a system? is /usr mounted?")
		return
	}
	s.info(name, fmt.Sprintf("programs are for %s", arch), "")
}

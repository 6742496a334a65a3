package bootcheck

import (
	"bytes"
	"debug/pe"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// unifiedImage returns a PE file with a section .cmdline, behind one that is no text.
func unifiedImage(t testing.TB, cmdline string) []byte {
	t.Helper()
	const optional, alignment = 240, 512
	var b bytes.Buffer
	dos := make([]byte, 64)
	copy(dos, "MZ")
	binary.LittleEndian.PutUint32(dos[0x3c:], 64)
	b.Write(dos)
	b.WriteString("PE\x00\x00")
	contents := [][]byte{bytes.Repeat([]byte{0x90}, 1000), append([]byte(cmdline), 0)}
	put := func(v any) { require.NoError(t, binary.Write(&b, binary.LittleEndian, v)) }
	put(pe.FileHeader{Machine: pe.IMAGE_FILE_MACHINE_AMD64, NumberOfSections: 2, SizeOfOptionalHeader: optional, Characteristics: 0x22e})
	head := make([]byte, optional)
	binary.LittleEndian.PutUint16(head, 0x20b)
	binary.LittleEndian.PutUint32(head[32:], alignment)
	binary.LittleEndian.PutUint32(head[36:], alignment)
	binary.LittleEndian.PutUint32(head[108:], 16)
	b.Write(head)
	at := uint32(alignment)
	for i, name := range []string{".text", ".cmdline"} {
		h := pe.SectionHeader32{VirtualSize: uint32(len(contents[i])), VirtualAddress: uint32(0x1000 * (i + 1)), SizeOfRawData: uint32(len(contents[i])+alignment-1) / alignment * alignment, PointerToRawData: at, Characteristics: 0x40000040}
		copy(h.Name[:], name)
		put(h)
		at += h.SizeOfRawData
	}
	for _, content := range contents {
		b.Write(make([]byte, -b.Len()&(alignment-1)))
		b.Write(content)
	}
	b.Write(make([]byte, -b.Len()&(alignment-1)))
	return b.Bytes()
}

// TestReadUnified: what binutils takes out of the section is what is read.
func TestReadUnified(t *testing.T) {
	image := unifiedImage(t, "root=UUID=1 ro\n")
	u, err := readUnified(bytes.NewReader(image))
	require.NoError(t, err)
	require.Equal(t, "root=UUID=1 ro", u.cmdline)
	_, err = readUnified(bytes.NewReader(image[:600]))
	require.ErrorContains(t, err, "ends before its section .cmdline")
	_, err = readUnified(bytes.NewReader([]byte("MZ")))
	require.ErrorContains(t, err, "no unified kernel image")

	if _, err := exec.LookPath("objcopy"); err != nil {
		t.Skip(err)
	}
	name := filepath.Join(t.TempDir(), "a.efi")
	require.NoError(t, os.WriteFile(name, image, 0o644))
	out, err := exec.Command("objcopy", "-O", "binary", "--only-section=.cmdline", name, name+".txt").CombinedOutput()
	require.NoError(t, err, "%s", out)
	text, err := os.ReadFile(name + ".txt")
	require.NoError(t, err)
	text, _, _ = bytes.Cut(text, []byte{0})
	require.Equal(t, "root=UUID=1 ro\n", string(text))
}

func FuzzReadUnified(f *testing.F) {
	f.Add(unifiedImage(f, "root=x"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if u, err := readUnified(bytes.NewReader(data)); err == nil {
			require.LessOrEqual(t, len(u.cmdline), maxCommandLine)
		}
	})
}

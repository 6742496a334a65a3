package bootcheck

import (
	"archive/tar"
	"bytes"
	"debug/pe"
	"encoding/binary"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"image-capture/image"
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

// TestCommandLinesOfImages: an image that is read once has what the rules about command
// lines and updates read of a tree.
func TestCommandLinesOfImages(t *testing.T) {
	img, opt, _ := fixture(t, "rhel9")
	img.add(t, txtar.Parse([]byte("-- etc/kernel/cmdline --\nroot=UUID=1 ro\n-- boot/grub2/device.map --\n(hd0) /dev/disk/by-id/x\n"+
		"-- boot/grub2/grubenv --\nsaved_entry=gone\nkernelopts=root=UUID=2\n-- boot/efi/loader/entries/y.conf --\noptions root=UUID=3\n-- efi/loader/entries/z.conf --\noptions root=UUID=4\n"+
		"-- etc/zipl.conf --\nparameters=\"root=UUID=5\"\n-- boot/extlinux/extlinux.conf --\nappend root=UUID=6\n-- boot/efi/EFI/Linux/a.efi [uki] --\nroot=UUID=7\n-- efi/EFI/Linux/b.efi [uki] --\nroot=UUID=8\n-- boot/efi/loader/addons/c.addon.efi [fill] --\n")))
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, name := range slices.Sorted(maps.Keys(img)) {
		n := img[name]
		h := &tar.Header{Name: "./" + name, Mode: int64(n.mode.Perm())}
		switch n.mode.Type() {
		case fs.ModeDir:
			h.Typeflag = tar.TypeDir
		case fs.ModeSymlink:
			h.Typeflag, h.Linkname = tar.TypeSymlink, string(n.data)
		default:
			h.Size = int64(len(n.data))
		}
		require.NoError(t, w.WriteHeader(h))
		if h.Size > 0 {
			_, err := w.Write(n.data)
			require.NoError(t, err)
		}
	}
	require.NoError(t, w.Close())
	r, err := image.NewReader(bytes.NewReader(out.Bytes()))
	require.NoError(t, err)
	kept, err := ReadImage(t.Context(), r, opt)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	of := func(report Report, err error) string {
		require.NoError(t, err)
		for i := range report.Findings {
			report.Findings[i].Hint = "" // of an image nothing can be typed
		}
		return text(slices.DeleteFunc(report.Findings, func(f Finding) bool { return f.Rule != "command-line" && f.Rule != "updates" })) + verdicts(report) + paths(report)
	}
	tree := of(Check(t.Context(), img, opt))
	require.Equal(t, tree, of(kept.Check(t.Context())))
	for _, id := range []string{"UUID=1", "UUID=3", "UUID=4", "UUID=5", "UUID=6", "UUID=7", "UUID=8", "saved_entry=gone", "device.map", "c.addon.efi: cannot be read"} {
		require.Contains(t, tree, id)
	}
}

// Package initramfs reads what the kernel unpacks before it has a root: which
// kernel modules and firmware are in there, what made it, and whether it was made
// for one machine only.
//
// # The format
//
// Archives one behind the other, each plain or compressed, with zeros between them:
// see the kernel's Documentation/driver-api/early-userspace/buffer-format.rst, and
// init/initramfs.c for what it takes and what it refuses. An archive is cpio
// "newc" (070701) or "crc" (070702, whose sums are checked). Inside a compressed
// archive there may be several too. A bootconfig at the end is left out (see the
// kernel's Documentation/admin-guide/bootconfig.rst). Which compressions are read
// says package compress; of these, lz4's frame format is an error here, because the
// kernel does not know it.
//
// # What is kept
//
// The names of modules and firmware, and the content of small files that tell how
// the initramfs was made (see File). Nothing else: a file's content is skipped as
// it comes.
//
// Names are without a leading "/" or "./", and "lib/" at the start is "usr/lib/":
// which of them is the link differs.
//
// # Bounds
//
// An error ends the reading, beyond: 4 GiB read, 4 GiB unpacked, 64 archives,
// 200,000 entries, names of 4096 bytes (the kernel's PATH_MAX), 16 MiB of names
// that are kept, 64 kernel versions. A file of more than 256 KiB is not kept, nor
// one that would make all of them more than 1 MiB: it is in Content.Omitted.
// Memory is what is kept, 128 KiB of buffers, and what package compress needs. How
// long a reader waits for its bytes is its own affair.
package initramfs

import (
	"bytes"
	"cmp"
	"io"
	"slices"
	"strings"

	"image-capture/compress"
)

// What makes an initramfs.
const (
	InitramfsTools = "initramfs-tools" // Debian, Ubuntu
	Dracut         = "dracut"          // Red Hat, SUSE
	Mkinitcpio     = "mkinitcpio"      // Arch
	Mkinitfs       = "mkinitfs"        // Alpine
	Other          = "other"
)

// Content is what is in an initramfs.
type Content struct {
	// Segments are the archives in the order in which the kernel unpacks them.
	Segments []Segment
	// Entries counts the files, directories and so on in all of them.
	Entries int
	// Versions are the kernels for which there is a directory of modules, sorted.
	Versions []string
	// Firmware are the names below lib/firmware, sorted, without the ending of
	// their compression: as modules name them, but for the directories updates/
	// and VERSION/ that some of them are in.
	Firmware []string
	// Omitted are files that File should have, and that are too big.
	Omitted []string
	// Waits are the devices without which dracut's early userspace does not go on,
	// as it was told when it was made: "/dev/disk/by-uuid/...".
	Waits []string

	modules map[string][]string // by canonical name: the versions that have it
	files   map[string][]byte
	marks   map[string]bool // names that tell something by being there
}

// Segment is one archive.
type Segment struct {
	// Compression is compress.None for a plain archive.
	Compression compress.Codec
	// Offset is where it starts, and Packed how long it is there, in bytes.
	Offset, Packed int64
	// Unpacked is the size of the archive, in bytes, zeros behind it included when
	// it is compressed.
	Unpacked int64
	Entries  int
	// Early says that all in there is for the kernel itself, below kernel/:
	// microcode and ACPI tables.
	Early bool
}

// Read reads an initramfs to its end. With an error, Content is what was read
// before; it is never nil. io.ErrUnexpectedEOF is wrapped where the initramfs is
// cut off, and an error of r is wrapped too.
func Read(r io.Reader) (*Content, error) {
	return read(r, limits{
		read: 4 << 30, unpacked: 4 << 30, segments: 64, entries: 200_000, names: 16 << 20,
		versions: 64, file: 256 << 10, files: 1 << 20,
	})
}

// Canonical is how a module is called in the kernel: its file's name without the
// directory and .ko, with "_" for "-". See modprobe(8).
func Canonical(module string) string {
	module = module[strings.LastIndexByte(module, '/')+1:]
	name, _ := cutKo(module)
	return strings.ReplaceAll(name, "-", "_")
}

// cutKo takes the ending off a module's file name, if it is one.
func cutKo(name string) (string, bool) {
	for _, ending := range []string{".gz", ".xz", ".zst", ".lzo", ".lz4", ".bz2"} {
		if plain, ok := strings.CutSuffix(name, ending); ok && strings.HasSuffix(plain, ".ko") {
			name = plain
			break
		}
	}
	return strings.CutSuffix(name, ".ko")
}

// Has says whether a module is in there, for whichever kernel. Its name may be a
// file's, and have "-" or "_".
func (c *Content) Has(module string) bool { return len(c.modules[Canonical(module)]) > 0 }

// HasFor is Has for one kernel.
func (c *Content) HasFor(version, module string) bool {
	return slices.Contains(c.modules[Canonical(module)], version)
}

// Modules returns the canonical names of all modules, sorted.
func (c *Content) Modules() []string {
	names := make([]string, 0, len(c.modules))
	for name := range c.modules {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// HasFirmware says whether a firmware file is in there for a kernel, by the name
// that modules use. See the kernel's drivers/base/firmware_loader/main.c for the
// directories.
func (c *Content) HasFirmware(version, name string) bool {
	for _, dir := range []string{"", "updates/", version + "/", "updates/" + version + "/"} {
		if _, ok := slices.BinarySearch(c.Firmware, dir+name); ok {
			return true
		}
	}
	return false
}

// File returns the content of a small file that reports how the initramfs was made,
// nil when it is not there: files of usr/lib/dracut and etc/cmdline.d (dracut);
// conf/*, conf/conf.d/* and cryptroot/crypttab (initramfs-tools); config,
// buildconfig and VERSION (mkinitcpio); etc/fstab and etc/crypttab.
func (c *Content) File(name string) []byte { return c.files[canonicalPath(name)] }

// Generator says what made the initramfs: one of the constants above.
func (c *Content) Generator() string {
	for _, g := range generators {
		if c.marks[g.mark] {
			return g.name
		}
	}
	return Other
}

// Crypttab returns the table of encrypted devices to unlock, see crypttab(5); nil
// when there is none.
func (c *Content) Crypttab() []byte {
	for _, name := range []string{"cryptroot/crypttab", "etc/crypttab"} {
		if b := c.files[name]; len(bytes.TrimSpace(b)) > 0 {
			return b
		}
	}
	return nil
}

// Resume returns the device on which a hibernated system is looked for, as it is
// written: "UUID=...", "/dev/..."; empty when there is none.
func (c *Content) Resume() string {
	device := cmp.Or(c.setting("RESUME"), c.cmdline("resume"))
	if device == "none" || device == "auto" {
		return ""
	}
	return device
}

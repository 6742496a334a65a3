package bootcheck

import (
	"os"
	"path"
	"slices"
	"strings"
)

// cloudInitDisabled is the word on the kernel's command line that keeps
// cloud-init from running.
const cloudInitDisabled = "cloud-init=disabled"

// cloudInitOff returns the files in the image that put cloudInitDisabled on a
// kernel's command line: those that a boot loader reads, and those from which
// the deployer generates them again.
func (t *tree) cloudInitOff() []string {
	off := t.grubDefaultsOff()

	scan := func(name string, want func(line string) bool) {
		if !t.isFile(name) {
			return
		}
		data, _ := t.read(name)
		for line := range lines(string(data)) {
			if !strings.HasPrefix(line, "#") && want(line) && hasWord(line, cloudInitDisabled) {
				off = append(off, name)
				return
			}
		}
	}
	all := func(string) bool { return true }

	scan("etc/kernel/cmdline", all) // kernel-install(8)
	// The Boot Loader Specification's entries: "options root=... quiet".
	const entries = "boot/loader/entries"
	for _, base := range t.list(entries) {
		if strings.HasSuffix(base, ".conf") {
			scan(path.Join(entries, base), func(line string) bool { return strings.HasPrefix(line, "options") })
		}
	}
	// GRUB's own: "linux /vmlinuz ..." in grub.cfg, "kernelopts=..." in grubenv,
	// on the EFI system partition for Enterprise Linux before 9.
	dirs := []string{"boot/grub", "boot/grub2"}
	if efi := t.fold("boot/efi", "EFI"); efi != "" {
		for _, vendor := range t.list(efi) {
			dirs = append(dirs, path.Join(efi, vendor))
		}
	}
	for _, dir := range dirs {
		scan(path.Join(dir, "grub.cfg"), all)
		scan(path.Join(dir, "grubenv"), all)
	}
	return off
}

// grubDefaultsOff evaluates what grub-mkconfig sources, as far as the command
// lines go, and returns the file that gave a final value with cloudInitDisabled
// in it. Later files may set the variables again, or build on them; conditions
// and "+=" are not understood.
func (t *tree) grubDefaultsOff() []string {
	const dir = "etc/default/grub.d"
	files := []string{"etc/default/grub"}
	for _, base := range t.list(dir) {
		if strings.HasSuffix(base, ".cfg") {
			files = append(files, path.Join(dir, base))
		}
	}
	value, from := map[string]string{}, map[string]string{}
	for _, name := range files {
		if !t.isFile(name) {
			continue
		}
		data, _ := t.read(name)
		// A value may go on over lines that end in a backslash.
		for line := range lines(strings.ReplaceAll(string(data), "\\\n", "")) {
			line = strings.TrimSpace(strings.TrimPrefix(line, "export "))
			key, v, _, ok := assignment(line)
			if !ok || !strings.HasPrefix(key, "GRUB_CMDLINE_LINUX") || len(line) > maxCommandLine {
				continue
			}
			had := hasWord(value[key], cloudInitDisabled)
			// What it grows to is bounded: a value may name itself often.
			room := maxCommandLine
			value[key] = os.Expand(v, func(name string) string {
				if room -= len(value[name]); room < 0 {
					return ""
				}
				return value[name]
			})
			if !had || from[key] == "" {
				from[key] = name
			}
		}
	}
	var off []string
	for key, v := range value {
		if hasWord(v, cloudInitDisabled) && !slices.Contains(off, from[key]) {
			off = append(off, from[key])
		}
	}
	slices.Sort(off)
	return off
}

// maxCommandLine bounds a command line in bytes; the kernel takes 2048 on
// x86_64 and aarch64.
const maxCommandLine = 16 << 10

// hasWord says whether word stands by itself in a line of a boot loader's
// configuration, between blanks, quotes, or after the "=" of an assignment.
func hasWord(line, word string) bool {
	for w := range strings.FieldsFuncSeq(line, func(r rune) bool { return strings.ContainsRune(" \t\"'", r) }) {
		if w == word || strings.HasSuffix(w, "="+word) {
			return true
		}
	}
	return false
}

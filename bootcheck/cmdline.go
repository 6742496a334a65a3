package bootcheck

import (
	"path"
	"slices"
	"strings"

	"image-capture/deploy"
)

// bootLine is a kernel's command line, or a part of one, that is in the image.
type bootLine struct {
	file  string
	where deploy.CommandLine
	key   string // the variable, of GRUB's defaults; else empty
	words []string
}

// find returns the first word that begins with prefix.
func (l bootLine) find(prefix string) string {
	i := slices.IndexFunc(l.words, func(w string) bool { return strings.HasPrefix(w, prefix) })
	if i < 0 {
		return ""
	}
	return l.words[i]
}

// blsDir is where GRUB looks for entries of the Boot Loader Specification.
const blsDir = "boot/loader/entries"

// entryDirs are where such entries are: in /boot, or on an EFI system partition by the
// names of its mount points.
func (t *tree) entryDirs() []string {
	dirs := []string{blsDir}
	for _, esp := range []string{"boot/efi", "efi"} {
		if loader := t.fold(esp, "loader"); loader != "" {
			if dir := t.fold(loader, "entries"); dir != "" {
				dirs = append(dirs, dir)
			}
		}
	}
	return dirs
}

// whereOf says what kind of file a name of commandFiles is.
func whereOf(name string) deploy.CommandLine {
	base, dir := path.Base(name), path.Base(path.Dir(name))
	switch {
	case strings.HasPrefix(name, "etc/default/"):
		return deploy.GRUBDefaults
	case dir == "kernel":
		return deploy.KernelInstall
	case strings.EqualFold(dir, "entries"):
		return deploy.BootEntry
	case base == "grubenv":
		return deploy.GRUBEnv
	case base == "grub.cfg":
		return deploy.Menu
	case base == "zipl.conf":
		return deploy.ZIPL
	case strings.HasSuffix(strings.ToLower(base), ".efi"):
		return deploy.UnifiedImage
	}
	return deploy.Syslinux
}

// commandFiles returns those that are there: all that makes the clone's command line, in
// the order in which it comes to be.
func (t *tree) commandFiles() []string { return t.commands.get(t, t.findCommandFiles) }

func (t *tree) findCommandFiles() []string {
	var files []string
	seen := map[string]bool{}
	add := func(names ...string) {
		for _, name := range names {
			if !t.isFile(name) {
				continue
			}
			// A link beside the file that it leads to is no second one.
			if real, ok := t.real(name, true); ok {
				if seen[real] {
					continue
				}
				seen[real] = true
			}
			files = append(files, name)
		}
	}
	ending := func(dir, suffix string) []string {
		var names []string
		for _, base := range t.list(dir) {
			if strings.HasSuffix(strings.ToLower(base), suffix) {
				names = append(names, path.Join(dir, base))
			}
		}
		return names
	}
	add("etc/default/grub")
	add(ending("etc/default/grub.d", ".cfg")...)
	add("etc/kernel/cmdline")
	for _, dir := range t.entryDirs() {
		add(ending(dir, ".conf")...)
	}
	vendors := t.espVendors()
	for _, dir := range append([]string{"boot/grub", "boot/grub2"}, vendors...) {
		add(path.Join(dir, "grubenv"))
	}
	for _, dir := range append([]string{"boot/grub", "boot/grub2"}, vendors...) {
		add(path.Join(dir, "grub.cfg"))
	}
	add(t.unifiedImages()...)
	add("etc/zipl.conf")
	add(syslinuxFiles...)
	return files
}

// syslinuxFiles are where syslinux and extlinux look.
var syslinuxFiles = []string{"boot/extlinux.conf", "boot/extlinux/extlinux.conf", "boot/syslinux/syslinux.cfg", "boot/syslinux/extlinux.conf"}

// espVendors are the directories of vendors on the EFI system partition.
func (t *tree) espVendors() []string {
	var dirs []string
	if efi := t.fold("boot/efi", "EFI"); efi != "" {
		for _, vendor := range t.list(efi) {
			dirs = append(dirs, path.Join(efi, vendor))
		}
	}
	return dirs
}

// bootLines returns the command lines as they are written, a line a variable of GRUB's
// defaults: what a later file sets again is there too.
func (t *tree) bootLines() []bootLine { return t.commandText.get(t, t.readBootLines) }

func (t *tree) readBootLines() []bootLine {
	var found []bootLine
	for _, name := range t.commandFiles() {
		if whereOf(name) == deploy.UnifiedImage {
			if words := commandWords(t.unifiedCmdline(name)); len(words) > 0 {
				found = append(found, bootLine{name, deploy.UnifiedImage, "", words})
			}
			continue
		}
		if data, ok := t.read(name); ok {
			found = append(found, parseBootLines(name, string(data))...)
		}
	}
	return found
}

// commandLines returns the command lines from which the clone's are made, one a file. A
// grub.cfg is not among them: the deployer generates it.
func (t *tree) commandLines() []bootLine {
	var found []bootLine
	for _, l := range t.bootLines() {
		last := len(found) - 1
		switch {
		case l.where == deploy.Menu:
		case last >= 0 && found[last].file == l.file:
			found[last].words = append(found[last].words, l.words...)
		default:
			l.key, l.words = "", slices.Clip(l.words)
			found = append(found, l)
		}
	}
	return found
}

// effectiveLines returns the command lines that a boot or the next menu sees: of GRUB's
// defaults what is left of them when the last file was read.
func (t *tree) effectiveLines() []bootLine {
	found := t.grubDefaults().lines()
	for _, l := range t.bootLines() {
		if l.where != deploy.GRUBDefaults {
			found = append(found, l)
		}
	}
	return found
}

// parseBootLines returns the words for the kernel in one of the files.
func parseBootLines(name, text string) []bootLine {
	var found []bootLine
	where := whereOf(name)
	if where == deploy.GRUBDefaults {
		text = strings.ReplaceAll(text, "\\\n", " ")
	}
	for line := range lines(text) {
		key, rest, ok := bootText(where, line)
		if !ok || len(line) > maxCommandLine {
			continue
		}
		words := commandWords(rest)
		if i := slices.IndexFunc(found, func(l bootLine) bool { return l.key == key }); i >= 0 {
			found[i].words = append(found[i].words, words...)
		} else if len(words) > 0 {
			found = append(found, bootLine{name, where, key, words})
		}
	}
	return found
}

// bootText returns what a line of one of the files says to the kernel, and the variable
// that it sets.
func bootText(where deploy.CommandLine, line string) (key, rest string, ok bool) {
	if strings.HasPrefix(line, "#") {
		return "", "", false
	}
	// after returns what follows a keyword and blanks.
	after := func(keywords ...string) (string, bool) {
		end := strings.IndexFunc(line, isBootBlank)
		if end < 0 || !slices.ContainsFunc(keywords, func(k string) bool { return strings.EqualFold(k, line[:end]) }) {
			return "", false
		}
		return line[end:], true
	}
	switch where {
	case deploy.KernelInstall:
		return "", line, true
	case deploy.BootEntry:
		rest, ok = after("options")
	case deploy.GRUBEnv:
		rest, ok = strings.CutPrefix(line, "kernelopts=")
	case deploy.Menu:
		if rest, ok = after("linux", "linux16", "linuxefi", "kernel"); !ok {
			// The fallback of Enterprise Linux 8, and old menus that name variables.
			if rest, ok = after("set"); ok {
				_, rest, ok = strings.Cut(rest, "kernelopts=")
				rest = unquoted(rest)
			} else {
				rest, ok = strings.CutPrefix(line, "kernelopts=")
			}
		}
	case deploy.Syslinux:
		rest, ok = after("append")
	case deploy.ZIPL:
		key, rest, ok = strings.Cut(line, "=")
		return "", unquoted(strings.TrimSpace(rest)), ok && strings.TrimSpace(key) == "parameters"
	case deploy.GRUBDefaults:
		line = strings.TrimSpace(strings.TrimPrefix(line, "export "))
		key, rest, ok = strings.Cut(line, "=")
		key = strings.TrimSuffix(key, "+")
		if strings.ContainsAny(rest, `"'`) {
			rest, _ = shellWord(rest)
		}
		return key, rest, ok && strings.HasPrefix(key, "GRUB_CMDLINE_LINUX")
	}
	return "", rest, ok
}

// unquoted is a value in a file whose quotes are the file's, and not the kernel's.
func unquoted(value string) string {
	if strings.HasPrefix(value, `"`) || strings.HasPrefix(value, "'") {
		value, _ = shellWord(value)
	}
	return value
}

// commandWords splits a command line as the kernel does (next_arg in its lib/cmdline.c): a
// blank between double quotes ends no word, and what is not closed goes on to the end. GRUB
// and systemd, which read it too, know single quotes as well; of these one that is not closed
// is an apostrophe. The quotes are left out.
func commandWords(text string) []string {
	var words []string
	var word []byte
	quote := byte(0)
	for i := 0; i <= len(text); i++ {
		switch {
		case i == len(text) || quote == 0 && strings.IndexByte(" \t\r\n", text[i]) >= 0:
			if len(word) > 0 {
				words = append(words, string(word))
			}
			word = word[:0]
		case quote != 0 && text[i] == quote:
			quote = 0
		case quote == 0 && (text[i] == '"' || text[i] == '\'' && strings.Contains(text[i+1:], "'")):
			quote = text[i]
		default:
			word = append(word, text[i])
		}
	}
	return words
}

func isBootBlank(r rune) bool { return r == ' ' || r == '\t' || r == '"' || r == '\'' || r == '\r' }

// maxCommandLine bounds a command line in bytes; the kernel takes 2048 on
// x86_64 and aarch64.
const maxCommandLine = 16 << 10

// cloudInitDisabled is the word on the kernel's command line that keeps
// cloud-init from running.
const cloudInitDisabled = "cloud-init=disabled"

// cloudInitOff returns the files in the image that put cloudInitDisabled on a
// kernel's command line: those that a boot loader reads, and those from which
// the deployer generates them again.
func (t *tree) cloudInitOff() []string {
	var off []string
	for _, l := range t.effectiveLines() {
		if slices.Contains(l.words, cloudInitDisabled) && !slices.Contains(off, l.file) {
			off = append(off, l.file)
		}
	}
	return off
}

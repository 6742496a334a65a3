package bootcheck

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"image-capture/deploy"
)

// bootEntry is an entry of the Boot Loader Specification in /boot.
type bootEntry struct {
	file    string
	id      string // the machine id that its name begins with; empty when there is none
	linux   string // the kernel, as the entry names it
	options string
}

// entries returns the entries in /boot, but those for emergencies.
func (t *tree) entries() []bootEntry { return t.blsEntries.get(t, t.readEntries) }

func (t *tree) readEntries() []bootEntry {
	var found []bootEntry
	for _, base := range t.list(blsDir) {
		e := bootEntry{file: path.Join(blsDir, base)}
		if !strings.HasSuffix(base, ".conf") || spare(base) || !t.isFile(e.file) {
			continue
		}
		if len(base) > 32 && strings.Trim(base[:32], "0123456789abcdef") == "" {
			e.id = base[:32]
		}
		data, _ := t.read(e.file)
		for line := range lines(string(data)) {
			key, value, _ := strings.Cut(strings.ReplaceAll(line, "\t", " "), " ")
			switch value = strings.TrimSpace(value); key {
			case "linux":
				e.linux = value
			case "options":
				e.options += " " + value
			}
		}
		found = append(found, e)
	}
	return found
}

// checkEntries looks at the menu that GRUB makes of the entries: their order, the one that
// is remembered, and whether their kernels are there. See blscfg.c of the RHEL family's GRUB.
func (s *survey) checkEntries() {
	if !s.readsEntries() {
		return
	}
	list := s.entries()
	var ids []string
	for _, e := range list {
		if e.id != "" && !slices.Contains(ids, e.id) {
			ids = append(ids, e.id)
		}
		if kernel := s.entryKernel(e); kernel != "" && !s.ourHooks() { // they drop such an entry
			s.warn(e.file, "names a kernel that is not there: /"+kernel, "remove the entry, or install the kernel again")
		}
	}
	if len(ids) > 1 {
		s.warn(blsDir, fmt.Sprintf("has entries under %d machine ids, and GRUB sorts by the id before it sorts by the version", len(ids)), "remove the entries of the ids that are not the newest kernel's").
			because("the clone may start an older kernel than the last one that was installed")
	}
	for _, name := range s.commandFiles() {
		if whereOf(name) != deploy.GRUBEnv || len(list) == 0 {
			continue
		}
		saved := s.savedEntry(name)
		if strings.Trim(saved, "0123456789") != "" && !s.isFile(path.Join(blsDir, saved+".conf")) && !s.hasTitle(list, saved) {
			s.warn(name, "remembers a boot entry that is gone: saved_entry="+shorten(saved), "grub2-editenv /"+name+" unset saved_entry").
				because("GRUB starts the first of its menu in its place")
		}
	}
}

// hasTitle says whether an entry is the remembered one by its title.
func (s *survey) hasTitle(list []bootEntry, title string) bool {
	return slices.ContainsFunc(list, func(e bootEntry) bool {
		data, _ := s.read(e.file)
		return slices.ContainsFunc(strings.Split(string(data), "\n"), func(line string) bool {
			return strings.TrimSpace(strings.TrimPrefix(line, "title ")) == title
		})
	})
}

// entryKernel returns the kernel that an entry names, where it is missing. The path is one
// of /boot's filesystem, which may be its own or the root's.
func (s *survey) entryKernel(e bootEntry) string {
	if e.linux == "" || strings.Contains(e.linux, "$") {
		return ""
	}
	name := path.Join("boot", path.Base(e.linux))
	for _, try := range []string{name, strings.TrimPrefix(path.Clean("/"+e.linux), "/"), path.Join("boot", e.linux)} {
		if s.isFilled(try) {
			return ""
		}
	}
	return name
}

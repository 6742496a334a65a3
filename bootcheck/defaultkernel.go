package bootcheck

import (
	"path"
	"slices"
	"strings"

	"image-capture/deploy"
)

// defaultKernel returns the kernel that the clone starts: the first of GRUB's menu, which is
// the newest version by grub-mkconfig's version_sort, or the remembered entry where the menu
// goes by that. It is false where the settings name another one by its place or title.
func (s *survey) defaultKernel() (kernel, bool) {
	list := slices.DeleteFunc(s.kernels(), func(k kernel) bool { return k.image == "" || !strings.HasPrefix(k.image, "boot/") })
	if len(list) == 0 {
		return kernel{}, false
	}
	entries := s.entries()
	if s.readsEntries() && len(entries) > 0 {
		return s.kernelOfEntry(list, s.defaultEntry(entries))
	}
	switch def := s.grubDefaults().value("GRUB_DEFAULT"); def {
	case "", "0", "saved": // a new environment block remembers nothing
	default:
		return kernel{}, false
	}
	if image := s.firstOfMenu(); image != "" {
		i := slices.IndexFunc(list, func(k kernel) bool { return k.image == image })
		if i < 0 { // a copy beside a kernel: which modules it is for its name does not tell
			return kernel{}, false
		}
		return list[i], true
	}
	return slices.MaxFunc(list, func(a, b kernel) int { return compareVersions(a.version, b.version) }), true
}

// defaultEntry is the boot entry that GRUB starts.
func (s *survey) defaultEntry(entries []bootEntry) bootEntry {
	if def := s.grubDefaults().value("GRUB_DEFAULT"); def == "saved" {
		for _, name := range s.commandFiles() {
			if whereOf(name) != deploy.GRUBEnv {
				continue
			}
			saved := s.savedEntry(name)
			if i := slices.IndexFunc(entries, func(e bootEntry) bool { return path.Base(e.file) == saved+".conf" }); i >= 0 {
				return entries[i]
			}
		}
	}
	return slices.MaxFunc(entries, func(a, b bootEntry) int { return compareVersions(path.Base(a.file), path.Base(b.file)) })
}

func (s *survey) kernelOfEntry(list []kernel, e bootEntry) (kernel, bool) {
	i := slices.IndexFunc(list, func(k kernel) bool { return path.Base(k.image) == path.Base(e.linux) })
	if i < 0 {
		return kernel{}, false
	}
	return list[i], true
}

// starts says whether the clone starts a kernel: the default one, and any where that is not
// known.
func (s *survey) starts(k kernel) bool {
	first, known := s.defaultKernel()
	return !known || first.version == k.version
}

// stopStart is stop for what is wrong with a kernel: where the clone starts another one it
// is a warning.
func (s *survey) stopStart(k kernel, name, problem, hint string) *Finding {
	if first, known := s.defaultKernel(); known && first.version != k.version {
		return s.warn(name, problem+"; the clone starts kernel "+first.version, hint)
	}
	return s.stop(Both, name, problem, hint)
}

// compareVersions compares versions as "sort -V" and dpkg(1) do: numbers by their value,
// "~" before the end, letters before all else.
func compareVersions(a, b string) int {
	order := func(s string) int {
		switch {
		case s == "" || isDigit(s[0]):
			return 0
		case s[0] == '~':
			return -1
		case 'a' <= s[0] && s[0] <= 'z' || 'A' <= s[0] && s[0] <= 'Z':
			return int(s[0])
		}
		return int(s[0]) + 256
	}
	for a != "" || b != "" {
		for a != "" && !isDigit(a[0]) || b != "" && !isDigit(b[0]) {
			if d := order(a) - order(b); d != 0 {
				return d
			}
			a, b = a[min(1, len(a)):], b[min(1, len(b)):]
		}
		x, y := number(a), number(b)
		a, b = a[len(x):], b[len(y):]
		x, y = strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
		if d := len(x) - len(y); d != 0 {
			return d
		}
		if d := strings.Compare(x, y); d != 0 {
			return d
		}
	}
	return 0
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// number is the digits that s begins with.
func number(s string) string {
	if i := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
		return s[:i]
	}
	return s
}

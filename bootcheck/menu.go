package bootcheck

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"image-capture/entry"
)

// checkMenu looks whether the menu that grub-mkconfig makes begins with a kernel that has an
// initramfs: a copy that somebody kept beside a kernel (vmlinuz-V.bak) is sorted before it.
func (s *survey) checkMenu() {
	first := s.firstOfMenu()
	if first == "" || s.menuInitramfs(first) != "" || slices.ContainsFunc(s.kernels(), func(k kernel) bool { return k.image == first }) {
		return
	}
	f := s.stop(Both, first, "is the first kernel of the menu that grub-mkconfig makes, and there is no initramfs of that name", "move it out of /boot, or name it vmlinuz-VERSION.old, which comes after its kernel and has its initramfs").
		because("the clone starts it, and it finds no root")
	f.brief = "the menu begins with " + path.Base(first) + ", which has no initramfs"
	f.edit(s, entry.Drop, first)
}

// firstOfMenu returns the kernel that comes first in the menu which grub-mkconfig makes of
// the names in /boot, and is started; see its 10_linux. Empty is where it is not known: the
// settings name another place, GRUB reads boot entries, or the scripts are of a family that
// changed them.
func (s *survey) firstOfMenu() string {
	switch s.system.OS.family() {
	case familyDebian, familyRedHat, familySUSE:
	default:
		return ""
	}
	d := s.grubDefaults()
	if def := d.value("GRUB_DEFAULT"); def != "" && def != "0" && def != "saved" || s.readsEntries() && len(s.entries()) > 0 || d.value("GRUB_FLAVOUR_ORDER") != "" {
		return ""
	}
	list := s.menuKernels()
	if len(list) == 0 {
		return ""
	}
	byLatest := s.sortsByLatest()
	if top := d.value("GRUB_TOP_LEVEL"); top != "" && !byLatest && slices.Contains(list, strings.TrimPrefix(top, "/")) {
		return strings.TrimPrefix(top, "/")
	}
	if byLatest {
		list = slices.DeleteFunc(list, func(name string) bool { return strings.HasSuffix(name, ".efi.signed") })
		return latestKernel(list, s.system.OS.family() == familyDebian)
	}
	return slices.MaxFunc(list, func(a, b string) int { return compareVersions(menuKey(a), menuKey(b)) })
}

// menuKernels returns the kernels that 10_linux takes into the menu.
func (s *survey) menuKernels() []string {
	patterns := []string{"boot/vmlinuz-*", "vmlinuz-*", "boot/kernel-*"}
	if s.system.Arch == "aarch64" && s.system.OS.family() == familyDebian {
		patterns = []string{"boot/vmlinuz-*", "boot/vmlinux-*", "vmlinuz-*", "vmlinux-*", "boot/kernel-*"}
	}
	var list []string
	for _, pattern := range patterns {
		dir, part := path.Split(pattern)
		for _, base := range s.list(path.Clean(dir)) {
			if ok, _ := path.Match(part, base); ok && !isMenuGarbage(base) && s.isFile(dir+base) {
				list = append(list, dir+base)
			}
		}
	}
	return list
}

// isMenuGarbage is grub_file_is_not_garbage of grub-mkconfig_lib, the other way round.
func isMenuGarbage(base string) bool {
	if strings.Contains(base, ".dpkg-") {
		return true
	}
	return slices.ContainsFunc([]string{".rpmsave", ".rpmnew", ".sig"}, func(end string) bool { return strings.HasSuffix(base, end) })
}

// sortsByLatest says whether 10_linux looks for the latest of what is left again and again,
// as it did before GRUB 2.12, or sorts the names once. A script that is not there is taken
// for one of today.
func (s *survey) sortsByLatest() bool {
	const part = "etc/grub.d/10_linux"
	if !s.isFile(part) {
		return false
	}
	script, _ := s.read(part)
	return strings.Contains(string(script), "version_find_latest")
}

// menuKey is what 10_linux sorts by since GRUB 2.12: all come after their copies that are
// called .old.
func menuKey(name string) string {
	if v, old := strings.CutSuffix(name, ".old"); old {
		return "/" + v + " 1"
	}
	return "/" + name + " 2"
}

// latestKernel is version_find_latest of older grub-mkconfig_libs: the first of the list
// that no other is newer than. Debian's asks dpkg, others "sort -V".
func latestKernel(list []string, dpkg bool) string {
	compare := compareVersions
	if dpkg {
		compare = compareRevisions
	}
	latest := ""
	for _, name := range list {
		if latest == "" || isNewer(name, latest, compare) {
			latest = name
		}
	}
	return latest
}

// isNewer is version_test_gt of older grub-mkconfig_libs.
func isNewer(a, b string, compare func(a, b string) int) bool {
	a, b = latestKey(a), latestKey(b)
	older, other := strings.HasSuffix(a, ".old"), strings.HasSuffix(b, ".old")
	switch {
	case older && !other:
		return compare(strings.TrimSuffix(a, ".old"), b) > 0
	case other && !older:
		return compare(a, strings.TrimSuffix(b, ".old")) >= 0
	}
	return compare(a, b) > 0
}

// compareRevisions compares as dpkg(1) does: what comes after the last dash counts last.
func compareRevisions(a, b string) int {
	split := func(v string) (string, string) {
		if i := strings.LastIndexByte(v, '-'); i >= 0 {
			return v[:i], v[i+1:]
		}
		return v, ""
	}
	version, revision := split(a)
	other, otherRevision := split(b)
	return cmp.Or(compareVersions(version, other), compareVersions(revision, otherRevision))
}

// latestKey is the version in a name: what comes after the first dash, with a "~" before the
// words of versions that come before others.
func latestKey(name string) string {
	name = "/" + name
	if _, rest, dash := strings.Cut(name, "-"); dash {
		name = rest
	}
	for _, word := range []string{"pre", "rc", "test", "git", "old", "trunk"} {
		for _, sep := range []string{".", "_", "-"} {
			name = strings.ReplaceAll(name, sep+word, "~"+word)
		}
	}
	return name
}

// menuInitramfs returns the initramfs that 10_linux finds for a kernel of its menu.
func (s *survey) menuInitramfs(image string) string {
	dir, base := path.Split(image)
	version := base
	// As far as the last dash that has no digit before it.
	for i := 0; i < len(base) && !isDigit(base[i]); i++ {
		if base[i] == '-' {
			version = base[i+1:]
		}
	}
	alt := strings.TrimSuffix(version, ".old")
	for _, name := range []string{
		"initrd.img-" + version, "initrd-" + version + ".img", "initrd-" + alt + ".img.old", "initrd-" + version + ".gz", "initrd-" + alt + ".gz.old", "initrd-" + version,
		"initramfs-" + version + ".img", "initramfs-" + alt + ".img.old", "initrd.img-" + alt, "initrd-" + alt + ".img", "initrd-" + alt, "initramfs-" + alt + ".img",
		"initramfs-genkernel-" + version, "initramfs-genkernel-" + alt,
	} {
		if _, there := s.stat(dir + name); there {
			return dir + name
		}
	}
	return ""
}

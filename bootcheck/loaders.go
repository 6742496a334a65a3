package bootcheck

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// loader is an EFI program that a vendor signed.
type loader struct {
	name string
	shim bool // starts a GRUB beside it, and nothing by itself
	esp  bool // in /boot/efi, where curtin looks for it
}

// loaders returns the signed loaders of one architecture, those in /boot/efi
// first. GRUBs for CDs, network boot and MOK management (gcd*, grubnet*, mm*,
// fb*) are not among them.
func (s *survey) loaders(m efiMachine) []loader {
	var found []loader
	add := func(l loader) {
		if l.name != "" && s.isFilled(l.name) {
			found = append(found, l)
		}
	}
	shim, grub := "shim"+m.suffix+".efi", "grub"+m.suffix+".efi"

	// The EFI system partition, by vendors' directories.
	efi := s.fold("boot/efi", "EFI")
	if efi != "" {
		for _, id := range s.system.OS.efiVendors() {
			if dir := s.fold(efi, id); dir != "" {
				add(loader{name: s.fold(dir, shim), shim: true, esp: true})
				add(loader{name: s.fold(dir, grub), esp: true})
			}
		}
		if dir := s.fold(efi, "BOOT"); dir != "" {
			// A shim, a GRUB, or a whole loader: the name does not tell.
			add(loader{name: s.fold(dir, "BOOT"+m.suffix+".efi"), esp: true})
		}
	}

	// Debian and Ubuntu; the latter's shims end in ".signed.latest" and the
	// like.
	add(loader{name: path.Join("usr/lib/grub", m.target+"-signed", grub+".signed")})
	const shims = "usr/lib/shim"
	if name := path.Join(shims, shim+".signed"); s.isFilled(name) {
		add(loader{name: name, shim: true})
	} else {
		for _, n := range s.list(shims) {
			if after, ok := strings.CutPrefix(n, shim+"."); ok && strings.Contains(after, "signed") {
				add(loader{name: path.Join(shims, n), shim: true})
			}
		}
	}

	// SUSE.
	add(loader{name: path.Join("usr/share/efi", m.uname, "shim.efi"), shim: true})
	add(loader{name: path.Join("usr/share/efi", m.uname, "grub.efi")})

	// Fedora 43 and Enterprise Linux 10: /usr/lib/efi/PACKAGE/VERSION/EFI/VENDOR,
	// from where bootupd or a package trigger copies them.
	for _, pkg := range []string{"usr/lib/efi/shim", "usr/lib/efi/grub2"} {
		for _, version := range s.list(pkg) {
			efi := path.Join(pkg, version, "EFI")
			for _, vendor := range s.list(efi) {
				add(loader{name: path.Join(efi, vendor, shim), shim: true})
				add(loader{name: path.Join(efi, vendor, grub)})
			}
		}
	}
	return found
}

// efiVendors returns the names of the directories in /boot/efi/EFI where the
// distribution, or curtin on its behalf, has its loaders.
func (r Release) efiVendors() []string {
	var ids []string
	for _, id := range append([]string{r.ID}, r.IDLike...) {
		switch {
		case id == "rhel" || id == "ol":
			id = "redhat"
		case strings.ContainsAny(id, "/."): // no name of a directory there
			continue
		}
		if id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// shortenList joins names, and says how many are left out where there are many.
func shortenList(names []string) string {
	const most = 6
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

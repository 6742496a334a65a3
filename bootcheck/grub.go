package bootcheck

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// efiMachine holds what GRUB and the UEFI specification call an architecture.
type efiMachine struct {
	target   string // GRUB's platform: where its modules are
	suffix   string // of loaders' names: shimx64.efi, BOOTX64.EFI
	uname    string // SUSE's directory of loaders
	packages map[family]string
}

// efiMachines are the architectures, as System.Arch writes them, that are
// checked: those that the deployers boot by UEFI GRUB.
var efiMachines = map[string]efiMachine{
	"x86_64": {"x86_64-efi", "x64", "x86_64", map[family]string{
		familyDebian: "grub-efi-amd64-bin", familyRedHat: "grub2-efi-x64-modules", familySUSE: "grub2-x86_64-efi",
		familyArch: "grub", familyGentoo: "sys-boot/grub",
	}},
	"aarch64": {"arm64-efi", "aa64", "aarch64", map[family]string{
		familyDebian: "grub-efi-arm64-bin", familyRedHat: "grub2-efi-aa64-modules", familySUSE: "grub2-arm64-efi",
		familyArch: "grub", familyGentoo: "sys-boot/grub",
	}},
}

// loader is an EFI program that a vendor signed.
type loader struct {
	name string
	shim bool // starts a GRUB beside it, and nothing by itself
	esp  bool // in /boot/efi, where curtin looks for it
}

// checkGrubUEFI asks whether the deployer can make the image boot by UEFI.
//
// With GRUB's modules, grub-install works anywhere. Without, curtin can only
// point the firmware at a signed loader that is in /boot/efi already, which it
// does for the Red Hat and SUSE families on x86_64 (find_efi_loader of its
// install_grub.py); other deployers may copy one from elsewhere.
func checkGrubUEFI(s *survey) {
	m, ok := efiMachines[s.system.Arch]
	if !ok {
		arch := s.system.Arch
		if arch == "" {
			arch = "an unknown architecture"
		}
		s.info("", "not checked for "+arch+": only for x86_64 and aarch64", "")
		return
	}
	dirs := []string{path.Join("usr/lib/grub", m.target), path.Join("usr/share/grub2", m.target)}
	for _, dir := range dirs {
		// The directory alone proves nothing: signed loaders' packages and
		// removed ones leave it. grub-install wants this file first of all.
		if info := path.Join(dir, "modinfo.sh"); s.isFilled(info) {
			s.ok(info, "GRUB's modules for "+m.target)
			return
		}
	}

	fam := s.system.OS.family()
	hint := "install GRUB's modules for " + m.target
	if p := m.packages[fam]; p != "" {
		hint = "install " + p
	}
	found := s.loaders(m)
	grub := slices.IndexFunc(found, func(l loader) bool { return !l.shim })
	onESP := slices.IndexFunc(found, func(l loader) bool { return l.esp })
	switch {
	case grub >= 0 && onESP >= 0 && m.suffix == "x64" && (fam == familyRedHat || fam == familySUSE):
		s.info(found[onESP].name, fmt.Sprintf("boots by a signed loader; there are no GRUB modules for %s to install another", m.target), hint)
	case grub >= 0:
		s.warn(found[grub].name, fmt.Sprintf("only a signed loader: there are no GRUB modules for %s, and grub-install needs them", m.target), hint)
	case len(found) > 0:
		s.warn(found[0].name, fmt.Sprintf("a shim without a GRUB to start, and no GRUB modules for %s", m.target), hint)
	default:
		if boot := path.Join("usr/lib/systemd/boot/efi", "systemd-boot"+m.suffix+".efi"); s.isFilled(boot) {
			s.warn(boot, "the only boot loader is systemd-boot, which curtin cannot install", hint)
			return
		}
		s.fail(path.Join(dirs[0], "modinfo.sh"),
			fmt.Sprintf("no UEFI boot loader: neither GRUB's modules for %s nor a signed loader", m.target), hint)
	}
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
	if dir := "usr/lib/shim"; s.isDir(dir) {
		for _, n := range s.list(dir) {
			if after, ok := strings.CutPrefix(n, shim+"."); ok && strings.Contains(after, "signed") {
				add(loader{name: path.Join(dir, n), shim: true})
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

package bootcheck

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"image-capture/deploy"
	"image-capture/entry"
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
		familyArch: "grub", familyGentoo: "sys-boot/grub", familyAlpine: "grub-efi", familyPhoton: "grub2-efi",
	}},
	"aarch64": {"arm64-efi", "aa64", "aarch64", map[family]string{
		familyDebian: "grub-efi-arm64-bin", familyRedHat: "grub2-efi-aa64-modules", familySUSE: "grub2-arm64-efi",
		familyArch: "grub", familyGentoo: "sys-boot/grub", familyAlpine: "grub-efi", familyPhoton: "grub2-efi",
	}},
}

// grubModules returns the file that proves that GRUB's modules for a platform are
// there, "" when they are not. The directory alone proves nothing: signed loaders'
// packages and removed ones leave it. grub-install wants this file first of all.
func (s *survey) grubModules(target string) string {
	for _, dir := range []string{"usr/lib/grub", "usr/share/grub2"} { // the latter is SUSE's
		if info := path.Join(dir, target, "modinfo.sh"); s.isFilled(info) {
			return info
		}
	}
	return ""
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
	found := s.loaders(m)
	if s.hooked() {
		s.judgeLoader(UEFI)
		s.tellLoaders(m, found)
		return
	}
	if info := s.grubModules(m.target); info != "" {
		s.ok(info, "GRUB's modules for "+m.target).loads = UEFI
		s.tellLoaders(m, found)
	} else {
		s.judgeLoaders(m, found)
	}
	if s.builtIn() && s.system.OS.family() == familyRedHat && (m.suffix == "x64" || s.curtin.SignedArm64) {
		s.checkESPMenu(m)
	}
}

// tellLoaders says which loaders there are beside GRUB's modules: Secure Boot takes
// only what a vendor signed.
func (s *survey) tellLoaders(m efiMachine, found []loader) {
	if len(found) == 0 {
		s.info("", "no signed loader: machines start the image with Secure Boot off only", m.signedHint(s.system.OS.family()))
		return
	}
	var names []string
	for _, l := range found {
		names = append(names, "/"+l.name)
	}
	s.info(found[0].name, "loaders of the vendor: "+shortenList(names), "")
}

// judgeLoaders is for an image without GRUB's modules.
func (s *survey) judgeLoaders(m efiMachine, found []loader) {
	fam := s.system.OS.family()
	hint := "install GRUB's modules for " + m.target
	if p := m.packages[fam]; p != "" {
		hint = s.install(p)
	}
	grub := slices.IndexFunc(found, func(l loader) bool { return !l.shim })
	onESP := slices.IndexFunc(found, func(l loader) bool { return l.esp })
	boot := path.Join("usr/lib/systemd/boot/efi", "systemd-boot"+m.suffix+".efi")
	takes := s.takesESPLoader()
	switch {
	case grub >= 0 && onESP >= 0 && takes:
		s.info(found[onESP].name, fmt.Sprintf("boots by a signed loader; there are no GRUB modules for %s to install another", m.target), hint).loads = UEFI
		s.wantSigned(m, found)
	case grub >= 0 && s.builtIn() && onESP >= 0 && fam == familyRedHat:
		s.end(UEFI, s.curtinName()+" takes no signed loader on arm64", found[onESP].name, fmt.Sprintf("only a signed loader, and %s takes none on arm64; those that do: %s", s.curtinName(), generations(func(c deploy.Curtin) bool { return c.SignedArm64 })), hint).offerHooks(s)
	case grub >= 0 && s.builtIn():
		s.end(UEFI, "curtin's grub-install needs GRUB's modules", found[grub].name, fmt.Sprintf("only a signed loader: there are no GRUB modules for %s, and grub-install needs them", m.target), hint).offerHooks(s)
	case grub >= 0:
		s.warnOn(UEFI, found[grub].name, fmt.Sprintf("only a signed loader: there are no GRUB modules for %s, and grub-install needs them", m.target), hint)
		s.doubts(deploys|boots, UEFI, "whether Eikon installs a signed loader is not known")
	case len(found) > 0:
		s.stop(UEFI, found[0].name, fmt.Sprintf("a shim without a GRUB to start, and no GRUB modules for %s", m.target), hint)
	case s.isFilled(boot) && s.opt.Deployer == ImageDeploy:
		s.stop(UEFI, boot, "the only boot loader is systemd-boot, which curtin cannot install", hint)
	case s.isFilled(boot):
		s.warnOn(UEFI, boot, "the only boot loader is systemd-boot; whether the deployer installs it is not known", hint)
		s.doubts(deploys|boots, UEFI, "whether Eikon installs systemd-boot is not known")
	default:
		s.stop(UEFI, path.Join("usr/lib/grub", m.target, "modinfo.sh"),
			fmt.Sprintf("no UEFI boot loader: neither GRUB's modules for %s nor a signed loader", m.target), hint)
	}
}

// wantSigned says what curtin fetches in the Red Hat family where the package of the
// modules is not there: the packages of shim and GRUB, which have files here.
func (s *survey) wantSigned(m efiMachine, found []loader) {
	if !s.builtIn() || s.system.OS.family() != familyRedHat {
		return
	}
	var missing []string
	for _, p := range s.curtin.Packages(deploy.RHEL, deploy.UEFI, debArch[s.system.Arch], false) {
		shim := strings.HasPrefix(p, "shim-")
		if p != "efibootmgr" && !slices.ContainsFunc(found, func(l loader) bool {
			return l.esp && l.shim == shim && !strings.EqualFold(path.Base(l.name), "BOOT"+m.suffix+".efi")
		}) {
			missing = append(missing, p)
		}
	}
	if len(missing) > 0 {
		s.warnOn(UEFI, "", "curtin installs what is missing from the network: "+strings.Join(missing, ", "), "install "+strings.Join(missing, " ")).
			because("the deployment ends there where the machine reaches no package mirror").offerHooks(s)
		s.doubts(deploys, UEFI, "curtin installs packages from the network")
	}
}

// menuWhy is why a menu that cannot be written matters.
const menuWhy = "the deployment of a UEFI machine ends there, with a disk that does not boot"

// checkESPMenu looks at where curtin has grub2-mkconfig write the menu, once its
// find_efi_loader found one of the Red Hat family's loaders: beside the loaders of
// the distribution that it takes the image for. Since Enterprise Linux 9 that file
// holds but a pointer to /boot/grub2/grub.cfg, and grub2-mkconfig refuses to write
// over it (the patch "Ensure grub cfg stub is not overwritten" of 2024).
func (s *survey) checkESPMenu(m efiMachine) {
	efi := s.fold("boot/efi", "EFI")
	if efi == "" {
		return
	}
	id := s.efiDir()
	if id == "" {
		return
	}
	var dir, fallback string
	if dir = s.fold(efi, id); dir != "" {
		fallback = s.fold(dir, "shim"+m.suffix+".efi") + s.fold(dir, "grub"+m.suffix+".efi")
	}
	if boot := s.fold(efi, "BOOT"); fallback == "" && boot != "" {
		fallback = s.fold(boot, "BOOT"+m.suffix+".efi")
	}
	if fallback == "" { // it runs grub2-install
		return
	}
	if dir == "" {
		s.warnOn(UEFI, path.Join(efi, id), fmt.Sprintf("is missing: %s takes the image for %s and writes the menu there", s.curtinName(), id), hooksHint).
			because(menuWhy).offerHooks(s)
		s.doubts(deploys|boots, UEFI, "curtin writes the menu to a folder of another vendor")
		return
	}
	menu := s.fold(dir, "grub.cfg")
	if menu == "" || !s.isFilled(menu) {
		return
	}
	program := s.program("grub2-mkconfig")
	if program == "" {
		return
	}
	if script, ok := s.read(program); ok && strings.Contains(string(script), "will overwrite the GRUB wrapper") {
		s.warnOn(UEFI, menu, "curtin writes the menu here, and this image's grub2-mkconfig refuses to replace the file",
			"rm /"+menu+" before the capture: it points to a disk of the source").
			because(menuWhy).edit(s, entry.Drop, menu)
	}
}

// efiDir is the folder below EFI where this generation of curtin writes the menu.
func (s *survey) efiDir() string {
	if dir := s.curtin.EFIDirs[s.system.OS.ID]; dir != "" && s.curtin.Names[s.system.OS.ID] != "" {
		return dir
	}
	variant := s.curtinVariant()
	if dir := s.curtin.EFIDirs[variant]; dir != "" {
		return dir
	}
	return variant
}

// signedHint says what has the signed loaders.
func (m efiMachine) signedHint(fam family) string {
	switch fam {
	case familyDebian:
		arch := "amd64"
		if m.suffix == "aa64" {
			arch = "arm64"
		}
		return "install grub-efi-" + arch + "-signed and shim-signed"
	case familyRedHat:
		return "install grub2-efi-" + m.suffix + " and shim-" + m.suffix
	case familySUSE:
		return "install shim"
	}
	return ""
}

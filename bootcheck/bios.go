package bootcheck

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"image-capture/deploy"
)

// biosTarget is GRUB's platform of a PC's BIOS.
const biosTarget = "i386-pc"

// biosPackages have GRUB's modules for BIOS.
var biosPackages = map[family]string{
	familyDebian: "grub-pc-bin", familyRedHat: "grub2-pc-modules", familySUSE: "grub2-i386-pc",
	familyArch: "grub", familyGentoo: "sys-boot/grub", familyAlpine: "grub-bios", familyPhoton: "grub2-pc",
}

// checkGrubBIOS asks whether the deployer can make the image boot by BIOS: only a
// PC has one, and only grub-install with the modules for it makes it start, see
// gen_install_commands of curtin's install_grub.py. Boot sectors of the source are
// not in an image.
func checkGrubBIOS(s *survey) {
	if !s.hasBIOS() {
		s.info("", "not checked for "+s.system.Arch+": only x86_64 machines have a BIOS", "")
		return
	}
	if s.hooked() {
		s.judgeLoader(BIOS)
		return
	}
	fam := s.system.OS.family()
	info := s.grubModules(biosTarget)
	if info == "" {
		hint := "install GRUB's modules for " + biosTarget
		if p := biosPackages[fam]; p != "" {
			hint = s.install(p)
		}
		name, problem := path.Join("usr/lib/grub", biosTarget, "modinfo.sh"), "no BIOS boot loader: GRUB's modules for "+biosTarget+" are missing"
		for _, other := range []string{"boot/extlinux.conf", "boot/syslinux/syslinux.cfg"} {
			if s.isFile(other) {
				name, problem = other, "the only BIOS boot loader is syslinux, which the deployers do not install"
			}
		}
		s.stop(BIOS, name, problem, hint)
		return
	}
	s.ok(info, "GRUB's modules for "+biosTarget).loads = BIOS
	if s.builtIn() && fam == familyRedHat {
		s.checkRHELMacro()
	}
}

// rpmMacros are where a Red Hat-like distribution says which release it is.
var rpmMacros = []string{"usr/lib/rpm/macros.d/macros.dist", "etc/rpm/macros.dist"}

// checkRHELMacro asks for what curtin asks "rpm -E %rhel" for: it knows how to
// install GRUB for BIOS by that number only, see get_grub_package_name and
// gen_install_commands. Fedora and Amazon Linux have none.
func (s *survey) checkRHELMacro() {
	for _, name := range rpmMacros {
		if !s.isFile(name) {
			continue
		}
		data, ok := s.read(name)
		if !ok {
			return // a trouble
		}
		version := rpmMacro(string(data), "%rhel")
		major, _ := strconv.Atoi(version)
		switch knows := func(c deploy.Curtin) bool { return slices.Contains(c.RHELBIOS, major) }; {
		case version == "":
			s.end(BIOS, "curtin needs the macro %rhel", name, "has no macro %rhel, by which curtin installs GRUB for BIOS", hooksHint).offerHooks(s)
		case !knows(s.curtin):
			known := generations(knows)
			if known == "" {
				known = "none does"
			}
			s.end(BIOS, s.curtinName()+" installs no GRUB for BIOS in "+s.title(), name, fmt.Sprintf("%s installs no GRUB for BIOS of %%rhel %s; those that do: %s", s.curtinName(), shorten(version), known), "deploy by UEFI, or "+hooksHint).offerHooks(s)
		}
		return
	}
}

// rpmMacro returns the body of a macro that a file of rpm's defines on one line.
func rpmMacro(data, name string) string {
	value := ""
	for line := range lines(data) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == name {
			value = words[1]
		}
	}
	return value
}

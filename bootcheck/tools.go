package bootcheck

import (
	"fmt"
	"path"
	"strings"

	"image-capture/entry"
)

// programDirs are where the deployer's shell finds programs of the image.
var programDirs = []string{"usr/sbin", "usr/bin", "sbin", "bin"}

// program returns the path of the first of names that is a program in one of the
// usual directories, or "".
func (t *tree) program(names ...string) string {
	for _, base := range names {
		for _, dir := range programDirs {
			if name := path.Join(dir, base); t.isProgram(name) {
				return name
			}
		}
	}
	return ""
}

// tool is a program of the image that the deployer runs in it.
type tool struct {
	names []string // any of them will do
	fw    Firmware // for which it is run
	pkg   map[family]string
}

// grubTools are what curtin runs, see gen_uefi_install_commands and
// gen_install_commands of its install_grub.py. Without them it would have to fetch
// packages, in a network that may have none.
func (s *survey) grubTools() []tool {
	install, config := []string{"grub-install", "grub2-install"}, []string{"grub2-mkconfig", "grub-mkconfig", "update-grub"}
	if s.opt.Deployer == ImageDeploy {
		switch s.system.OS.family() {
		case familyDebian:
			install, config = install[:1], []string{"update-grub"}
		case familyRedHat, familySUSE:
			install, config = install[1:], config[:1]
		}
	}
	tools := []tool{
		{install, Both, map[family]string{familyDebian: "grub2-common", familyRedHat: "grub2-tools", familySUSE: "grub2"}},
		{config, Both, map[family]string{familyDebian: "grub2-common", familyRedHat: "grub2-tools", familySUSE: "grub2"}},
		{[]string{"efibootmgr"}, UEFI, nil},
	}
	if !s.hasBIOS() {
		tools[0].fw, tools[1].fw = UEFI, UEFI
	}
	if s.takesESPLoader() {
		tools[0].fw &^= UEFI
	}
	return tools
}

// takesESPLoader says whether curtin uses a loader in /boot/efi and runs no
// grub2-install under UEFI, see find_efi_loader.
func (s *survey) takesESPLoader() bool {
	fam := s.system.OS.family()
	if s.system.Arch != "x86_64" && !s.curtin.SignedArm64 || fam != familyRedHat && fam != familySUSE {
		return false
	}
	for _, l := range s.loaders(efiMachines[s.system.Arch]) {
		if l.esp {
			return true
		}
	}
	return false
}

// checkGrubTools asks for the programs by which the deployer installs the boot
// loader that the image brings.
func checkGrubTools(s *survey) {
	if s.hooked() {
		s.judgeHookTools()
		return
	}
	found, missing := []string{}, 0
	for _, t := range s.grubTools() {
		if name := s.program(t.names...); name != "" {
			found = append(found, "/"+name)
			continue
		}
		if t.fw == 0 {
			continue
		}
		missing++
		p := t.pkg[s.system.OS.family()]
		if p == "" {
			p = t.names[0]
			if len(t.names) > 1 {
				p = "GRUB's tools"
			}
		}
		s.stop(t.fw, path.Join("usr/sbin", t.names[0]), fmt.Sprintf("there is no %s, and the deployer runs it in the image", strings.Join(t.names, " or ")), s.install(p))
	}
	if missing == 0 {
		s.ok("", "the deployer finds what it runs: "+strings.Join(found, ", "))
	}
}

// checkMultiInstall warns of a program that curtin prefers to grub-install on UEFI
// machines of the Debian family (get_grub_install_command). It takes the disks from
// debconf's answers, which not every curtin gives.
func checkMultiInstall(s *survey) {
	const name = "usr/lib/grub/grub-multi-install"
	if _, there := s.lstat(name); !there {
		s.ok("", "there is no grub-multi-install to stand in for grub-install")
		return
	}
	if !s.builtIn() || s.system.OS.family() != familyDebian {
		s.info(name, "only curtin, in an image of the Debian family, runs it in place of grub-install", "")
		return
	}
	s.warnOn(UEFI, name, "curtin runs it in place of grub-install", "rm /"+name).fix(entry.Drop, name)
}

// checkLSBRelease asks for the program that curtin runs in images of the Debian
// family, and stops without: setup_kernel_img_conf of its curthooks.py takes the
// release that it prints for numbers.
func checkLSBRelease(s *survey) {
	fam := s.system.OS.family()
	switch {
	case !s.builtIn():
		s.info("", "not checked: only curtin's built-in hooks run lsb_release", "")
		return
	case fam != familyDebian:
		s.info("", "not checked: curtin runs lsb_release in images of the Debian family only", "")
		return
	}
	name := s.program("lsb_release")
	if name == "" {
		s.end(Both, "curtin needs lsb_release", "usr/bin/lsb_release", "is missing: curtin runs it, and stops", s.install("lsb-release")).offerHooks(s)
		return
	}
	for part := range strings.SplitSeq(s.system.OS.VersionID, ".") {
		if part == "" || strings.Trim(part, "0123456789") != "" {
			s.end(Both, "curtin needs a VERSION_ID", "etc/os-release", "VERSION_ID is not a number, which curtin wants of lsb_release, and stops",
				"write VERSION_ID into os-release: Debian's testing and unstable have none").offerHooks(s)
			return
		}
	}
	s.ok(name, "curtin learns the release from it")
}

package bootcheck

import (
	"path"
	"slices"
	"strings"

	"image-capture/deploy"
)

// ourHooks says whether hooks of this program deploy the image.
func (s *survey) ourHooks() bool {
	return s.hooked() && strings.HasPrefix(s.system.Hooks, "image-capture ")
}

// deployFamily is the family as deploy's table has it.
func (s *survey) deployFamily() deploy.Family {
	d, _ := deploy.Find(s.system.OS.ID, s.system.OS.IDLike...)
	return d.Family
}

// rewriter says who takes a word out of a command line when the image is deployed.
func (s *survey) rewriter(l bootLine, word string) deploy.Rewriter {
	switch fam := s.deployFamily(); {
	case s.ourHooks():
		if deploy.HooksTake(word) && deploy.HooksRewrite(fam, l.where, l.file) {
			return deploy.ByHooks
		}
	case s.hooked():
	case l.where == deploy.GRUBDefaults && s.builtIn() && deploy.CurtinReplaces(l.file, l.key):
		return deploy.ByCurtin
	// What follows is of any deployer that has the image's GRUB make its menu.
	case l.where == deploy.Menu:
		return deploy.ByMkconfig
	case fam == deploy.RHEL && l.where == deploy.GRUBEnv:
		// "The kernelopts variable in the grubenv file can be modified using the grubby tool
		// or by executing the grub2-mkconfig tool": its 10_linux.
		return deploy.ByMkconfig
	case fam == deploy.RHEL && (l.where == deploy.BootEntry && strings.HasPrefix(l.file, blsDir+"/") || l.where == deploy.KernelInstall) && s.mkconfigUpdatesEntries():
		return deploy.ByMkconfig
	}
	return deploy.Nobody
}

// mkconfigUpdatesEntries says whether the image's grub2-mkconfig, called without options, writes the options of boot entries anew. Its scripts tell; where they cannot, the
// release does.
func (s *survey) mkconfigUpdatesEntries() bool {
	if program := s.program("grub2-mkconfig"); program != "" {
		if script, ok := s.read(program); ok && strings.Contains(string(script), "update-bls-cmdline") {
			return false
		}
	}
	const part = "etc/grub.d/10_linux"
	if s.isFile(part) {
		if script, ok := s.read(part); ok {
			return strings.Contains(string(script), "update_bls_cmdline")
		}
	}
	ids := append([]string{s.system.OS.ID}, s.system.OS.IDLike...)
	if slices.Contains(ids, "fedora") && !slices.Contains(ids, "rhel") && !slices.Contains(ids, "centos") && s.system.OS.ID != "ol" {
		return deploy.MkconfigUpdatesEntries("fedora", "")
	}
	return deploy.MkconfigUpdatesEntries(s.system.OS.ID, s.system.OS.VersionID)
}

// reading says when a command line comes to a kernel.
type reading uint8

const (
	never    reading = iota // by a loader that no deployer here installs
	atBoot                  // at the clone's first
	atUpdate                // when the clone installs another kernel
)

// readsEntries says whether the menu that grub2-mkconfig makes has GRUB read the entries in
// /boot: only where GRUB_ENABLE_BLSCFG is true, which every installation sets. An image
// without the defaults is taken for one: curtin makes the file.
func (s *survey) readsEntries() bool {
	if s.system.OS.family() != familyRedHat {
		return false
	}
	d := s.grubDefaults()
	return !d.there && !s.ourHooks() || d.value("GRUB_ENABLE_BLSCFG") == "true"
}

// reads says when the command line comes to a kernel, under the GRUB that deployers
// install.
func (s *survey) reads(l bootLine) reading {
	switch l.where {
	case deploy.GRUBDefaults:
		if strings.HasPrefix(l.key, "GRUB_CMDLINE_LINUX_RECOVERY") || strings.HasPrefix(l.key, "GRUB_CMDLINE_LINUX_XEN") {
			return never
		}
		if s.readsEntries() && len(s.entries()) > 0 && !s.mkconfigUpdatesEntries() {
			return never // new entries are made of /etc/kernel/cmdline
		}
		return atBoot
	case deploy.BootEntry:
		if strings.HasPrefix(l.file, blsDir+"/") && !spare(l.file) && s.readsEntries() {
			return atBoot
		}
	case deploy.GRUBEnv:
		if s.readsEntries() && slices.ContainsFunc(s.entries(), func(e bootEntry) bool { return strings.Contains(e.options, "$kernelopts") }) {
			return atBoot
		}
	case deploy.KernelInstall:
		if s.usesKernelInstall() && (s.system.OS.family() == familyRedHat || s.takenOver()) {
			return atUpdate
		}
	}
	return never
}

// usesKernelInstall says whether kernel packages call kernel-install(8): those of the RHEL
// family do, those of Debian's by a hook of systemd-boot, see linux-run-hooks of linux-base.
func (s *survey) usesKernelInstall() bool {
	if s.system.OS.family() == familyRedHat {
		return s.program("kernel-install") != "" || len(s.list(blsDir)) > 0
	}
	for _, dir := range []string{"etc/kernel/postinst.d", "usr/share/kernel/postinst.d"} {
		for _, base := range s.list(dir) {
			if data, ok := s.head(path.Join(dir, base), 4096); ok && strings.Contains(string(data), "kernel-install") {
				return true
			}
		}
	}
	return false
}

// bootPostinst is what dpkg runs when it has updated systemd-boot.
const bootPostinst = "var/lib/dpkg/info/systemd-boot.postinst"

// takenOver says whether systemd-boot comes in the place of GRUB, the only one of the two that
// a deployer installs: the package does it when it is updated, and finds none on the EFI system
// partition. That of Debian 12 did so only when it was new.
func (s *survey) takenOver() bool {
	if s.system.OS.family() != familyDebian || !s.isFile(bootPostinst) {
		return false
	}
	if efi := s.fold("boot/efi", "EFI"); efi != "" && s.fold(efi, "systemd") != "" {
		return false // the updates that follow put it last in the firmware's order
	}
	script, ok := s.read(bootPostinst)
	text := string(script)
	return ok && strings.Contains(text, "bootctl install") && !strings.Contains(text, `[ -z "$2" ] && bootctl`)
}

// updateOfEntry says which update makes of /etc/kernel/cmdline an entry that clones start by,
// and under which firmware they do.
func (s *survey) updateOfEntry() (occasion, Firmware) {
	if s.system.OS.family() == familyRedHat {
		return kernelUpdate, Both
	}
	return entryUpdate, UEFI
}

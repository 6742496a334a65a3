package bootcheck

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"image-capture/deploy"
)

// occasion is what a clone does later, that something of the source's breaks.
type occasion string

const (
	kernelUpdate occasion = "the first kernel update"
	grubUpdate   occasion = "the first update of GRUB"
	bootUpdate   occasion = "the first update of systemd-boot"
	entryUpdate  occasion = "the first kernel update after one of systemd-boot"
)

// later is for an image whose clone boots today, and not after an update: a level of its
// own in words. It changes no answer; the verdicts for a firmware tell it too.
func (s *survey) later(when occasion, fw Firmware, name, problem, hint string) *Finding {
	f := s.warnOn(fw, name, string(when)+" will "+problem, hint)
	f.Later, f.laterFor = true, fw
	return f
}

// checkUpdates looks at what packages of the kernel and of GRUB read when they are updated:
// what it says of the source's disks, and nobody writes anew. What kernel-install reads is
// among the command lines.
func checkUpdates(s *survey) {
	if s.hooked() && !s.ourHooks() {
		s.info("", "not checked: what the image's own hooks make of it is not known", "")
		return
	}
	before := len(s.findings)
	s.checkDebconf()
	s.checkInstallDevice()
	s.checkDeviceMap()
	s.checkDefaultEntry()
	s.checkTakeover()
	s.fine(before, "", "no update of the kernel or of GRUB goes by the source's disks")
}

// debconfName is where debconf keeps the answers, see debconf-devel(7).
const debconfName = "var/cache/debconf/config.dat"

// checkDebconf looks at the disks to which grub-pc's postinst installs GRUB when it is
// updated. Our hooks and curtin (configure_grub_debconf) write that answer anew under BIOS.
func (s *survey) checkDebconf() {
	const question = "grub-pc/install_devices"
	if s.opt.Deployer != Eikon && !(s.ourHooks() && s.hookProgram("debconf-set-selections") == "") {
		return
	}
	if !s.isFile(debconfName) || !s.dpkg().has("grub-pc") {
		return
	}
	data, _ := s.read(debconfName)
	if disks := debconfAnswer(string(data), question); disks != "" {
		// An empty answer alone ends the update too: it must be said that this is meant.
		s.later(grubUpdate, BIOS, debconfName, "end with an error at a disk of the source, by debconf's "+question+": "+shorten(disks),
			"printf 'grub-pc grub-pc/%s\\n' 'install_devices multiselect' 'install_devices_empty boolean true' | debconf-set-selections").
			because("apt ends with that error until somebody answers, and no boot sector is updated; before GRUB 2.04-10 (Debian 11) its new modules came all the same, and GRUB stopped at its prompt")
	}
}

// whyOldCore is what happens where GRUB's modules are updated, and not the boot sector that
// loads them.
const whyOldCore = "new modules and an old boot sector do not fit: GRUB stops at its prompt"

// debconfAnswer returns the value of a question.
func debconfAnswer(data, question string) string {
	asked := false
	for line := range strings.SplitSeq(data, "\n") {
		key, value, _ := strings.Cut(line, ":")
		switch value = strings.TrimSpace(value); key {
		case "Name":
			asked = value == question
		case "Value":
			if asked {
				return value
			}
		}
	}
	return ""
}

// checkInstallDevice looks at the disks to which SUSE's update-bootloader installs GRUB for
// BIOS when it is updated. Our hooks write the list anew.
func (s *survey) checkInstallDevice() {
	const name = "etc/default/grub_installdevice"
	if s.deployFamily() != deploy.SUSE || s.ourHooks() || !s.isFile(name) {
		return
	}
	data, _ := s.read(name)
	for line := range lines(string(data)) {
		if strings.HasPrefix(line, "/dev/") {
			s.later(grubUpdate, BIOS, name, "go to a disk of the source: "+shorten(line), "remove the file").because(whyOldCore).offerHooks(s)
			return
		}
	}
}

// checkDeviceMap looks at GRUB's list of the source's disks. Our hooks remove it. It is no
// more than told: grub-install of GRUB 2 passes over disks that are not there, and finds the
// clone's by itself.
func (s *survey) checkDeviceMap() {
	if s.ourHooks() {
		return
	}
	for _, name := range []string{"boot/grub/device.map", "boot/grub2/device.map"} {
		if !s.isFile(name) {
			continue
		}
		data, _ := s.read(name)
		for line := range lines(string(data)) {
			if i := strings.Index(line, "/dev/disk/by-"); i >= 0 && !strings.HasPrefix(line, "#") {
				s.info(name, "lists a disk of the source, which GRUB 2 passes over: "+shorten(line[i:]), "")
				break
			}
		}
	}
}

// checkDefaultEntry looks whether the RHEL family's menu goes on to a new kernel: the entry
// that GRUB remembers is set to it only where one of two settings says so, see
// grub2-get-kernel-settings and 20-grub.install.
func (s *survey) checkDefaultEntry() {
	d := s.grubDefaults()
	if !s.readsEntries() || d.value("GRUB_DEFAULT") != "saved" || d.value("GRUB_UPDATE_DEFAULT_KERNEL") == "true" {
		return
	}
	const settings = "etc/sysconfig/kernel"
	if s.isFile(settings) {
		data, _ := s.read(settings)
		for line := range lines(string(data)) {
			if key, value, _, ok := assignment(line); ok && key == "UPDATEDEFAULT" && value == "yes" {
				return
			}
		}
	}
	for _, name := range s.commandFiles() {
		if whereOf(name) != deploy.GRUBEnv {
			continue
		}
		if saved := s.savedEntry(name); saved != "" && s.isFile(path.Join(blsDir, saved+".conf")) {
			s.later(kernelUpdate, Both, name, "bring a kernel that the clone does not start: GRUB goes on with saved_entry="+shorten(saved), "echo UPDATEDEFAULT=yes >>/"+settings).
				because("the clone stays with the old kernel, and its flaws")
			return
		}
	}
}

// checkTakeover looks for the package systemd-boot beside the GRUB by which clones start.
func (s *survey) checkTakeover() {
	if s.takenOver() {
		s.later(bootUpdate, UEFI, bootPostinst, "put it in GRUB's place, with no kernel in its menu", "apt-get purge systemd-boot").
			because("the firmware starts systemd-boot then, and that restarts into the firmware's setup, until a kernel is updated after it")
	}
}

// savedEntry returns the entry that an environment block of GRUB remembers.
func (s *survey) savedEntry(name string) string {
	data, _ := s.read(name)
	for line := range lines(string(data)) {
		if saved, ok := strings.CutPrefix(line, "saved_entry="); ok && !strings.Contains(saved, "/") {
			return saved
		}
	}
	return ""
}

// laterOf returns what the verdict for a firmware says of later, in the finding's words.
func (s *survey) laterOf(fw Firmware) string {
	var list []string
	for _, f := range s.findings {
		if f.Later && f.laterFor&fw != 0 && !slices.Contains(list, f.Problem) {
			list = append(list, f.Problem)
		}
	}
	switch len(list) {
	case 0:
		return ""
	case 1:
		return list[0]
	}
	return fmt.Sprintf("%s, and %d more", list[0], len(list)-1)
}

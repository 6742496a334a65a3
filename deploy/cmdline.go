package deploy

import (
	"slices"
	"strings"
)

// CommandLine is a kind of file that holds a kernel's command line, or a part of one.
type CommandLine string

const (
	// GRUBDefaults are /etc/default/grub and its snippets: grub-mkconfig makes menus of them.
	GRUBDefaults CommandLine = "GRUB's defaults"
	// KernelInstall is /etc/kernel/cmdline: kernel-install(8) makes entries for new kernels
	// of it.
	KernelInstall CommandLine = "kernel-install"
	// BootEntry is an entry of the Boot Loader Specification.
	BootEntry CommandLine = "boot entry"
	// GRUBEnv is GRUB's environment block, whose kernelopts entries of Enterprise Linux 8
	// refer to.
	GRUBEnv CommandLine = "grubenv"
	// Menu is a grub.cfg. Every deployer makes it anew.
	Menu CommandLine = "menu"
	// UnifiedImage is the section .cmdline of a unified kernel image, or of an addon of one.
	UnifiedImage CommandLine = "unified kernel image"
	// ZIPL and Syslinux are the configurations of other boot loaders.
	ZIPL     CommandLine = "zipl"
	Syslinux CommandLine = "syslinux"
)

// Rewriter is who changes the words of a command line when an image is deployed.
type Rewriter string

const (
	Nobody     Rewriter = ""
	ByHooks    Rewriter = "our hooks"
	ByCurtin   Rewriter = "curtin"
	ByMkconfig Rewriter = "grub2-mkconfig"
)

// sourceWords begin the words that name disks and cards of the source, as the hooks take
// them out (keep_words of hooks/50-cmdline.sh; a test holds them together).
var sourceWords = []string{"root=", "rootflags=", "rootfstype=", "resume=", "resume_offset=", "luks.", "cryptdevice=", "cryptopts=", "boot=", "BOOT_IMAGE=", "BOOTIF=", "initrd=", "systemd.machine_id="}

// diskless begin the words of dracut that name no disk: they stay.
var diskless = []string{"rd.driver.", "rd.udev.", "rd.systemd.", "rd.plymouth", "rd.shell", "rd.debug", "rd.timeout", "rd.retry"}

// HooksTake says whether the hooks take a word out of the command lines that they write
// anew. What is left stays in the clone's: console= of the source beside the deployer's,
// and ip=, ifname= and the like as they are.
func HooksTake(word string) bool {
	begins := func(prefix string) bool { return strings.HasPrefix(word, prefix) }
	if begins("rd.") {
		return !slices.ContainsFunc(diskless, begins) && !slices.Contains([]string{"rd.luks=0", "rd.lvm=0", "rd.md=0", "rd.dm=0"}, word)
	}
	if begins("luks.") {
		return strings.Contains(word, "=")
	}
	return slices.ContainsFunc(sourceWords, begins)
}

// HooksRewrite says whether the hooks write the command lines of such a file anew in an
// image of a family; name is its path. Of entries and of kernelopts that needs GRUB to read
// them: write_bls of hooks/70-grub.sh.
func HooksRewrite(family Family, where CommandLine, name string) bool {
	switch where {
	case GRUBDefaults, Menu:
		return true
	case KernelInstall:
		return name == "etc/kernel/cmdline"
	case BootEntry:
		return family == RHEL && strings.HasPrefix(name, "boot/loader/entries/")
	case GRUBEnv:
		return family == RHEL && strings.HasPrefix(name, "boot/grub")
	}
	return false
}

// CurtinReplaces says whether curtin of every generation puts a command line of its own in
// the place of a variable of GRUB's defaults: replace_grub_cmdline_linux_default of its
// install_grub.py. It leaves all others as they are.
func CurtinReplaces(name, variable string) bool {
	return name == "etc/default/grub" && variable == "GRUB_CMDLINE_LINUX_DEFAULT"
}

// MkconfigUpdatesEntries says whether the grub2-mkconfig of a release of the RHEL family
// writes the options of boot entries anew when nobody asks it to: not before there was
// update_bls_cmdline in its 10_linux (Enterprise Linux 8), and not since Enterprise Linux
// 9.3, which wants --update-bls-cmdline. Fedora's does. A reader of the image's own scripts
// knows better.
func MkconfigUpdatesEntries(id, version string) bool {
	switch id {
	case "fedora", "amzn", "azurelinux", "mariner":
		return true
	}
	major, minor, _ := strings.Cut(version, ".")
	return major == "9" && (minor == "0" || minor == "1" || minor == "2")
}

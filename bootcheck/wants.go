package bootcheck

import (
	"path"
	"strings"

	"image-capture/bootcheck/hardware"
	"image-capture/identity"
)

// Wanted is what the rules want of a name in an image that is read once, front to
// back. The zero value is nothing but the attributes, if there is room for them.
type Wanted struct {
	// Attributes are wanted whatever room there is.
	Attributes bool
	// Content is how many of the first bytes of a regular file are read.
	Content int64
	// Initramfs says that the content should go to [initramfs.Read] as it comes, and
	// what comes out be the file's [Digested].
	Initramfs bool
	// Module says the same of [hardware.ReadFirmware]. Only a check with a target
	// wants it.
	Module bool
	// Unified says that the content should go to readUnified as it comes.
	Unified bool
}

// Wants returns what the rules want of a name, written "a/b" as in io/fs and
// without links on its way. It names more than any one image has. A file that is
// reached through a link to an unusual place is not among them: the rule that wanted
// it then says that it cannot be read.
func Wants(name string) Wanted {
	top, below, _ := strings.Cut(name, "/")
	merged := name
	switch top {
	case "etc", "boot", "curtin":
		w := Wanted{Attributes: true}
		if base := path.Base(name); top != "boot" || isBootText(base) {
			w.Content = maxFile + 1 // one more tells that a file is longer
		} else {
			w.Initramfs, w.Unified = isInitramfs(base), isUnified(name)
		}
		return w
	case "efi": // a mount point of the EFI system partition
		w := Wanted{Attributes: true, Unified: isUnified(name)}
		if isBootText(path.Base(name)) {
			w.Content = maxFile + 1
		}
		return w
	case "sysroot", "ostree", "nix", "LiveOS", "casper", "live", "images":
		return Wanted{Attributes: strings.Count(name, "/") < 2} // see rootKind
	case "usr":
		merged = below
	case "opt", "srv":
		w := wantsUnlisted(name)
		w.Attributes = w.Attributes || identity.Concerns(name)
		return w
	case "var", "root", "home":
		w := wantsUnlisted(name)
		w.Attributes = w.Attributes || wantsState(name)
		switch {
		case name == dpkgStatusName:
			w.Content = maxDpkgStatus + 1
		case name == debconfName, name == bootPostinst:
			w.Attributes, w.Content = true, maxFile+1
		case w.Attributes && (strings.HasPrefix(name, "var/lib/") || identity.Concerns(name)):
			w.Content = maxState
		}
		return w
	}
	w := wantsProgram(name, merged)
	w.Attributes = w.Attributes || identity.Concerns(name)
	return w
}

// maxState bounds what is read of a file below var/lib: ids and the like.
const maxState = 4096

// maxHead bounds what is read of a program: its ELF header, or its first line.
const maxHead = maxShebang

// wantsProgram is for what a distribution puts into /usr; merged is the name without
// that, since there are roots with /bin, /sbin and /lib of their own.
func wantsProgram(name, merged string) Wanted {
	top, below, _ := strings.Cut(merged, "/")
	switch top {
	case "bin", "sbin", "libexec":
		w := Wanted{Attributes: true, Content: maxHead}
		if base := path.Base(name); strings.HasPrefix(base, "grub") || strings.HasPrefix(base, "update-grub") {
			w.Content = maxFile + 1 // those that are scripts
		}
		return w
	case "local":
		w := Wanted{}
		if strings.HasPrefix(below, "lib/systemd/") || strings.HasPrefix(below, "lib/modprobe.d/") || isBelow(below, "lib/udev/rules.d") {
			w.Attributes, w.Content = true, maxFile+1
		}
		w.Attributes = w.Attributes || below == "bin" || strings.HasPrefix(below, "bin/") || strings.HasPrefix(below, "sbin/") || below == ""
		return w
	case "share":
		for _, dir := range []string{"initramfs-tools/conf.d", "kernel"} {
			if isBelow(below, dir) {
				return Wanted{Attributes: true, Content: maxFile + 1}
			}
		}
		return Wanted{Attributes: isBelow(below, "grub2") || isBelow(below, "efi")}
	case "lib", "lib64":
		return wantsLibrary(below)
	}
	return Wanted{Attributes: !strings.Contains(name, "/")}
}

// wantsLibrary is for what is below /usr/lib.
func wantsLibrary(below string) Wanted {
	w := Wanted{Attributes: true}
	top, rest, _ := strings.Cut(below, "/")
	switch top {
	case "modules":
		_, file, _ := strings.Cut(rest, "/")
		switch {
		case strings.HasPrefix(file, "modules.") && !strings.HasSuffix(file, ".bin"):
			w.Content = hardware.MaxDatabase + 1
		case file == "pkgbase":
			w.Content = maxFile + 1
		case hardware.MayServe(file):
			w.Module = true
		default:
			w.Initramfs = isInitramfs(path.Base(file)) && !strings.Contains(file, "/")
		}
	case "systemd":
		w.Content = maxHead // systemd itself, which is init
		if isBelow(rest, "system") || isBelow(rest, "network") || strings.HasPrefix(rest, "networkd.conf.d/") {
			w.Content = maxFile + 1
		}
	case "udev":
		if w.Attributes = strings.Count(rest, "/") < 2; isBelow(rest, "rules.d") {
			w.Content = maxFile + 1
		}
	case "os-release", "modprobe.d", "dracut", "rpm", "open-iscsi", "NetworkManager", "ostree", "netplan":
		w.Content = maxFile + 1
	case "firmware", "grub", "grub2", "shim", "efi":
	default:
		w.Attributes = !strings.Contains(rest, "/")
	}
	return w
}

// isBootText says whether a name in /boot is that of a text: a boot menu or its
// like, and no kernel, initramfs or loader.
func isBootText(base string) bool {
	for _, end := range []string{".cfg", ".conf", ".CFG", ".CONF", ".txt", "grubenv", "cmdline", "device.map"} {
		if strings.HasSuffix(base, end) {
			return true
		}
	}
	return false
}

// isUnified says whether a name is that of a unified kernel image or an addon of one, see
// unifiedImages.
func isUnified(name string) bool {
	name = strings.ToLower(name)
	return strings.HasSuffix(name, ".efi") && (strings.Contains(name, "/efi/linux/") || strings.HasPrefix(name, "efi/efi/linux/") || strings.Contains(name, "/loader/addons/") || strings.HasPrefix(name, "efi/loader/addons/"))
}

// isInitramfs says whether a name is that of an initramfs, see initramfsNames.
func isInitramfs(base string) bool { return strings.HasPrefix(base, "initr") }

// wantsState says whether a name is one of those that tell a machine from its
// clones, or leads to them.
func wantsState(name string) bool {
	most := 3 // home/*/.ssh
	if strings.HasPrefix(name, "var/lib/") {
		most = 5
	}
	return strings.Count(name, "/") < most || identity.Concerns(name)
}

func isBelow(name, dir string) bool { return name == dir || strings.HasPrefix(name, dir+"/") }

package deploy

import "strings"

// Need is something that our own hooks must find in the image.
type Need struct {
	Name string // what it is for: "boot menu"
	// Any: one of these is enough; in the order in which the hooks look.
	Any []Means
	// Fatal: without it the hooks end with an error. Else they do without, and say so.
	Fatal bool
	// When says when it is needed at all; empty: always.
	When When
}

// Means is a set of things that together are enough: all of them.
type Means struct {
	Commands []string // in /usr/local, /usr or /, sbin or bin
	Files    []string // patterns as of path.Match, without a slash at the front, not empty
	Packages []string // that bring them, by the family's names
}

// When is a condition on a need.
type When string

const (
	Always  When = ""
	OnLVM   When = "the root is on LVM"
	OnMD    When = "the root is on md"
	OnLUKS  When = "the root is on LUKS"
	Rebuild When = "the initramfs is host-only or missing, or the root is on md, LVM, LUKS or multipath"
	SELinux When = "SELinux is enforcing"
	Network When = "the deployer has a network configuration"
)

// HooksNeed returns what the hooks need in an image of a family to deploy it to a
// machine with this firmware; arch is amd64 or arm64. There is nothing for BIOS on arm64:
// the hooks refuse it, and so it is nil.
func HooksNeed(family Family, firmware Firmware, arch string) []Need {
	if firmware == BIOS && arch != "amd64" {
		return nil
	}
	grubs := map[Family][]string{Debian: {"grub"}, Generic: {"grub", "grub2"}}[family]
	if grubs == nil {
		grubs = []string{"grub2"}
	}
	var menus []Means
	for _, grub := range grubs {
		menus = append(menus, Means{Commands: []string{grub + "-mkconfig"}, Packages: []string{map[Family]string{Debian: "grub-common", RHEL: "grub2-tools", SUSE: "grub2", Generic: grub}[family]}})
	}
	needs := []Need{
		{Name: "boot menu", Fatal: true, Any: menus},
		{Name: "kernel", Fatal: true, Any: []Means{{Files: []string{"boot/vmlinuz-*", "lib/modules/*/modules.dep"}}, {Files: []string{"boot/vmlinux-*", "lib/modules/*/modules.dep"}}, {Files: []string{"boot/Image-*", "lib/modules/*/modules.dep"}}}},
	}
	if firmware == BIOS {
		needs = append(needs, Need{Name: "loader for BIOS", Fatal: true, Any: modules(family, grubs, "i386-pc")})
	} else {
		needs = append(needs, Need{Name: "loader for UEFI", Fatal: true, Any: append(signed(family, arch), modules(family, grubs, efiTarget[arch])...)},
			Need{Name: "boot entry in the firmware", Any: []Means{{Commands: []string{"efibootmgr"}, Packages: []string{"efibootmgr"}}}})
	}
	dracut := Means{Commands: []string{"dracut"}, Packages: []string{"dracut"}}
	ramdisk := []Means{dracut}
	if family == Debian {
		ramdisk = []Means{{Commands: []string{"update-initramfs"}, Packages: []string{"initramfs-tools"}}, dracut}
	}
	cryptsetup := "cryptsetup"
	if family == Debian {
		cryptsetup = "cryptsetup-initramfs"
	}
	needs = append(needs,
		Need{Name: "initramfs", Fatal: true, When: Rebuild, Any: ramdisk},
		Need{Name: "LVM", Fatal: true, When: OnLVM, Any: []Means{{Commands: []string{"lvm"}, Packages: []string{"lvm2"}}}},
		Need{Name: "md", Fatal: true, When: OnMD, Any: []Means{{Commands: []string{"mdadm"}, Packages: []string{"mdadm"}}}},
		Need{Name: "LUKS", Fatal: true, When: OnLUKS, Any: []Means{{Commands: []string{"cryptsetup"}, Packages: []string{cryptsetup}}}},
		Need{Name: "network", When: Network, Any: []Means{{Commands: []string{"cloud-init"}, Packages: []string{"cloud-init"}}}},
	)
	if family == RHEL || family == SUSE {
		needs = append(needs, Need{Name: "labels", When: SELinux, Any: []Means{{Commands: []string{"setfiles"}, Packages: []string{"policycoreutils"}}}})
	}
	return needs
}

var (
	efiTarget = map[string]string{"amd64": "x86_64-efi", "arm64": "arm64-efi"}
	efiSuffix = map[string]string{"amd64": "x64", "arm64": "aa64"}
	uname     = map[string]string{"amd64": "x86_64", "arm64": "aarch64"}
)

// modules: grub-install makes a loader of these. It does not start with Secure Boot on.
func modules(family Family, grubs []string, target string) []Means {
	name := map[Family]map[string]string{
		Debian: {"i386-pc": "grub-pc-bin", "x86_64-efi": "grub-efi-amd64-bin", "arm64-efi": "grub-efi-arm64-bin"},
		RHEL:   {"i386-pc": "grub2-pc-modules", "x86_64-efi": "grub2-efi-x64-modules", "arm64-efi": "grub2-efi-aa64-modules"},
		SUSE:   {"i386-pc": "grub2-i386-pc", "x86_64-efi": "grub2-x86_64-efi", "arm64-efi": "grub2-arm64-efi"},
	}[family][target]
	var packages []string
	if name != "" {
		packages = []string{name}
	}
	var any []Means
	for _, grub := range grubs {
		for _, dir := range []string{"usr/lib/grub/", "usr/share/grub2/", "usr/lib/grub2/"} {
			any = append(any, Means{Commands: []string{grub + "-install"}, Files: []string{dir + target + "/modinfo.sh"}, Packages: packages})
		}
	}
	return any
}

// signed: the vendor's loaders, as the packages put them.
func signed(family Family, arch string) []Means {
	s, t := efiSuffix[arch], efiTarget[arch]
	switch family {
	case Debian:
		packages := []string{"shim-signed", "grub-efi-" + arch + "-signed"}
		var any []Means
		for _, tail := range []string{".efi.signed", ".efi.signed.latest"} {
			any = append(any, Means{Files: []string{"usr/lib/shim/shim" + s + tail, "usr/lib/grub/" + t + "-signed/grub" + s + ".efi.signed"}, Packages: packages})
		}
		return any
	case RHEL:
		packages := []string{"shim-" + s, "grub2-efi-" + s}
		return []Means{
			{Files: []string{"boot/efi/EFI/*/shim" + s + ".efi", "boot/efi/EFI/*/grub" + s + ".efi"}, Packages: packages},
			{Files: []string{"usr/lib/efi/shim/*/EFI/*/shim" + s + ".efi", "usr/lib/efi/grub2/*/EFI/*/grub" + s + ".efi"}, Packages: packages},
			// Amazon's has no shim, and may be at the removable path only.
			{Files: []string{"boot/efi/EFI/*/grub" + s + ".efi"}, Packages: packages[1:]},
			{Files: []string{"boot/efi/EFI/BOOT/BOOT" + strings.ToUpper(s) + ".EFI"}, Packages: packages[1:]},
		}
	case SUSE:
		return []Means{{Commands: []string{"shim-install", "grub2-install"}, Files: []string{"usr/share/efi/" + uname[arch] + "/shim.efi", "usr/share/efi/" + uname[arch] + "/grub.efi", modulesOf(t)}, Packages: []string{"shim", "grub2-" + t}}}
	}
	return nil
}

// modulesOf: shim-install runs grub2-install first.
func modulesOf(target string) string { return "usr/share/grub2/" + target + "/modinfo.sh" }

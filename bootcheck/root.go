package bootcheck

import (
	"path"
	"strings"
)

// checkRoot recognises roots that no deployer here installs as they are: those whose
// system is in a store of its own, or that start by something else than a kernel in
// /boot and GRUB.
func checkRoot(s *survey) {
	if dir := s.subRoot(); dir != "" {
		s.stop(Both, dir, "the root is in this folder: its etc and usr belong at the top of the image", "capture that folder").brief = "the root is in a folder of the image"
		return
	}
	kind, at, makes := s.rootKind()
	if kind == "" {
		s.ok("", "an ordinary root: files that a package manager has put in place")
		return
	}
	s.warn(at, kind+": "+makes, "deploy it by its own installer").brief = kind
	s.doubts(deploys|boots, Both, kind)
}

// subRoot returns the folder that holds a root, where the top has none: what comes of a
// capture, or a tar, from a directory further up.
func (s *survey) subRoot() string {
	if s.isDir("etc") || s.isDir("usr") {
		return ""
	}
	const deepest, most = 4, 64
	dirs := []string{"."}
	for range deepest {
		var next []string
		for _, dir := range dirs {
			for _, base := range s.list(dir) {
				name := path.Join(dir, base)
				if info, ok := s.lstat(name); !ok || !info.IsDir() || len(next) == most {
					continue
				}
				if s.isDir(path.Join(name, "etc")) && s.isDir(path.Join(name, "usr")) {
					return name
				}
				next = append(next, name)
			}
		}
		dirs = next
	}
	return ""
}

// rootKind returns what the root is, the path that tells, and what a deployer makes of
// it; empty for an ordinary one.
func (s *survey) rootKind() (kind, at, makes string) {
	const ostree = "deployments, /etc and /var are bound together at boot by ostree's own initramfs and its root=, which the deployer's boot menu has not"
	prepare := []string{"usr/lib/ostree/prepare-root.conf", "etc/ostree/prepare-root.conf"}
	isOSTree := s.isDir("sysroot/ostree") || s.isDir("ostree/repo") || s.isDir("ostree/deploy")
	switch {
	case s.composefs(prepare):
		return "a composefs root", prepare[0], "its files are objects that an EROFS image names, and a copy of them has no such image"
	case s.program("bootc") != "" && (isOSTree || s.isDir("usr/lib/bootc")):
		return "a bootc image", s.program("bootc"), "it is a container that bootc install puts on a disk; unpacked, it does not start"
	case isOSTree:
		return "an ostree root", "ostree", ostree
	case s.system.OS.ID == "nixos" || s.isDir("nix/store") && s.isDir("etc/nixos"):
		return "a NixOS root", "nix/store", "kernel, programs and boot entries are in /nix/store, and only nixos-install makes it boot"
	}
	for _, image := range []string{"LiveOS/squashfs.img", "LiveOS/rootfs.img", "casper/filesystem.squashfs", "live/filesystem.squashfs", "images/pxeboot", "squashfs-root.img"} {
		if _, there := s.lstat(image); there && s.noModules() {
			return "a live medium", image, "the system is in a read-only SquashFS or EROFS image in it: mount that, and capture it"
		}
	}
	if s.readOnlyRoot() {
		return "a read-only SquashFS or EROFS root", "etc/fstab", "its / is written to by an overlay only: the deployer makes a plain root of it, without the overlay"
	}
	if uki := s.uki(); uki != "" && s.noKernelImage() {
		return "a root with unified kernel images only", uki, "the deployers' GRUB finds no kernel in /boot, and the image's command line has the source's root="
	}
	return "", "", ""
}

// composefs says whether ostree's configuration switches composefs on.
func (s *survey) composefs(names []string) bool {
	for _, name := range names {
		for section, line := range s.sectionsOf(name) {
			key, value, _ := strings.Cut(line, "=")
			if v := strings.TrimSpace(value); section == "composefs" && strings.TrimSpace(key) == "enabled" && (v == "yes" || v == "true" || v == "1" || v == "signed" || v == "verity") {
				return true
			}
		}
	}
	return false
}

func (s *survey) sectionsOf(name string) func(func(string, string) bool) {
	if _, there := s.lstat(name); !there {
		return func(func(string, string) bool) {}
	}
	data, _ := s.read(name)
	return sections(string(data))
}

// noModules and noKernelImage: neither has what boots an ordinary root.
func (s *survey) noModules() bool { return len(s.kernels()) == 0 }

func (s *survey) noKernelImage() bool {
	for _, base := range s.list("boot") {
		if strings.HasPrefix(base, "vmlinu") || strings.HasPrefix(base, "Image-") {
			return false
		}
	}
	return true
}

// readOnlyRoot says whether fstab mounts / as a file system that cannot be written to.
func (s *survey) readOnlyRoot() bool {
	e, ok := s.mountOf("/")
	return ok && (e.kind == "squashfs" || e.kind == "erofs")
}

// uki returns a unified kernel image on the EFI system partition or in /boot.
func (s *survey) uki() string {
	for _, boot := range []string{"boot/efi", "boot", "efi"} {
		efi := s.fold(boot, "EFI")
		if efi == "" {
			continue
		}
		if dir := s.fold(efi, "Linux"); dir != "" {
			for _, base := range s.list(dir) {
				if strings.HasSuffix(strings.ToLower(base), ".efi") {
					return path.Join(dir, base)
				}
			}
		}
	}
	return ""
}

package bootcheck

import (
	"fmt"
	"path"
	"slices"
	"sort"
	"strings"
)

// kernel is one version that has a directory of modules.
type kernel struct {
	version string
	dir     string // "usr/lib/modules/V"
	flavour string // what stands for the version in /boot; empty where that does
	depmod  bool   // has modules.dep, as text or as kmod reads it
	indexed bool   // has modules.dep.bin
	image   string // path of the kernel image; empty when there is none
	hollow  string // an image that is empty or a dangling link, where there is no better one
}

// complete says whether the version can be started and load its modules.
func (k kernel) complete() bool { return k.depmod && k.image != "" }

// spare says whether a version is for emergencies only: dracut's rescue images
// and kernels built for kdump.
func spare(version string) bool {
	return strings.Contains(version, "rescue") || strings.Contains(version, "kdump")
}

// kernels returns the versions that have a directory of modules, sorted by
// bytes. A root whose /usr is not merged has them in /lib.
func (t *tree) kernels() []kernel { return slices.Clone(t.versions.get(t, t.findKernels)) }

func (t *tree) findKernels() []kernel {
	var found []kernel
	for _, root := range []string{"usr/lib/modules", "lib/modules"} {
		for _, v := range t.list(root) {
			dir := path.Join(root, v)
			if spare(v) || !t.isDir(dir) ||
				slices.ContainsFunc(found, func(k kernel) bool { return k.version == v }) {
				continue
			}
			k := kernel{version: v, dir: dir, indexed: t.isFile(path.Join(dir, "modules.dep.bin")), flavour: t.flavour(v, dir)}
			k.depmod = k.indexed || t.isFile(path.Join(dir, "modules.dep"))
			names := []string{"boot/vmlinuz-" + v, "boot/vmlinux-" + v, "boot/Image-" + v, "boot/kernel-" + v}
			if k.flavour != "" {
				names = append(names, "boot/vmlinuz-"+k.flavour)
			}
			k.image, k.hollow = t.firstFilled(append(names, path.Join(dir, "vmlinuz"))...)
			found = append(found, k)
		}
	}
	sort.Slice(found, func(i, j int) bool { return found[i].version < found[j].version })
	return found
}

// flavour returns the name by which a distribution that keeps one version of each
// kernel has its files in /boot: "linux" and "linux-lts" in Arch, which writes it
// beside the modules (mkinitcpio's hook for pacman reads it there), "lts" and "virt"
// in Alpine, where the version ends in it. Empty in all others.
func (t *tree) flavour(version, dir string) string {
	if name := path.Join(dir, "pkgbase"); t.isFile(name) {
		if data, ok := t.head(name, 256); ok {
			if base := strings.TrimSpace(string(data)); base != "" && !strings.ContainsAny(base, "/\x00\n") {
				return base
			}
		}
	}
	dash := strings.LastIndexByte(version, '-')
	if dash < 0 || dash+1 == len(version) {
		return ""
	}
	name := version[dash+1:]
	// Alpine's package has the version of what is in /boot here.
	data, ok := []byte(nil), false
	if release := path.Join("usr/share/kernel", name, "kernel.release"); t.isFile(release) {
		data, ok = t.head(release, 256)
	}
	if ok && strings.TrimSpace(string(data)) == version {
		return name
	}
	return ""
}

// firstFilled returns the first of names that is a file with a content, and the
// first that is there without one.
func (t *tree) firstFilled(names ...string) (filled, hollow string) {
	for _, name := range names {
		if _, there := t.lstat(name); !there {
			continue
		}
		if t.isFilled(name) {
			return name, hollow
		}
		if hollow == "" {
			hollow = name
		}
	}
	return "", hollow
}

// checkKernel asks for a kernel with its modules.
func checkKernel(s *survey) {
	all := s.kernels()
	some := slices.ContainsFunc(all, kernel.complete)
	for _, k := range all {
		switch {
		case k.complete() && !k.indexed && s.program("kmod") != "":
			s.stopStart(k, k.dir, "has no modules.dep.bin, and kmod reads no other list: kernel "+k.version+" cannot load a module", "depmod -a "+k.version)
		case k.complete():
			s.ok(k.image, "kernel "+k.version+", modules in /"+k.dir)
		case k.image != "" && some && s.starts(k):
			s.stop(Both, k.dir, "has no modules.dep: kernel "+k.version+", which the clone starts, cannot load its modules", "depmod -a "+k.version)
		case k.image != "":
			s.warn(k.dir, "has no modules.dep: kernel "+k.version+" cannot load its modules",
				"depmod -a "+k.version)
		case k.hollow != "":
			s.warn(k.hollow, "is empty or leads nowhere: there is no image of kernel "+k.version,
				"install the kernel again; "+s.bootHint())
		case k.depmod && some:
			s.info(k.dir, "modules without a kernel image: left over from an older kernel?", "")
		case k.depmod:
			s.warn(k.dir, "modules without a kernel image", s.bootHint())
		}
	}
	if !some {
		s.stop(Both, "usr/lib/modules", "there is no kernel: a version with modules.dep here and an image in /boot",
			s.kernelHint(len(all) > 0))
		return
	}
	if s.hooked() {
		s.judgeHookKernel()
	}
	if s.builtIn() && s.system.OS.family() == familyRedHat && len(s.system.Kernels) > 1 {
		s.warn("", fmt.Sprintf("there are %d kernels: with the Param curtin/partitions set, curtin glues their names together, and dracut stops", len(s.system.Kernels)),
			"remove all but one, or keep the layout simple").because("the deployment ends there").offerHooks(s)
	}
}

// judgeHookKernel asks for a kernel where the hooks look.
func (s *survey) judgeHookKernel() {
	fw := UEFI
	if s.hasBIOS() {
		fw = BIOS
	}
	for _, n := range s.hooksNeed(fw) {
		if means, _ := s.met(n); n.Name == "kernel" && means == nil {
			s.stop(Both, "boot", "there is no kernel here, and the hooks look for kernels nowhere else", "put the kernel image into /boot as vmlinuz-VERSION")
		}
	}
}

// bootHint says what to look at where /boot has no kernel.
func (s *survey) bootHint() string {
	if e, own := s.mountOf("/boot"); own {
		return "/boot is a filesystem of its own (" + shorten(e.source) + " in fstab): mount it, and capture it too"
	}
	return "is /boot mounted?"
}

// kernelHint says how to get a kernel.
func (s *survey) kernelHint(modules bool) string {
	if _, own := s.mountOf("/boot"); own && modules {
		return s.bootHint()
	}
	if p := kernelPackage(s.system); p != "" {
		return s.install(p)
	}
	return "install a kernel"
}

// kernelPackage names what to install for a kernel.
func kernelPackage(sys System) string {
	switch sys.OS.family() {
	case familyDebian:
		switch {
		case sys.OS.ID == "ubuntu":
			return "linux-image-generic"
		case sys.Arch == "aarch64":
			return "linux-image-arm64"
		}
		return "linux-image-amd64"
	case familyRedHat:
		return "kernel"
	case familySUSE:
		return "kernel-default"
	case familyArch, familyPhoton:
		return "linux"
	case familyAlpine:
		return "linux-lts"
	}
	return ""
}

// initramfsNames are where a kernel's initramfs is: the names of initramfs-tools,
// dracut, SUSE's dracut, and those of mkinitcpio and mkinitfs by flavour.
func (k kernel) initramfsNames() []string {
	names := []string{"boot/initrd.img-" + k.version, "boot/initramfs-" + k.version + ".img", "boot/initrd-" + k.version}
	if k.flavour != "" {
		names = append(names, "boot/initramfs-"+k.flavour+".img", "boot/initramfs-"+k.flavour)
	}
	return names
}

// checkInitramfs asks for an initramfs with each kernel.
func checkInitramfs(s *survey) {
	var without []kernel
	total, good := 0, 0
	for _, k := range s.kernels() {
		if !k.complete() {
			continue
		}
		total++
		filled, hollow := s.firstFilled(k.initramfsNames()...)
		switch {
		case filled != "":
			good++
			s.ok(filled, "initramfs of kernel "+k.version)
		case hollow != "":
			s.stopStart(k, hollow, "is empty or leads nowhere: kernel "+k.version+" has no initramfs", s.initramfsHint(k))
		default:
			without = append(without, k)
		}
	}
	if total == 0 {
		s.info("", "not checked: there is no kernel", "")
		return
	}
	for _, k := range without {
		problem := fmt.Sprintf("kernel %s has no initramfs", k.version)
		first, known := s.defaultKernel()
		switch {
		case good == 0:
			s.stop(Both, "boot", problem, s.initramfsHint(k))
		case known && first.version == k.version && !s.ourHooks(): // they make it
			s.stop(Both, "boot", problem+", and the clone starts this one: another has one", s.initramfsHint(k))
		default:
			s.warn("boot", problem+", and another kernel has one", s.initramfsHint(k))
		}
	}
	s.checkMenu()
}

// initramfsHint says how to make the initramfs of a kernel.
func (s *survey) initramfsHint(k kernel) string {
	switch fam := s.system.OS.family(); {
	case fam == familyDebian && s.program("update-initramfs") != "":
		return "update-initramfs -c -k " + k.version
	case fam == familyArch && k.flavour != "":
		return "mkinitcpio -p " + k.flavour
	case fam == familyAlpine:
		return "mkinitfs " + k.version
	case fam == familyDebian:
		return "install initramfs-tools, and update-initramfs -c -k " + k.version
	}
	return "dracut --force --no-hostonly --kver " + k.version
}

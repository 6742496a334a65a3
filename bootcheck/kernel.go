package bootcheck

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// kernel is one version that has a directory of modules.
type kernel struct {
	version string
	dir     string // "usr/lib/modules/V"
	depmod  bool   // has modules.dep
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
func (t *tree) kernels() []kernel {
	var found []kernel
	for _, root := range []string{"usr/lib/modules", "lib/modules"} {
		for _, v := range t.list(root) {
			dir := path.Join(root, v)
			if spare(v) || !t.isDir(dir) ||
				slices.ContainsFunc(found, func(k kernel) bool { return k.version == v }) {
				continue
			}
			k := kernel{version: v, dir: dir, depmod: t.isFile(path.Join(dir, "modules.dep"))}
			k.image, k.hollow = t.firstFilled(
				"boot/vmlinuz-"+v, "boot/vmlinux-"+v, "boot/Image-"+v, path.Join(dir, "vmlinuz"))
			found = append(found, k)
		}
	}
	slices.SortFunc(found, func(a, b kernel) int { return cmp.Compare(a.version, b.version) })
	return found
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
		case k.complete():
			s.ok(k.image, "kernel "+k.version+", modules in /"+k.dir)
		case k.image != "":
			s.warn(k.dir, "has no modules.dep: kernel "+k.version+" cannot load its modules",
				"depmod -a "+k.version)
		case k.hollow != "":
			s.warn(k.hollow, "is empty or leads nowhere: there is no image of kernel "+k.version,
				"install the kernel again; is /boot mounted?")
		case k.depmod && some:
			s.info(k.dir, "modules without a kernel image: left over from an older kernel?", "")
		case k.depmod:
			s.warn(k.dir, "modules without a kernel image", "is /boot mounted?")
		}
	}
	if !some {
		s.fail("usr/lib/modules", "there is no kernel: a version with modules.dep here and an image in /boot",
			"install "+kernelPackage(s.system))
		return
	}
	if s.opt.Deployer == ImageDeploy {
		s.checkKernelNames()
	}
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
	}
	return "a kernel"
}

// curtinKernel is what curtin's paths.kernel_parse expects of every file in
// /boot that its get_kernel_list finds by the pattern vmlinu*-*: a number
// between two dashes. It stops at the first other name.
var curtinKernel = regexp.MustCompile(`^vmlinu.-[0-9.-]+-`)

// checkKernelNames warns of kernels that curtin overlooks or stumbles over.
func (s *survey) checkKernelNames() {
	found := false
	for _, base := range s.list("boot") {
		if !strings.HasPrefix(base, "vmlinu") || !strings.Contains(base, "-") {
			continue
		}
		found = true
		if !curtinKernel.MatchString(base) {
			s.warn(path.Join("boot", base), "curtin needs two dashes in a kernel's name, with a number between them",
				"rename the kernel, or remove it from /boot")
		}
	}
	if !found {
		s.warn("boot", "there is no vmlinuz-* here, and curtin looks for kernels nowhere else",
			"put the kernel image into /boot as vmlinuz-VERSION")
	}
}

// checkInitramfs asks for an initramfs with each kernel. The names are those of
// initramfs-tools, dracut, and SUSE's dracut.
func checkInitramfs(s *survey) {
	var without []string
	total, good := 0, 0
	for _, k := range s.kernels() {
		if !k.complete() {
			continue
		}
		total++
		filled, hollow := s.firstFilled(
			"boot/initrd.img-"+k.version, "boot/initramfs-"+k.version+".img", "boot/initrd-"+k.version)
		switch {
		case filled != "":
			good++
			s.ok(filled, "initramfs of kernel "+k.version)
		case hollow != "":
			s.fail(hollow, "is empty or leads nowhere: kernel "+k.version+" has no initramfs", s.initramfsHint(k.version))
		default:
			without = append(without, k.version)
		}
	}
	if total == 0 {
		s.info("", "not checked: there is no kernel", "")
		return
	}
	for _, v := range without {
		problem := fmt.Sprintf("kernel %s has no initramfs", v)
		if good == 0 {
			s.fail("boot", problem, s.initramfsHint(v))
		} else {
			s.warn("boot", problem+", and another kernel has one", s.initramfsHint(v))
		}
	}
}

// initramfsHint says how to make the initramfs of a version.
func (s *survey) initramfsHint(version string) string {
	if s.system.OS.family() == familyDebian {
		return "update-initramfs -c -k " + version
	}
	return "dracut --force --no-hostonly --kver " + version
}

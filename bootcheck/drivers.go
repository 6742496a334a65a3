package bootcheck

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"image-capture/bootcheck/hardware"
)

// group is a kind of machines, and the drivers that nearly all of that kind need
// one of.
type group struct {
	name    string
	drivers []string
}

// groups are of servers and virtual machines as they are sold today, on x86_64
// and aarch64.
var groups = []group{
	{"the disks of physical servers", []string{"ahci", "nvme", "megaraid_sas", "mpt3sas", "smartpqi", "hpsa"}},
	{"the network of physical servers", []string{"ixgbe", "i40e", "ice", "bnxt_en", "mlx5_core", "tg3"}},
	{"virtual machines (virtio)", []string{"virtio_blk", "virtio_scsi", "virtio_net"}},
}

// checkDrivers looks for the drivers of common machines in each kernel, where it
// is not known which machine the image is for. That one of them is missing says
// little: Enterprise Linux retires those of old hardware. A kernel without most
// of a group was made for other machines, as Debian's -cloud- kernel is.
func checkDrivers(s *survey) {
	kernels := s.complete()
	switch {
	case s.opt.Target != nil:
		s.info("", "not judged by what is common: the machine is known, see target-drivers", "")
		return
	case len(kernels) == 0:
		s.info("", "not checked: there is no kernel", "")
		return
	case s.system.Arch != "x86_64" && s.system.Arch != "aarch64":
		s.info("", "not checked: it is not known which drivers are common for this architecture", "")
		return
	}
	conf := s.moduleConfig()
	for _, k := range kernels {
		m, ok := s.modules(k)
		if !ok {
			continue
		}
		for _, g := range groups {
			s.checkGroup(k, m, conf, g)
		}
	}
}

func (s *survey) checkGroup(k kernel, m *hardware.Modules, conf *hardware.Config, g group) {
	var missing []string
	blocked := false
	for _, name := range g.drivers {
		mod, ok := m.Lookup(name)
		if !ok {
			missing = append(missing, name)
			continue
		}
		// kmod loads none that is kept from it, and the machine is as one without.
		if why, file := conf.Blocked(mod); why != "" {
			blocked = true
			problem := fmt.Sprintf("module %s %s, and drives %s", name, why, g.name)
			if !slices.ContainsFunc(s.findings, func(f Finding) bool { return f.Rule == s.rule.name && f.Problem == problem }) { // of another kernel
				s.warn(file, problem, "take that out of /"+file)
			}
		}
	}
	names := strings.Join(missing, ", ")
	switch n := len(missing); {
	case n == 0 && blocked: // told
	case n == 0:
		s.ok(k.dir, fmt.Sprintf("kernel %s has the drivers for %s", k.version, g.name))
	case n == len(g.drivers):
		s.warn(k.dir, fmt.Sprintf("kernel %s has none of the drivers for %s: no %s", k.version, g.name, names), s.moreDrivers(k))
	case 2*n > len(g.drivers):
		s.warn(k.dir, fmt.Sprintf("kernel %s lacks most of the drivers for %s: no %s", k.version, g.name, names), s.moreDrivers(k))
	default:
		s.info(k.dir, fmt.Sprintf("kernel %s lacks some of the drivers for %s: no %s", k.version, g.name, names), "")
	}
}

// complete returns the kernels that can be started.
func (s *survey) complete() []kernel {
	var list []kernel
	for _, k := range s.kernels() {
		if k.complete() {
			list = append(list, k)
		}
	}
	return list
}

// modules opens the database of a kernel's modules; what keeps it from being read
// is noted.
func (s *survey) modules(k kernel) (*hardware.Modules, bool) {
	m, err := hardware.OpenModules(s.fsys, k.dir)
	if err != nil {
		s.noteError(k.dir, err)
		return nil, false
	}
	return m, true
}

// noteError notes an error of package hardware, which names the path in it.
func (s *survey) noteError(dir string, err error) {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		s.note(pe.Path, "cannot be read: "+pe.Err.Error())
		return
	}
	s.note(dir, "cannot be judged: "+err.Error())
}

// moreDrivers names the package that has the drivers which a kernel lacks; empty
// where there is none to name.
func (s *survey) moreDrivers(k kernel) string {
	os := s.system.OS
	switch os.family() {
	case familyDebian:
		arch := "amd64"
		if s.system.Arch == "aarch64" {
			arch = "arm64"
		}
		switch {
		case os.ID == "ubuntu":
			// linux-image-virtual and the clouds' kernels leave them to this one.
			return "install linux-modules-extra-" + k.version + ", or linux-image-generic"
		case strings.Contains(k.version, "-cloud-"):
			return fmt.Sprintf("install linux-image-%s in place of linux-image-cloud-%s", arch, arch)
		}
		return "install a newer kernel, or the driver as a DKMS package"
	case familyRedHat:
		// kernel-core alone has what a virtual machine needs. Before Enterprise Linux
		// 8 a kernel was one package.
		if strings.Contains(k.version, ".el6") || strings.Contains(k.version, ".el7") {
			return ""
		}
		return fmt.Sprintf("install kernel-modules-%s and kernel-modules-extra-%s", k.version, k.version)
	case familySUSE:
		return "install kernel-default in place of kernel-default-base"
	}
	return ""
}

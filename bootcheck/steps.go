package bootcheck

import (
	"fmt"
	"slices"

	"image-capture/entry"
)

// Step is one of those by which a clone comes up, in their order, and the file of the image
// that it relies on.
type Step struct {
	Name string `json:"step"`           // one of steps
	File string `json:"file,omitempty"` // absolute in the image, printable; empty when the image holds none
	// By is who writes what the step reads, where that is not in the image.
	By     string `json:"by,omitempty"`
	Answer Answer `json:"answer"`
	Why    string `json:"why,omitempty"` // where it is not Yes
}

// The steps. A rule's answers belong to one of them; what belongs to none comes last.
const (
	stepImage     = "image" // what the deployer takes it for, and finds in it
	stepFirmware  = "firmware"
	stepLoader    = "loader"
	stepKernel    = "kernel"
	stepInitramfs = "initramfs"
	stepFstab     = "fstab"
)

var steps = []string{stepImage, stepFirmware, stepLoader, stepKernel, stepInitramfs, stepFstab}

var stepOf = map[string]string{
	"distro": stepImage, "root": stepImage, "arch": stepImage, "curtin": stepImage, "lsb-release": stepImage, "packages": stepImage,
	"grub-uefi": stepFirmware, "grub-bios": stepFirmware,
	"grub-tools": stepLoader, "command-line": stepLoader, "grub-multi-install": stepLoader,
	"kernel": stepKernel, "drivers": stepKernel, "target-drivers": stepKernel,
	"initramfs": stepInitramfs, "initramfs-content": stepInitramfs, "initramfs-host-only": stepInitramfs, "resume": stepInitramfs, "storage-identity": stepInitramfs,
}

func stepOfRule(name string) string {
	if step := stepOf[name]; step != "" {
		return step
	}
	return stepFstab
}

// path follows the steps under a firmware, and returns how many findings stop it.
func (s *survey) path(fw Firmware) (list []Step, problems int) {
	for _, name := range steps {
		step := Step{Name: name, Answer: Yes}
		step.File, step.By = s.reliesOn(name, fw)
		for _, f := range s.findings {
			if slices.Contains(f.Stops, fw) && stepOfRule(f.Rule) == name {
				if problems++; step.Answer != No {
					step.Answer, step.Why = No, f.inBrief()
				}
			}
		}
		_, known := efiMachines[s.system.Arch]
		if step.Answer == Yes {
			switch {
			case name == stepImage && s.system.Arch == "":
				step.Answer, step.Why = NotJudged, "the architecture is unknown"
			case name == stepFirmware && fw == UEFI && !known && s.system.Arch != "":
				step.Answer, step.Why = NotJudged, "only x86_64 and aarch64 are"
			default:
				if why := s.doubtOf(boots, fw, name); why != "" {
					step.Answer, step.Why = NotJudged, why
				}
			}
		}
		list = append(list, step)
	}
	return list, problems
}

// reliesOn returns the file that a step relies on, and who writes it where it is not in the
// image.
func (s *survey) reliesOn(step string, fw Firmware) (file, by string) {
	deployer := "Eikon"
	switch {
	case s.ourHooks():
		deployer = "our hooks"
	case s.hooked():
		deployer = "the image's own hooks"
	case s.builtIn():
		deployer = s.curtinName()
	}
	first, known := s.defaultKernel()
	switch step {
	case stepImage:
		_, file = s.release()
		by = deployer
	case stepFirmware:
		i := slices.IndexFunc(s.findings, func(f Finding) bool { return f.loads&fw != 0 })
		if i < 0 {
			return "", ""
		}
		return s.findings[i].Path, ""
	case stepLoader:
		file = "etc/default/grub"
		if entries := s.entries(); s.readsEntries() && len(entries) > 0 {
			file = s.defaultEntry(entries).file
		}
		if by = s.program("grub2-mkconfig", "grub-mkconfig"); by != "" {
			by = "/" + by
		}
		if !s.isFile(file) {
			file = ""
		}
	case stepKernel:
		if file = first.image; !known {
			file = s.firstOfMenu()
		}
	case stepInitramfs:
		if known {
			file, _ = s.firstFilled(first.initramfsNames()...)
		}
	case stepFstab:
		if s.opt.Deployer == Eikon && s.isFile(fstabName) {
			return shown(fstabName), ""
		}
		by = deployer
	}
	return shown(file), by
}

// shown is a path as findings have it.
func shown(name string) string {
	if name == "" {
		return ""
	}
	return entry.Escape("/" + name)
}

// answerOf puts the steps together: the first that is No counts, else the first that is not
// judged.
func answerOf(list []Step, problems int) (Answer, string) {
	for _, want := range []Answer{No, NotJudged} {
		if i := slices.IndexFunc(list, func(step Step) bool { return step.Answer == want }); i >= 0 {
			why := list[i].Why
			if want == No && problems > 1 {
				why = fmt.Sprintf("%s, and %d more", why, problems-1)
			}
			return want, why
		}
	}
	return Yes, ""
}

// String is the step in a word or two: what it is, and the file or whoever it relies on.
func (s Step) String() string {
	switch {
	case s.File != "":
		return s.Name + " " + s.File
	case s.By != "":
		return s.Name + " of " + s.By
	}
	return s.Name + " -"
}

package bootcheck

import (
	"fmt"
	"slices"
	"strings"

	"image-capture/bootcheck/hardware"
)

// lack is what keeps a kernel from driving a device. The zero value is for one
// that it does drive.
type lack struct {
	path, problem, hint string
	unsure              bool // a driver that is built in might do it
}

// checkTargetDrivers asks for each kernel whether the machine that the image is
// for finds the drivers of its storage and network in it: a module that is there
// and not blacklisted, and for storage in the initramfs too. By package hardware,
// which looks modules up as modprobe(8) does.
//
// Where another kernel drives the device, and the clone does not start this one, it is
// a warning.
func checkTargetDrivers(s *survey) {
	target, kernels := s.opt.Target, s.complete()
	switch {
	case target == nil:
		s.info("", "not checked: it is not known which machine the image is for", "")
		return
	case len(kernels) == 0:
		s.info("", "not checked: there is no kernel", "")
		return
	}
	devices := slices.DeleteFunc(slices.Clone(target.Devices), func(d hardware.Device) bool { return d.Kind == hardware.Other })
	for _, kind := range []hardware.Kind{hardware.Storage, hardware.Network} {
		if !slices.ContainsFunc(devices, func(d hardware.Device) bool { return d.Kind == kind }) {
			s.info("", fmt.Sprintf("nothing is known of the machine's %s: there is no such device in its list", kind), "")
		}
	}
	conf := s.moduleConfig()
	var judged []*driving
	for _, k := range kernels {
		d := &driving{survey: s, kernel: k, conf: conf, lacks: make([]lack, len(devices)), asked: map[string]bool{}}
		if d.judge(devices) {
			judged = append(judged, d)
		}
	}
	for _, d := range judged {
		for i, device := range devices {
			if d.lacks[i].problem == "" {
				continue
			}
			other := slices.ContainsFunc(judged, func(o *driving) bool { return o.lacks[i].problem == "" })
			first, known := s.defaultKernel()
			s.reportLack(device, d.lacks[i], other, known && first.version == d.kernel.version)
		}
		d.reportDriven(devices)
	}
}

// reportLack reports a device that a kernel does not drive, and whether another
// one does, which helps where it is the one that the clone starts.
func (s *survey) reportLack(d hardware.Device, l lack, other, starts bool) {
	if other && starts {
		l.problem += "; another kernel drives it, and the clone starts this one"
	}
	switch {
	case other && !starts:
		s.warn(l.path, l.problem+"; another kernel drives it", l.hint)
	case d.Minor || l.unsure:
		s.warn(l.path, l.problem, l.hint)
	case d.Kind == hardware.Storage:
		s.stop(Both, l.path, l.problem, l.hint)
	default:
		s.fail(l.path, l.problem, l.hint)
	}
}

// moduleConfig reads what modprobe.d and the kernel's command lines say.
func (s *survey) moduleConfig() *hardware.Config {
	conf, err := hardware.ReadConfig(s.fsys)
	if err != nil {
		s.noteError("etc/modprobe.d", err)
	}
	for _, line := range s.commandLines() {
		conf.CommandLine(line.file, line.words)
	}
	return conf
}

// driving is a kernel and what it drives of the machine.
type driving struct {
	*survey
	kernel  kernel
	conf    *hardware.Config
	modules *hardware.Modules
	early   *built // its initramfs; nil when there is none that could be read

	lacks []lack            // one a device
	used  [2][]string       // the modules, of storage and of the network
	asked map[string]bool   // the modules whose firmware and soft dependencies were looked for
	parts []func() *Finding // what is wrong with them, to be reported behind the lacks
}

// judge fills the lacks; false when the kernel's modules are not known.
func (d *driving) judge(devices []hardware.Device) bool {
	var ok bool
	if d.modules, ok = d.survey.modules(d.kernel); !ok {
		return false
	}
	for _, b := range d.initramfses() {
		if b.kernel.version == d.kernel.version && b.whole() {
			d.early = &b
		}
	}
	for i, device := range devices {
		mods, err := d.candidates(device)
		if err != nil {
			d.noteError(d.kernel.dir, err)
			return false
		}
		d.lacks[i] = d.device(device, mods)
	}
	return true
}

// candidates returns the modules that a device would get.
func (d *driving) candidates(device hardware.Device) ([]hardware.Module, error) {
	var list []hardware.Module
	for _, name := range d.conf.Aliases(device.Modalias) {
		if mod, ok := d.modules.Lookup(name); ok {
			list = append(list, mod)
		}
	}
	if len(list) > 0 {
		return list, nil
	}
	return d.modules.Drivers(device)
}

// device judges one: the first of the candidates that serves it is enough.
func (d *driving) device(device hardware.Device, mods []hardware.Module) lack {
	if len(mods) == 0 {
		return d.noDriver(device)
	}
	var first lack
	for _, mod := range mods {
		l := d.loads(device, mod)
		if l.problem == "" && device.Kind == hardware.Storage && !device.Minor {
			l = d.loadsEarly(device, mod)
		}
		if l.problem == "" {
			d.use(device, mod)
			return l
		}
		if first.problem == "" {
			first = l
		}
	}
	return first
}

func (d *driving) noDriver(device hardware.Device) lack {
	l := lack{path: d.kernel.dir, hint: d.moreDrivers(d.kernel)}
	l.problem = fmt.Sprintf("kernel %s has no driver for the machine's %s", d.kernel.version, describe(device))
	if inside := d.modules.Unlisted(device.Kind); len(inside) > 0 {
		l.unsure = true
		l.problem += ", unless one that is built in serves it: " + shortenList(inside)
	}
	return l
}

// loads judges whether the root would load a module for a device.
func (d *driving) loads(device hardware.Device, mod hardware.Module) lack {
	if why, file := d.conf.Blocked(mod); why != "" {
		return lack{path: file, hint: "take that out of /" + file,
			problem: fmt.Sprintf("module %s %s, and drives the machine's %s", mod.Name, why, describe(device))}
	}
	if l := d.exists(device, mod); l.problem != "" {
		return l
	}
	for _, need := range d.modules.Needs(mod) {
		if why, file := d.conf.BlockedAsNeed(need); why != "" {
			return lack{path: file, hint: "take that out of /" + file,
				problem: fmt.Sprintf("module %s %s; %s needs it to drive the machine's %s", need.Name, why, mod.Name, describe(device))}
		}
		if l := d.exists(device, need); l.problem != "" {
			return l
		}
	}
	return lack{}
}

// exists judges whether the file of a module is there: depmod's list may be of
// another day.
func (d *driving) exists(device hardware.Device, mod hardware.Module) lack {
	if mod.BuiltIn || mod.File != "" && d.isFilled(mod.File) {
		return lack{}
	}
	path := mod.File
	if path == "" {
		path = d.kernel.dir
	}
	return lack{path: path, hint: "install kernel " + d.kernel.version + " again",
		problem: fmt.Sprintf("module %s is missing in spite of modules.dep; it is for the machine's %s", mod.Name, describe(device))}
}

// loadsEarly judges whether the initramfs has a module that the disk is found by.
func (d *driving) loadsEarly(device hardware.Device, mod hardware.Module) lack {
	if d.early == nil || mod.BuiltIn || d.early.content.HasFor(d.kernel.version, mod.Name) {
		return lack{}
	}
	return lack{path: d.early.name, hint: d.initramfsHint(d.kernel),
		problem: fmt.Sprintf("module %s is not in it, and drives the machine's %s", mod.Name, describe(device))}
}

// use records a module that serves a device, and what it may miss: it is loaded
// all the same.
func (d *driving) use(device hardware.Device, mod hardware.Module) {
	row := &d.used[0]
	if device.Kind == hardware.Network {
		row = &d.used[1]
	}
	if !slices.Contains(*row, mod.Name) {
		*row = append(*row, mod.Name)
	}
	if d.asked[mod.Name] {
		return
	}
	d.asked[mod.Name] = true
	for _, want := range d.modules.Wants(mod) {
		found, err := d.modules.Match(want)
		if err == nil && !slices.ContainsFunc(found, hardware.Module.Exists) {
			d.parts = append(d.parts, func() *Finding {
				return d.warn(mod.File, fmt.Sprintf("asks for module %s, which kernel %s does not have; it drives the machine's %s",
					want, d.kernel.version, describe(device)), d.moreDrivers(d.kernel))
			})
		}
	}
	d.useFirmware(device, mod)
}

// reportDriven reports what the kernel does drive, and what is missing for that.
func (d *driving) reportDriven(devices []hardware.Device) {
	for _, part := range d.parts {
		part()
	}
	var what []string
	for i, kind := range []hardware.Kind{hardware.Storage, hardware.Network} {
		if len(d.used[i]) > 0 {
			what = append(what, fmt.Sprintf("%s (%s)", kind, shortenList(d.used[i])))
		}
	}
	lacking := slices.ContainsFunc(d.lacks, func(l lack) bool { return l.problem != "" })
	switch {
	case len(what) == 0:
	case lacking:
		d.info(d.kernel.dir, fmt.Sprintf("kernel %s drives of the machine only: %s", d.kernel.version, strings.Join(what, ", ")), "")
	default:
		d.ok(d.kernel.dir, fmt.Sprintf("kernel %s drives the machine's %s", d.kernel.version, strings.Join(what, " and ")))
	}
}

// describe names a device for people: "storage device 1000:0016 (of 1028:1fcb),
// pci:v0000...".
func describe(d hardware.Device) string {
	text := fmt.Sprintf("%s device %s", d.Kind, d.ID())
	if d.Modalias != "" && d.Modalias != d.ID() {
		text += ", " + d.Modalias
	}
	if d.Modalias == "" {
		text = fmt.Sprintf("%s device that %s drives", d.Kind, d.Driver)
	}
	return text
}

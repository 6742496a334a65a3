package bootcheck

import (
	"path"
	"slices"
	"strings"
)

// unitDirs are where units are looked for, the first wins; see
// systemd.unit(5). On a merged /usr the last two are one.
var unitDirs = []string{
	"etc/systemd/system", "usr/local/lib/systemd/system", "usr/lib/systemd/system", "lib/systemd/system",
}

// generatorDirs are where generators are looked for, the first wins; see
// systemd.generator(7).
var generatorDirs = []string{
	"etc/systemd/system-generators", "usr/local/lib/systemd/system-generators",
	"usr/lib/systemd/system-generators", "lib/systemd/system-generators",
}

// The units of cloud-init. Release 24.3 split the main stage in two, and
// distributions took that up at different times.
var (
	mainUnits = []string{"cloud-init.service", "cloud-init-network.service", "cloud-init-main.service"}
	allUnits  = append([]string{
		"cloud-init.target", "cloud-init-local.service", "cloud-config.service", "cloud-final.service",
	}, mainUnits...)
)

// bootTargets are the targets that every boot reaches.
var bootTargets = []string{"multi-user.target", "graphical.target", "default.target", "basic.target", "sysinit.target"}

// unit is what systemd makes of one name.
type unit struct {
	name string // the path that counts; empty when there is none
	mask string // the path that masks it
}

// lookup finds base in dirs as systemd does: the first one counts, and a link to
// /dev/null or an empty file in its place masks what is behind it.
func (t *tree) lookup(dirs []string, base string) unit {
	mask := ""
	for _, dir := range dirs {
		name := path.Join(dir, base)
		if _, there := t.lstat(name); !there {
			continue
		}
		switch {
		case t.masks(name):
			if mask == "" {
				mask = name
			}
		case t.isFile(name):
			// Where nothing is behind a mask it is none: Debian's packages
			// leave masks when they are removed.
			return unit{name: name, mask: mask}
		}
	}
	return unit{}
}

// masks says whether name is a link to /dev/null, which need not be in the
// image, or an empty file.
func (t *tree) masks(name string) bool {
	for range maxHops {
		target, ok := t.link(name)
		if !ok {
			break
		}
		if name = inRoot(path.Dir(name), target); name == "dev/null" {
			return true
		}
	}
	info, there := t.stat(name)
	return there && info.Mode().IsRegular() && info.Size() == 0
}

// wants returns the path of the link that makes target want the unit base.
func (t *tree) wants(target, base string) string {
	for _, dir := range unitDirs {
		name := path.Join(dir, target+".wants", base)
		if _, there := t.lstat(name); !there {
			continue
		}
		// The link's name counts, not where it leads; but to /dev/null it
		// takes the wish back.
		if target, _ := t.link(name); inRoot(path.Dir(name), target) == "dev/null" {
			return ""
		}
		return name
	}
	return ""
}

// atBoot returns the path of a link that starts the unit base at every boot.
func (t *tree) atBoot(base string) string {
	for _, target := range bootTargets {
		if name := t.wants(target, base); name != "" {
			return name
		}
	}
	return ""
}

const cloudInitProgram = "usr/bin/cloud-init"

// cloudInitUnits returns the main units that are there, masked or not.
func (t *tree) cloudInitUnits() []unit {
	var found []unit
	for _, base := range mainUnits {
		if u := t.lookup(unitDirs, base); u.name != "" {
			found = append(found, u)
		}
	}
	return found
}

// checkCloudInit asks whether cloud-init is installed as a whole, and started:
// it gives a clone its name, users and keys.
//
// Upstream's units are linked into cloud-init.target, which a generator adds to
// each boot: Debian, Ubuntu, Fedora and newer Enterprise Linux have it so.
// Enterprise Linux 7 took the generator out, and links the units into
// multi-user.target. A generator without links, or links without a generator,
// start nothing; where the first boot applies presets they may be made up for,
// so that is a warning.
func checkCloudInit(s *survey) {
	const config = "etc/cloud/cloud.cfg"
	program, units := s.isFile(cloudInitProgram), s.cloudInitUnits()
	openRC := len(units) == 0 && s.isFile(openRCService)
	install := "install cloud-init"
	switch {
	case !program && len(units) == 0 && !openRC:
		// A removed package leaves its configuration and links.
		s.warn(cloudInitProgram, "cloud-init is not installed: clones keep this system's name, users and keys", install)
		return
	case !program:
		s.fail(cloudInitProgram, "is missing, and cloud-init's units are there", install+" again")
		return
	case !s.isProgram(cloudInitProgram):
		s.fail(cloudInitProgram, "cannot be executed", "chmod 755 /"+cloudInitProgram)
		return
	case len(units) == 0 && !openRC:
		s.fail(cloudInitProgram, "is there without a systemd unit to start it", install+" again")
		return
	case !s.isFile(config):
		s.fail(config, "is missing: cloud-init has no modules to run", install+" again")
		return
	case openRC:
		checkOpenRC(s)
		return
	}

	direct, staged := "", ""
	var names []string
	for _, u := range units {
		base := path.Base(u.name)
		names = append(names, base)
		if direct == "" {
			direct = s.atBoot(base)
		}
		if staged == "" {
			staged = s.wants("cloud-init.target", base)
		}
	}
	slices.Sort(names)
	generator := s.lookup(generatorDirs, "cloud-init-generator")
	pulled := s.atBoot("cloud-init.target") != "" ||
		generator.mask == "" && generator.name != "" && s.isProgram(generator.name)
	enable := "systemctl enable cloud-init-local.service " + strings.Join(names, " ") + " cloud-config.service cloud-final.service"
	switch {
	case direct != "":
		s.ok(direct, "cloud-init is installed and enabled")
	case staged != "" && pulled:
		s.ok(staged, "cloud-init is installed and enabled")
	case staged != "":
		s.warn(staged, "is enabled in cloud-init.target, but nothing starts that: there is no cloud-init-generator and no link",
			"systemctl add-wants multi-user.target cloud-init.target")
	case pulled:
		s.warn(units[0].name, "is not enabled: each boot starts cloud-init.target, but no unit is linked into it", enable)
	default:
		s.fail(units[0].name, "cloud-init is installed and not enabled", enable)
	}
}

// checkCloudInitDisabled asks for what switches an installed cloud-init off: the
// ways that its documentation names ("How to disable cloud-init"), masks, what
// ds-identify is told, and a list of data sources without the one that the deployers
// write.
func checkCloudInitDisabled(s *survey) {
	if !s.isFile(cloudInitProgram) && len(s.cloudInitUnits()) == 0 {
		s.info("", "not checked: cloud-init is not installed", "")
		return
	}
	before := len(s.findings)
	if name := "etc/cloud/cloud-init.disabled"; s.isFile(name) {
		s.fail(name, "disables cloud-init", "rm /"+name)
	}
	for _, name := range s.cloudInitOff() {
		s.fail(name, "has cloud-init=disabled on a kernel command line", "remove the word there, and in what generates the file")
	}
	for _, base := range allUnits {
		if u := s.lookup(unitDirs, base); u.mask != "" {
			s.fail(u.mask, base+" is masked", "systemctl unmask "+base)
		}
	}
	s.checkIdentify()
	s.checkNetcat()
	sources := s.datasources(s.opt.Deployer == ImageDeploy)
	if sources.set && !slices.Contains(sources.names, "NoCloud") {
		list := strings.Join(sources.names, ", ")
		s.fail(sources.file, "datasource_list is without NoCloud, which the deployer writes: ["+shorten(list)+"]",
			"add NoCloud to datasource_list, or remove the list")
	} else if path.Base(sources.file) > deployersList && len(slices.DeleteFunc(slices.Clone(sources.names), func(n string) bool { return n == "None" })) > 1 {
		// Seen with NoCloud's seed in place: 22.4.2 is off by it, 25.1.4 finds it.
		s.warn(sources.file, "comes after the deployer's "+deployersList+", and some releases of cloud-init find no data source by more than one name",
			"datasource_list: [ NoCloud, None ], or a name that comes before")
	}
	if len(s.findings) == before {
		s.ok("etc/cloud/cloud.cfg", "nothing disables cloud-init")
	}
}

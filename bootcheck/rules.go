package bootcheck

import (
	"cmp"
	"io/fs"
	"slices"

	"image-capture/deploy"
	"image-capture/entry"
)

// To add a rule:
//
//  1. Write a func(*survey) in a file named after its subject. It looks through
//     the methods of tree only (they hold the bounds, and turn what cannot be
//     read into findings) and reports by ok, info, warn, fail and stop: at least one
//     of them on every path through it. Its comment says where the rule is
//     written down.
//  2. Add a row to rules, at the place where people should read its findings.
//  3. Add rows to the grounds (grounds_*.go): what it looks at, what happens, where
//     that is written down, and whether anybody saw it. `go test -update` writes them
//     into docs/check.md.
//  4. Add its lines to the fixtures (testdata/*.txtar: `go test -update` writes
//     the expected reports; read the difference), and rows to TestRules for
//     each state that it tells apart.
//
// The names are what people filter on: they are not renamed.

// rule is one subject of the check.
type rule struct {
	name  string
	why   string // why its warnings and failures matter, where they do not say so
	apply func(*survey)
}

// rules in the order of the report: what it is, whether it starts, whether it
// can be reached.
var rules = []rule{
	{"distro", "the deployer chooses by it how to make the image bootable", checkDistro},
	{"root", "what deployers install is not what such a system starts by", checkRoot},
	{"arch", "a machine of another architecture cannot start it", checkArch},
	{"unpack", "the clone lacks what could not be extracted", checkUnpack},
	{"curtin", "the hooks in there deploy the image in place of curtin's own", checkCurtin},
	{"kernel", "without a kernel and its modules nothing starts", checkKernel},
	{"initramfs", "the kernel finds its disk by the drivers in there", checkInitramfs},
	{"initramfs-content", "a kernel that cannot unpack its initramfs finds no disk", checkInitramfsContent},
	{"initramfs-host-only", "other machines' drivers are not in it: their clones find no disk", checkHostOnly},
	{"drivers", "a machine whose disk or network has no driver does not start, or is not reached", checkDrivers},
	{"target-drivers", "without them the machine does not find its disk, or is not reached", checkTargetDrivers},
	{"resume", "the clone's boot waits for a disk that it does not have", checkResume},
	{"grub-uefi", "the deployer makes a UEFI machine start by what the image has of GRUB", checkGrubUEFI},
	{"grub-bios", "the deployer makes a BIOS machine start by what the image has of GRUB", checkGrubBIOS},
	{"grub-tools", "the deployer runs them in the image to install the boot loader", checkGrubTools},
	{"command-line", "the kernel looks for its root by it", checkCommandLine},
	{"startup", "the clone comes up, and nobody can use it", checkStartup},
	{"updates", "the clone boots, and no more after the update", checkUpdates},
	{"grub-multi-install", "it takes the disks from debconf's answers, which may be those of the source", checkMultiInstall},
	{"lsb-release", "the deployment ends there, with a disk that does not boot", checkLSBRelease},
	{"packages", "deployment stops where the machine has no way to a package mirror", checkPackages},
	{"disk-tools", "the clone's disk stays as the deployer made it", checkDiskTools},
	{"fstab", "a table of the source's disks makes a clone wait for them", checkFstab},
	{"crypttab", whyCrypttab, checkCrypttab},
	{"storage-identity", "the clone looks for the source's disks", checkStorageIdentity},
	{"selinux", "without labels SELinux refuses what the system needs to do", checkSELinux},
	{"cloud-init", "the deployer hands network, users and keys to cloud-init", checkCloudInit},
	{"cloud-init-disabled", "a clone whose cloud-init does not run keeps the source's network and has no keys", checkCloudInitDisabled},
	{"python", "cloud-init does not start without it: no network, users and keys", checkPython},
	{"machine-id", "clones with one id get one address from the DHCP server, and are one machine to what collects their logs", checkMachineID},
	{"ssh-host-keys", "who owns one clone can pass for all others", checkSSHHostKeys},
	{"cloud-state", "cloud-init takes the clone for the source", checkCloudState},
	{"network-identity", "the source's network configuration does not fit the clone", checkNetworkIdentity},
	{"host-identity", "all clones are one machine to others", checkHostIdentity},
	{"agent-state", "the agents of all clones are one to their server", checkAgentState},
	{"leases", "clones ask for the source's address", checkLeases},
	{"build-traces", "it was meant for the build, and works on clones", checkBuildTraces},
	{"traces", "who gets the image can read it", checkTraces},
}

// survey is one check under way: what a rule looks at, and where it reports.
type survey struct {
	tree
	opt      Options
	system   System
	packages packages           // see dpkg
	contents map[string]*opened // of initramfs, by path
	curtin   deploy.Curtin      // what image-deploy runs

	rule     rule // the one that is being applied
	findings []Finding
	unlisted *unlisted
	edits    []Fix // of identity's operations, for Generalize
	doubted  []doubt
}

func newSurvey(fsys fs.FS, opt Options) (*survey, error) {
	c, err := deploy.ParseGeneration(string(cmp.Or(opt.Curtin, deploy.RackN202)))
	if err != nil {
		return nil, err
	}
	return &survey{tree: tree{fsys: fsys}, opt: opt, curtin: c, system: Identify(fsys)}, nil
}

// apply runs one rule, and adds a warning for each path that kept it from
// judging.
func (s *survey) apply(r rule) {
	s.rule, s.troubles = r, nil
	r.apply(s)
	for _, t := range s.troubles {
		s.warn(t.name, t.problem, "")
		if slices.Contains(decisive, r.name) {
			s.doubts(deploys|boots, Both, entry.Escape("/"+t.name)+" could not be judged")
		}
	}
}

// decisive are the rules that the verdicts need.
var decisive = []string{
	"distro", "arch", "root", "unpack", "curtin", "kernel", "initramfs", "initramfs-content", "grub-uefi", "grub-bios", "grub-tools", "lsb-release", "packages", "crypttab",
}

// intoInitramfs are the rules that look into an initramfs.
var intoInitramfs = []string{
	"initramfs-content", "initramfs-host-only", "target-drivers", "resume", "crypttab", "storage-identity", "machine-id", "host-identity", "startup",
}

// placeOf is the place of a rule in the table.
func placeOf(name string) int {
	return slices.IndexFunc(rules, func(r rule) bool { return r.name == name })
}

// The four levels. What they return can be told more: see Finding's fields.
func (s *survey) ok(name, problem string) *Finding { return s.report(OK, name, problem, "") }
func (s *survey) info(name, problem, hint string) *Finding {
	return s.report(Info, name, problem, hint)
}
func (s *survey) warn(name, problem, hint string) *Finding {
	return s.report(Warn, name, problem, hint)
}

// fail is for an image that boots and is of no use: nobody reaches it.
func (s *survey) fail(name, problem, hint string) *Finding {
	return s.report(Fail, name, problem, hint)
}

// stop is for what keeps the image from booting. Where only one firmware cannot,
// that is a failure when the firmware is asked for, and else a warning, see warnOn.
func (s *survey) stop(fw Firmware, name, problem, hint string) *Finding {
	var f *Finding
	if fw == Both || s.opt.Firmware&fw != 0 {
		f = s.report(Fail, name, problem, hint)
	} else {
		f = s.warnOn(fw, name, problem, hint)
	}
	f.Stops = each(fw)
	return f
}

// warnOn is for a warning about machines of one firmware. Who asked for another one has none
// of them: to him it is worth knowing, and no more.
func (s *survey) warnOn(fw Firmware, name, problem, hint string) *Finding {
	if s.concerned(each(fw)) {
		return s.warn(name, problem, hint)
	}
	return s.info(name, problem, hint)
}

// concerned says whether machines of one of the firmwares are asked for: any are where
// nobody said.
func (s *survey) concerned(list []Firmware) bool {
	return s.opt.Firmware == 0 || slices.ContainsFunc(list, func(fw Firmware) bool { return s.opt.Firmware&fw != 0 })
}

// end is for what makes the deployment end, with the disk in whatever state: the image
// itself may boot. The levels are those of stop. brief is for the verdict.
func (s *survey) end(fw Firmware, brief, name, problem, hint string) *Finding {
	f := s.stop(fw, name, problem, hint)
	f.Stops, f.Ends, f.brief = nil, each(fw), entry.Printable(brief)
	return f
}

// each are the single firmwares of a set.
func each(fw Firmware) (list []Firmware) {
	for _, one := range firmwares {
		if fw&one != 0 {
			list = append(list, one)
		}
	}
	return list
}

// fix offers an edit that mends the finding.
func (f *Finding) fix(op entry.Op, name string) { f.Fix = &Fix{Op: op, Path: name} }

// report adds a finding about name, a path of the tree as io/fs writes it, or
// "". It is the one place where text from the tree is escaped. The result is
// valid until the next one.
func (s *survey) report(level Level, name, problem, hint string) *Finding {
	f := Finding{Rule: s.rule.name, Level: level, Problem: entry.Printable(problem), Hint: entry.Printable(hint)}
	if name != "" {
		f.Path = entry.Escape("/" + name)
	}
	if level >= Warn {
		f.Why = s.rule.why
	}
	s.findings = append(s.findings, f)
	return &s.findings[len(s.findings)-1]
}

package bootcheck

// To add a rule:
//
//  1. Write a func(*survey) in a file named after its subject. It looks through
//     the methods of tree only (they hold the bounds, and turn what cannot be
//     read into findings) and reports by ok, info, warn and fail: at least one
//     of them on every path through it. Its comment says where the rule is
//     written down.
//  2. Add a row to rules, at the place where people should read its findings.
//  3. Add its lines to the fixtures (testdata/*.txtar: `go test -update` writes
//     the expected reports; read the difference), and rows to TestRules for
//     each state that it tells apart.
//
// The names are what people filter on: they are not renamed.

// rule is one subject of the check.
type rule struct {
	name  string
	apply func(*survey)
}

// rules in the order of the report: what it is, whether it starts, whether it
// can be reached.
var rules = []rule{
	{"distro", checkDistro},
	{"arch", checkArch},
	{"curtin", checkCurtin},
	{"kernel", checkKernel},
	{"initramfs", checkInitramfs},
	{"grub-uefi", checkGrubUEFI},
	{"cloud-init", checkCloudInit},
	{"cloud-init-disabled", checkCloudInitDisabled},
}

// survey is one check under way: what a rule looks at, and where it reports.
type survey struct {
	tree
	opt    Options
	system System

	rule     string // the name of the rule that is being applied
	findings []Finding
}

// apply runs one rule, and adds a warning for each path that kept it from
// judging.
func (s *survey) apply(r rule) {
	s.rule, s.troubles = r.name, nil
	r.apply(s)
	for _, t := range s.troubles {
		s.warn(t.name, t.problem, "")
	}
}

func (s *survey) ok(name, problem string)         { s.report(OK, name, problem, "") }
func (s *survey) info(name, problem, hint string) { s.report(Info, name, problem, hint) }
func (s *survey) warn(name, problem, hint string) { s.report(Warn, name, problem, hint) }
func (s *survey) fail(name, problem, hint string) { s.report(Fail, name, problem, hint) }

// report adds a finding about name, a path of the tree as io/fs writes it, or
// "". It is the one place where text from the tree is escaped.
func (s *survey) report(level Level, name, problem, hint string) {
	f := Finding{Rule: s.rule, Level: level, Problem: printable(problem), Hint: printable(hint)}
	if name != "" {
		f.Path = printable("/" + name)
	}
	s.findings = append(s.findings, f)
}

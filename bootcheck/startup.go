package bootcheck

import (
	"path"
	"slices"
	"strings"

	"image-capture/deploy"
)

// checkStartup looks at what the clone starts once its kernel has found the root: init and
// its target, by the command lines, by default.target and by inittab(5). See init(1) of
// systemd, kernel-command-line(7), dracut.cmdline(7) and initramfs-tools(7).
func checkStartup(s *survey) {
	before := len(s.findings)
	if s.hooked() && !s.ourHooks() {
		s.info("", "command lines were not checked: what the image's own hooks make of them is not known", "")
	} else {
		for _, l := range s.effectiveLines() {
			s.checkInitWord(l)
			s.checkTargetWords(l)
			s.checkBreakWords(l)
		}
	}
	s.checkDefaultTarget()
	s.checkInittab()
	s.fine(before, "", "nothing starts in place of the system")
}

// startsElse reports a word that makes the clone start something in place of the system,
// unless somebody takes it out; bad finds it in the file. what is the end of "WORD: ...".
func (s *survey) startsElse(l bootLine, word, what, why string, bad func(string) bool) {
	if s.rewriter(l, word) != deploy.Nobody || l.where == deploy.Menu {
		return
	}
	problem, hint := "has "+shorten(word)+" for the kernel: "+what, "remove the word there"
	switch reads := s.reads(l); {
	case reads == never:
	case reads == atUpdate:
		when, fw := s.updateOfEntry()
		s.later(when, fw, l.file, "have the clone start with "+shorten(word)+": "+what, hint).because(why).editWords(s, l.file, bad)
	case s.opt.Deployer == Eikon:
		s.warn(l.file, problem, hint).because(why).editWords(s, l.file, bad)
		s.doubts(boots, Both, "whether Eikon leaves "+shorten(word)+" is not known")
	default:
		f := s.stop(Both, l.file, problem, hint).because(why)
		f.editWords(s, l.file, bad).brief = "the command line has " + shorten(word)
	}
}

// lastWord returns the last word of a line that is so: the one that counts.
func (l bootLine) lastWord(is func(string) bool) string {
	for _, w := range slices.Backward(l.words) {
		if is(w) {
			return w
		}
	}
	return ""
}

// Programs that init= names: shells, and those that start a system.
var (
	shells = []string{"sh", "bash", "dash", "ash", "ksh", "mksh", "zsh", "csh", "tcsh", "fish", "sulogin"}
	inits  = []string{"init", "systemd", "upstart", "openrc-init", "runit", "runit-init", "s6-svscan", "dinit", "finit", "busybox"}
)

const whyNobodyComesIn = "no network, no ssh and no cloud-init: nobody reaches the clone but at its console"

// checkInitWord looks at init=. Both initramfs-tools and systemd go on with the usual init
// where that one is not there, or cannot be run.
func (s *survey) checkInitWord(l bootLine) {
	is := func(word string) bool { return strings.HasPrefix(word, "init=") }
	word := l.lastWord(is)
	file := strings.TrimPrefix(path.Clean("/"+strings.TrimPrefix(word, "init=")), "/")
	if word == "" || file == "" || strings.Contains(word, "$") || s.rewriter(l, word) != deploy.Nobody || l.where == deploy.Menu || s.reads(l) == never {
		return
	}
	base := path.Base(file)
	real, there := s.real(file, true)
	usual, known := s.real("sbin/init", true)
	switch {
	case slices.Contains(shells, base):
		s.startsElse(l, word, "it starts a shell in place of the system", whyNobodyComesIn, is)
	case !s.isProgram(file):
		if s.opt.Image && !Wants(file).Attributes { // of an image that is read once not all is known
			return
		}
		s.warn(l.file, "has "+shorten(word)+" for the kernel, and there is no such program", "remove the word there").
			because("the clone starts /sbin/init in its place, and without an initramfs it stops").editWords(s, l.file, is)
	case there && known && real == usual || slices.Contains(inits, base):
	default:
		s.info(l.file, "has "+shorten(word)+" for the kernel: it starts that in place of /sbin/init", "")
	}
}

// rescueWords are those by which systemd, sysvinit and OpenRC start for one user.
var rescueWords = []string{"single", "s", "S", "1", "rescue", "emergency", "-b"}

// targetWords are all that choose a target; the last one counts.
func isTargetWord(word string) bool {
	return slices.Contains(rescueWords, word) || strings.HasPrefix(word, "systemd.unit=") || len(word) == 1 && strings.Contains("2345", word)
}

// badUnits are targets by which nobody reaches a clone.
var badUnits = map[string]string{
	"rescue.target": "a shell at the console", "emergency.target": "a shell at the console", "runlevel1.target": "a shell at the console", "rescue.service": "a shell at the console", "emergency.service": "a shell at the console",
	"poweroff.target": "nothing: the machine is switched off", "halt.target": "nothing: the machine stops", "reboot.target": "nothing: the machine starts again and again", "kexec.target": "nothing: the machine starts again and again",
	"runlevel0.target": "nothing: the machine is switched off", "runlevel6.target": "nothing: the machine starts again and again",
}

// checkTargetWords looks at what chooses systemd's target.
func (s *survey) checkTargetWords(l bootLine) {
	word := l.lastWord(isTargetWord)
	name, named := strings.CutPrefix(word, "systemd.unit=")
	switch {
	case word == "" || len(word) == 1 && strings.Contains("2345", word):
	case !named:
		if word != "rescue" || s.hasSystemd() {
			s.startsElse(l, word, "it starts "+badUnits["rescue.target"]+" in place of the system", whyNobodyComesIn, isTargetWord)
		}
	case !s.hasSystemd() || name == "" || strings.Contains(name, "/"):
	case s.badUnit(name) != "":
		s.startsElse(l, word, "it starts "+s.badUnit(name)+" in place of the system", whyNobodyComesIn, isTargetWord)
	case s.lookup(unitDirs, name) == unit{} && !slices.Contains(bootTargets, name):
		s.startsElse(l, word, "there is no such unit, and systemd starts rescue.target in its place", whyNobodyComesIn, isTargetWord)
	case s.lookup(unitDirs, name).mask != "":
		s.startsElse(l, word, "that unit is masked, and systemd starts rescue.target in its place", whyNobodyComesIn, isTargetWord)
	}
}

// badUnit says what a unit starts, by its name or that of what it is a link to, where nobody
// reaches the clone by it.
func (s *survey) badUnit(unit string) string {
	for range maxHops {
		if what := badUnits[unit]; what != "" {
			return what
		}
		found := s.lookup(unitDirs, unit)
		if found.name == "" {
			break
		}
		target, ok := s.link(found.name)
		if !ok {
			break
		}
		unit = path.Base(target)
	}
	return ""
}

// checkBreakWords looks at what makes the initramfs stop at a shell: each knows its own
// words.
func (s *survey) checkBreakWords(l bootLine) {
	is := func(word string) bool { return word == "break" || strings.HasPrefix(word, "break=") }
	if s.byDracut() {
		is = func(word string) bool {
			key, value, _ := strings.Cut(word, "=")
			return key == "rd.break" || key == "rdbreak" || key == "rd.rescue" || key == "rd.systemd.unit" && badUnits[value] != ""
		}
	}
	if word := l.lastWord(is); word != "" && word != "break=" {
		s.startsElse(l, word, "the initramfs stops at a shell", whyNobodyComesIn, is)
	}
}

// checkDefaultTarget looks at the link that says which target systemd starts.
func (s *survey) checkDefaultTarget() {
	if !s.hasSystemd() {
		return
	}
	const unit = "default.target"
	name := ""
	for _, dir := range unitDirs {
		if _, there := s.lstat(path.Join(dir, unit)); there {
			name = path.Join(dir, unit)
			break
		}
	}
	if name == "" {
		return
	}
	problem := ""
	target, link := s.link(name)
	switch what := s.badUnit(unit); {
	case what != "":
		problem = "leads to " + path.Base(target) + ": it starts " + what + " in place of the system"
	case s.masks(name):
		problem = "is masked: systemd starts rescue.target in its place"
	case link && !s.isFile(name):
		problem = "leads to " + shorten(target) + ", which is not there: systemd starts rescue.target in its place"
	default:
		return
	}
	f := s.stop(Both, name, problem, "systemctl set-default multi-user.target").because(whyNobodyComesIn)
	f.brief = "the system starts for rescue, or not at all"
}

// checkInittab looks at the run level that sysvinit and Upstart start with.
func (s *survey) checkInittab() {
	const name = "etc/inittab"
	if s.hasSystemd() || !s.isFile(name) {
		return
	}
	data, _ := s.read(name)
	for line := range lines(string(data)) {
		if f := strings.Split(line, ":"); len(f) > 2 && f[2] == "initdefault" && f[1] != "" && line[0] != '#' {
			if strings.Trim(f[1], "01sS6") == "" {
				s.stop(Both, name, "starts run level "+shorten(f[1])+": no run level for users", "id:3:initdefault:").because(whyNobodyComesIn).
					brief = "the system starts for rescue, or not at all"
			}
			return // the first counts
		}
	}
}

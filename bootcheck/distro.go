package bootcheck

import (
	"fmt"
	"strings"

	"image-capture/deploy"
)

// family is a group of distributions that have the same packages and paths.
type family string

const (
	familyUnknown family = ""
	familyDebian  family = "debian"
	familyRedHat  family = "redhat"
	familySUSE    family = "suse"
	familyArch    family = "arch"
	familyGentoo  family = "gentoo"
	familyAlpine  family = "alpine"
	familyPhoton  family = "photon"
)

// families of the hooks' table, as the rules name them.
var families = map[deploy.Family]family{deploy.Debian: familyDebian, deploy.RHEL: familyRedHat, deploy.SUSE: familySUSE}

// strangers are distributions that the table does not have and the rules do.
var strangers = map[string]family{
	"alpine": familyAlpine, "photon": familyPhoton, "arch": familyArch, "gentoo": familyGentoo, "redhat": familyRedHat,
}

// family returns what the distribution belongs to, by ID, else by ID_LIKE.
func (r Release) family() family {
	if d, ok := deploy.Find(r.ID); ok {
		return families[d.Family]
	}
	if f, ok := strangers[r.ID]; ok {
		return f
	}
	if d, ok := deploy.Find("", r.IDLike...); ok {
		return families[d.Family]
	}
	for _, like := range r.IDLike {
		if f, ok := strangers[like]; ok && like != "alpine" && like != "photon" {
			return f
		}
	}
	return familyUnknown
}

// curtinVariant returns the distribution that this generation of curtin takes the
// image for, empty where it knows none.
func (s *survey) curtinVariant() string {
	name, _, _ := s.curtin.Variant(s.system.OS.ID, s.system.OS.IDLike...)
	return name
}

// checkDistro asks whether the deployer can tell the distribution.
func checkDistro(s *survey) {
	rel, name := s.release()
	if link, ok := s.link("etc/os-release"); ok && rel.ID == "" {
		s.stop(Both, "etc/os-release", "the distribution is unknown: it is a link to "+link+", where nothing tells it",
			"restore what it leads to: the packages base-files, *-release or *-release-common have it")
		return
	}
	if rel.ID == "" {
		s.stop(Both, "etc/os-release", "the distribution is unknown: no os-release, *-release or debian_version tells it",
			"restore /etc/os-release: the packages base-files, *-release or *-release-common have it")
		return
	}
	title := rel.PrettyName
	if title == "" {
		title = rel.ID
	}
	f := rel.family()
	switch {
	case s.hooked() && f == familyUnknown:
		s.info(name, fmt.Sprintf("%s: ID=%s is of no family that the hooks know: they use the tools that they find", title, rel.ID), "")
	case s.builtIn() && s.curtinVariant() == "":
		s.unknownToCurtin(title, name)
	case s.builtIn() && f == familySUSE && !s.curtin.InstallsSUSE:
		s.end(Both, s.curtinName()+" knows no packages of SUSE", name, fmt.Sprintf("%s: %s ends with \"No block package mapping for distro: suse\", as do %s", title, s.curtinName(), generations(func(c deploy.Curtin) bool { return !c.InstallsSUSE })), hooksHint).offerHooks(s)
	case s.builtIn() && f == familySUSE:
		s.warn(name, fmt.Sprintf("%s: %s wants the package grub2-branding-SLE and fetches what is missing from the network, and it looks for the loader in EFI/suse, which no SUSE has", title, s.curtinName()), hooksHint).offerHooks(s)
		s.doubts(deploys|boots, Both, "nobody saw curtin install SUSE")
	case s.opt.Deployer == Eikon && f != familyDebian && f != familyRedHat:
		s.warn(name, fmt.Sprintf("%s: Eikon knows roots like Debian's and Red Hat's only, and does the bare minimum with others", title), "run the image's hooks by hand: sh /curtin/curtin-hooks --target ROOT")
		s.doubts(deploys|boots, Both, "Eikon does the bare minimum with this distribution")
	default:
		s.ok(name, fmt.Sprintf("%s (%s family)", title, f))
	}
	if s.builtIn() {
		s.checkNaiveReader()
	}
}

// unknownToCurtin is for a distribution that get_distroinfo of curtin's distro.py does
// not know: it raises. The families arch and gentoo it knows, and has no boot loader for.
func (s *survey) unknownToCurtin(title, name string) {
	os := s.system.OS
	known := generations(func(c deploy.Curtin) bool { _, _, ok := c.Variant(os.ID, os.IDLike...); return ok })
	if known == "" {
		known = "no generation does"
	} else {
		known = "those that do are " + known
	}
	s.end(Both, s.curtinName()+" does not know "+s.title(), name, fmt.Sprintf("%s: %s does not know ID=%s; %s", title, s.curtinName(), os.ID, known), hooksHint).offerHooks(s)
}

// checkNaiveReader warns where curtin's own reading of os-release goes wrong.
// curtin's distro.os_release opens /etc/os-release below the target's mount
// point without resolving links inside of it, knows no /usr/lib/os-release, and
// splits the text by Python's shlex, where every word must have a "=".
func (s *survey) checkNaiveReader() {
	const name = "etc/os-release"
	if at := s.absoluteLink(name); at != "" {
		s.warn(at, "is an absolute symbolic link: curtin follows it out of the image and reads the deployer's own file",
			"ln -sfn ../usr/lib/os-release /etc/os-release")
	}
	data, ok := s.read(name)
	if !ok && !s.troubled(name) {
		hint := "write one, with ID and VERSION_ID"
		if s.isFile("usr/lib/os-release") {
			hint = "ln -sfn ../usr/lib/os-release /etc/os-release"
		}
		s.warn(name, "is missing or leads nowhere: curtin reads centos-release and redhat-release in its place, and stops without them", hint)
	}
	for line := range lines(string(data)) {
		if strings.HasPrefix(line, "#") && s.curtin.ReadsComments {
			continue
		}
		if _, _, rest, ok := assignment(line); !ok || rest != "" {
			s.end(Both, s.curtinName()+" stops at a line of os-release", name, "has a line that is not KEY=value (comments count before 2026-07): curtin stops at it: "+shorten(line),
				"remove the line, or quote its value; or "+hooksHint).offerHooks(s)
			return
		}
	}
}

// shorten cuts text from the tree to what fits a line of a report.
func shorten(line string) string {
	const most = 60
	if len(line) <= most {
		return line
	}
	return strings.ToValidUTF8(line[:most], "") + "..."
}

package bootcheck

import (
	"fmt"
	"strings"
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

// families are the names that curtin knows, see DISTRO_NAMES and OS_FAMILIES in
// its distro.py.
var families = map[string]family{
	"debian": familyDebian, "ubuntu": familyDebian,
	"centos": familyRedHat, "fedora": familyRedHat, "redhat": familyRedHat,
	"rhel": familyRedHat, "rocky": familyRedHat,
	"opensuse": familySUSE, "sles": familySUSE, "suse": familySUSE,
	"arch": familyArch, "gentoo": familyGentoo,
}

// strangers are distributions that curtin does not know and the rules do.
var strangers = map[string]family{"alpine": familyAlpine, "photon": familyPhoton}

// curtinVariant returns the distribution that curtin takes the image for: ID, or
// else the first of ID_LIKE that it knows, which is how its get_distroinfo looks.
// AlmaLinux is rhel to it. Empty when it knows none.
func (r Release) curtinVariant() string {
	for _, id := range append([]string{r.ID}, r.IDLike...) {
		if _, ok := families[id]; ok {
			return id
		}
	}
	return ""
}

// family returns the family that curtin takes the image for, or one that only the
// rules know.
func (r Release) family() family {
	if f, ok := families[r.curtinVariant()]; ok {
		return f
	}
	return strangers[r.ID]
}

// checkDistro asks whether the deployer can tell the distribution.
func checkDistro(s *survey) {
	rel, name := s.release()
	if rel.ID == "" {
		s.stop(Both, "etc/os-release", "the distribution is unknown: no os-release, *-release or debian_version tells it",
			"restore /etc/os-release: the packages base-files, *-release or *-release-common have it")
		return
	}
	title := rel.PrettyName
	if title == "" {
		title = rel.ID
	}
	f, curtin := rel.family(), s.opt.Deployer == ImageDeploy
	const hooks = "let a /curtin/curtin-hooks in the image do curtin's work"
	switch {
	case curtin && rel.curtinVariant() == "" && s.ownHooks():
		s.warn(name, fmt.Sprintf("%s: neither ID=%s nor ID_LIKE is a distribution that curtin knows: only the image's own curtin-hooks can install it", title, rel.ID), "")
	case curtin && f == familyUnknown:
		s.stop(Both, name, fmt.Sprintf("%s: neither ID=%s nor ID_LIKE is a distribution that curtin knows", title, rel.ID),
			"set ID_LIKE in os-release to the family that it belongs to: debian, rhel, suse")
	case curtin && rel.curtinVariant() == "":
		s.stop(Both, name, fmt.Sprintf("%s: curtin does not know the distribution", title), hooks)
	case f == familyUnknown:
		s.warn(name, fmt.Sprintf("%s: ID=%s is of no family that the rules know", title, rel.ID), "")
	case curtin && (f == familyArch || f == familyGentoo) && s.ownHooks():
		s.warn(name, fmt.Sprintf("%s: curtin installs no boot loader for the %s family: only the image's own curtin-hooks can", title, f), "")
	case curtin && (f == familyArch || f == familyGentoo):
		// get_installed_packages of curtin's distro.py raises without dpkg and rpm, and
		// gen_uefi_install_commands of install_grub.py for these families.
		s.stop(Both, name, fmt.Sprintf("%s: curtin knows the %s family, but installs no boot loader for it", title, f), hooks)
	default:
		s.ok(name, fmt.Sprintf("%s (%s family)", title, f))
	}
	if s.opt.Deployer == ImageDeploy {
		s.checkNaiveReader()
	}
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
		if _, _, rest, ok := assignment(line); !ok || rest != "" {
			s.warn(name, "has a line that is not KEY=value (comments count): curtin stops at it: "+shorten(line),
				"remove the line, or quote its value")
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

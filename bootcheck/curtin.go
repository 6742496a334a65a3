package bootcheck

import (
	"fmt"
	"io/fs"

	"image-capture/deploy"
	"image-capture/entry"
)

// The names of hooks: curtin runs these in place of its own, see run_hook_if_exists in
// its util.py. It asks whether they are there, and then runs them.
const (
	hooksName    = deploy.HooksPath
	finalizeName = "curtin/finalize"
)

const hooksHint = "capture with --add-curtin: it puts hooks into the image that deploy it"

const missingCurtin = "is missing: RackN's documentation asks for it, though image-deploy takes an image without"

// checkCurtin looks at /curtin, which RackN's documentation asks for in an image, and at
// the hooks in it, which take the place of the deployer's own.
func checkCurtin(s *survey) {
	const dir = "curtin"
	s.checkReplaced()
	if s.opt.Deployer == Eikon {
		if _, there := s.lstat(dir); !there {
			s.info(dir, "is missing; only image-deploy wants it", "")
		} else {
			s.info(dir, "only image-deploy makes use of it", "")
		}
		return
	}
	s.checkUbuntuCore()
	info, there := s.lstat(dir)
	switch {
	case !there && s.splitsKernelName(): // judgeKernelInstall says what comes of it
		s.info(dir, missingCurtin, "")
	case !there:
		s.warn(dir, missingCurtin, hooksHint).offerHooks(s)
	case info.Mode().Type() == fs.ModeSymlink: // checkReplaced said so
	case !info.IsDir():
		s.warn(dir, "is not a directory: image-deploy puts one in its place", "remove it, and "+hooksHint)
	default:
		s.ok(dir, "is a directory")
	}
	if s.hooked() {
		s.tellHooks()
	} else if _, there := s.lstat(hooksName); !there {
		s.judgeKernelInstall()
	}
	for _, name := range []string{hooksName, finalizeName} {
		if _, there := s.lstat(name); there && !s.isProgram(name) {
			s.end(Both, "/"+name+" cannot be executed", name, "cannot be executed, and is run in place of the deployer's own hook",
				"chmod 755 /"+name+", or remove it")
		}
	}
}

// tellHooks says whose hooks there are.
func (s *survey) tellHooks() {
	data, ok := s.read(hooksName)
	if !ok {
		return // a trouble
	}
	switch version, ours := deploy.HooksVersion(data); {
	case !ours:
		s.ok(hooksName, "hooks of the image's own deploy it")
		s.doubts(deploys|boots, Both, "the image's own hooks are not known")
	case version < deploy.Version:
		s.warn(hooksName, fmt.Sprintf("our hooks of version %d; this program has version %d", version, deploy.Version), hooksHint).offerHooks(s)
	default:
		s.ok(hooksName, fmt.Sprintf("our hooks, version %d, deploy the image", version))
	}
}

// judgeKernelInstall is for the Debian family without hooks: install_kernel of curtin's
// curthooks.py splits the deployer's own kernel name at its dashes, and Sledgehammer's,
// of Enterprise Linux, has too few. With the subtype ubuntu the config names a package.
func (s *survey) judgeKernelInstall() {
	switch {
	case !s.splitsKernelName():
		s.info(hooksName, "there are no hooks: those built into "+s.curtinName()+" install the boot loader", "").offerHooks(s)
	case s.system.OS.ID == "ubuntu":
		s.warn(hooksName, "there are no hooks: with the subtype ubuntu "+s.curtinName()+" installs linux-generic by apt, from the network", hooksHint).
			because("the deployment ends there where the machine reaches no package mirror").offerHooks(s)
		s.doubts(deploys, Both, "curtin installs linux-generic by apt, from the network")
	default:
		s.end(Both, s.curtinName()+" cannot install a kernel in "+s.title()+" without hooks", hooksName,
			"there are no hooks, and curtin of every generation ("+generations(func(c deploy.Curtin) bool { return c.SplitsKernelName })+
				") stops at the kernel: it splits the name of the deployer's own, of Enterprise Linux, in three", hooksHint).
			because("the deployment ends there (ValueError), with a disk that does not boot").offerHooks(s)
	}
}

// splitsKernelName says whether this generation of curtin cannot install a kernel in the image
// by itself.
func (s *survey) splitsKernelName() bool {
	return s.system.OS.family() == familyDebian && s.curtin.SplitsKernelName
}

// replaced are the paths that image-deploy's task 06_drp writes below, with an archive
// that it unpacks over the image.
var replaced = []struct {
	name  string
	level Level
}{{"etc", Fail}, {"etc/cloud", Fail}, {"usr/local", Warn}, {"usr/local/bin", Warn}, {"curtin", Warn}}

// checkReplaced looks for links where GNU tar makes real directories for that archive.
func (s *survey) checkReplaced() {
	if s.opt.Deployer != ImageDeploy {
		return
	}
	for _, r := range replaced {
		if target, ok := s.link(r.name); ok {
			s.report(r.level, r.name, fmt.Sprintf("is a symbolic link: image-deploy puts a directory in its place, and what it leads to, %s, is out of reach", target),
				"make it a directory in the source").Why = "image-deploy unpacks an archive of its own over the image, and tar says nothing"
		}
	}
}

// checkUbuntuCore looks for what curtin knows Ubuntu Core by, see is_ubuntu_core of its
// distro.py: it looks no further, and leaves such an image as it was unpacked.
func (s *survey) checkUbuntuCore() {
	for _, name := range []string{"snaps", "system-data/var/lib/snapd"} {
		if s.isDir(name) || s.isFile(name) {
			s.stop(Both, name, "is taken by curtin for a sign of Ubuntu Core: it runs no hooks, those of the image neither, and says that it is done", "give it another name in the source, or --exclude it")
		}
	}
}

// hooked says whether the image brings what curtin runs in place of all of its own
// work on the target.
func (s *survey) hooked() bool {
	if s.opt.Deployer != ImageDeploy {
		return false
	}
	if info, there := s.lstat("curtin"); !there || !info.IsDir() {
		return false
	}
	return s.isProgram(hooksName)
}

// builtIn says whether curtin's own hooks are what installs the boot loader.
func (s *survey) builtIn() bool { return s.opt.Deployer == ImageDeploy && !s.hooked() }

// offerHooks offers our hooks as the edit that mends the finding, unless the image
// has some that are not older ones of ours.
func (f *Finding) offerHooks(s *survey) *Finding {
	if s.takesHooks() {
		f.Fix = &Fix{Op: entry.AddHooks, Path: "curtin", Files: deploy.Hooks()}
	}
	return f
}

func (s *survey) takesHooks() bool {
	if info, there := s.lstat("curtin"); there && !info.IsDir() {
		return false
	}
	if _, there := s.lstat(hooksName); !there {
		return true
	}
	data, ok := s.read(hooksName)
	version, ours := deploy.HooksVersion(data)
	return ok && ours && version < deploy.Version
}

// curtinName is the generation in words.
func (s *survey) curtinName() string { return "curtin " + string(s.curtin.Generation) }

// generations names those for which something holds.
func generations(holds func(deploy.Curtin) bool) string {
	text := ""
	for _, c := range deploy.Generations() {
		if holds(c) {
			if text != "" {
				text += ", "
			}
			text += string(c.Generation)
		}
	}
	return text
}

// title is the distribution in a word or two: "Debian 12".
func (s *survey) title() string {
	names := map[string]string{
		"debian": "Debian", "ubuntu": "Ubuntu", "rhel": "RHEL", "centos": "CentOS", "rocky": "Rocky Linux", "almalinux": "AlmaLinux", "ol": "Oracle Linux",
		"fedora": "Fedora", "amzn": "Amazon Linux", "sles": "SLES", "opensuse-leap": "openSUSE Leap",
	}
	name := names[s.system.OS.ID]
	if name == "" {
		name = s.system.OS.ID
	}
	if s.system.OS.VersionID != "" {
		name += " " + s.system.OS.VersionID
	}
	return name
}

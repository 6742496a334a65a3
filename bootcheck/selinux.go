package bootcheck

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"image-capture/entry"
)

// LabelAttr is the extended attribute that holds a file's SELinux label.
const LabelAttr = "security.selinux"

// The sample of files whose labels are looked at: an archive made without xattrs
// has none at all.
var labelDirs = []string{".", "etc", "usr/bin", "usr/lib/systemd", "usr/lib/systemd/system", "var/lib"}

const labelsEach = 40 // of a directory, the first by name

// checkSELinux asks whether an image whose SELinux is on has a policy and labels;
// see selinux_config(5) and, for what systemd does without a policy, its
// selinux-setup.c.
func checkSELinux(s *survey) {
	mode, policy := s.selinuxConfig()
	if !s.labelled() {
		s.ok(selinuxName, "SELinux is not enabled")
		return
	}
	for _, l := range s.commandLines() {
		if slices.Contains(l.words, "selinux=0") {
			s.info(l.file, "selinux=0 on the kernel's command line switches SELinux off where this is the one in use", "")
			break
		}
	}
	if dir := "etc/selinux/" + policy + "/policy"; len(s.filled(dir+"/policy.*")) == 0 {
		const problem, hint = "SELinux is on, and there is no policy to load", "install selinux-policy-"
		if mode == "enforcing" {
			s.stop(Both, dir, problem, hint+policy+", or set SELINUX=disabled in "+typed(selinuxName)).because("systemd stops the boot when it is to enforce a policy and finds none")
		} else {
			s.warn(dir, problem, hint+policy)
		}
		return
	}
	s.checkLabels(mode)
}

const selinuxName = "etc/selinux/config"

// labelled says whether SELinux is on, so that files need labels.
func (s *survey) labelled() bool {
	mode, _ := s.selinuxConfig()
	return mode == "enforcing" || mode == "permissive"
}

// selinuxConfig returns SELINUX= and SELINUXTYPE= of the configuration, in lower
// case as the kernel's side reads them.
func (s *survey) selinuxConfig() (mode, policy string) {
	policy = "targeted"
	if !s.isFile(selinuxName) {
		return "", policy
	}
	data, _ := s.read(selinuxName)
	for line := range lines(string(data)) {
		key, value, ok := keyValue(line)
		switch {
		case !ok:
		case key == "SELINUX":
			mode = strings.ToLower(value)
		case key == "SELINUXTYPE" && value != "" && !strings.ContainsAny(value, "/\x00"):
			policy = value
		}
	}
	return mode, policy
}

// checkLabels looks for files without a label.
func (s *survey) checkLabels(mode string) {
	const marker = ".autorelabel"
	var without []string
	looked := 0
	for _, name := range s.labelSample() {
		label, err := s.xattr(name, LabelAttr)
		if errors.Is(err, errors.ErrUnsupported) {
			s.info("", "labels are not checked: extended attributes are not known here", "")
			return
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.missing(name, err)
			continue
		}
		looked++
		if err != nil || isUnlabeled(string(label)) {
			without = append(without, name)
		}
	}
	_, marked := s.lstat(marker)
	switch {
	case looked == 0:
		s.info("", "labels are not checked: there are no files to look at", "")
	case len(without) == 0:
		s.ok("", fmt.Sprintf("SELinux is %s, and files have labels", mode))
	case marked && s.relabels():
		s.ok(marker, "files without SELinux labels get them at the first boot")
	case marked:
		s.warn(marker, "asks for SELinux labels, and nothing is there to set them", "install policycoreutils")
	default:
		f := s.warn(without[0], fmt.Sprintf("SELinux is %s, and %d of %d files looked at have no label", mode, len(without), looked),
			"touch /"+marker).because("programs run in wrong domains, and logins are refused")
		if s.relabels() {
			f.fix(entry.AddFile, marker)
		}
	}
}

// isUnlabeled says whether a label is that of a file without one: a running
// kernel with SELinux shows it in its place.
func isUnlabeled(label string) bool {
	parts := strings.Split(strings.TrimRight(label, "\x00"), ":")
	return len(parts) < 3 || parts[2] == "unlabeled_t" || parts[2] == "file_t"
}

// labelSample returns files and directories of the root, always the same ones.
// What the system makes anew at each boot is not among them.
func (s *survey) labelSample() []string {
	var sample []string
	for _, dir := range labelDirs {
		n := 0
		for _, base := range s.list(dir) {
			name := path.Join(dir, base)
			info, there := s.lstat(name)
			if !there || n == labelsEach || dir == "." && slices.Contains(volatile, base) {
				continue
			}
			if kind := info.Mode().Type(); kind == 0 || kind == fs.ModeDir {
				sample = append(sample, name)
				n++
			}
		}
	}
	return sample
}

// volatile are directories at the top that other filesystems are mounted on, or
// that the capture adds.
var volatile = []string{"proc", "sys", "dev", "run", "tmp", "mnt", "media", "boot", "lost+found", "curtin"}

// relabels says whether something sets labels where /.autorelabel asks for it:
// policycoreutils, initscripts of Enterprise Linux 7, rc.sysinit before it.
func (s *survey) relabels() bool {
	for _, base := range []string{"selinux-autorelabel.service", "rhel-autorelabel.service", "fedora-autorelabel.service"} {
		if u := s.lookup(unitDirs, base); u.name != "" && u.mask == "" {
			return true
		}
	}
	return s.isFile("etc/rc.d/rc.sysinit")
}

// xattr returns an extended attribute of a name, of a link its own.
func (t *tree) xattr(name, attr string) ([]byte, error) {
	if x, ok := t.fsys.(interface {
		Xattr(name, attr string) ([]byte, error)
	}); ok {
		return x.Xattr(name, attr)
	}
	return nil, errors.ErrUnsupported
}

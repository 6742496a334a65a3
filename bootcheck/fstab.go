package bootcheck

import (
	"fmt"
	"strings"
)

const fstabName = "etc/fstab"

// mountEntry is a line of fstab(5), as far as it is of interest.
type mountEntry struct {
	source  string // fs_spec, as written
	where   string // fs_file
	kind    string // fs_vfstype
	options string // fs_mntops
}

// parseFstab returns the entries of fstab(5); lines that are no entry are left
// out, as mount(8) does.
func parseFstab(data string) []mountEntry {
	var list []mountEntry
	for line := range lines(data) {
		f := strings.Fields(line)
		if len(f) < 3 || strings.HasPrefix(f[0], "#") || len(line) > maxLine {
			continue
		}
		e := mountEntry{source: f[0], where: f[1], kind: f[2]}
		if len(f) > 3 {
			e.options = f[3]
		}
		list = append(list, e)
	}
	return list
}

// ownName says whether an entry names a disk that a boot waits for by the name or
// the place of the source's device, and not by an identity of a filesystem that can
// be made again.
func (e mountEntry) ownName() bool {
	for option := range strings.SplitSeq(e.options, ",") {
		if option == "noauto" || option == "nofail" {
			return false
		}
	}
	for _, by := range []string{"by-uuid/", "by-label/", "by-partuuid/", "by-partlabel/"} {
		if strings.HasPrefix(e.source, "/dev/disk/"+by) {
			return false
		}
	}
	return strings.HasPrefix(e.source, "/dev/")
}

// fstab returns the entries of the image's.
func (t *tree) fstab() []mountEntry {
	if !t.isFile(fstabName) {
		return nil
	}
	data, _ := t.read(fstabName)
	return parseFstab(string(data))
}

// mountOf returns the entry for a mount point, and whether there is one.
func (t *tree) mountOf(where string) (mountEntry, bool) {
	for _, e := range t.fstab() {
		if e.where == where {
			return e, true
		}
	}
	return mountEntry{}, false
}

// checkFstab says what becomes of the source's table of filesystems. curtin writes
// its own in its place (copy_fstab of its curthooks.py). One that a deployer keeps
// must not name the disks of the source.
func checkFstab(s *survey) {
	if _, there := s.lstat(fstabName); !there {
		if !s.troubled(fstabName) {
			s.ok("", "there is no fstab of the source")
		}
		return
	}
	var devices []string
	list := s.fstab()
	for _, e := range list {
		if e.ownName() {
			devices = append(devices, e.source+" on "+e.where)
		}
	}
	entries := fmt.Sprintf("%d entries", len(list))
	if len(list) == 1 {
		entries = "one entry"
	}
	switch {
	case s.troubled(fstabName):
	case len(list) == 0:
		s.ok(fstabName, "has no entries")
	case s.opt.Deployer == ImageDeploy:
		s.info(fstabName, "is the source's, with "+entries+"; curtin writes its own in its place", "")
	case len(devices) > 0:
		s.info(fstabName, "names disks by the source's devices, if the deployer keeps it: "+shorten(shortenList(devices)),
			"name them by LABEL=, which the deployer can give a new filesystem, or leave the file out")
	default:
		s.info(fstabName, "is the source's, with "+entries+", and names no disk by its device", "")
	}
}

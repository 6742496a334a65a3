package bootcheck

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"image-capture/entry"
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

// waitsFor says whether a boot stops where an entry's filesystem is not there: systemd waits
// for it, and then goes into its emergency mode, see systemd.mount(5). Only those that name
// one filesystem in the world count, beside those that a deployer must make anyway.
func (e mountEntry) waitsFor(root string) bool {
	switch {
	case e.kind == "swap" || e.source == root || slices.Contains([]string{"/", "/boot", "/boot/efi", "/efi", "none", "swap"}, e.where):
		return false
	}
	for option := range strings.SplitSeq(e.options, ",") {
		switch option {
		case "noauto", "nofail", "_netdev", "x-systemd.automount":
			return false
		}
	}
	for _, by := range []string{"UUID=", "PARTUUID=", "/dev/disk/by-uuid/", "/dev/disk/by-partuuid/", "/dev/disk/by-id/"} {
		if strings.HasPrefix(e.source, by) {
			return true
		}
	}
	return false
}

// judgeKept judges a table that the deployer keeps, and says whether it stops the boot.
func (s *survey) judgeKept(list []mountEntry) bool {
	root := ""
	for _, e := range list {
		if e.where == "/" {
			root = e.source
		}
	}
	i := slices.IndexFunc(list, func(e mountEntry) bool { return e.waitsFor(root) })
	if i < 0 {
		return false
	}
	e := list[i]
	f := s.stop(Both, fstabName, "waits for a disk of the source, if the deployer keeps it: "+shorten(e.source)+" on "+shorten(e.where), "add nofail to its options, or leave the line out").
		because("a boot without that disk ends in emergency mode")
	f.brief = entry.Printable("fstab waits for the source's " + e.where)
	if real, ok := s.real(fstabName, true); ok {
		f.Fix = &Fix{Op: entry.Rewrite, Path: real, Rewrite: withNofail}
	}
	return true
}

// withNofail adds nofail to the options of the entries that a boot would wait for.
func withNofail(old []byte) ([]byte, error) {
	root := ""
	for _, e := range parseFstab(string(old)) {
		if e.where == "/" {
			root = e.source
		}
	}
	var out []byte
	for line := range strings.SplitAfterSeq(string(old), "\n") {
		list := parseFstab(line)
		if len(list) != 1 || !list[0].waitsFor(root) {
			out = append(out, line...)
			continue
		}
		words := wordsWithBlanks.FindAllStringIndex(line, 4)
		if len(words) < 4 { // no options
			end := words[2][1]
			out = append(out, line[:end]+" defaults,nofail"+line[end:]...)
			continue
		}
		out = append(out, line[:words[3][1]]+",nofail"+line[words[3][1]:]...)
	}
	return out, nil
}

// wordsWithBlanks finds the fields of a line.
var wordsWithBlanks = regexp.MustCompile(`[^ \t\r\n]+`)

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
	case s.judgeKept(list):
	case len(devices) > 0:
		s.info(fstabName, "names disks by the source's devices, if the deployer keeps it: "+shorten(shortenList(devices)),
			"name them by LABEL=, which the deployer can give a new filesystem, or leave the file out")
	default:
		s.info(fstabName, "is the source's, with "+entries+", and names no disk by its device", "")
	}
}

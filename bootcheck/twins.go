package bootcheck

import (
	"strings"

	"image-capture/identity"
)

// twin is a file that an initramfs can have a copy of. No edit changes that one: what is
// taken out of the root is still there until the initramfs is made again.
type twin struct {
	rule, name string
	level      Level
	is, why    string
	holds      func(text string) bool // nil: any content
}

// twins are what dracut's modules lvm, multipath, mdraid, iscsi and systemd install for
// one host, and initramfs-tools' hooks of mdadm and multipath-tools.
var twins = []twin{
	{"storage-identity", "etc/lvm/devices/system.devices", Warn, "lists the source's disks for LVM", "LVM sees no other disks at boot: a root on LVM is not found", nil},
	{"storage-identity", "etc/mdadm/mdadm.conf", Info, "names the source's RAID arrays", "", identity.HasArrays},
	{"storage-identity", "etc/mdadm.conf", Info, "names the source's RAID arrays", "", identity.HasArrays},
	{"storage-identity", "etc/multipath/wwids", Info, "names the source's multipath disks", "", hasLines},
	{"storage-identity", "etc/multipath/bindings", Info, "names the source's multipath disks", "", hasLines},
	{"host-identity", "etc/iscsi/initiatorname.iscsi", Warn, "is the source's name as an iSCSI initiator", identity.Initiator.Why, func(text string) bool { return strings.Contains(text, "InitiatorName=iqn.") }},
	{"machine-id", "etc/machine-id", Info, "is the source's machine id", "", func(text string) bool { return len(strings.TrimSpace(text)) == 32 }},
}

// hasLines says whether a text has more than comments.
func hasLines(text string) bool {
	for line := range lines(text) {
		if !strings.HasPrefix(line, "#") {
			return true
		}
	}
	return false
}

// checkTwins tells of the copies that the rule's files have in an initramfs.
func (s *survey) checkTwins() {
	for _, b := range s.initramfses() {
		if !b.whole() {
			continue
		}
		for _, t := range twins {
			text := string(b.content.File(t.name))
			if t.rule != s.rule.name || strings.TrimSpace(text) == "" || t.holds != nil && !t.holds(text) {
				continue
			}
			f := s.report(t.level, b.name, "has a copy of /"+t.name+", which "+t.is+": no edit changes that one",
				"take it out of the source, and "+s.initramfsHint(b.kernel))
			if t.level >= Warn {
				f.because(t.why)
			}
		}
	}
}

// checkArrays looks for arrays by name or UUID in mdadm.conf(5).
func (s *survey) checkArrays() {
	o := identity.Arrays
	for _, pattern := range o.Paths {
		for _, name := range s.filled(pattern) {
			if !s.isFile(name) {
				continue
			}
			if data, ok := s.read(name); ok && identity.HasArrays(string(data)) {
				s.info(name, o.What, o.Hint).offer(s, o, name)
			}
		}
	}
}

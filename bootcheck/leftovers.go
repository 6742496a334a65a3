package bootcheck

import (
	"bytes"
	"strings"

	"image-capture/deploy"
	"image-capture/entry"
	"image-capture/identity"
)

func checkHostIdentity(s *survey) {
	before := len(s.findings)
	for _, o := range identity.Of(s.rule.name) {
		s.leftover(o)
	}
	s.checkInitiator()
	s.checkHostWords()
	s.checkTwins()
	s.fine(before, "", "nothing else tells clones for their source")
	s.tellHostname()
}

func checkLeases(s *survey) { s.leftovers("no DHCP lease or client id of the source") }
func checkTraces(s *survey) {
	s.leftovers("no histories, keys, mail or crash dumps of the source")
	s.tell(identity.UnlistedKey, s.findUnlisted().keys)
}

// checkInitiator looks at the name of the machine as an iSCSI initiator, which
// packages make when they are installed.
func (s *survey) checkInitiator() {
	o := identity.Initiator
	name := o.Paths[0]
	if !s.isFile(name) {
		return
	}
	data, ok := s.read(name)
	iqn := ""
	for line := range lines(string(data)) {
		if key, value, found := strings.Cut(line, "="); found && strings.TrimSpace(key) == "InitiatorName" {
			iqn = strings.TrimSpace(value)
		}
	}
	if !ok || iqn == "" {
		return
	}
	f := s.warn(name, o.What+": "+shorten(iqn), `echo "InitiatorName=$(iscsi-iname)" >`+typed(name)+", on each clone").
		because(o.Why)
	real, ok := s.real(name, true)
	if !ok {
		return
	}
	// Debian's open-iscsi makes a name where the file asks for it (its
	// startup-checks.sh), the others have a unit that makes a missing file.
	for _, script := range []string{"usr/lib/open-iscsi/startup-checks.sh", "lib/open-iscsi/startup-checks.sh"} {
		if text, ok := s.read(script); ok && bytes.Contains(text, []byte("GenerateName=yes")) {
			f.Fix = s.planFix(o, Fix{Op: entry.Rewrite, Path: real, Rewrite: func([]byte) ([]byte, error) { return []byte("GenerateName=yes\n"), nil }})
			return
		}
	}
	if s.lookup(unitDirs, "iscsi-init.service").name != "" {
		f.offer(s, o, name)
	}
}

// hostWords are those of the kernel's command line that give a machine a name: see
// systemd(1), dracut.cmdline(7), and the initramfs hooks of open-iscsi.
var hostWords = map[string]string{
	"systemd.hostname": "one host name", "rd.iscsi.initiator": "one name as an iSCSI initiator", "iscsi_initiator": "one name as an iSCSI initiator", "ISCSI_INITIATOR": "one name as an iSCSI initiator",
	"rd.nvmf.hostnqn": "one name as an NVMe host", "rd.nvmf.hostid": "one id as an NVMe host",
}

// checkHostWords looks for names of the source on command lines, that nobody takes out.
func (s *survey) checkHostWords() {
	is := func(word string) bool {
		key, value, _ := strings.Cut(word, "=")
		return hostWords[key] != "" && value != ""
	}
	for _, l := range s.effectiveLines() {
		word := l.lastWord(is)
		if word == "" || l.where == deploy.Menu || s.reads(l) == never || s.rewriter(l, word) != deploy.Nobody {
			continue
		}
		key, _, _ := strings.Cut(word, "=")
		s.warn(l.file, "gives every clone "+hostWords[key]+" on the kernel's command line: "+shorten(word), "remove the word there").editWords(s, l.file, is)
	}
}

// tellHostname tells of the source's name.
func (s *survey) tellHostname() {
	if data, ok := s.head("etc/hostname", 256); ok {
		if name := string(bytes.TrimSpace(data)); name != "" && name != "localhost" && name != "localhost.localdomain" {
			s.info("etc/hostname", "clones are called "+shorten(name)+" until cloud-init or the deployer names them", "").
				offer(s, identity.Hostname, "etc/hostname")
		}
	}
	if data, ok := s.read("etc/hosts"); ok {
		for line := range lines(string(data)) {
			if rest, ok := strings.CutPrefix(line, "127.0.1.1"); ok {
				s.info("etc/hosts", "has the source's name: "+shorten(strings.Join(strings.Fields(rest), " ")), "").offer(s, identity.HostsName, "etc/hosts")
				return
			}
		}
	}
}

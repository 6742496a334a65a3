package bootcheck

import (
	"bytes"
	"slices"
	"strings"

	"image-capture/entry"
	"image-capture/identity"
)

// rootOn says whether the source's root is on LVM or on an array, by its fstab and its
// command lines: who captures that deploys it so too.
func (s *survey) rootOn(layer string) bool {
	is := func(device string) bool {
		rest, ok := strings.CutPrefix(device, "/dev/")
		switch {
		case !ok:
			return false
		case layer == "md":
			return strings.HasPrefix(rest, "md")
		case strings.HasPrefix(rest, "mapper/"):
			name := strings.TrimPrefix(rest, "mapper/")
			return strings.Contains(name, "-") && !strings.HasPrefix(name, "luks-") && !strings.HasPrefix(name, "mpath")
		}
		return strings.Contains(rest, "/") && !strings.HasPrefix(rest, "disk/") && !strings.HasPrefix(rest, "md/")
	}
	if e, ok := s.mountOf("/"); ok && is(e.source) {
		return true
	}
	word := map[string]string{"lvm": "rd.lvm.lv=", "md": "rd.md.uuid="}[layer]
	return slices.ContainsFunc(s.commandLines(), func(l bootLine) bool {
		return is(strings.TrimPrefix(l.find("root="), "root=")) || l.find(word) != ""
	})
}

// mdadmFiles are where mdadm.conf(5) is.
var mdadmFiles = []string{"etc/mdadm/mdadm.conf", "etc/mdadm.conf"}

// checkAssembly looks at what keeps mdadm and LVM from the clone's disks: where the source's
// root is on them it is in the way of the clone's.
func (s *survey) checkAssembly() {
	lvm, md := s.rootOn("lvm"), s.rootOn("md")
	for _, name := range mdadmFiles {
		if !s.isFile(name) || s.builtIn() { // curtin writes another where it makes arrays
			continue
		}
		data, _ := s.read(name)
		only, rest := mdadmLimits(string(data))
		// Our hooks list the clone's arrays, and leave the rest of the file.
		if only != "" || rest != "" && !s.ourHooks() {
			line := only
			if line == "" {
				line = rest
			}
			s.warn(name, "keeps mdadm from the clone's disks: "+shorten(line), "remove the line").
				because("its arrays are not assembled").dropLines(s, name, isMdadmLimit)
			s.arrayDoubt(md, name)
		}
	}
	for _, b := range s.initramfses() {
		if !b.whole() || !s.starts(b.kernel) || s.ourHooks() { // they make it new where the root is on either
			continue
		}
		for _, name := range mdadmFiles {
			if only, rest := mdadmLimits(string(b.content.File(name))); only+rest != "" {
				s.warn(b.name, "has a /"+name+" that keeps mdadm from the clone's disks: "+shorten(only+rest), "remove the line from the file, and "+s.initramfsHint(b.kernel)).because("its arrays are not assembled")
				s.arrayDoubt(md, b.name)
			}
		}
		if lvm && len(bytes.TrimSpace(b.content.File("etc/lvm/devices/system.devices"))) > 0 { // checkTwins says so
			s.volumeDoubt(b.name)
		}
	}
	if lvm && !s.ourHooks() && s.isFilled("etc/lvm/devices/system.devices") { // its row says so
		s.volumeDoubt("etc/lvm/devices/system.devices")
	}
}

func (s *survey) arrayDoubt(md bool, name string) {
	if md {
		s.doubts(boots, Both, "a root on RAID is not found by "+shown(name))
	}
}

func (s *survey) volumeDoubt(name string) {
	s.doubts(boots, Both, "a root on LVM is not found by "+shown(name))
}

// mdadmLimits returns the lines of mdadm.conf(5) that leave disks out: DEVICE with other
// words than its two general ones, and AUTO that says no to what is not listed.
func mdadmLimits(data string) (only, rest string) {
	for line := range lines(data) {
		switch {
		case !isMdadmLimit(line):
		case strings.EqualFold(line[:1], "d"):
			only = line
		default:
			rest = line
		}
	}
	return only, rest
}

func isMdadmLimit(line string) bool {
	words := strings.Fields(line)
	if len(words) < 2 {
		return false
	}
	// Keywords may be cut to three letters, in any case.
	is := func(keyword string) bool {
		return len(words[0]) > 2 && len(words[0]) <= len(keyword) && strings.EqualFold(words[0], keyword[:len(words[0])])
	}
	switch {
	case is("device"):
		return !slices.Contains(words, "partitions") && slices.ContainsFunc(words[1:], func(w string) bool { return w != "containers" && !strings.HasPrefix(w, "#") })
	case is("auto"):
		for _, w := range words[1:] {
			if strings.HasPrefix(w, "+") || w == "homehost" || strings.HasPrefix(w, "#") {
				return false
			}
			if w == "-all" || strings.HasPrefix(w, "-1") {
				return true
			}
		}
	}
	return false
}

// dropLines offers to comment out lines, with those that go on from them: they begin with a
// blank.
func (f *Finding) dropLines(s *survey, name string, bad func(string) bool) *Finding {
	if real, ok := s.real(name, true); ok {
		f.Fix = &Fix{Op: entry.Rewrite, Path: real, Rewrite: func(old []byte) ([]byte, error) { return withoutLines(old, bad), nil }}
	}
	return f
}

func withoutLines(old []byte, bad func(string) bool) []byte {
	var out []byte
	goes := false
	for line := range bytes.SplitAfterSeq(old, []byte("\n")) {
		text := string(line)
		if len(text) > 0 && text[0] != ' ' && text[0] != '\t' {
			goes = bad(strings.TrimSpace(text))
		}
		if goes && strings.TrimSpace(text) != "" {
			out = append(out, "# "...)
		}
		out = append(out, line...)
	}
	return out
}

// lvmConfigs are where LVM's settings are; the first counts.
var lvmConfigs = []string{"etc/lvm/lvmlocal.conf", "etc/lvm/lvm.conf"}

// lvmDevicesFile returns the name of the list of disks that a text in the form of
// lvm.conf(5) asks for: by devicesfile=, or devices/devicesfile=.
func lvmDevicesFile(data string) string {
	for line := range lines(data) {
		line, _, _ = strings.Cut(line, "#")
		key, value, ok := strings.Cut(line, "=")
		key = strings.TrimPrefix(strings.TrimSpace(key), "devices/")
		value = strings.Trim(strings.TrimSpace(value), `"`)
		if ok && key == "devicesfile" && value != "" && value != "system.devices" && !strings.Contains(value, "/") {
			return value
		}
	}
	return ""
}

// checkDevicesFile looks for a list of disks that LVM is told to use in place of its
// usual one: devicesfile of lvm.conf(5). To remove the list and leave the setting is not
// enough for tools that name it, so it is for people. A list that is not there is none.
func (s *survey) checkDevicesFile() {
	o := identity.LVMDevicesFile
	for _, conf := range lvmConfigs {
		if !s.isFile(conf) {
			continue
		}
		data, _ := s.read(conf)
		list := lvmDevicesFile(string(data))
		if list == "" {
			continue
		}
		if name := "etc/lvm/devices/" + list; s.isFilled(name) {
			s.warn(name, o.What+", by devicesfile= of /"+conf, o.Hint).because(o.Why)
			if s.rootOn("lvm") {
				s.volumeDoubt(name)
			}
			break
		}
	}
	for _, b := range s.initramfses() {
		if !b.whole() || !s.starts(b.kernel) {
			continue
		}
		for _, conf := range lvmConfigs {
			list := lvmDevicesFile(string(b.content.File(conf)))
			if list != "" && len(bytes.TrimSpace(b.content.File("etc/lvm/devices/"+list))) > 0 {
				s.warn(b.name, "has a list of the source's disks for LVM, by devicesfile= of its /"+conf+": "+shorten(list), "remove devicesfile= from the configuration, and "+s.initramfsHint(b.kernel)).because(o.Why)
				if s.rootOn("lvm") {
					s.volumeDoubt(b.name)
				}
			}
		}
	}
}

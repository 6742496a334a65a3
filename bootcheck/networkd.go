package bootcheck

import (
	"path"
	"slices"
	"strings"

	"image-capture/identity"
)

// networkDirs are where systemd's files about the network are, see systemd.network(5); the
// first that has a name wins.
var networkDirs = []string{"etc/systemd/network", "usr/local/lib/systemd/network", "usr/lib/systemd/network", "lib/systemd/network"}

// confFiles returns the files whose names have an end in some directories as systemd and
// netplan read them: of one name the first counts, a link to /dev/null or an empty file there
// hides the others, and they are sorted by their names.
func (t *tree) confFiles(dirs []string, end string) []string {
	found := map[string]string{}
	var order []string
	for _, dir := range dirs {
		for _, base := range t.list(dir) {
			if _, seen := found[base]; !seen && strings.HasSuffix(base, end) && base[0] != '.' {
				found[base] = path.Join(dir, base)
				order = append(order, base)
			}
		}
	}
	slices.Sort(order)
	var names []string
	for _, base := range order {
		if name := found[base]; !t.masks(name) && t.isFile(name) {
			names = append(names, name)
		}
	}
	return names
}

// dropIns returns the files that add to one of systemd's: NAME.d/*.conf in all directories.
func (t *tree) dropIns(dirs []string, base string) []string {
	var below []string
	for _, dir := range dirs {
		below = append(below, path.Join(dir, base+".d"))
	}
	return t.confFiles(below, ".conf")
}

// linkFile is what a file of systemd about the network says, with what was added to it.
type linkFile struct {
	match   map[string][]sourced // the lists of [Match], by their keys
	set     sourced              // the MAC address that it gives
	client  sourced              // what it tells DHCP servers
	static  string               // the file that sets an address
	secrets []string             // files with a key of WireGuard
}

// checkNetworkd looks at systemd's configuration, see systemd.network(5),
// systemd.link(5), systemd.netdev(5). Without its MACAddress= a [Match] would
// match other interfaces, or all: there is no fix.
func (s *survey) checkNetworkd() {
	for _, kind := range []string{".link", ".netdev", ".network"} {
		for _, name := range s.confFiles(networkDirs, kind) {
			if s.cloudWrote(name) {
				continue
			}
			f := s.readLinkFile(name)
			if kind == ".netdev" {
				f.match = nil // only its Host= would count
			}
			s.tellLinkFile(name, f)
			if f.takesAll() && kind != ".netdev" {
				break // the first that matches is the only one
			}
		}
	}
	var settings linkFile
	for _, part := range append([]string{"etc/systemd/networkd.conf"}, s.confFiles([]string{"etc/systemd/networkd.conf.d", "usr/local/lib/systemd/networkd.conf.d", "usr/lib/systemd/networkd.conf.d", "lib/systemd/networkd.conf.d"}, ".conf")...) {
		if !s.isFile(part) {
			continue
		}
		data, _ := s.read(part)
		for section, line := range sections(string(data)) {
			if key, value, _ := keyValue(line); key == "DUIDRawData" {
				settings.take(s, section, key, value, part)
			}
		}
	}
	s.tellClient(settings.client)
}

func (s *survey) readLinkFile(name string) linkFile {
	f := linkFile{match: map[string][]sourced{}}
	for _, part := range append([]string{name}, s.dropIns(networkDirs, path.Base(name))...) {
		data, _ := s.read(part)
		for section, line := range sections(string(data)) {
			key, value, _ := keyValue(line)
			f.take(s, section, key, value, part)
		}
	}
	return f
}

// take reads one line. An empty value takes back what there was.
func (f *linkFile) take(s *survey, section, key, value, file string) {
	switch {
	case section == "Match" && value == "":
		delete(f.match, key)
	case section == "Match":
		for _, word := range quotedWords(value) {
			f.match[key] = append(f.match[key], sourced{word, file})
		}
	case (section == "Link" || section == "NetDev") && key == "MACAddress":
		if f.set = (sourced{}); identity.IsMAC(value) {
			f.set = sourced{value, file}
		}
	case (section == "DHCPv4" || section == "DHCPv6") && (key == "DUIDRawData" || key == "Hostname"):
		if f.client = (sourced{}); value != "" {
			f.client = sourced{key + "=" + value, file}
		}
	// Of 0.0.0.0/28 networkd takes a free range.
	case (section == "Network" || section == "Address") && key == "Address" && value != "" && !isLoopback(value) && !strings.HasPrefix(value, "0.0.0.0/") && !strings.HasPrefix(value, "::/"):
		f.static = file
	case section == "WireGuard" && key == "PrivateKey" || section == "WireGuardPeer" && key == "PresharedKey":
		if value != "" && !strings.HasPrefix(value, "@") && !slices.Contains(f.secrets, file) { // @: of the credentials
			f.secrets = append(f.secrets, file)
		}
	case section == "WireGuard" && key == "PrivateKeyFile" || section == "WireGuardPeer" && key == "PresharedKeyFile":
		if name := strings.TrimPrefix(value, "/"); name != value && s.isFilled(name) && !slices.Contains(f.secrets, name) {
			f.secrets = append(f.secrets, name)
		}
	}
}

// quotedWords splits a value as systemd does, as far as its quotes go.
func quotedWords(value string) (words []string) {
	for i, part := range strings.Split(value, `"`) {
		if i%2 == 1 {
			words = append(words, part)
		} else {
			words = append(words, strings.Fields(part)...)
		}
	}
	return words
}

// takesAll says whether the file matches every interface.
func (f linkFile) takesAll() bool {
	if len(f.match) != 1 {
		return false
	}
	for _, key := range []string{"Name", "OriginalName"} {
		if slices.ContainsFunc(f.match[key], func(w sourced) bool { return w.word == "*" }) {
			return true
		}
	}
	return false
}

// tellLinkFile reports what of a file fits the source only.
func (s *survey) tellLinkFile(name string, f linkFile) {
	is := path.Ext(name)
	// because is why it matters that a match fails.
	because := func(why string) string {
		if is == ".link" {
			return identity.WhyLink
		}
		return why
	}
	hint := identity.HintMAC
	if is == ".link" {
		hint = identity.HintLink
	}
	tell := func(what string, w sourced, why string) {
		s.warn(w.file, identity.Networkd.What+": it matches "+what+" "+shorten(w.word), hint).because(because(why))
	}
	for _, key := range []string{"MACAddress", "PermanentMACAddress"} {
		if w, ok := firstPin(f.match[key], identity.IsMAC); ok {
			tell("the MAC address", w, identity.WhyPinned)
		}
	}
	if w, ok := firstPin(f.match["Path"], identity.IsSlot); ok {
		tell("the slot", w, identity.WhySlot)
	}
	if w, ok := firstPin(f.match["Property"], isPinnedProperty); ok {
		tell("the property", w, identity.WhySlot)
	}
	if w, ok := firstPin(f.match["Host"], func(word string) bool { return !strings.ContainsAny(word, "*?[") }); ok {
		tell("the host", w, identity.WhyHost)
	}
	for _, key := range []string{"Name", "OriginalName"} {
		if w, ok := firstPin(f.match[key], isHardwareName); ok {
			if found := s.named(w.file, []string{w.word}); found != nil && found.Level >= Warn {
				found.because(because(found.Why))
			}
		}
	}
	if f.set.word != "" {
		s.warn(f.set.file, "gives an interface the MAC address "+shorten(f.set.word), "remove the line").because(identity.WhySetMAC)
	}
	s.tellClient(f.client)
	if f.static != "" {
		s.static(f.static)
	}
	for _, file := range f.secrets {
		s.wireguard(file, true)
	}
}

// tellClient reports what tells DHCP servers that a clone is the source.
func (s *survey) tellClient(w sourced) {
	if w.word != "" {
		s.warn(w.file, "tells DHCP servers "+shorten(w.word)+" of the source", "remove the line").because("DHCP servers take clones for the source by it")
	}
}

// firstPin returns the first word of a list that fits one machine, unless the list fits
// others too. A list whose first word begins with "!" is of what does not match.
func firstPin(list []sourced, pins func(string) bool) (sourced, bool) {
	if len(list) == 0 || strings.HasPrefix(list[0].word, "!") {
		return sourced{}, false
	}
	if slices.ContainsFunc(list, func(w sourced) bool { return !pins(w.word) }) {
		return sourced{}, false
	}
	return list[0], true
}

// isPinnedProperty says whether a word of Property= names one machine's card, by where it is
// or by its serial number.
func isPinnedProperty(word string) bool {
	key, value, _ := strings.Cut(word, "=")
	switch key {
	case "ID_PATH", "ID_PATH_TAG":
		return identity.IsSlot(value)
	case "ID_SERIAL", "ID_SERIAL_SHORT":
		return value != "" && !strings.HasPrefix(value, "*")
	}
	return strings.HasPrefix(key, "ID_NET_NAME") && isHardwareName(value)
}

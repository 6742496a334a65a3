package bootcheck

import (
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"image-capture/entry"
	"image-capture/identity"
)

// checkNetworkIdentity asks for network configuration that fits one machine only:
// what names its MAC addresses, and what sets its addresses.
//
// A line that ties a profile to a MAC address can be taken out on the way where
// the profile asks for its addresses. Where it sets them the line stays: without
// it, each clone would take the source's address.
func checkNetworkIdentity(s *survey) {
	before := len(s.findings)
	s.checkCloudNetwork()
	s.checkUdevNet()
	s.checkIfcfg()
	s.checkKeyfiles()
	s.checkNetworkd()
	s.checkNetplan()
	s.checkInterfaces()
	s.fine(before, "", "no network configuration names the source's interfaces or addresses")
}

// checkCloudNetwork looks for what cloud-init, or curtin on its behalf, wrote for
// the source's network: see GEN_NET_CONFIG_FILES of cloud-init's clean.py, and
// curtin's apply_network. It is written anew where cloud-init runs, unless it was
// told to leave the network alone, as Ubuntu's installer tells it: then the files are
// what the clone has, and are judged like those of anybody else.
//
// A configuration of its own, by the key network in any of its files, cloud-init takes
// before what the deployer says (Ubuntu's installer writes 90-installer-network.cfg,
// curtin 50-curtin-networking.cfg): see stages.py, _find_networking_config.
func (s *survey) checkCloudNetwork() {
	if where := s.cloudNetworkOff(); where != "" {
		s.warn(where, "tells cloud-init to leave the network alone: clones keep the configuration that is here",
			"remove network: {config: disabled} there, if the deployer is to set up the network").
			because("what the deployer says of the clone's network is ignored")
		return
	}
	works := s.cloudInitRuns() == does
	o := identity.CloudNetwork
	for _, pattern := range o.Paths {
		for _, name := range s.filled(pattern) {
			f := s.warn(name, o.What, "rm "+typed(name)).because(o.Why)
			if works {
				f.offer(s, o, name)
			}
		}
	}
	o = identity.CloudNetworkConfig
	for _, name := range s.cloudFiles() {
		data, _ := s.read(name)
		root := yamlMapping(data)
		network := yamlValue(root, "network")
		if network == nil || network.Kind != yaml.MappingNode || s.cloudWrote(name) {
			continue
		}
		f := s.warn(name, o.What, "remove the key network from it").because(o.Why)
		if works && len(root.Content) == 2 {
			f.Hint = "rm " + typed(name)
			f.offer(s, o, name)
		}
	}
}

// cloudNetworkOff returns the file in which cloud-init is told not to set up the
// network, empty when there is none: see its docs on "Disabling network
// configuration".
func (s *survey) cloudNetworkOff() string {
	if s.isFile(cloudInitProgram) {
		off := ""
		for _, name := range s.cloudFiles() {
			data, _ := s.read(name)
			if network := yamlValue(yamlMapping(data), "network"); network != nil {
				off = "" // the last file has its way
				if c := yamlValue(network, "config"); c != nil && c.Value == "disabled" {
					off = name
				}
			}
		}
		if off != "" {
			return off
		}
		for _, l := range s.commandLines() {
			if slices.Contains(l.words, "network-config=disabled") {
				return l.file
			}
		}
	}
	return ""
}

// cloudWrote says whether checkCloudNetwork has told of a file.
func (s *survey) cloudWrote(name string) bool {
	return slices.ContainsFunc(s.findings, func(f Finding) bool {
		return f.Rule == s.rule.name && f.Path == entry.Escape("/"+name)
	})
}

func (s *survey) checkIfcfg() {
	for _, dir := range []string{"etc/sysconfig/network-scripts", "etc/sysconfig/network"} {
		for _, base := range s.list(dir) {
			name := path.Join(dir, base)
			if !strings.HasPrefix(base, "ifcfg-") || base == "ifcfg-lo" || isBackup(base) || !s.isFile(name) {
				continue
			}
			data, ok := s.read(name)
			if !ok {
				continue
			}
			var pins []string
			static, device := false, base[len("ifcfg-"):]
			for line := range lines(string(data)) {
				key, value, _, ok := assignment(line)
				switch {
				case !ok || value == "":
				case identity.IsIfcfgPin(key):
					pins = append(pins, key+"="+value)
				case key == "DEVICE":
					device = value
				case strings.HasPrefix(key, "IPADDR") || key == "IPV6ADDR":
					static = !isLoopback(value)
				}
			}
			s.pinned(identity.Ifcfg, name, pins, static)
			s.named(name, []string{device})
		}
	}
}

// isBackup says whether ifup leaves a file out, by its name.
func isBackup(base string) bool {
	for _, end := range []string{"~", ".bak", ".old", ".orig", ".rpmnew", ".rpmorig", ".rpmsave"} {
		if strings.HasSuffix(base, end) {
			return true
		}
	}
	return false
}

func isLoopback(addr string) bool {
	return strings.HasPrefix(addr, "127.") || strings.HasPrefix(addr, "::1")
}

// pinned reports a profile with pins, lines that name the source's machine, which
// the row's rewriting takes out.
func (s *survey) pinned(o identity.Operation, name string, pins []string, static bool) {
	if s.cloudWrote(name) {
		return
	}
	hint := "rm " + typed(name) + ", and leave the network to cloud-init"
	if len(pins) > 0 {
		why := identity.WhyPinned
		if slices.ContainsFunc(pins, func(p string) bool {
			key, _, _ := strings.Cut(p, "=")
			return key == "MACADDR" || key == "LLADDR" || key == "cloned-mac-address"
		}) {
			why = identity.WhySetMAC
		} else if slices.ContainsFunc(pins, func(p string) bool { return strings.HasPrefix(p, "path=") }) {
			why = identity.WhySlot
		} else if !slices.ContainsFunc(pins, func(p string) bool {
			return strings.HasPrefix(strings.ToUpper(p), "HWADDR=") || strings.HasPrefix(p, "mac-address=")
		}) {
			why = "tools and DHCP servers take clones for the source by it"
		}
		f := s.warn(name, o.What+": "+shorten(strings.Join(pins, " ")), "remove these lines").because(why)
		if !static {
			f.offer(s, o, name)
		}
	}
	if static {
		s.warn(name, "sets an address of the source", hint).because(identity.WhyStatic)
	}
}

// checkKeyfiles looks at NetworkManager's profiles, see
// nm-settings-keyfile(5). The uuid of a profile may be the same on all machines.
func (s *survey) checkKeyfiles() {
	for _, dir := range []string{"etc/NetworkManager/system-connections", "usr/lib/NetworkManager/system-connections"} {
		for _, base := range s.list(dir) {
			name := path.Join(dir, base)
			if strings.HasPrefix(base, ".") || strings.HasSuffix(base, "~") || !s.isFile(name) {
				continue
			}
			data, ok := s.read(name)
			if !ok {
				continue
			}
			var pins, names []string
			static, key := false, false
			for section, line := range sections(string(data)) {
				word, value, _ := keyValue(line)
				switch {
				case identity.IsKeyfilePin(section, word, value):
					pins = append(pins, word+"="+value)
				case section == "connection" && word == "interface-name":
					names = append(names, value)
				case section == "match" && word == "interface-name":
					names = append(names, matchNames(value)...)
				case section == "wireguard" && word == "private-key" || strings.HasPrefix(section, "wireguard-peer.") && word == "preshared-key":
					key = key || value != ""
				case section == "ipv4" || section == "ipv6":
					static = static || strings.HasPrefix(word, "address") && word != "address-data" && value != "" && !isLoopback(value)
				}
			}
			s.pinned(identity.Keyfile, name, pins, static)
			s.named(name, names)
			s.wireguard(name, key)
		}
	}
}

// matchNames returns the names of match.interface-name of NetworkManager, where all that it
// takes have names of the source: "!" and "&" are for what must be so too.
func matchNames(value string) []string {
	words := strings.FieldsFunc(value, func(r rune) bool { return r == ';' || r == ' ' })
	for i, w := range words {
		words[i] = strings.TrimLeft(w, "|&")
		if !isHardwareName(words[i]) {
			return nil
		}
	}
	return words
}

// sections yields the lines of a file in the way of an .ini with the section that
// they are in, without comments.
func sections(data string) func(func(section, line string) bool) {
	return func(yield func(string, string) bool) {
		section := ""
		for line := range lines(data) {
			if name, ok := sectionName(line); ok {
				section = name
			} else if line[0] != '#' && line[0] != ';' && !yield(section, line) {
				return
			}
		}
	}
}

func sectionName(line string) (string, bool) {
	if len(line) > 1 && line[0] == '[' && line[len(line)-1] == ']' {
		return line[1 : len(line)-1], true
	}
	return "", false
}

func keyValue(line string) (key, value string, ok bool) {
	if line == "" || line[0] == '#' || line[0] == ';' {
		return "", "", false
	}
	key, value, ok = strings.Cut(line, "=")
	return strings.TrimSpace(key), strings.TrimSpace(value), ok
}

package bootcheck

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"image-capture/entry"
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

const (
	whyPinned = "the clone's interface has another MAC address, and stays down"
	whySetMAC = "clones with one MAC address on one network lose each other's packets"
	whyStatic = "clones with one address on one network lose each other's packets"
	hintMAC   = "match the interface by its name, or remove the file and leave the network to cloud-init"
)

// checkCloudNetwork looks for what cloud-init, or curtin on its behalf, wrote for
// the source's network: see GEN_NET_CONFIG_FILES of cloud-init's clean.py, and
// curtin's apply_network. It is written anew where cloud-init runs, unless it was
// told to leave the network alone, as Ubuntu's installer tells it: then the files are
// what the clone has, and are judged like those of anybody else.
func (s *survey) checkCloudNetwork() {
	if where := s.cloudNetworkOff(); where != "" {
		s.warn(where, "tells cloud-init to leave the network alone: clones keep the configuration that is here",
			"remove network: {config: disabled} there, if the deployer is to set up the network").
			because("what the deployer says of the clone's network is ignored")
		return
	}
	works := s.cloudInitRuns() == does
	for _, pattern := range []string{
		"etc/netplan/50-cloud-init.yaml", "etc/network/interfaces.d/50-cloud-init", "etc/network/interfaces.d/50-cloud-init.cfg",
		"etc/NetworkManager/system-connections/cloud-init-*.nmconnection", "etc/systemd/network/10-cloud-init-*.network",
		"etc/cloud/cloud.cfg.d/50-curtin-networking.cfg",
	} {
		for _, name := range s.filled(pattern) {
			f := s.warn(name, "was written by cloud-init for the source", "rm "+typed(name)).
				because("clones keep the source's settings until cloud-init writes the file again")
			if works {
				f.edit(s, entry.Drop, name)
			}
		}
	}
}

// cloudNetworkOff returns the file in which cloud-init is told not to set up the
// network, empty when there is none: see its docs on "Disabling network
// configuration".
func (s *survey) cloudNetworkOff() string {
	if s.isFile(cloudInitProgram) {
		network := s.cloudConfig("network")["network"]
		if c := yamlValue(network, "config"); c != nil && c.Value == "disabled" {
			return "etc/cloud/cloud.cfg.d"
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
		return f.Rule == s.rule.name && f.Path == entry.Printable("/"+name)
	})
}

// checkUdevNet looks for names of interfaces that udev gives by MAC address.
func (s *survey) checkUdevNet() {
	const dir = "etc/udev/rules.d"
	for _, base := range s.list(dir) {
		name := path.Join(dir, base)
		if !strings.HasSuffix(base, ".rules") || !s.isFile(name) {
			continue
		}
		data, _ := s.read(name)
		pins := 0
		for line := range lines(string(data)) {
			if !strings.HasPrefix(line, "#") && strings.Contains(line, "ATTR{address}==") {
				pins++
			}
		}
		if pins == 0 {
			continue
		}
		f := s.warn(name, "names the source's network interfaces by their MAC addresses", "rm "+typed(name)).
			because("the clone's interfaces get other names than its configuration has")
		if strings.Contains(base, "persistent-net") {
			f.edit(s, entry.Drop, name) // made by udev or cloud-init, not by people
		}
	}
}

// ifcfgKeys are the variables of initscripts' and wicked's ifcfg files that fit
// one machine, see sysconfig.txt of initscripts and ifcfg(5).
var ifcfgKeys = []string{"HWADDR", "MACADDR", "LLADDR", "UUID", "DHCP_HOSTNAME", "DHCP_CLIENT_ID"}

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
			static := false
			for line := range lines(string(data)) {
				key, value, _, ok := assignment(line)
				switch {
				case !ok || value == "":
				case slices.Contains(ifcfgKeys, key):
					pins = append(pins, key+"="+value)
				case strings.HasPrefix(key, "IPADDR") || key == "IPV6ADDR":
					static = !isLoopback(value)
				}
			}
			s.pinned(name, pins, static, rewriteIfcfg)
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
// the rewriting takes out.
func (s *survey) pinned(name string, pins []string, static bool, rewrite func([]byte) ([]byte, error)) {
	if s.cloudWrote(name) {
		return
	}
	hint := "rm " + typed(name) + ", and leave the network to cloud-init"
	if len(pins) > 0 {
		why := whyPinned
		if slices.ContainsFunc(pins, func(p string) bool {
			key, _, _ := strings.Cut(p, "=")
			return key == "MACADDR" || key == "LLADDR" || key == "cloned-mac-address"
		}) {
			why = whySetMAC
		} else if !slices.ContainsFunc(pins, func(p string) bool {
			return strings.HasPrefix(strings.ToUpper(p), "HWADDR=") || strings.HasPrefix(p, "mac-address=")
		}) {
			why = "tools and DHCP servers take clones for the source by it"
		}
		f := s.warn(name, "is for the source's interface only: "+shorten(strings.Join(pins, " ")), "remove these lines").because(why)
		if real, ok := s.real(name, true); ok && !static {
			f.Fix = &Fix{Op: entry.Rewrite, Path: real, Rewrite: rewrite}
		}
	}
	if static {
		s.warn(name, "sets an address of the source", hint).because(whyStatic)
	}
}

// rewriteIfcfg leaves out the lines of ifcfgKeys.
func rewriteIfcfg(old []byte) ([]byte, error) {
	return withoutLines(old, func(line string) bool {
		key, _, _, ok := assignment(line)
		return ok && slices.Contains(ifcfgKeys, key)
	}), nil
}

// withoutLines returns a text without the lines that are bad, given without the
// blanks around them. All others stay as they are.
func withoutLines(data []byte, bad func(line string) bool) []byte {
	out := make([]byte, 0, len(data))
	for line := range bytes.SplitAfterSeq(data, []byte("\n")) {
		if !bad(strings.TrimSpace(string(line))) {
			out = append(out, line...)
		}
	}
	return out
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
			var pins []string
			static := false
			for section, line := range sections(string(data)) {
				key, value, _ := keyValue(line)
				switch {
				case isKeyfilePin(section, key, value):
					pins = append(pins, key+"="+value)
				case section == "ipv4" || section == "ipv6":
					static = static || strings.HasPrefix(key, "address") && key != "address-data" && value != "" && !isLoopback(value)
				}
			}
			s.pinned(name, pins, static, rewriteKeyfile)
		}
	}
}

// isKeyfilePin says whether a property fits one machine: the interface's own MAC
// address, or one to give it. The words in place of an address fit all.
func isKeyfilePin(section, key, value string) bool {
	switch section {
	case "ethernet", "802-3-ethernet", "wifi", "802-11-wireless", "infiniband":
		return (key == "mac-address" || key == "cloned-mac-address") && strings.Count(value, ":") >= 5
	}
	return false
}

func rewriteKeyfile(old []byte) ([]byte, error) {
	section := ""
	return withoutLines(old, func(line string) bool {
		if name, ok := sectionName(line); ok {
			section = name
			return false
		}
		key, value, ok := keyValue(line)
		return ok && isKeyfilePin(section, key, value)
	}), nil
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

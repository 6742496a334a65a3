package bootcheck

import (
	"path"
	"strings"

	"go.yaml.in/yaml/v4"

	"image-capture/identity"
)

// wireguard reports a profile that holds the key of a tunnel.
func (s *survey) wireguard(name string, key bool) {
	if o := identity.WireguardProfile; key {
		s.warn(name, o.What, o.Hint).because(o.Why).offer(s, o, name)
	}
}

// matched reports a profile that is chosen by the MAC address match, sets the MAC
// address set, or sets addresses.
func (s *survey) matched(name, match, set string, static bool) {
	if match != "" {
		s.warn(name, identity.Networkd.What+": it matches the MAC address "+shorten(match), identity.HintMAC).because(identity.WhyPinned)
	}
	if set != "" {
		s.warn(name, "gives an interface the MAC address "+shorten(set), "remove the line").because(identity.WhySetMAC)
	}
	if static {
		s.static(name)
	}
}

// static reports a profile that sets an address.
func (s *survey) static(name string) {
	s.warn(name, "sets an address of the source", "rm "+typed(name)+", and leave the network to cloud-init").because(identity.WhyStatic)
}

// checkNetplan looks at netplan's configuration: see its reference, "match",
// "macaddress" and "addresses".
func (s *survey) checkNetplan() {
	for _, name := range s.confFiles([]string{"etc/netplan", "usr/lib/netplan", "lib/netplan"}, ".yaml") {
		if s.cloudWrote(name) {
			continue
		}
		data, ok := s.read(name)
		if !ok {
			continue
		}
		network := yamlValue(yamlMapping(data), "network")
		if network == nil || network.Kind != yaml.MappingNode {
			continue
		}
		match, set, static, secret := "", "", false, false
		var names []string
		for i := 1; i < len(network.Content); i += 2 {
			kind := resolved(network.Content[i]) // ethernets, bonds, ...
			if kind.Kind != yaml.MappingNode {
				continue
			}
			for j := 1; j < len(kind.Content); j += 2 {
				device := resolved(kind.Content[j])
				if m := yamlValue(device, "match"); isPhysical(network.Content[i-1].Value) && m == nil {
					names = append(names, kind.Content[j-1].Value)
				} else if n := yamlValue(m, "name"); n != nil {
					names = append(names, n.Value)
				}
				if mode := yamlValue(device, "mode"); mode != nil && mode.Value == "wireguard" {
					v := yamlValue(device, "key")
					if p := yamlValue(v, "private"); p != nil {
						v = p
					}
					secret = secret || v != nil && v.Kind == yaml.ScalarNode && v.Value != "" && !strings.HasPrefix(v.Value, "/")
				}
				if v := yamlValue(yamlValue(device, "match"), "macaddress"); v != nil && identity.IsMAC(v.Value) {
					match = v.Value
				}
				if v := yamlValue(device, "macaddress"); v != nil && strings.Count(v.Value, ":") == 5 {
					set = v.Value
				}
				if v := yamlValue(device, "addresses"); v != nil && v.Kind == yaml.SequenceNode && len(v.Content) > 0 {
					static = static || !isLoopback(resolved(v.Content[0]).Value)
				}
			}
		}
		s.matched(name, match, set, static)
		s.named(name, names)
		if o := identity.WireguardProfile; secret { // the file has other interfaces too
			s.warn(name, o.What, o.Hint).because(o.Why)
		}
	}
}

// isPhysical says whether netplan's word is for interfaces of hardware: without match: they
// have the names by which they are listed.
func isPhysical(kind string) bool { return kind == "ethernets" || kind == "wifis" || kind == "modems" }

// checkInterfaces looks at ifupdown's configuration, see interfaces(5).
func (s *survey) checkInterfaces() {
	const dir = "etc/network/interfaces.d"
	names := []string{"etc/network/interfaces"}
	for _, base := range s.list(dir) {
		names = append(names, path.Join(dir, base))
	}
	for _, name := range names {
		if !s.isFile(name) || s.cloudWrote(name) {
			continue
		}
		data, _ := s.read(name)
		match, set, static := "", "", false
		var names []string
		for line := range lines(strings.ReplaceAll(string(data), "\\\n", " ")) {
			words := strings.Fields(line)
			switch {
			case len(words) < 2:
			case words[0] == "auto" || words[0] == "rename" || strings.HasPrefix(words[0], "allow-"):
				// [VARIABLE]/VALUE[/[OPTIONS]][=LOGICAL], or CURRENT=NEW to rename.
				for _, pattern := range words[1:] {
					pattern, _, _ = strings.Cut(pattern, "=")
					by, value, is := strings.Cut(pattern, "/")
					value, _, _ = strings.Cut(value, "/")
					switch {
					case is && by == "mac" && identity.IsMAC(value):
						match = value
					case words[0] == "rename":
						names = append(names, pattern)
					}
				}
			case words[0] == "iface":
				names = append(names, words[1])
			case words[0] == "hwaddress" && strings.Count(line, ":") == 5:
				set = words[len(words)-1]
			case words[0] == "address":
				static = static || !isLoopback(words[1])
			}
		}
		s.matched(name, match, set, static)
		s.named(name, names)
	}
}

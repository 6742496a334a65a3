package bootcheck

import (
	"path"
	"regexp"
	"strings"

	"image-capture/identity"
)

// udevKey is a key of a udev rule that may fit one machine's interface: its MAC address
// by any of the names that udev has or had for it, the slot that its card is in, or a name
// that is made of either; see udev(7), and systemd-udevd's 75-persistent-net-generator of old.
var udevKey = regexp.MustCompile(`(?i)(ATTRS?\{(?:address|permaddr)\}|SYSFS\{address\}|ENV\{(?:ID_NET_NAME[A-Z_]*|MATCHADDR|ID_PATH(?:_TAG)?|ID_SERIAL(?:_SHORT)?|INTERFACE)\}|KERNELS?|DEVPATH|ID)[ \t]*==[ \t]*"([^"]*)"`)

// udevNet are words of rules about network interfaces. Other rules match addresses and
// slots too.
var udevNet = regexp.MustCompile(`SUBSYSTEMS?[ \t]*==[ \t]*"net"|NAME[ \t]*:?=[ \t]*"|ID_NET_|ATTRS?\{(address|permaddr)\}`)

// pinsInterface says whether a udev rule names one machine's interface, and returns the name
// where it does so by that. A pattern that fits any address or slot does not. Of a key with
// alternatives the first counts.
func pinsInterface(line string) (pinned bool, name string) {
	if strings.HasPrefix(line, "#") || !udevNet.MatchString(line) {
		return false, ""
	}
	for _, m := range udevKey.FindAllStringSubmatch(line, -1) {
		key := strings.ToUpper(m[1])
		value, _, _ := strings.Cut(m[2], "|")
		switch {
		case key == "KERNEL" && identity.IsSlot(value):
			pinned = true // of a device above the interface, by "SUBSYSTEM" alone
		case key == "KERNEL" || key == "ENV{INTERFACE}" || key == "ENV{ID_NET_NAME}":
			if isHardwareName(value) {
				name = value
			}
		case strings.HasPrefix(key, "ENV{ID_NET_NAME"):
			pinned = pinned || isHardwareName(value)
		case strings.HasPrefix(key, "ENV{ID_SERIAL"):
			pinned = pinned || value != "" && !strings.ContainsAny(value, "*?")
		default:
			pinned = pinned || identity.IsMAC(value) || identity.IsSlot(value)
		}
	}
	return pinned, name
}

// udevDirs are where udev's rules are; of one name the first counts.
var udevDirs = []string{"etc/udev/rules.d", "usr/local/lib/udev/rules.d", "usr/lib/udev/rules.d", "lib/udev/rules.d"}

// checkUdevNet looks for names of interfaces that udev gives by MAC address or slot.
func (s *survey) checkUdevNet() {
	for _, name := range s.confFiles(udevDirs, ".rules") {
		data, _ := s.read(name)
		pinned := false
		var names []string
		for line := range lines(strings.ReplaceAll(string(data), "\\\n", " ")) {
			is, by := pinsInterface(line)
			pinned = pinned || is
			if by != "" {
				names = append(names, by)
			}
		}
		if !pinned {
			if f := s.named(name, names); f != nil && f.Level >= Warn {
				f.because("the clone's interface has another name, and the rule is not for it")
			}
			continue
		}
		o := identity.UdevNames
		f := s.warn(name, o.What, "rm "+typed(name)).because(o.Why)
		if strings.Contains(path.Base(name), "persistent-net") {
			f.offer(s, o, name) // made by udev or cloud-init, not by people
		}
	}
}

// hardwareName is for the names that systemd's udev makes of where a card is, or of its
// MAC address, see systemd.net-naming-scheme(7): they differ from machine to machine.
// eth0 does not.
var hardwareName = regexp.MustCompile(`^(en|ib|sl|wl|ww)(o[0-9]+|s[0-9]+|p[0-9]+s[0-9]+|P[0-9]+p|x[0-9a-f]{12}|u[0-9]|[bcv][0-9]+|X[0-9]+)[a-z0-9]*(\.[0-9]+)?$|^(em|p[0-9]+p)[0-9]+$`)

// isHardwareName says whether a text, which may be a pattern, is such a name.
func isHardwareName(text string) bool {
	return strings.ContainsAny(text, "0123456789") && hardwareName.MatchString(strings.ReplaceAll(text, "*", "0"))
}

// named tells of a profile for an interface by a name that other machines do not have.
// It is no more than that where cloud-init writes the clone's own.
func (s *survey) named(name string, interfaces []string) *Finding {
	var found []string
	for _, i := range interfaces {
		if isHardwareName(i) {
			found = append(found, i)
		}
	}
	if len(found) == 0 || s.cloudWrote(name) {
		return nil
	}
	problem := counted("is for an interface by the name that it has on the source: "+shorten(found[0]), len(found))
	if s.cloudInitRuns() == does && s.cloudNetworkOff() == "" {
		return s.info(name, problem, identity.InterfaceNames.Hint)
	}
	return s.warn(name, problem, identity.InterfaceNames.Hint).because(identity.InterfaceNames.Why)
}

package bootcheck

import (
	"path"
	"regexp"
	"strings"

	"image-capture/identity"
)

// udevPin is a key of a udev rule that fits one machine's interface: its MAC address
// by any of the names that udev has or had for it, or the slot that its card is in; see
// udev(7), and systemd-udevd's 75-persistent-net-generator of old.
var udevPin = regexp.MustCompile(`(?i)(ATTRS?\{(address|permaddr)\}|SYSFS\{address\}|ENV\{(ID_NET_NAME_MAC|MATCHADDR|ID_NET_NAME_PATH|ID_PATH)\}|KERNELS|DEVPATH|ID)[ \t]*==[ \t]*"([^"]*)"`)

// udevNet are words of rules about network interfaces. Other rules match addresses and
// slots too.
var udevNet = regexp.MustCompile(`SUBSYSTEMS?[ \t]*==[ \t]*"net"|NAME[ \t]*:?=[ \t]*"|ID_NET_|ATTRS?\{(address|permaddr)\}`)

// pinsInterface says whether a udev rule names one machine's interface. A pattern that
// fits any address or slot does not.
func pinsInterface(line string) bool {
	if strings.HasPrefix(line, "#") || !udevNet.MatchString(line) {
		return false
	}
	for _, m := range udevPin.FindAllStringSubmatch(line, -1) {
		if strings.Count(m[4], ":") >= 2 && strings.ContainsAny(m[4], "0123456789abcdefABCDEF") || strings.HasPrefix(m[4], "enx") || strings.HasPrefix(m[4], "pci-") {
			return true
		}
	}
	return false
}

// checkUdevNet looks for names of interfaces that udev gives by MAC address or slot.
func (s *survey) checkUdevNet() {
	const dir = "etc/udev/rules.d"
	for _, base := range s.list(dir) {
		name := path.Join(dir, base)
		if !strings.HasSuffix(base, ".rules") || !s.isFile(name) {
			continue
		}
		data, _ := s.read(name)
		pinned := false
		for line := range lines(strings.ReplaceAll(string(data), "\\\n", " ")) {
			pinned = pinned || pinsInterface(line)
		}
		if !pinned {
			continue
		}
		o := identity.UdevNames
		f := s.warn(name, o.What, "rm "+typed(name)).because(o.Why)
		if strings.Contains(base, "persistent-net") {
			f.offer(s, o, name) // made by udev or cloud-init, not by people
		}
	}
}

// hardwareName is for the names that systemd's udev makes of where a card is, or of its
// MAC address, see systemd.net-naming-scheme(7): they differ from machine to machine.
// eth0 does not.
var hardwareName = regexp.MustCompile(`^(en|ib|sl|wl|ww)(o[0-9]+|s[0-9]+|p[0-9]+s[0-9]+|P[0-9]+p|x[0-9a-f]{12}|u[0-9]|[bcv][0-9]+|X[0-9]+)[a-z0-9]*(\.[0-9]+)?$|^(em|p[0-9]+p)[0-9]+$`)

// named tells of a profile for an interface by a name that other machines do not have.
// It is no more than that where cloud-init writes the clone's own.
func (s *survey) named(name string, interfaces []string) {
	var found []string
	for _, i := range interfaces {
		if hardwareName.MatchString(i) {
			found = append(found, i)
		}
	}
	if len(found) == 0 || s.cloudWrote(name) {
		return
	}
	problem := counted("is for an interface by the name that it has on the source: "+shorten(found[0]), len(found))
	if s.cloudInitRuns() == does && s.cloudNetworkOff() == "" {
		s.info(name, problem, identity.InterfaceNames.Hint)
		return
	}
	s.warn(name, problem, identity.InterfaceNames.Hint).because(identity.InterfaceNames.Why)
}

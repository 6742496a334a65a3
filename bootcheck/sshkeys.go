package bootcheck

import (
	"path"
	"slices"
	"strings"

	"image-capture/identity"
)

// checkSSHHostKeys asks for the keys by which sshd is known, and for what makes
// new ones: without either, sshd does not start.
func checkSSHHostKeys(s *survey) {
	const trap = "sshd does not start without host keys"
	var keys []string
	o := identity.SSHHostKeys
	for _, p := range o.Paths {
		keys = append(keys, s.filled(p)...)
	}
	slices.Sort(keys)
	server := slices.ContainsFunc([]string{"usr/sbin/sshd", "usr/bin/sshd", "sbin/sshd", "usr/local/sbin/sshd"}, s.isFile)
	sure, maker, missing := s.hostKeyMaker()
	hint := "install and enable cloud-init, or a unit that runs ssh-keygen -A before sshd"
	switch {
	case len(keys) > 0 && maker == "" && server:
		s.warn(keys[0], counted(o.What+", and must stay: "+missing, len(keys)), hint+"; then remove the keys")
	case len(keys) > 0:
		if maker == "" {
			maker = "no server needs them"
		}
		for i, name := range keys {
			if i == maxEach {
				s.warn("etc/ssh", "and more SSH host keys", "rm /etc/ssh/ssh_host_*")
				break
			}
			if server && !isMade(name) {
				s.warn(name, o.What+", by a name under which nothing makes another", "ssh-keygen, on each clone")
				continue
			}
			s.warn(name, o.What+" ("+maker+")", "rm "+typed(name)).offer(s, o, name)
		}
	case !server:
		s.ok("", "no SSH host keys, and no server")
	case maker != "":
		s.ok("", "no SSH host keys of the source: "+maker)
	case sure && s.sshdStarts():
		s.fail("etc/ssh", "no SSH host keys, and "+missing+": "+trap, hint).because("nobody can log in to the clone from outside")
	default:
		s.warn("etc/ssh", "no SSH host keys, and "+missing+": "+trap, hint).because("nobody can log in to the clone from outside")
	}

	for _, name := range s.otherHostKeys() {
		s.warn(name, o.What+", in a place where nothing makes another", "ssh-keygen, on each clone")
	}
	for _, name := range s.filled("etc/dropbear/dropbear_*_host_key") {
		s.warn(name, o.What+", for dropbear", "dropbearkey, on each clone")
	}
}

// isMade says whether a host key, or what goes with it, has a name under which
// ssh-keygen -A and cloud-init make new ones.
func isMade(name string) bool {
	for _, kind := range []string{"rsa", "dsa", "ecdsa", "ed25519"} {
		rest, ok := strings.CutPrefix(name, "etc/ssh/ssh_host_"+kind+"_key")
		if ok && (rest == "" || rest == ".pub" || rest == "-cert.pub") {
			return true
		}
	}
	return false
}

// sshUnits are the names of sshd's units: Debian's ssh, all others' sshd.
var sshUnits = []string{"ssh.service", "sshd.service", "ssh.socket", "sshd.socket"}

// sshdStarts says whether a boot starts the server.
func (s *survey) sshdStarts() bool {
	if !s.hasSystemd() {
		return true
	}
	return slices.ContainsFunc(sshUnits, func(base string) bool {
		return s.lookup(unitDirs, base).name != "" && (s.atBoot(base) != "" || s.wants("sockets.target", base) != "")
	})
}

// hostKeyMaker says what makes host keys on a clone's first boot, or else why
// nothing does, and whether that is sure.
func (s *survey) hostKeyMaker() (sure bool, maker, missing string) {
	cloud := s.cloudInitRuns()
	told := s.cloudInitMakesHostKeys()
	if cloud == does && told {
		return true, "cloud-init makes new ones", ""
	}
	if u := s.keyUnit(cloud == does); u != "" {
		return true, path.Base(u) + " makes new ones", ""
	}
	// SysV and OpenRC scripts that make what is missing: Alpine's, Enterprise
	// Linux 6's.
	for _, name := range []string{"etc/init.d/sshd", "etc/init.d/ssh"} {
		if !s.hasSystemd() && s.runsKeygen(name) {
			return true, "/" + name + " makes new ones", ""
		}
	}
	switch {
	case cloud != doesNot && !told:
		return true, "", "cloud-init is not told to make any"
	case cloud == may:
		return false, "", "cloud-init, which would make new ones, is not proven to run"
	}
	return true, "", "nothing makes new ones: there is no working cloud-init, and no unit for it"
}

// keyUnit returns the unit that makes missing keys: sshd's own, one that it
// wants, or one that each boot starts.
func (s *survey) keyUnit(cloud bool) string {
	var todo, seen []string
	for _, base := range sshUnits {
		u := s.lookup(unitDirs, base)
		if u.name == "" || u.mask != "" {
			continue
		}
		if s.unitRunsKeygen(u.name, cloud) {
			return u.name
		}
		todo = append(todo, s.unitWants(base, u.name)...)
	}
	for _, target := range bootTargets {
		for _, dir := range unitDirs {
			todo = append(todo, s.list(path.Join(dir, target+".wants"))...)
		}
	}
	for len(todo) > 0 && len(seen) < maxUnits {
		base := todo[0]
		todo = todo[1:]
		if slices.Contains(seen, base) {
			continue
		}
		seen = append(seen, base)
		u := s.lookup(unitDirs, base)
		if u.name == "" {
			// An instance has the unit of its template.
			if at := strings.IndexByte(base, '@'); at >= 0 {
				u = s.lookup(unitDirs, base[:at+1]+path.Ext(base))
			}
		}
		if u.name == "" || u.mask != "" {
			continue
		}
		if s.unitRunsKeygen(u.name, cloud) {
			return u.name
		}
		// sshd-keygen.target of Enterprise Linux wants one unit for each type.
		if strings.HasPrefix(base, "ssh") {
			todo = append(todo, s.unitWants(base, u.name)...)
		}
	}
	return ""
}

// maxUnits bounds the units that are read.
const maxUnits = 512

// unitWants returns the units that a unit names in Wants= and Requires=, and
// those that are linked into its directory.
func (s *survey) unitWants(base, name string) []string {
	data, _ := s.read(name)
	var found []string
	for line := range lines(string(data)) {
		key, value, _ := strings.Cut(line, "=")
		if key = strings.TrimSpace(key); key == "Wants" || key == "Requires" {
			found = append(found, strings.Fields(value)...)
		}
	}
	for _, dir := range unitDirs {
		for _, w := range s.list(path.Join(dir, base+".wants")) {
			if s.wants(base, w) != "" {
				found = append(found, w)
			}
		}
	}
	return found
}

// unitRunsKeygen says whether a unit makes missing host keys. Units for a first
// boot count only where the clone's is one for systemd too, and Enterprise
// Linux's are off where cloud-init is on (a drop-in of its package).
func (s *survey) unitRunsKeygen(name string, cloud bool) bool {
	if !s.isFile(name) {
		return false
	}
	data, _ := s.read(name)
	runs := false
	for line := range lines(string(data)) {
		key, value, ok := strings.Cut(line, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		switch {
		case !ok || strings.HasPrefix(key, "#"):
		case key == "ConditionFirstBoot" && isYes(value) && !s.isFirstBoot():
			return false
		case strings.HasPrefix(key, "Exec"):
			runs = runs || namesKeygen(value)
		}
	}
	if cloud && runs {
		for _, dir := range unitDirs {
			if s.isFile(path.Join(dir, path.Base(name)+".d", "disable-sshd-keygen-if-cloud-init-active.conf")) {
				return false
			}
		}
	}
	return runs
}

// runsKeygen says whether a script calls for host keys.
func (s *survey) runsKeygen(name string) bool {
	if !s.isFile(name) {
		return false
	}
	data, _ := s.read(name)
	return namesKeygen(string(data))
}

// namesKeygen says whether a command makes host keys: OpenSSH's program, or the
// scripts of Enterprise Linux (sshd-keygen), SUSE (sshd-gen-keys-start) and Arch.
func namesKeygen(command string) bool {
	has := func(w string) bool { return strings.Contains(command, w) }
	return has("ssh-keygen") && (has(" -A") || has(" -t")) ||
		has("sshd-keygen") || has("sshd-gen-keys-start") || has("sshdgenkeys") || has("dpkg-reconfigure openssh-server")
}

// isFirstBoot says whether systemd takes the clone's first boot for one: the
// machine id is missing or "uninitialized". An empty one does not do, see
// machine-id(5).
func (s *survey) isFirstBoot() bool {
	data, ok := s.head("etc/machine-id", 64)
	return !ok || strings.TrimSpace(string(data)) == "uninitialized"
}

func isYes(s string) bool {
	switch strings.ToLower(s) {
	case "1", "yes", "y", "true", "t", "on":
		return true
	}
	return false
}

// otherHostKeys returns the keys that sshd_config(5) names by HostKey elsewhere
// than in their usual place.
func (s *survey) otherHostKeys() []string {
	const dir = "etc/ssh/sshd_config.d"
	files := []string{"etc/ssh/sshd_config"}
	for _, base := range s.list(dir) {
		if strings.HasSuffix(base, ".conf") {
			files = append(files, path.Join(dir, base))
		}
	}
	var found []string
	for _, file := range files {
		if !s.isFile(file) {
			continue
		}
		data, _ := s.read(file)
		for line := range lines(string(data)) {
			key, value, _ := strings.Cut(line, " ")
			value = strings.Trim(strings.TrimSpace(value), `"`)
			if !strings.EqualFold(key, "HostKey") || !path.IsAbs(value) || len(found) == maxEach {
				continue
			}
			name := path.Clean(value)[1:]
			usual, _ := path.Match("etc/ssh/ssh_host_*", name)
			if name != "" && !usual && s.isFilled(name) && !slices.Contains(found, name) {
				found = append(found, name)
			}
		}
	}
	return found
}

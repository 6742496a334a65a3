package bootcheck

import (
	"path"
	"slices"
	"strings"
)

// deployersList is the file of cloud.cfg.d by which image-deploy names NoCloud.
const deployersList = "95_datasource.cfg"

// identifyConfig is the configuration of ds-identify, by which cloud-init's generator
// decides whether it runs.
const identifyConfig = "etc/cloud/ds-identify.cfg"

// checkIdentify asks for what switches cloud-init off through ds-identify: a policy,
// or a data source that is not the one which the deployers write; in its file or, before
// that, on the kernel's command line. See read_config of ds-identify.
func (s *survey) checkIdentify() {
	var conf identified
	if s.isFile(identifyConfig) {
		data, _ := s.read(identifyConfig)
		conf.policy, conf.source = parseIdentify(string(data))
		conf.policyFrom, conf.sourceFrom = identifyConfig, identifyConfig
	}
	for _, l := range s.commandLines() {
		for _, w := range l.words {
			key, value, _ := strings.Cut(w, "=")
			value, _, _ = strings.Cut(value, ";")
			switch key {
			case "ci.di.policy":
				conf.policy, conf.policyFrom = value, l.file
			case "ci.ds", "ci.datasource":
				conf.source, conf.sourceFrom = value, l.file
			case "ds":
				if strings.HasPrefix(strings.ToLower(value), "nocloud") {
					conf.source = "" // both of cloud-init's ways to say it
				} else {
					s.warn(l.file, "names another data source than NoCloud, which the deployer writes: "+shorten(w), "remove the word there")
				}
			}
		}
	}
	report := s.fail
	if !s.isFile("usr/lib/cloud-init/ds-identify") && !s.isFile("usr/libexec/cloud-init/ds-identify") {
		report = s.warn // nothing reads it today
	}
	if conf.disabled() {
		report(conf.policyFrom, "disables cloud-init by ds-identify's policy: "+shorten(conf.policy), "policy: search,found=all,maybe=none,notfound=disabled, or remove it")
	}
	if conf.source != "" && conf.source != "NoCloud" {
		report(conf.sourceFrom, "names another data source than NoCloud, which the deployer writes: "+shorten(conf.source), "remove it")
	}
}

// identified is what ds-identify is told, and by which file.
type identified struct {
	policy, policyFrom string
	source, sourceFrom string
}

// disabled says whether the last mode that the policy names is that one.
func (i identified) disabled() bool {
	mode := ""
	for word := range strings.SplitSeq(i.policy, ",") {
		switch word {
		case "enabled", "disabled", "search", "report":
			mode = word
		}
	}
	return mode == "disabled"
}

// parseIdentify reads ds-identify.cfg as _read_config of ds-identify does: by line, what
// follows # is none of it, one pair of quotes around a value goes. The last value counts,
// but a last line that does not end is not seen.
func parseIdentify(data string) (policy, source string) {
	for line := range strings.SplitSeq(data[:strings.LastIndexByte(data, '\n')+1], "\n") {
		line, _, _ = strings.Cut(line, "#")
		key, value, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		value = strings.TrimSpace(value)
		if n := len(value); n > 1 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
			value = value[1 : n-1]
		}
		switch strings.TrimSpace(key) {
		case "policy":
			policy = value
		case "datasource":
			source = value
		}
	}
	return policy, source
}

// checkNetcat asks for the program by which cloud-init's units, since release 24.3, tell
// one process to go on: without it their stages fail.
func (s *survey) checkNetcat() {
	units := append(s.cloudInitUnits(), s.lookup(unitDirs, "cloud-init-local.service"))
	if !slices.ContainsFunc(units, func(u unit) bool {
		if u.name == "" {
			return false
		}
		data, _ := s.read(u.name)
		return strings.Contains(string(data), "nc -U")
	}) {
		return
	}
	const hint = "install netcat-openbsd, or nc of nmap"
	for _, dir := range []string{"usr/bin", "bin", "usr/sbin", "usr/local/bin"} {
		name := path.Join(dir, "nc")
		if !s.isProgram(name) {
			continue
		}
		// The one of busybox and the oldest of all have no -U.
		if real, ok := s.real(name, true); ok && (path.Base(real) == "nc.traditional" || path.Base(real) == "busybox") {
			s.fail(name, "knows no Unix sockets, and cloud-init's units need them", hint)
		}
		return
	}
	s.fail("usr/bin/nc", "is missing, and cloud-init's units run it", hint)
}

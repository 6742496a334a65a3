package bootcheck

import (
	"path"
	"slices"
	"strings"
)

// openRCService starts the main stage of cloud-init where OpenRC is the init:
// Alpine's package cloud-init-openrc has it.
const openRCService = "etc/init.d/cloud-init"

// openRCStages are the services of cloud-init's four stages.
var openRCStages = []string{"cloud-init-local", "cloud-init", "cloud-config", "cloud-final"}

// checkOpenRC asks whether OpenRC starts cloud-init: each of its services must
// have a link in a runlevel that a boot goes through; see openrc(8) and Alpine's
// setup-cloud-init.
func checkOpenRC(s *survey) {
	var idle []string
	for _, base := range openRCStages {
		if !s.isProgram(path.Join("etc/init.d", base)) {
			s.fail(path.Join("etc/init.d", base), "is missing or cannot be executed: cloud-init is not whole", "install cloud-init again")
			return
		}
		enabled := slices.ContainsFunc([]string{"sysinit", "boot", "default"}, func(level string) bool {
			_, there := s.lstat(path.Join("etc/runlevels", level, base))
			return there
		})
		if !enabled {
			idle = append(idle, base)
		}
	}
	if len(idle) > 0 {
		s.fail(openRCService, "cloud-init is installed, and in no runlevel: "+strings.Join(idle, ", "), "setup-cloud-init")
		return
	}
	s.ok(openRCService, "cloud-init is installed and in a runlevel")
}

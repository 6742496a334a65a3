package bootcheck

import (
	"fmt"
	"path"
	"strings"

	"image-capture/deploy"
)

// debArch are the architectures as deploy's table names them.
var debArch = map[string]string{"x86_64": "amd64", "aarch64": "arm64"}

// hooksNeed returns what the hooks want of the image for machines of a firmware.
func (s *survey) hooksNeed(fw Firmware) []deploy.Need {
	d, _ := deploy.Find(s.system.OS.ID, s.system.OS.IDLike...)
	return deploy.HooksNeed(d.Family, deploy.Firmware(fw.String()), debArch[s.system.Arch])
}

// judgeNeeds judges what the hooks want for a firmware, of the needs that want names; the
// same table that they are made by.
func (s *survey) judgeNeeds(fw, stops Firmware, want func(deploy.Need) bool) {
	for _, n := range s.hooksNeed(fw) {
		if !want(n) || n.When == deploy.SELinux && !s.labelled() {
			continue
		}
		means, at := s.met(n)
		hint := ""
		if p := n.Any[0].Packages; means == nil && len(p) > 0 {
			hint = s.install(strings.Join(p, " "))
		}
		problem := fmt.Sprintf("the hooks find no means for %q: %s", n.Name, describeNeed(n))
		switch {
		case means != nil:
			if f := s.ok(at, "the hooks find what they need: "+n.Name); strings.HasPrefix(n.Name, "loader") {
				f.loads = fw
			}
		case !n.Fatal:
			s.warnOn(stops, "", problem, hint).because("the hooks go on without")
		case n.When != deploy.Always:
			s.info("", problem+"; they refuse the image where "+string(n.When), hint)
		default:
			s.stop(stops, "", problem, hint).because("the hooks end the deployment there")
		}
	}
}

// met returns the first means of a need that the image has, and a path of it.
func (s *survey) met(n deploy.Need) (*deploy.Means, string) {
	for i, means := range n.Any {
		at, all := "", true
		for _, c := range means.Commands {
			name := s.hookProgram(c)
			all = all && name != ""
			at = name
		}
		for _, pattern := range means.Files {
			name := s.match(pattern)
			all = all && name != ""
			at = name
		}
		if all {
			return &n.Any[i], at
		}
	}
	return nil, ""
}

// hookProgram finds a program where the hooks do.
func (s *survey) hookProgram(base string) string {
	if name := s.program(base); name != "" {
		return name
	}
	for _, dir := range []string{"usr/local/sbin", "usr/local/bin"} {
		if name := path.Join(dir, base); s.isProgram(name) {
			return name
		}
	}
	return ""
}

// match returns the first file with a content that a pattern of the table matches. Names
// on the EFI system partition have no case.
func (s *survey) match(pattern string) string {
	dirs := []string{""}
	parts := strings.Split(pattern, "/")
	for i, part := range parts {
		var next []string
		for _, dir := range dirs {
			switch {
			case strings.ContainsAny(part, "*?["):
				if dir == "" {
					continue // no pattern of the table begins with one
				}
				for _, base := range s.list(dir) {
					if ok, _ := path.Match(part, base); ok && !spare(base) {
						next = append(next, path.Join(dir, base))
					}
				}
			case strings.HasPrefix(dir, "boot/efi"):
				if name := s.fold(dir, part); name != "" {
					next = append(next, name)
				}
			default:
				next = append(next, path.Join(dir, part))
			}
		}
		if dirs = next; i == len(parts)-1 {
			break
		}
	}
	for _, name := range dirs {
		if s.isFilled(name) || strings.HasPrefix(path.Base(name), "modules.dep") && s.isFile(name) {
			return name
		}
	}
	return ""
}

// describeNeed names what would be enough, the first of it.
func describeNeed(n deploy.Need) string {
	means := n.Any[0]
	var list []string
	for _, f := range means.Files {
		list = append(list, "/"+f)
	}
	return shortenList(append(means.Commands[:len(means.Commands):len(means.Commands)], list...))
}

// judgeLoader judges the loader, and what goes with it, for one firmware.
func (s *survey) judgeLoader(fw Firmware) {
	s.judgeNeeds(fw, fw, func(n deploy.Need) bool {
		return strings.HasPrefix(n.Name, "loader") || strings.HasPrefix(n.Name, "boot entry")
	})
}

// judgeHookTools judges the rest: what is needed under any firmware. The kernel has a
// rule of its own.
func (s *survey) judgeHookTools() {
	fw := UEFI
	if s.hasBIOS() {
		fw = BIOS // the same needs, and not those for UEFI
	}
	s.judgeNeeds(fw, Both, func(n deploy.Need) bool {
		return !strings.HasPrefix(n.Name, "loader") && !strings.HasPrefix(n.Name, "boot entry") && n.Name != "kernel" && n.Name != "network"
	})
}

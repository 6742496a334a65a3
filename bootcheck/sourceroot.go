package bootcheck

import (
	"slices"
	"strings"

	"image-capture/identity"
)

// checkSourceRoot looks at the command lines that the hooks write anew when they deploy:
// in the RHEL family the installer leaves the source's disk in the menu's entries and in
// what kernel-install makes new ones of. Without hooks nobody sets another root=, and
// checkBLS judges it.
func (s *survey) checkSourceRoot() {
	if s.system.OS.family() != familyRedHat {
		return
	}
	for _, l := range s.commandLines() {
		if (l.file == "etc/kernel/cmdline" || strings.HasPrefix(l.file, "boot/loader/entries/")) && slices.ContainsFunc(l.words, namesSource) {
			f := s.info(l.file, identity.SourceRoot.What, "")
			if f.editWords(s, l.file, namesSource); f.Fix != nil {
				s.planFix(identity.SourceRoot, *f.Fix)
				f.Fix = nil // what --fix does on its own account is for warnings
			}
		}
	}
}

package bootcheck

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"

	"image-capture/deploy"
	"image-capture/entry"
	"image-capture/identity"
)

// checkCommandLine follows the words for the kernel from where they are written to the
// clone's boot: who writes them anew, and what stays of the source's. See dracut.cmdline(7),
// initramfs-tools(7), grub-mkconfig and the Boot Loader Specification.
func checkCommandLine(s *survey) {
	before := len(s.findings)
	switch {
	case s.hooked() && !s.ourHooks():
		s.info("", "not checked: what the image's own hooks make of command lines is not known", "")
		return
	default:
		for _, l := range s.effectiveLines() {
			for _, word := range l.words {
				if namesSource(word) {
					s.judgeRootWord(l, word)
					break
				}
			}
		}
	}
	s.checkMkconfigRoot()
	s.checkAddressWords()
	s.checkEntries()
	s.fine(before, "", "no command line looks for the source's root")
}

// namesSource says whether a word of a command line looks for the root where only the
// source has it. The label is the one that the layout "simple" of curtin gives.
func namesSource(word string) bool {
	value, ok := strings.CutPrefix(word, "root=")
	return ok && value != "" && value != "LABEL=cloudimg-rootfs" && !strings.HasPrefix(value, "$")
}

// onlySource says whether the clone is sure not to have what a root= names: one filesystem
// in the world, a volume of the source, or a loop device of its build.
func onlySource(word string) bool {
	value := strings.TrimPrefix(word, "root=")
	for _, prefix := range []string{"UUID=", "PARTUUID=", "/dev/disk/by-uuid/", "/dev/disk/by-partuuid/", "/dev/disk/by-id/", "/dev/disk/by-path/", "/dev/loop", "/dev/mapper/", "/dev/dm-", "/dev/md"} {
		if strings.HasPrefix(value, prefix) {
			return true
		}
	}
	// A volume by its group: /dev/rhel/root.
	rest, ok := strings.CutPrefix(value, "/dev/")
	return ok && strings.Contains(rest, "/") && !strings.HasPrefix(rest, "disk/")
}

// judgeRootWord judges a root= of the source on a command line.
func (s *survey) judgeRootWord(l bootLine, word string) {
	by, reads := s.rewriter(l, word), s.reads(l)
	names := "names the source's root: " + shorten(word)
	switch {
	case by == deploy.ByHooks:
		s.tellSourceRoot(l)
	case by != deploy.Nobody || l.where == deploy.Menu:
	case l.where == deploy.UnifiedImage:
		s.warn(l.file, names+": nobody writes it anew, and no clone boots by this image", "make it without root=, or remove it").because("the clone looks for the source's disk")
	case reads == never && l.where == deploy.GRUBDefaults:
		s.info(l.file, names+", for the menu that this GRUB makes of its entries only", "")
	case reads == never:
		s.info(l.file, names+", for a loader that no deployer installs", "")
	case reads == atUpdate:
		when, fw := s.updateOfEntry()
		s.later(when, fw, l.file, "write the source's "+shorten(word)+" into its boot entry, and nobody writes that anew", "remove the file").
			because("the clone does not boot by the new kernel").mendRoot(s, l)
	case s.opt.Deployer == Eikon:
		s.warn(l.file, names+", and whether Eikon writes it anew is not known", "remove the word there").because("the clone looks for the source's disk").mendRoot(s, l)
		s.doubts(boots, Both, "whether Eikon writes the source's root= anew is not known")
	case !onlySource(word):
		s.warn(l.file, names+": nobody writes it anew, and the clone boots only where its root is called so too", "remove the word there").because("the clone looks for the source's disk").mendRoot(s, l)
		s.doubts(boots, Both, shorten(word)+" stays, and only some clones have that")
	case l.where == deploy.BootEntry:
		f := s.stop(Both, l.file, "has the source's root=, and nobody writes it anew: this image's grub2-mkconfig leaves it there without --update-bls-cmdline, which curtin does not give", hooksHint).
			because("the clone looks for the source's disk")
		f.mendRoot(s, l).brief = "the boot menu's entries keep the source's root="
	default:
		s.stop(Both, l.file, names+", and nobody writes it anew", "remove the word there").because("the clone looks for the source's disk").
			mendRoot(s, l).brief = "the command line keeps the source's root="
	}
}

// mendRoot offers what does away with a root= that stays. Where grub-mkconfig adds the right
// one by itself the word goes; entries that nobody else writes need the hooks.
func (f *Finding) mendRoot(s *survey, l bootLine) *Finding {
	if l.where == deploy.GRUBDefaults {
		return f.editWords(s, l.file, namesSource)
	}
	if s.builtIn() {
		f.Hint = hooksHint
		return f.offerHooks(s)
	}
	return f
}

// tellSourceRoot is for command lines that the hooks write anew: the word may go.
func (s *survey) tellSourceRoot(l bootLine) {
	if l.where == deploy.GRUBDefaults || s.system.OS.family() != familyRedHat {
		return
	}
	f := s.info(l.file, identity.SourceRoot.What, "")
	if f.editWords(s, l.file, namesSource); f.Fix != nil {
		s.planFix(identity.SourceRoot, *f.Fix)
		f.Fix = nil // what --fix does on its own account is for warnings
	}
}

// checkMkconfigRoot looks at the variables by which grub-mkconfig takes something else for
// the root than the filesystem's UUID, see its 10_linux.
func (s *survey) checkMkconfigRoot() {
	d := s.grubDefaults()
	tell := func(key, problem, doubt string) {
		s.warn(d.file(key), problem, "remove the line "+key+"= there").because("the clone looks for its root by another machine's name for it").dropVariable(s, d.file(key), key)
		s.doubts(boots, Both, doubt)
	}
	if device := d.value("GRUB_DEVICE"); device != "" {
		tell("GRUB_DEVICE", "GRUB_DEVICE="+shorten(device)+": grub-mkconfig takes that for the root's device on every clone", "GRUB_DEVICE= names a device of the source")
	}
	// Ubuntu's cloud images: the root of the machine that built them.
	if id := d.value("GRUB_FORCE_PARTUUID"); id != "" && !s.ourHooks() {
		tell("GRUB_FORCE_PARTUUID", "GRUB_FORCE_PARTUUID="+shorten(id)+": grub-mkconfig makes root= of that partition of the source", "GRUB_FORCE_PARTUUID= names a partition of the source")
	}
	key := "GRUB_DISABLE_LINUX_UUID"
	if d.value(key) == "" {
		key = "GRUB_DISABLE_UUID"
	}
	if d.value(key) == "true" && d.value("GRUB_DISABLE_LINUX_PARTUUID") != "false" {
		tell(key, key+"=true: root= is the name that the deployer's system has for the disk, as /dev/sda2", "root= is by the deployer's name for the disk")
	}
}

// dropVariable offers to comment out the lines of GRUB's defaults that set a variable.
func (f *Finding) dropVariable(s *survey, name, key string) *Finding {
	if real, ok := s.real(name, true); ok {
		f.Fix = &Fix{Op: entry.Rewrite, Path: real, Rewrite: func(old []byte) ([]byte, error) { return withoutVariable(old, key), nil }}
	}
	return f
}

func withoutVariable(old []byte, key string) []byte {
	var out []byte
	for line := range bytes.SplitAfterSeq(old, []byte("\n")) {
		text := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(string(line)), "export "))
		if name, _, ok := strings.Cut(text, "="); ok && strings.TrimSuffix(name, "+") == key && !bytes.HasSuffix(line, []byte("\\\n")) {
			out = append(out, "# "...)
		}
		out = append(out, line...)
	}
	return out
}

// checkAddressWords looks at the words by which an initramfs sets up the network: those
// that are for the source's card or address. See dracut.cmdline(7).
func (s *survey) checkAddressWords() {
	for _, l := range s.effectiveLines() {
		if l.where == deploy.Menu {
			continue
		}
		is := func(word string) bool { return isAddressWord(word) && s.rewriter(l, word) == deploy.Nobody }
		if i := slices.IndexFunc(l.words, is); i >= 0 {
			s.warn(l.file, "the kernel's command line sets up the network of the source: "+shorten(l.words[i]), "remove the word there").
				because("every clone comes up with that address, or waits for a card that it does not have").
				editWords(s, l.file, isAddressWord)
		}
	}
}

// isAddressWord says whether a word gives an address, or a card by its MAC address or by the
// name that the source has for it.
func isAddressWord(word string) bool {
	key, value, _ := strings.Cut(word, "=")
	named := func(list string) bool {
		return slices.ContainsFunc(strings.FieldsFunc(list, func(r rune) bool { return r == ':' || r == ',' || r == '/' }), isHardwareName)
	}
	switch key {
	case "ifname", "BOOTIF", "rd.bootif":
		return strings.Count(value, ":") > 4 || strings.Count(value, "-") > 4
	case "bootdev", "bond", "team", "bridge", "vlan":
		return named(value)
	case "netconsole":
		// [port]@[address]/[card],...: what is left out the kernel finds itself.
		_, rest, _ := strings.Cut(value, "@")
		address, card, _ := strings.Cut(rest, "/")
		card, _, _ = strings.Cut(card, ",")
		_, err := netip.ParseAddr(address)
		return err == nil || named(card)
	case "ip":
		if named(value) {
			return true
		}
		first, _, _ := strings.Cut(value, ":")
		if strings.HasPrefix(value, "[") {
			first, _, _ = strings.Cut(value[1:], "]")
		}
		_, err := netip.ParseAddr(first)
		return err == nil
	}
	return false
}

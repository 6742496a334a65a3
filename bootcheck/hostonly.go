package bootcheck

import (
	"cmp"
	"path"
	"regexp"
	"slices"
	"strings"
)

// builder is what makes the initramfs of a root, and whether it is set to put in
// the drivers of the machine that it runs on only.
type builder struct {
	name     string // "dracut"
	hostOnly bool
	file     string // that says so
	setting  string // "hostonly=yes"
	hint     string
}

// builders returns the programs that are there to make an initramfs. Where there
// are several the distribution's packages exclude each other.
func (s *survey) builders() []builder {
	var found []builder
	if s.isFile("usr/bin/dracut") || s.isFile("usr/sbin/dracut") || s.isFile("sbin/dracut") {
		b := builder{name: "dracut", hint: "echo 'hostonly=\"no\"' >/etc/dracut.conf.d/99-generic.conf"}
		b.file, b.setting = s.dracutHostOnly()
		b.hostOnly = b.file != ""
		found = append(found, b)
	}
	if s.isFile("usr/sbin/update-initramfs") {
		b := builder{name: "initramfs-tools", hint: "set MODULES=most in /etc/initramfs-tools/initramfs.conf"}
		b.file, b.setting = s.initramfsToolsModules()
		b.hostOnly = b.setting == "dep"
		b.setting = "MODULES=" + b.setting
		found = append(found, b)
	}
	if s.isFile("usr/bin/mkinitcpio") {
		b := builder{name: "mkinitcpio", hint: "take autodetect out of HOOKS in /etc/mkinitcpio.conf"}
		b.file, b.hostOnly = s.mkinitcpioAutodetect()
		b.setting = "HOOKS=(... autodetect ...)"
		found = append(found, b)
	}
	return found
}

// dracutHostOnly returns the file and the line by which dracut's hostonly is on,
// see dracut.conf(5): dracut.conf, then the *.conf of both directories by name,
// of which one in /etc hides one in /usr. The last setting counts.
func (s *survey) dracutHostOnly() (file, setting string) {
	files := []string{"etc/dracut.conf"}
	var drops []string
	seen := map[string]bool{}
	for _, dir := range []string{"etc/dracut.conf.d", "usr/lib/dracut/dracut.conf.d"} {
		for _, base := range s.list(dir) {
			if strings.HasSuffix(base, ".conf") && !seen[base] {
				seen[base] = true
				drops = append(drops, path.Join(dir, base))
			}
		}
	}
	slices.SortFunc(drops, func(a, b string) int { return cmp.Compare(path.Base(a), path.Base(b)) })
	for _, name := range append(files, drops...) {
		if !s.isFile(name) {
			continue
		}
		data, _ := s.read(name)
		for line := range lines(string(data)) {
			key, value, _, ok := assignment(line)
			if !ok || key != "hostonly" {
				continue
			}
			if file, setting = "", ""; value != "" && value != "no" {
				file, setting = name, "hostonly="+value
			}
		}
	}
	return file, setting
}

// initramfsToolsModules returns the file that sets MODULES, and its value, see
// initramfs.conf(5).
func (s *survey) initramfsToolsModules() (file, value string) {
	for _, name := range append([]string{"etc/initramfs-tools/initramfs.conf"}, s.initramfsToolsSnippets()...) {
		if !s.isFile(name) {
			continue
		}
		data, _ := s.read(name)
		for line := range lines(string(data)) {
			if key, v, _, ok := assignment(line); ok && key == "MODULES" {
				file, value = name, v
			}
		}
	}
	return file, value
}

// snippetName is for the names that mkinitramfs takes; what dpkg leaves beside a file is
// none of them, "x.bak" is.
var snippetName = regexp.MustCompile(`^[[:alnum:]][[:alnum:]._-]*$`)

// initramfsToolsSnippets are the files that mkinitramfs(8) reads after initramfs.conf, in
// its order: those of packages, then those in /etc, each of which hides the package's of
// that name whatever it holds. See maybe_add_conf there.
func (s *survey) initramfsToolsSnippets() (names []string) {
	const vendor, etc = "usr/share/initramfs-tools/conf.d", "etc/initramfs-tools/conf.d"
	for _, dir := range []string{vendor, etc} {
		for _, base := range s.list(dir) {
			if !snippetName.MatchString(base) || strings.Contains(base, ".dpkg-") {
				continue
			}
			if _, masked := s.stat(path.Join(etc, base)); dir == vendor && masked {
				continue
			}
			names = append(names, path.Join(dir, base))
		}
	}
	return names
}

// mkinitcpioAutodetect says whether the hook that leaves other machines' drivers
// out is among HOOKS, see mkinitcpio.conf(5).
func (s *survey) mkinitcpioAutodetect() (file string, on bool) {
	for _, name := range append([]string{"etc/mkinitcpio.conf"}, s.filled("etc/mkinitcpio.conf.d/*.conf")...) {
		if !s.isFile(name) {
			continue
		}
		data, _ := s.read(name)
		for line := range lines(string(data)) {
			if rest, ok := strings.CutPrefix(line, "HOOKS="); ok {
				file, on = name, slices.Contains(strings.FieldsFunc(rest, func(r rune) bool { return strings.ContainsRune(" \t\"'()", r) }), "autodetect")
			}
		}
	}
	return file, on
}

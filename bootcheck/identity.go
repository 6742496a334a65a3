package bootcheck

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"image-capture/entry"
	"image-capture/identity"
)

// What is left of the source's identity in an image is shared by all clones.
// Package identity has the table of what to look for. A fix is offered where the
// clone makes the thing anew, or does without it.

// maxEach bounds the findings about one kind of thing. Real systems have a
// handful.
const maxEach = 64

// leftovers reports what is there of the rule's rows whose paths say all, or the
// text fine.
func (s *survey) leftovers(fine string) {
	before := len(s.findings)
	for _, o := range identity.Of(s.rule.name) {
		s.leftover(o)
	}
	s.fine(before, "", fine)
}

// fine says that all is well, unless there are findings since before.
func (s *survey) fine(before int, name, problem string) {
	if len(s.findings) == before {
		s.ok(name, problem)
	}
}

// leftover reports what is there of one row.
func (s *survey) leftover(o identity.Operation) {
	var found []string
	for _, p := range o.Paths {
		found = append(found, s.filled(p)...)
	}
	if len(found) == 0 {
		return
	}
	if slices.ContainsFunc(o.Unless, func(p string) bool { return len(s.filled(p)) > 0 }) {
		o.Op = "" // for people
	}
	if o.Op == "" || o.Scope != identity.Always {
		f := s.info(found[0], counted(o.What, len(found)), o.Hint)
		if !o.Note {
			f.Level = Warn
			f.because(o.Why)
		}
		for _, name := range found {
			s.plan(o, name)
		}
		return
	}
	for i, name := range found {
		if i == maxEach {
			s.warn(path.Dir(name), fmt.Sprintf("%s: and %d more", o.What, len(found)-i), o.Hint).because(o.Why)
		}
		if i >= maxEach {
			s.plan(o, name)
			continue
		}
		hint := o.Hint
		if hint == "" {
			hint = "rm -r " + typed(name)
			if o.Op == entry.Empty {
				hint = "truncate -s 0 " + typed(name)
			}
		}
		s.warn(name, o.What, hint).because(o.Why).offer(s, o, name)
	}
}

// counted adds to a text of how many things it tells.
func counted(text string, n int) string {
	if n == 1 {
		return text
	}
	return fmt.Sprintf("%s (the first of %d)", text, n)
}

// because replaces the rule's why by that of the thing, where the finding has one.
func (f *Finding) because(why string) *Finding {
	if why != "" && f.Level >= Warn {
		f.Why = why
	}
	return f
}

// edit offers an edit of what name leads to, by the path that it has in the archive.
// A link to a directory is edited itself, not the directory.
func (f *Finding) edit(s *survey, op entry.Op, name string) *Finding {
	if real, ok := s.real(name, !s.isDir(name)); ok {
		f.fix(op, real)
	}
	return f
}

// filled returns the paths that a pattern matches, of which each part may be one of
// path.Match, and that are no empty file or directory; sorted. A link that leads
// nowhere is none either.
func (t *tree) filled(pattern string) []string {
	found := []string{""}
	for part := range strings.SplitSeq(pattern, "/") {
		var next []string
		for _, dir := range found {
			if !strings.ContainsAny(part, "*?[") {
				next = append(next, path.Join(dir, part))
				continue
			}
			for _, base := range t.list(dir) {
				if ok, err := path.Match(part, base); ok && err == nil && len(next) < maxDir {
					next = append(next, path.Join(dir, base))
				}
			}
		}
		found = next
	}
	return slices.DeleteFunc(found, func(name string) bool {
		info, there := t.stat(name)
		return !there || info.IsDir() && len(t.list(name)) == 0 || info.Mode().IsRegular() && info.Size() == 0
	})
}

// real returns the path without links that a name leads to: the one that it has
// in the archive. The last part is followed if last is set.
func (t *tree) real(name string, last bool) (string, bool) {
	todo, at := strings.Split(name, "/"), "."
	for hops := 0; len(todo) > 0; {
		part := todo[0]
		todo = todo[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			at = path.Dir(at)
			continue
		}
		next := path.Join(at, part)
		info, there := t.lstat(next)
		if !there {
			return "", false
		}
		if info.Mode().Type() != fs.ModeSymlink || len(todo) == 0 && !last {
			at = next
			continue
		}
		target, ok := t.link(next)
		if hops++; !ok || hops > maxHops {
			return "", false
		}
		if path.IsAbs(target) {
			at = "."
		}
		todo = append(strings.Split(target, "/"), todo...)
	}
	return at, at != "."
}

// typed writes a path of the tree as a word of a shell.
func typed(name string) string { return entry.ShellWord("/" + name) }

// hasSystemd says whether systemd starts the image.
func (t *tree) hasSystemd() bool {
	return t.isFile("usr/lib/systemd/systemd") || t.isFile("lib/systemd/systemd")
}

// checkMachineID asks for the ids of the machine that systemd and D-Bus keep, see
// machine-id(5): empty, or "uninitialized" for a first boot, and each clone gets
// its own.
func checkMachineID(s *survey) {
	own := identity.MachineID
	dbus := own
	dbus.Op = entry.Drop
	name, bus := own.Paths[0], own.Paths[1]
	before := len(s.findings)
	hint := "truncate -s 0 " + typed(name)
	if !s.hasSystemd() {
		// dbus-uuidgen --ensure makes a file that is missing, and stops at an
		// empty one.
		own.Op, hint = entry.Drop, "rm "+typed(name)
	}
	if s.isFile(name) && s.hasMachineID(name) {
		s.warn(name, own.What, hint).because(own.Why).offer(s, own, name)
	}
	// Debian has a link to the other one here, other systems had a file of its
	// own.
	if info, there := s.lstat(bus); there && info.Mode().IsRegular() && s.hasMachineID(bus) && !s.leadsTo(name, bus) {
		s.warn(bus, own.What+", and becomes the clone's again where /"+name+" is empty", "rm "+typed(bus)).because(dbus.Why).offer(s, dbus, bus)
	}
	for _, l := range s.commandLines() {
		if w := l.find("systemd.machine_id="); w != "" {
			s.warn(l.file, "gives every clone one machine id on the kernel's command line: "+shorten(w), "remove the word there").
				offerWords(s, own, l.file, func(w string) bool { return strings.HasPrefix(w, "systemd.machine_id=") })
		}
	}
	s.fine(before, name, "no machine id of the source")
	s.checkTwins()

	if names := s.filled(identity.Journal.Paths[0]); len(names) > 0 {
		s.info("var/log/journal", fmt.Sprintf("the source's journal: %s", count(len(names), "directory", "directories")), identity.Journal.Hint)
		for _, name := range names {
			s.plan(identity.Journal, name)
		}
	}
	if names := s.withMachineID("boot/loader/entries"); len(names) > 0 {
		s.info(names[0], "boot entries bear the source's machine id: kernels that the clone installs get others beside them", "")
	}
}

// leadsTo says whether a name is a link to a file: then they are one.
func (s *survey) leadsTo(name, file string) bool {
	from, ok := s.real(name, true)
	to, found := s.real(file, true)
	return ok && found && from == to
}

// hasMachineID says whether a file has an id. A file that is longer than any has
// none that is valid.
func (s *survey) hasMachineID(name string) bool {
	data, ok := s.head(name, 64)
	text := string(bytes.TrimSpace(data))
	return ok && text != "" && text != "uninitialized"
}

// withMachineID returns the names in a directory that begin with 32 hexadecimal
// digits.
func (s *survey) withMachineID(dir string) []string {
	var found []string
	for _, base := range s.list(dir) {
		if len(base) > 32 && strings.Trim(base[:32], "0123456789abcdef") == "" {
			found = append(found, path.Join(dir, base))
		}
	}
	return found
}

// count writes a number with its noun.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

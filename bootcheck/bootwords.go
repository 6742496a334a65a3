package bootcheck

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"image-capture/entry"
)

// bootLine is a kernel's command line, or a part of one, that stays in the image.
type bootLine struct {
	file  string
	words []string
}

// find returns the first word that begins with prefix.
func (l bootLine) find(prefix string) string {
	i := slices.IndexFunc(l.words, func(w string) bool { return strings.HasPrefix(w, prefix) })
	if i < 0 {
		return ""
	}
	return l.words[i]
}

// commandLines returns the kernel command lines from which the clone's are made:
// GRUB's defaults, kernel-install(8)'s, the entries of the Boot Loader
// Specification, and the kernelopts that those of Enterprise Linux 8 refer to. A
// grub.cfg is not among them: the deployer generates it.
//
// GRUB's defaults are taken as written: a value that a later file sets again is
// there too.
func (t *tree) commandLines() []bootLine {
	var files []string
	add := func(dir, suffix string) {
		for _, base := range t.list(dir) {
			if strings.HasSuffix(base, suffix) {
				files = append(files, path.Join(dir, base))
			}
		}
	}
	files = append(files, "etc/default/grub")
	add("etc/default/grub.d", ".cfg")
	files = append(files, "etc/kernel/cmdline")
	add("boot/loader/entries", ".conf")
	files = append(files, "boot/grub/grubenv", "boot/grub2/grubenv")

	var found []bootLine
	for _, name := range files {
		if !t.isFile(name) {
			continue
		}
		data, _ := t.read(name)
		if words := bootWords(name, data); len(words) > 0 {
			found = append(found, bootLine{name, words})
		}
	}
	return found
}

// bootWords returns the words for the kernel in one of the files of commandLines.
func bootWords(name string, data []byte) []string {
	var words []string
	text := string(data)
	if strings.HasPrefix(name, "etc/default/") {
		text = strings.ReplaceAll(text, "\\\n", " ")
	}
	for line := range lines(text) {
		if rest, ok := bootText(name, line); ok && len(line) <= maxCommandLine {
			words = slices.AppendSeq(words, strings.FieldsFuncSeq(rest, isBootBlank))
		}
	}
	return words
}

// bootText returns what a line of one of the files says to the kernel.
func bootText(name, line string) (string, bool) {
	if strings.HasPrefix(line, "#") {
		return "", false
	}
	switch path.Base(path.Dir(name)) {
	case "kernel":
		return line, true
	case "entries":
		rest, ok := strings.CutPrefix(line, "options")
		return rest, ok && rest != "" && isBootBlank(rune(rest[0]))
	case "grub", "grub2":
		return strings.CutPrefix(line, "kernelopts=")
	}
	line = strings.TrimSpace(strings.TrimPrefix(line, "export "))
	key, rest, ok := strings.Cut(line, "=")
	return rest, ok && strings.HasPrefix(key, "GRUB_CMDLINE_LINUX")
}

func isBootBlank(r rune) bool { return r == ' ' || r == '\t' || r == '"' || r == '\'' || r == '\r' }

// editWords offers to take words off the command lines in a file, where that does
// it.
func (f *Finding) editWords(s *survey, name string, bad func(word string) bool) *Finding {
	real, ok := s.real(name, true)
	data, read := s.read(name)
	if !ok || !read {
		return f
	}
	rewrite := func(old []byte) ([]byte, error) { return withoutWords(name, old, bad), nil }
	fixed, _ := rewrite(data)
	if slices.ContainsFunc(bootWords(name, fixed), bad) {
		return f
	}
	f.Fix = &Fix{Op: entry.Rewrite, Path: real, Rewrite: rewrite}
	return f
}

// withoutWords returns the content of one of the files of commandLines without
// the words of its command lines that are bad; all else stays as it is.
func withoutWords(name string, data []byte, bad func(string) bool) []byte {
	out := make([]byte, 0, len(data))
	goes := false // a value goes on from the line before
	for line := range bytes.SplitAfterSeq(data, []byte("\n")) {
		trimmed := strings.TrimSpace(string(line))
		_, is := bootText(name, trimmed)
		if !is && !goes || strings.HasPrefix(trimmed, "#") {
			out, goes = append(out, line...), false
			continue
		}
		goes = strings.HasPrefix(name, "etc/default/") && bytes.HasSuffix(line, []byte("\\\n"))
		out = appendWithout(out, string(line), bad)
	}
	// GRUB's environment block keeps its size, filled up with # (see
	// grub-editenv(1)).
	if path.Base(name) == "grubenv" {
		out = append(out, bytes.Repeat([]byte("#"), len(data)-len(out))...)
	}
	return out
}

// appendWithout appends a line without bad words, and without the blanks behind
// them.
func appendWithout(out []byte, line string, bad func(string) bool) []byte {
	for len(line) > 0 {
		end := strings.IndexFunc(line, func(r rune) bool { return isBootBlank(r) || r == '\n' || r == '\\' })
		switch {
		case end == 0:
			out, line = append(out, line[0]), line[1:]
		case end < 0:
			end = len(line)
			fallthrough
		default:
			word := line[:end]
			line = line[end:]
			// The first of a value without quotes hangs on its name.
			if key, first, ok := strings.Cut(word, "="); ok && strings.HasPrefix(key, "GRUB_CMDLINE_LINUX") || ok && key == "kernelopts" {
				out, word = append(out, key+"="...), first
			}
			if !bad(word) {
				out = append(out, word...)
				continue
			}
			if trimmed := strings.TrimLeft(line, " \t"); trimmed != line {
				line = trimmed
			} else {
				out = bytes.TrimRight(out, " \t")
			}
		}
	}
	return out
}

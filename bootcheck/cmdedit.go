package bootcheck

import (
	"bytes"
	"slices"
	"strings"

	"image-capture/deploy"
	"image-capture/entry"
)

// editWords offers to take words off the command lines in a file, where that does
// it.
func (f *Finding) editWords(s *survey, name string, bad func(word string) bool) *Finding {
	real, ok := s.real(name, true)
	if !ok || whereOf(name) == deploy.UnifiedImage { // it is signed, or its sections would have to move
		return f
	}
	data, read := s.read(name)
	if !read {
		return f
	}
	rewrite := func(old []byte) ([]byte, error) { return withoutWords(name, old, bad), nil }
	fixed, _ := rewrite(data)
	left := func(text []byte, is func(string) bool) bool {
		return slices.ContainsFunc(parseBootLines(name, string(text)), func(l bootLine) bool { return slices.ContainsFunc(l.words, is) })
	}
	// A word with blanks in it would lose those that look bad.
	if left(fixed, bad) || left(data, func(word string) bool { return strings.ContainsFunc(word, isBootBlank) }) {
		return f
	}
	f.Fix = &Fix{Op: entry.Rewrite, Path: real, Rewrite: rewrite}
	return f
}

// withoutWords returns the content of one of the files of commandFiles without
// the words of its command lines that are bad; all else stays as it is.
func withoutWords(name string, data []byte, bad func(string) bool) []byte {
	out := make([]byte, 0, len(data))
	where := whereOf(name)
	goes := false // a value goes on from the line before
	for line := range bytes.SplitAfterSeq(data, []byte("\n")) {
		trimmed := strings.TrimSpace(string(line))
		_, _, is := bootText(where, trimmed)
		if !is && !goes || strings.HasPrefix(trimmed, "#") {
			out, goes = append(out, line...), false
			continue
		}
		goes = where == deploy.GRUBDefaults && bytes.HasSuffix(line, []byte("\\\n"))
		out = appendWithout(out, string(line), bad)
	}
	// GRUB's environment block keeps its size, filled up with # (see
	// grub-editenv(1)).
	if where == deploy.GRUBEnv {
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

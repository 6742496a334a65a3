package identity

import (
	"bytes"
	"slices"
	"strings"
)

// ifcfgKeys are the variables of initscripts' and wicked's ifcfg files that fit
// one machine, see sysconfig.txt of initscripts and ifcfg(5).
var ifcfgKeys = []string{"HWADDR", "MACADDR", "LLADDR", "UUID", "DHCP_HOSTNAME", "DHCP_CLIENT_ID"}

// IsIfcfgPin says whether a variable of an ifcfg file fits one machine.
func IsIfcfgPin(key string) bool { return slices.Contains(ifcfgKeys, key) }

// rewriteIfcfg leaves out the lines that fit one machine.
func rewriteIfcfg(old []byte) ([]byte, error) {
	return withoutLines(old, func(line string) bool {
		key, _, ok := strings.Cut(line, "=")
		return ok && IsIfcfgPin(key)
	}), nil
}

// clientWords are what NetworkManager takes in place of an id or a name of its own.
var clientWords = []string{"mac", "perm-mac", "ipv6-duid", "duid", "stable", "none", "lease", "llt", "ll", "stable-llt", "stable-ll", "stable-uuid"}

// IsKeyfilePin says whether a property of NetworkManager's profile fits one machine:
// the interface's own MAC address, one to give it, the slot of its card, or what it tells
// DHCP servers. The words in place of an address fit all.
func IsKeyfilePin(section, key, value string) bool {
	switch section {
	case "ethernet", "802-3-ethernet", "wifi", "802-11-wireless", "infiniband":
		return (key == "mac-address" || key == "cloned-mac-address") && strings.Count(value, ":") >= 5
	case "match":
		words := strings.FieldsFunc(value, func(r rune) bool { return r == ';' || r == ' ' })
		others := func(w string) bool { return w[0] == '!' || !IsSlot(strings.TrimLeft(w, "|&")) }
		return key == "path" && len(words) > 0 && !slices.ContainsFunc(words, others)
	case "ipv4", "ipv6":
		switch key {
		case "dhcp-client-id", "dhcp-duid":
			return value != "" && !slices.Contains(clientWords, value)
		case "dhcp-hostname", "dhcp-fqdn":
			return value != ""
		}
	}
	return false
}

// rewriteKeyfile leaves out the lines that fit one machine.
func rewriteKeyfile(old []byte) ([]byte, error) {
	section := ""
	return withoutLines(old, func(line string) bool {
		if strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]") {
			section = line[1 : len(line)-1]
			return false
		}
		key, value, ok := strings.Cut(line, "=")
		return ok && IsKeyfilePin(section, strings.TrimSpace(key), strings.TrimSpace(value))
	}), nil
}

// rewriteResume leaves out the lines that set RESUME, and ends with one that
// resumes from nowhere, see initramfs.conf(5).
func rewriteResume(old []byte) ([]byte, error) {
	out := withoutLines(old, func(line string) bool { return strings.HasPrefix(line, "RESUME=") })
	if len(out) > 0 && out[len(out)-1] != '\n' {
		out = append(out, '\n')
	}
	return append(out, "RESUME=none\n"...), nil
}

// rewriteHosts leaves out the lines that give the host's name to 127.0.1.1.
func rewriteHosts(old []byte) ([]byte, error) {
	return withoutLines(old, func(line string) bool { return strings.HasPrefix(line, "127.0.1.1") }), nil
}

// isArray says whether a line of mdadm.conf(5) begins one about an array. Three letters
// of a keyword are enough, in either case.
func isArray(line string) bool {
	word, _, _ := strings.Cut(strings.ReplaceAll(line, "\t", " "), " ")
	return len(word) >= 3 && len(word) <= 5 && strings.EqualFold(word, "array"[:len(word)])
}

// HasArrays says whether a text in the form of mdadm.conf(5) names arrays.
func HasArrays(text string) bool {
	for line := range strings.SplitSeq(text, "\n") {
		if isArray(line) {
			return true
		}
	}
	return false
}

// rewriteArrays leaves out the lines about arrays, with those that go on from them: they
// begin with a blank.
func rewriteArrays(old []byte) ([]byte, error) {
	out := make([]byte, 0, len(old))
	array := false
	for line := range bytes.SplitAfterSeq(old, []byte("\n")) {
		switch text := string(line); {
		case array && strings.HasPrefix(strings.TrimLeft(text, " \t"), "#"): // a comment ends nothing
		case text == "" || text[0] != ' ' && text[0] != '\t':
			array = isArray(strings.TrimRight(text, "\r\n"))
			if array {
				continue
			}
		case array:
			continue
		}
		out = append(out, line...)
	}
	return out, nil
}

// withoutLines returns a text without the lines that are bad, given without the
// blanks around them. All others stay as they are.
func withoutLines(data []byte, bad func(line string) bool) []byte {
	out := make([]byte, 0, len(data))
	for line := range bytes.SplitAfterSeq(data, []byte("\n")) {
		if !bad(strings.TrimSpace(string(line))) {
			out = append(out, line...)
		}
	}
	return out
}

package bootcheck

import (
	"path"
	"strings"

	"image-capture/entry"
)

// maxLine bounds a line of os-release that is looked at, in bytes. Real ones
// have tens.
const maxLine = 1024

// release returns the distribution, its texts as they are in the image, and the
// path that named it; both empty when nothing does: os-release(5), then what
// there was before it.
func (t *tree) release() (Release, string) {
	for _, name := range []string{"etc/os-release", "usr/lib/os-release"} {
		if data, ok := t.read(name); ok {
			if rel := parseOSRelease(string(data)); rel.ID != "" {
				return rel, name
			}
		}
	}
	// Sorted, Oracle's own file comes before its copy of Red Hat's; the text
	// and not the file's name says which distribution it is.
	for _, base := range t.list("etc") {
		if base == "os-release" || !strings.HasSuffix(base, "-release") {
			continue
		}
		name := path.Join("etc", base)
		if t.isDir(name) { // /etc has directories of that name too
			continue
		}
		if data, ok := t.read(name); ok {
			if rel := parseOldRelease(string(data)); rel.ID != "" {
				return rel, name
			}
		}
	}
	const debian = "etc/debian_version"
	if data, ok := t.read(debian); ok {
		if rel := parseDebianVersion(string(data)); rel.ID != "" {
			return rel, debian
		}
	}
	return Release{}, ""
}

// parseOSRelease reads os-release(5): shell assignments without expansion, of
// which the last one of a name counts. What it does not understand it skips.
func parseOSRelease(data string) Release {
	var rel Release
	for line := range lines(data) {
		key, value, _, ok := assignment(line)
		if !ok || len(line) > maxLine {
			continue
		}
		switch key {
		case "ID":
			rel.ID = strings.ToLower(value)
		case "VERSION_ID":
			rel.VersionID = value
		case "PRETTY_NAME":
			rel.PrettyName = value
		case "ID_LIKE":
			rel.IDLike = strings.Fields(strings.ToLower(value))
		}
	}
	return rel
}

// oldNames are the beginnings of the first line of the *-release files, in lower
// case, and what os-release calls these distributions.
var oldNames = []struct {
	prefix, id string
	like       []string
}{
	{"red hat enterprise", "rhel", nil},
	{"centos", "centos", nil},
	{"rocky", "rocky", nil},
	{"almalinux", "almalinux", []string{"rhel"}},
	{"oracle", "ol", []string{"rhel"}},
	{"scientific", "scientific", []string{"rhel"}},
	{"amazon", "amzn", []string{"rhel"}},
	{"fedora", "fedora", nil},
	{"opensuse", "opensuse", nil},
	{"suse linux enterprise", "sles", nil},
}

// parseOldRelease reads redhat-release and its relatives ("CentOS release 6.10
// (Final)"), SuSE-release (a name, then "VERSION = 11"), and lsb-release
// ("DISTRIB_ID=Ubuntu").
func parseOldRelease(data string) Release {
	var rel Release
	first := true
	for line := range lines(data) {
		if len(line) > maxLine {
			continue
		}
		if first {
			first = false
			low := strings.ToLower(line)
			for _, n := range oldNames {
				if strings.HasPrefix(low, n.prefix) {
					rel = Release{ID: n.id, PrettyName: line, IDLike: n.like}
					_, after, _ := strings.Cut(low, " release ")
					rel.VersionID = digits(after)
				}
			}
		}
		key, value, found := strings.Cut(line, "=")
		if !found {
			continue
		}
		value, _ = shellWord(strings.TrimSpace(value))
		switch strings.TrimSpace(key) {
		case "VERSION":
			rel.VersionID = digits(value)
		case "DISTRIB_ID":
			rel.ID = strings.ToLower(value)
		case "DISTRIB_RELEASE":
			rel.VersionID = value
		case "DISTRIB_DESCRIPTION":
			rel.PrettyName = value
		}
	}
	return rel
}

// parseDebianVersion reads debian_version: "12.5", or "trixie/sid" where the
// release has no number yet. os-release has the number's first part only.
func parseDebianVersion(data string) Release {
	line, _, _ := strings.Cut(data, "\n")
	line = strings.TrimSpace(line)
	if line == "" || len(line) > maxLine || entry.Printable(line) != line {
		return Release{}
	}
	major, _, _ := strings.Cut(digits(line), ".")
	return Release{ID: "debian", VersionID: major, PrettyName: "Debian GNU/Linux " + line}
}

// digits returns the version number that s starts with.
func digits(s string) string {
	end := 0
	for end < len(s) && (s[end] == '.' || '0' <= s[end] && s[end] <= '9') {
		end++
	}
	return strings.Trim(s[:end], ".")
}

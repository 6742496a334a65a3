package bootcheck

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"image-capture/entry"
)

// cryptEntry is a line of crypttab(5).
type cryptEntry struct {
	name, device string
	optional     bool // the boot goes on without it
}

// parseCrypttab returns the entries of crypttab(5): name, device, key, options.
func parseCrypttab(data string) []cryptEntry {
	var list []cryptEntry
	for line := range lines(data) {
		if e, ok := parseCryptEntry(line); ok {
			list = append(list, e)
		}
	}
	return list
}

func parseCryptEntry(line string) (cryptEntry, bool) {
	fields := strings.Fields(line)
	if len(fields) < 2 || fields[0][0] == '#' {
		return cryptEntry{}, false
	}
	e := cryptEntry{name: fields[0], device: fields[1]}
	if len(fields) > 3 {
		for opt := range strings.SplitSeq(fields[3], ",") {
			e.optional = e.optional || opt == "noauto" || opt == "nofail"
		}
	}
	return e, true
}

// byIdentity says whether the entry names one disk in the world: that is not the
// clone's.
func (e cryptEntry) byIdentity() bool {
	if strings.HasPrefix(e.device, "UUID=") || strings.HasPrefix(e.device, "PARTUUID=") {
		return true
	}
	for _, dir := range []string{"/dev/disk/by-uuid/", "/dev/disk/by-partuuid/", "/dev/disk/by-id/"} {
		if strings.HasPrefix(e.device, dir) {
			return true
		}
	}
	return false
}

const whyCrypttab = "the clone waits at boot for an encrypted disk that it does not have"

// checkCrypttab asks for encrypted disks that the source opens at boot, in the
// root and in the initramfs.
func checkCrypttab(s *survey) {
	const name = "etc/crypttab"
	before := len(s.findings)
	if s.isFile(name) {
		data, _ := s.read(name)
		if f := s.encrypted(name, parseCrypttab(string(data))); f != nil {
			f.offerCrypttab(s, name, data)
		}
	}
	s.checkInitramfsCrypttab()
	s.fine(before, name, "no encrypted disks of the source")
}

// encrypted reports the entries of one file. It returns nil when there are none.
func (s *survey) encrypted(name string, list []cryptEntry) *Finding {
	if len(list) == 0 {
		return nil
	}
	i := slices.IndexFunc(list, func(e cryptEntry) bool { return !e.optional })
	e := list[max(i, 0)]
	problem := counted(fmt.Sprintf("opens an encrypted disk: %s on %s", shorten(e.name), shorten(e.device)), len(list))
	if i < 0 {
		return s.warn(name, problem+", if it is there", "remove the lines from "+typed(name)).because(whyCrypttab)
	}
	return s.stop(Both, name, problem, "remove the lines from "+typed(name)).because(whyCrypttab)
}

// offerCrypttab offers to comment entries out. One that names its disk by a path,
// which the clone may have too, is nothing to decide about here.
func (f *Finding) offerCrypttab(s *survey, name string, data []byte) {
	real, ok := s.real(name, true)
	for _, e := range parseCrypttab(string(data)) {
		ok = ok && e.byIdentity()
	}
	if ok {
		f.Fix = &Fix{Op: entry.Rewrite, Path: real, Rewrite: rewriteCrypttab}
	}
}

// rewriteCrypttab comments out the entries that name one disk in the world.
func rewriteCrypttab(old []byte) ([]byte, error) {
	var out []byte
	for line := range bytes.SplitAfterSeq(old, []byte("\n")) {
		if e, ok := parseCryptEntry(strings.TrimSpace(string(line))); ok && e.byIdentity() {
			out = append(out, "# "...)
		}
		out = append(out, line...)
	}
	return out, nil
}

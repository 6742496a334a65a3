package bootcheck

import (
	"fmt"
	"io/fs"
	"strings"

	"image-capture/deploy"
	"image-capture/entry"
)

// Release names a distribution, as os-release(5) does. Its texts are printable,
// see [Finding].
type Release struct {
	ID         string   `json:"id"`         // "debian"; empty when unknown
	VersionID  string   `json:"version_id"` // "12"; empty for a rolling distribution
	PrettyName string   `json:"pretty_name"`
	IDLike     []string `json:"id_like,omitempty"` // related distributions, the closest first
}

// System is what the image is.
type System struct {
	OS Release `json:"os"`
	// Arch is the machine as uname -m writes it ("x86_64", "aarch64"), empty
	// when unknown.
	Arch string `json:"arch"`
	// Kernels are the versions that have modules and a kernel image, sorted by
	// bytes.
	Kernels []string `json:"kernels"`
	// Hooks says whose curtin hooks deploy the image: "image-capture 1", "own", or
	// nobody's.
	Hooks string `json:"hooks,omitempty"`
}

// Identify says what the image is, without judging it. It reads a handful of
// small files; what cannot be read or found stays empty.
func Identify(fsys fs.FS) System {
	t := tree{fsys: fsys}
	sys := System{Kernels: []string{}} // an empty list in JSON too
	rel, _ := t.release()
	sys.OS = rel.printable()
	sys.Arch, _ = t.machine()
	for _, k := range t.kernels() {
		if k.complete() {
			sys.Kernels = append(sys.Kernels, entry.Printable(k.version))
		}
	}
	if info, there := t.lstat("curtin"); there && info.IsDir() && t.isProgram(hooksName) {
		sys.Hooks = "own"
		if data, ok := t.read(hooksName); ok {
			if version, ours := deploy.HooksVersion(data); ours {
				sys.Hooks = fmt.Sprintf("image-capture %d", version)
			}
		}
	}
	return sys
}

// printable returns r with its texts escaped.
func (r Release) printable() Release {
	p := Release{ID: entry.Printable(r.ID), VersionID: entry.Printable(r.VersionID), PrettyName: entry.Printable(r.PrettyName)}
	for _, like := range r.IDLike {
		p.IDLike = append(p.IDLike, entry.Printable(like))
	}
	return p
}

// Tag returns the system's name for file names: "centos-8", "debian-12", only
// the ID when there is no version, "linux" when it is unknown. It consists of
// a-z, 0-9 and "._-", and starts with a letter or digit: os-release(5) allows
// no other characters, and an image may hold any.
func (s System) Tag() string {
	id, version := tagWord(s.OS.ID), tagWord(s.OS.VersionID)
	switch {
	case id == "":
		return "linux"
	case version == "":
		return id
	}
	return id + "-" + version
}

func tagWord(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9', r == '.', r == '_', r == '-':
			return r
		case 'A' <= r && r <= 'Z':
			return r + ('a' - 'A')
		}
		return '-'
	}, s)
	return strings.Trim(s, "._-")
}

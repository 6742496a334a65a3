package bootcheck

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"

	"image-capture/identity"
)

// Agents that nobody listed keep an id or a key too. What looks like one is told as a
// note: it may be in the image on purpose.

const (
	maxUnlisted = 8    // findings of one kind; the last tells how many more there are
	maxID       = 64   // bytes of a file that holds nothing but an id
	minID       = 32   // of its digits
	maxKey      = 4096 // bytes of a file that are searched for a private key
	mostVisited = 20000
)

// Where they are looked for, and how deep.
var unlistedPlaces = []struct {
	dir   string
	depth int
}{{"etc", 4}, {"var/lib", 3}, {"opt", 4}, {"root", 3}, {"srv", 3}}

// quiet are directories whose ids and keys are not the machine's: of packages and their
// databases, of containers and users' data, or what a row or another rule looks at.
var quiet = []string{
	"etc/ssh", "etc/dropbear", "etc/ssl/certs", "etc/ca-certificates", "etc/pki/ca-trust", "etc/pki/rpm-gpg", "etc/alternatives", "etc/NetworkManager", "etc/netplan", "etc/selinux",
	"etc/systemd/network", "etc/wireguard", "etc/lvm", "root/.ssh",
	"var/lib/dpkg", "var/lib/rpm", "var/lib/apt", "var/lib/dnf", "var/lib/yum", "var/lib/cloud", "var/lib/docker", "var/lib/containers", "var/lib/containerd", "var/lib/lxd", "var/lib/flatpak",
	"var/lib/snapd", "var/lib/selinux", "var/lib/drp-agent", "var/lib/dbus", "var/lib/systemd/catalog", "var/lib/fwupd", "var/lib/pcp", "var/lib/ucf", "var/lib/alternatives", "var/lib/mysql", "var/lib/postgresql",
}

// isQuiet says whether a file is left out by where it is.
func isQuiet(name string) bool {
	return slices.ContainsFunc(quiet, func(dir string) bool { return isBelow(name, dir) }) || identity.Concerns(name)
}

// mayBeKey says whether a file's name is one that private keys have.
func mayBeKey(base string) bool {
	switch path.Ext(base) {
	case ".key", ".pem", ".priv":
		return true
	case ".pub", ".crt", ".gpg", ".asc", ".conf", ".d":
		return false
	}
	return strings.HasPrefix(base, "id_") || strings.Contains(base, "privkey") || strings.Contains(base, "private") || strings.HasSuffix(base, "_key")
}

// wantsUnlisted is for Wants.
func wantsUnlisted(name string) Wanted {
	for _, p := range unlistedPlaces {
		rest, ok := strings.CutPrefix(name, p.dir+"/")
		if !ok || strings.Count(rest, "/") >= p.depth {
			continue
		}
		w := Wanted{Attributes: true, Content: maxID + 1}
		if mayBeKey(path.Base(name)) {
			w.Content = maxKey
		}
		return w
	}
	return Wanted{Attributes: name == "opt" || name == "srv"}
}

// unlisted is what was found of one kind.
type unlisted struct {
	ids, keys []string
	visited   int
}

// findUnlisted walks the places once. What cannot be read is no trouble of theirs.
func (s *survey) findUnlisted() *unlisted {
	if s.unlisted == nil {
		s.unlisted = &unlisted{}
		t := tree{fsys: s.fsys}
		for _, p := range unlistedPlaces {
			t.visit(s.unlisted, p.dir, p.depth)
		}
	}
	return s.unlisted
}

// visit looks at what is in a directory. Links are not followed: what they lead to has
// a name of its own.
func (t *tree) visit(u *unlisted, dir string, depth int) {
	info, there := t.lstat(dir)
	if depth == 0 || !there || !info.IsDir() || u.visited > mostVisited {
		return
	}
	for _, base := range t.list(dir) {
		name := path.Join(dir, base)
		u.visited++
		info, there := t.lstat(name)
		switch {
		case !there || slices.Contains(quiet, name):
		case info.IsDir():
			t.visit(u, name, depth-1)
		case !info.Mode().IsRegular() || isQuiet(name):
		case info.Size() >= minID && info.Size() <= maxID && t.holdsID(name):
			u.ids = append(u.ids, name)
		case info.Size() > 100 && mayBeKey(base) && t.holdsKey(name):
			u.keys = append(u.keys, name)
		}
	}
}

// holdsID says whether a file holds nothing but a UUID or 32 hexadecimal digits.
func (t *tree) holdsID(name string) bool {
	data, ok := t.head(name, maxID+1)
	text := string(bytes.TrimSpace(data))
	if !ok || len(text) != minID && len(text) != 36 {
		return false
	}
	if len(text) == 36 {
		for _, i := range []int{8, 13, 18, 23} {
			if text[i] != '-' {
				return false
			}
		}
		text = strings.ReplaceAll(text, "-", "")
	}
	return len(text) == minID && strings.Trim(text, "0123456789abcdefABCDEF") == "" && strings.Trim(text, "0") != ""
}

// holdsKey says whether a file has a private key.
func (t *tree) holdsKey(name string) bool {
	data, ok := t.head(name, maxKey)
	return ok && identity.IsPrivateKey(data)
}

// tell reports what was found of one kind.
func (s *survey) tell(o identity.Operation, names []string) {
	for i, name := range names {
		if i == maxUnlisted {
			s.info(path.Dir(name), fmt.Sprintf("%s: and %d more", o.What, len(names)-i), o.Hint)
			return
		}
		s.info(name, o.What, o.Hint)
	}
}

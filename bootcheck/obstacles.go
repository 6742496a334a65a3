package bootcheck

import (
	"hash/maphash"
	"strings"
	"unicode/utf8"

	"image-capture/entry"
)

// Entries remembers which entries of an image the deployer's tar, or the filesystems that
// it extracts to, cannot take: ext4 for the root and vfat at /boot/efi, as curtin's layout
// has them. The zero value is ready. Memory is bounded, whatever the entries are.
type Entries struct {
	found [obstacles]struct {
		count int64
		path  string // of the first
		what  string // more of the first
	}
	// names counts how often a first name was linked to, by its hash: those that are
	// linked to most stay when there is no room (Misra and Gries).
	names map[uint64]uint32
	// inodes counts the names of those that have more in the source than an image gives.
	inodes map[entry.FileID]uint64
	// esp are the names below /boot/efi as vfat compares them.
	esp map[string]espName
	// padding counts the zeros that follow gzip data.
	padding int64
	seed    maphash.Seed
	seeded  bool
}

// EntrySource goes through the entries of an image.
type EntrySource interface {
	// Entries waits until all have been seen.
	Entries() (*Entries, error)
}

// Entries makes it its own source, when all entries were added.
func (e *Entries) Entries() (*Entries, error) { return e, nil }

// espName is what came under a name first.
type espName struct {
	dir  bool
	path uint64 // its hash
}

const (
	mostLinkedTo = 1 << 18
	mostESP      = 1 << 15

	esp = "./boot/efi"
	// The bounds: NAME_MAX and PATH_MAX of Linux, the latter with the NUL at the end, and
	// the largest file of vfat.
	maxName  = 255
	maxPath  = 4096
	maxOnESP = 1<<32 - 1
)

// Add takes the next entry, in the order of the image. Of a tree it has Nlink and ID, of
// an image HardLink.
func (e *Entries) Add(m *entry.Member) {
	if !e.seeded {
		e.seed, e.seeded = maphash.MakeSeed(), true
		e.names, e.inodes, e.esp = map[uint64]uint32{}, map[entry.FileID]uint64{}, map[string]espName{}
	}
	if len(m.Path) > maxName && hasLongName(m.Path) {
		e.note(longName, m.Path, "")
	}
	switch {
	case len(m.Path) >= maxPath || len(m.HardLink) >= maxPath:
		e.note(longPath, m.Path, "")
	case len(m.Link) >= maxPath:
		e.note(longTarget, m.Path, "")
	}
	switch {
	case m.HardLink != "":
		e.link(m)
	case m.Nlink > entry.MaxNames && m.Type != entry.Dir && len(e.inodes) < mostLinkedTo:
		if e.inodes[m.ID]++; e.inodes[m.ID] == entry.MaxNames+1 {
			e.note(splitInode, m.Path, "")
		}
	}
	if lost := beyondExt4(m.Xattrs); lost != "" {
		e.note(bigXattrs, m.Path, lost)
	}
	if isBelow(m.Path, esp) {
		e.onESP(m)
	} else if m.HardLink != "" && isBelow(m.HardLink, esp) {
		e.note(espLink, m.Path, "")
	}
}

// note counts an obstacle.
func (e *Entries) note(o obstacle, path, what string) {
	if f := &e.found[o]; f.count == 0 {
		f.path, f.what = clipPath(path), what
	}
	e.found[o].count++
}

// clipPath bounds a path that may have megabytes.
func clipPath(path string) string {
	const ends = 100
	if len(path) <= 2*ends {
		return path
	}
	return strings.ToValidUTF8(path[:ends], "") + "..." + strings.ToValidUTF8(path[len(path)-ends:], "")
}

func hasLongName(path string) bool {
	for name := range strings.SplitSeq(path, "/") {
		if len(name) > maxName {
			return true
		}
	}
	return false
}

// link counts the names of the inode that a hard link leads to. Each link is one more
// than the first name.
func (e *Entries) link(m *entry.Member) {
	h := maphash.String(e.seed, m.HardLink)
	for len(e.names) >= mostLinkedTo && e.names[h] == 0 {
		for k := range e.names {
			if e.names[k]--; e.names[k] == 0 {
				delete(e.names, k)
			}
		}
	}
	if e.names[h]++; e.names[h] == entry.MaxNames {
		e.note(manyNames, m.Path, "")
	}
}

// onESP looks at an entry of the EFI system partition, as Linux's fs/fat takes it: no
// other types than files and directories, no owner but root, no bits beyond rwx
// (fat_setattr), no characters of DOS's own and no blank at the end (vfat_bad_char,
// vfat_is_used_badchars), and names without regard to case and to dots at the end.
func (e *Entries) onESP(m *entry.Member) {
	switch {
	case m.Path == esp && m.Type != entry.Dir:
		return // nothing is mounted there
	case m.HardLink != "":
		e.note(espLink, m.Path, "")
		return
	case m.Type != entry.File && m.Type != entry.Dir:
		e.note(espType, m.Path, espTypes[m.Type])
	case m.Perm&0o7000 != 0:
		e.note(espMode, m.Path, "")
	}
	if m.UID != 0 || m.GID != 0 {
		e.note(espOwner, m.Path, "")
	}
	if m.Size > maxOnESP {
		e.note(espSize, m.Path, "")
	}
	if m.Path == esp {
		return
	}
	name := m.Path[strings.LastIndexByte(m.Path, '/')+1:]
	switch {
	case strings.ContainsAny(name, "*?<>|\":\\\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f"),
		strings.HasSuffix(name, " "), strings.Trim(name, ".") == "":
		e.note(espBadName, m.Path, "")
	case !utf8.ValidString(name):
		e.note(espBytes, m.Path, "")
	}
	e.foldOnESP(m)
}

// foldOnESP compares a name with those that came before it.
func (e *Entries) foldOnESP(m *entry.Member) {
	key := foldESP(m.Path[len(esp):])
	now := espName{m.Type == entry.Dir, maphash.String(e.seed, m.Path)}
	before, known := e.esp[key]
	switch {
	case !known && len(e.esp) < mostESP && len(key) < maxPath:
		e.esp[key] = now
	case !known, before.path == now.path:
	case before.dir && now.dir: // tar takes them for one, and so does vfat
	case before.dir || now.dir:
		e.note(espMixed, m.Path, "")
	default:
		e.note(espTwin, m.Path, "")
	}
}

// foldESP makes one of all the names that vfat takes for one. Beyond ASCII that depends
// on how it is mounted.
func foldESP(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		parts[i] = strings.TrimRight(p, ".")
	}
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, strings.Join(parts, "/"))
}

// beyondExt4 returns the first extended attribute for which ext4 has no room, as it
// places them in the order in which tar sets them: each in the inode where it fits
// there, else in the one block, of 4 KiB, that a file has for them. See
// fs/ext4/xattr.h: an entry takes 16 bytes and its name, and name and value are filled
// up to 4 bytes; the prefix of the name is a number.
func beyondExt4(list []entry.Xattr) string {
	inode, block := 256-128-32-8, 4096-32-4
	for _, x := range list {
		_, name, _ := strings.Cut(x.Name, ".")
		value := len(x.Value)
		if strings.HasPrefix(x.Name, "system.posix_acl_") {
			// ext4 has the four entries that all have without the 4 bytes for an id.
			name, value = "", max(value-16, 0)
		}
		size := 16 + (len(name)+3)&^3 + (value+3)&^3
		switch {
		case size <= inode:
			inode -= size
		case size <= block:
			block -= size
		default:
			return x.Name
		}
	}
	return ""
}

package archive

import (
	"encoding/binary"
	"strconv"
	"strings"
	"unicode/utf8"

	"image-capture/entry"
)

// typeflag returns the tar type of what is not a hard link.
func typeflag(t entry.Type) byte {
	switch t {
	case entry.Dir:
		return '5'
	case entry.Symlink:
		return '2'
	case entry.CharDevice:
		return '3'
	case entry.BlockDevice:
		return '4'
	case entry.FIFO:
		return '6'
	}
	return '0'
}

// paxRecords collects the records of an extended header; see pax(5).
type paxRecords struct {
	buf []byte
}

func (p *paxRecords) add(key, value string) {
	// The length counts its own digits.
	size := len(key) + len(value) + 3
	n := size + len(strconv.Itoa(size))
	if len(strconv.Itoa(n)) != len(strconv.Itoa(size)) {
		n++
	}
	p.buf = strconv.AppendInt(p.buf, int64(n), 10)
	p.buf = append(p.buf, ' ')
	p.buf = append(p.buf, key...)
	p.buf = append(p.buf, '=')
	p.buf = append(p.buf, value...)
	p.buf = append(p.buf, '\n')
}

// xattrName escapes a name as GNU tar does, because "=" ends the key of a record.
var xattrName = strings.NewReplacer("%", "%25", "=", "%3D")

// headers encodes the headers of members into one buffer that is used again.
type headers struct {
	pax paxRecords
	out []byte
}

// encode returns the header blocks of a member: an extended header if it needs
// one, then its own. s is the map of a file stored sparse, else nil. The result is
// valid until the next call.
func (h *headers) encode(m *entry.Member, s *entry.SparseMap) []byte {
	h.pax.buf = h.pax.buf[:0]
	h.out = h.out[:0]

	name, link, size := m.Path, m.Link, int64(0)
	if m.Type == entry.Dir {
		name += "/"
	}
	flag := typeflag(m.Type)
	switch {
	case m.HardLink != "":
		flag, link = '1', m.HardLink
	case s != nil:
		size = s.Stored()
	case m.Type == entry.File:
		size = m.Size
	}

	if !utf8.ValidString(name) || !utf8.ValidString(link) {
		// Else bsdtar complains of each; it is in pax(1) of POSIX.
		h.pax.add("hdrcharset", "BINARY")
	}
	prefix := ""
	if s != nil {
		h.pax.add("GNU.sparse.major", "1")
		h.pax.add("GNU.sparse.minor", "0")
		h.pax.add("GNU.sparse.name", name)
		h.pax.add("GNU.sparse.realsize", strconv.FormatInt(m.Size, 10))
		prefix, name = sparseName(name)
	} else if p, n, ok := splitName(name); ok {
		prefix, name = p, n
	} else {
		h.pax.add("path", name)
		name = name[:min(len(name), 100)]
	}
	if !isASCII(link) || len(link) > 100 {
		h.pax.add("linkpath", link)
		link = link[:min(len(link), 100)]
	}
	uid, gid := m.UID, m.GID
	if uid > maxOctal7 {
		h.pax.add("uid", strconv.FormatUint(uint64(uid), 10))
		uid = 0
	}
	if gid > maxOctal7 {
		h.pax.add("gid", strconv.FormatUint(uint64(gid), 10))
		gid = 0
	}
	hsize := size
	if size > maxOctal11 {
		h.pax.add("size", strconv.FormatInt(size, 10))
		hsize = 0
	}
	mtime := m.Mtime.Sec
	if m.Mtime.Nsec != 0 || mtime < 0 || mtime > maxOctal11 {
		h.pax.add("mtime", decimalTime(m.Mtime))
		mtime = max(0, min(mtime, maxOctal11))
	}
	if m.HardLink == "" {
		h.addAttributes(m)
	} else {
		h.addCapability(m)
	}

	if len(h.pax.buf) > 0 {
		h.block(ustar{name: "././@PaxHeader", mode: 0o644, size: int64(len(h.pax.buf)), flag: 'x'})
		h.out = append(h.out, h.pax.buf...)
		h.out = append(h.out, zeroBlock[:padding(int64(len(h.pax.buf)))]...)
	}
	h.block(ustar{
		name: name, prefix: prefix, link: link,
		mode: m.Perm, uid: uid, gid: gid, size: hsize, mtime: mtime,
		flag: flag, major: m.Major, minor: m.Minor,
		device: m.HardLink == "" && (m.Type == entry.CharDevice || m.Type == entry.BlockDevice),
	})
	return h.out
}

// addAttributes writes what tar itself has no fields for. ACLs go twice: GNU tar
// as deployers call it restores the xattr, bsdtar and star the text.
func (h *headers) addAttributes(m *entry.Member) {
	if m.Flags != 0 {
		h.pax.add("SCHILY.fflags", flagNames(m.Flags))
	}
	for _, x := range m.Xattrs {
		key := ""
		switch x.Name {
		case "system.posix_acl_access":
			key = "SCHILY.acl.access"
		case "system.posix_acl_default":
			key = "SCHILY.acl.default"
		default:
			continue
		}
		text, ok := aclText(x.Value)
		if !ok {
			continue
		}
		if key == "SCHILY.acl.default" && !hasAccessACL(m) {
			// Without one bsdtar 3.8 makes the directory's mode 0000.
			h.pax.add("SCHILY.acl.access", modeACL(m.Perm))
		}
		h.pax.add(key, text)
	}
	for _, x := range m.Xattrs {
		h.pax.add("SCHILY.xattr."+xattrName.Replace(x.Name), x.Value)
	}
}

const capability = "security.capability"

// addCapability repeats the file capability for a later name of an inode: Docker's and
// containerd's unpacking sets the owner after each name, and the kernel then drops the
// capability under all of them.
func (h *headers) addCapability(m *entry.Member) {
	for _, x := range m.Xattrs {
		if x.Name == capability {
			h.pax.add("SCHILY.xattr."+capability, x.Value)
		}
	}
}

func hasAccessACL(m *entry.Member) bool {
	for _, x := range m.Xattrs {
		if x.Name == "system.posix_acl_access" {
			return true
		}
	}
	return false
}

// ustar is one 512-byte header; see "The ustar format" in tar(5).
type ustar struct {
	name, prefix, link string
	mode, uid, gid     uint32
	size, mtime        int64
	flag               byte
	device             bool
	major, minor       uint32
}

const (
	maxOctal7  = 1<<21 - 1
	maxOctal11 = 1<<33 - 1
)

var zeroBlock [blockSize]byte

func (h *headers) block(u ustar) {
	start := len(h.out)
	h.out = append(h.out, zeroBlock[:]...)
	b := h.out[start:]
	copy(b[0:100], u.name)
	octal(b[100:108], int64(u.mode))
	octal(b[108:116], int64(u.uid))
	octal(b[116:124], int64(u.gid))
	octal(b[124:136], u.size)
	octal(b[136:148], u.mtime)
	b[156] = u.flag
	copy(b[157:257], u.link)
	copy(b[257:265], "ustar\x0000")
	if u.device {
		octal(b[329:337], int64(u.major))
		octal(b[337:345], int64(u.minor))
	}
	copy(b[345:500], u.prefix)
	copy(b[148:156], "        ")
	octal(b[148:155], byteSum(b))
	b[155] = ' '
}

// byteSum adds up the bytes of a block, eight at a time: a file has two headers as a
// rule, and of a tree of small ones a plain loop took 3 % of the time.
func byteSum(b []byte) int64 {
	const low = 0x00ff00ff00ff00ff // of two bytes
	sum := uint64(0)               // four sums of 16 bits
	for i := 0; i < blockSize; i += 8 {
		v := binary.LittleEndian.Uint64(b[i:])
		sum += v&low + v>>8&low // at most 64 * 2 * 255 each, which fits
	}
	sum = sum&0x0000ffff0000ffff + sum>>16&0x0000ffff0000ffff
	return int64(sum>>32 + sum&0xffffffff)
}

// octal writes digits and a NUL; a number that does not fit, which only a device
// number can be here, goes as base 256, which GNU tar, bsdtar and Go read.
func octal(b []byte, n int64) {
	last := len(b) - 1
	if n>>(3*last) != 0 {
		for i := last; i > 0; i-- {
			b[i] = byte(n)
			n >>= 8
		}
		b[0] = 0x80
		return
	}
	b[last] = 0
	for i := last - 1; i >= 0; i-- {
		b[i] = '0' + byte(n&7)
		n >>= 3
	}
}

// splitName fits a name into the name and prefix fields. What is not ASCII goes
// to an extended header, as in GNU tar: the field says nothing of the charset.
func splitName(name string) (prefix, rest string, ok bool) {
	if !isASCII(name) {
		return "", "", false
	}
	if len(name) <= 100 {
		return "", name, true
	}
	if len(name) > 256 {
		return "", "", false
	}
	// The last slash within the prefix field's 155 bytes that leaves a rest.
	i := strings.LastIndexByte(name[:min(len(name)-1, 156)], '/')
	if i <= 0 || len(name)-i-1 > 100 {
		return "", "", false
	}
	return name[:i], name[i+1:], true
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// decimalTime writes a time as POSIX wants it: a decimal number, so that half a
// second before the epoch is -0.5.
func decimalTime(t entry.Time) string {
	sec, nsec, sign := uint64(t.Sec), t.Nsec, ""
	if t.Sec < 0 {
		sign = "-"
		sec = -sec // the lowest of all seconds, too, which has no positive int64
		if nsec > 0 {
			sec--
			nsec = 1e9 - nsec
		}
	}
	s := sign + strconv.FormatUint(sec, 10)
	if nsec == 0 {
		return s
	}
	frac := strconv.Itoa(int(nsec))
	return s + "." + strings.TrimRight("000000000"[len(frac):]+frac, "0")
}

// flagNames writes inode flags as libarchive and star do.
func flagNames(f entry.Flags) string {
	var names []string
	if f&entry.Immutable != 0 {
		names = append(names, "schg")
	}
	if f&entry.AppendOnly != 0 {
		names = append(names, "sappnd")
	}
	if f&entry.NoDump != 0 {
		names = append(names, "nodump")
	}
	return strings.Join(names, ",")
}

// padding is how many bytes fill n up to a whole block.
func padding(n int64) int64 { return -n & (blockSize - 1) }

// sparseName is the name that a reader sees which knows nothing of the format: a folder
// beside where the file belongs, as GNU tar has it (with a number of a process where
// here is a 0). Two files of one name then stay two. It fits the header; where the folder
// does not, the stand-in is below the root.
func sparseName(name string) (prefix, rest string) {
	at := strings.LastIndexByte(name, '/') + 1
	base := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '_'
		}
		return r
	}, name[at:])
	const dir = "GNUSparseFile.0/"
	if prefix, rest, ok := splitName(name[:at] + dir + base); ok {
		return prefix, rest
	}
	return "", "./" + dir + base[:min(len(base), 100-len("./"+dir))]
}

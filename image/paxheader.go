package image

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"image-capture/entry"
)

// maxExtended is the size up to which an extended header, or a long name of GNU
// tar, is read. Linux allows 64 KiB of value for each xattr, ext4 and XFS many of
// them.
const maxExtended = 64 << 20

// maxRuns is how many runs of a sparse map are held in memory: 16 MiB of them.
const maxRuns = 1 << 20

// paxHeader is what extended headers say of a member. What they do not say is empty
// or nil.
type paxHeader struct {
	path, link         string
	size, uid, gid     *uint64
	major, minor       *uint64
	mtime              *entry.Time
	xattrs             []entry.Xattr
	flags              entry.Flags
	sparseName         string
	sparseMajor        *uint64
	sparseMinor        *uint64
	sparseReal         *uint64
	sparseBlocks       *uint64        // number of runs, before format 1.0
	sparseRuns         []entry.Extent // before format 1.0
	sparseHasRuns      bool
	sparseOffset       *uint64 // of format 0.0, until its length comes
	sparseOld, present bool
}

// parse reads records, "LENGTH KEY=VALUE\n" each, see pax(5). Of a global header
// only owners and times are taken: what is of one member alone is an error there,
// because readers do not agree on it.
func (p *paxHeader) parse(b []byte, global bool) error {
	p.present = true
	for len(b) > 0 {
		key, value, rest, err := paxRecord(b)
		if err != nil {
			return err
		}
		b = rest
		if global && paxOfOneMember(key) {
			return fmt.Errorf("global header has %s, which only one member can have", key)
		}
		if err := p.record(key, value); err != nil {
			return fmt.Errorf("record %s of the extended header: %w", key, err)
		}
	}
	if p.sparseOffset != nil {
		return errors.New("record GNU.sparse.offset of the extended header: no length comes after it")
	}
	return nil
}

var errMalformed = errors.New("malformed record in the extended header")

// paxRecord cuts off the first record.
func paxRecord(b []byte) (key, value string, rest []byte, err error) {
	const digits = 10 // more than maxExtended has
	i := bytes.IndexByte(b[:min(len(b), digits)], ' ')
	if i < 1 || b[0] == '0' {
		return "", "", nil, errMalformed
	}
	n, err := strconv.ParseUint(string(b[:i]), 10, 32)
	if err != nil || n > uint64(len(b)) || int(n) < i+2 || b[n-1] != '\n' {
		return "", "", nil, errMalformed
	}
	record := b[i+1 : n-1]
	eq := bytes.IndexByte(record, '=')
	if eq < 1 || bytes.IndexByte(record[:eq], 0) >= 0 {
		return "", "", nil, errMalformed
	}
	return string(record[:eq]), string(record[eq+1:]), b[n:], nil
}

const xattrPrefix = "SCHILY.xattr."

func paxOfOneMember(key string) bool {
	switch key {
	case "path", "linkpath", "size", "SCHILY.fflags", "SCHILY.devmajor", "SCHILY.devminor":
		return true
	}
	return strings.HasPrefix(key, xattrPrefix) || strings.HasPrefix(key, "GNU.sparse.") || strings.HasPrefix(key, "SCHILY.acl.")
}

// record takes one record. Those that are not known here are passed over, ACLs as
// text among them: their xattrs carry them too.
func (p *paxHeader) record(key, value string) (err error) {
	switch key {
	case "path":
		p.path, err = paxName(value)
	case "linkpath":
		p.link, err = paxName(value)
	case "size":
		p.size, err = paxNumber(value)
	case "uid":
		p.uid, err = paxNumber(value)
	case "gid":
		p.gid, err = paxNumber(value)
	case "SCHILY.devmajor":
		p.major, err = paxNumber(value)
	case "SCHILY.devminor":
		p.minor, err = paxNumber(value)
	case "mtime":
		p.mtime, err = paxTime(value)
	case "SCHILY.fflags":
		p.flags = parseFlags(value)
	default:
		if name, ok := strings.CutPrefix(key, xattrPrefix); ok {
			p.xattrs = append(p.xattrs, entry.Xattr{Name: xattrNameBack.Replace(name), Value: value})
			if name == "" {
				err = errors.New("no name")
			}
		} else if name, ok := strings.CutPrefix(key, "GNU.sparse."); ok {
			err = p.sparseRecord(name, value)
		}
	}
	return err
}

// sparseRecord takes a record of a sparse file; see "Storing Sparse Files" in the
// GNU tar manual.
func (p *paxHeader) sparseRecord(name, value string) (err error) {
	switch name {
	case "major":
		p.sparseMajor, err = paxNumber(value)
	case "minor":
		p.sparseMinor, err = paxNumber(value)
	case "name":
		p.sparseName, err = paxName(value)
	case "realsize", "size":
		p.sparseReal, err = paxNumber(value)
	case "numblocks":
		p.sparseOld = true
		p.sparseBlocks, err = paxNumber(value)
	case "map":
		p.sparseOld = true
		p.sparseRuns, p.sparseHasRuns = p.sparseRuns[:0], true
		for more := value != ""; more; {
			var off, length string
			if off, value, more = strings.Cut(value, ","); !more {
				return errors.New("odd number of numbers")
			}
			length, value, more = strings.Cut(value, ",")
			if err := p.sparseRun(off, length); err != nil {
				return err
			}
		}
	case "offset":
		p.sparseOld = true
		if p.sparseOffset != nil {
			return errors.New("no length comes after it")
		}
		if p.sparseOffset, err = paxNumber(value); err == nil && p.sparseOffset == nil {
			err = errors.New("a number is missing")
		}
	case "numbytes":
		if p.sparseOffset == nil {
			return errors.New("no offset comes before it")
		}
		p.sparseHasRuns = true
		err = p.sparseRun(strconv.FormatUint(*p.sparseOffset, 10), value)
		p.sparseOffset = nil
	}
	return err
}

func (p *paxHeader) sparseRun(off, length string) error {
	if len(p.sparseRuns) == maxRuns {
		return fmt.Errorf("sparse map of more than %d runs", maxRuns)
	}
	o, err := paxNumber(off)
	if err != nil {
		return err
	}
	l, err := paxNumber(length)
	if err != nil {
		return err
	}
	if o == nil || l == nil {
		return errors.New("a number is missing")
	}
	p.sparseRuns = append(p.sparseRuns, entry.Extent{Offset: int64(*o), Length: int64(*l)})
	return nil
}

// sortedXattrs returns the xattrs by name; of two values for one name the later
// counts.
func (p *paxHeader) sortedXattrs() []entry.Xattr {
	if len(p.xattrs) < 2 {
		return p.xattrs
	}
	slices.SortStableFunc(p.xattrs, func(a, b entry.Xattr) int { return strings.Compare(a.Name, b.Name) })
	out := p.xattrs[:0]
	for i, x := range p.xattrs {
		if i+1 < len(p.xattrs) && p.xattrs[i+1].Name == x.Name {
			continue
		}
		out = append(out, x)
	}
	return out
}

// xattrNameBack undoes how GNU tar, and package archive, write the name of an xattr in a
// key, which "=" ends.
var xattrNameBack = strings.NewReplacer("%25", "%", "%3D", "=")

// paxName reads a name, which is bytes whatever hdrcharset says.
func paxName(s string) (string, error) {
	if strings.IndexByte(s, 0) >= 0 {
		return "", errors.New("NUL in a name")
	}
	return s, nil
}

// paxNumber reads a number of at most 63 bits; nil stands for none, with which a
// record takes back an earlier one.
func paxNumber(s string) (*uint64, error) {
	if s == "" {
		return nil, nil
	}
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		return nil, fmt.Errorf("not a number: %q", clip(s))
	}
	return &n, nil
}

// paxTime reads decimal seconds. Digits after the ninth are below what the kernel
// keeps.
func paxTime(s string) (*entry.Time, error) {
	if s == "" {
		return nil, nil
	}
	malformed := func() error { return fmt.Errorf("not a time: %q", clip(s)) }
	abs, negative := strings.CutPrefix(s, "-")
	whole, frac, point := strings.Cut(abs, ".")
	if whole == "" || (point && frac == "") {
		return nil, malformed()
	}
	sec, err := strconv.ParseUint(whole, 10, 63)
	if err != nil {
		return nil, malformed()
	}
	var nsec uint32
	for i, c := range []byte(frac) {
		if c < '0' || c > '9' {
			return nil, malformed()
		}
		if i < 9 {
			nsec = nsec*10 + uint32(c-'0')
		}
	}
	for i := len(frac); i < 9; i++ {
		nsec *= 10
	}
	t := entry.Time{Sec: int64(sec), Nsec: nsec}
	if negative {
		t.Sec = -t.Sec
		if nsec > 0 {
			t.Sec--
			t.Nsec = 1e9 - nsec
		}
	}
	return &t, nil
}

// parseFlags takes the flags that Linux and tar share, by all names that libarchive
// gives them; see archive_entry(3). Others are passed over.
func parseFlags(s string) entry.Flags {
	var f entry.Flags
	for name := range strings.SplitSeq(s, ",") {
		switch name {
		case "schg", "schange", "simmutable":
			f |= entry.Immutable
		case "sappnd", "sappend":
			f |= entry.AppendOnly
		case "nodump":
			f |= entry.NoDump
		}
	}
	return f
}

// clip shortens what goes into a message, which an image may make of any length.
func clip(s string) string {
	const long = 4096 // PATH_MAX
	if len(s) > long {
		return s[:long] + "..."
	}
	return s
}

// id returns a user or group id: 32 bits in Linux.
func id(n uint64, what string) (uint32, error) {
	if n > math.MaxUint32 {
		return 0, fmt.Errorf("%s %d is over 32 bits", what, n)
	}
	return uint32(n), nil
}

package archive

import (
	"encoding/binary"
	"strconv"
)

// aclText writes the value of a system.posix_acl_* xattr, see
// linux/posix_acl_xattr.h, as the short text of acl(5), with numeric ids: a name
// would be that of the capturing host, and unknown to the target.
func aclText(value string) (string, bool) {
	const version, header, entry = 2, 4, 8
	b := []byte(value)
	if len(b) < header || (len(b)-header)%entry != 0 || binary.LittleEndian.Uint32(b) != version {
		return "", false
	}
	var out []byte
	for b = b[header:]; len(b) > 0; b = b[entry:] {
		tag := binary.LittleEndian.Uint16(b)
		perm := binary.LittleEndian.Uint16(b[2:])
		id := strconv.FormatUint(uint64(binary.LittleEndian.Uint32(b[4:])), 10)
		if len(out) > 0 {
			out = append(out, ',')
		}
		switch tag {
		case 0x01:
			out = append(out, "user::"...)
		case 0x02:
			out = append(out, "user:"+id+":"...)
		case 0x04:
			out = append(out, "group::"...)
		case 0x08:
			out = append(out, "group:"+id+":"...)
		case 0x10:
			out = append(out, "mask::"...)
		case 0x20:
			out = append(out, "other::"...)
		default:
			return "", false
		}
		for i, c := range []byte("rwx") {
			if perm&(4>>i) == 0 {
				c = '-'
			}
			out = append(out, c)
		}
	}
	return string(out), len(out) > 0
}

// modeACL is the minimal access ACL, which says what the mode says.
func modeACL(perm uint32) string {
	var out []byte
	for i, who := range []string{"user::", ",group::", ",other::"} {
		out = append(out, who...)
		for k, c := range []byte("rwx") {
			if perm>>(6-3*i)&(4>>k) == 0 {
				c = '-'
			}
			out = append(out, c)
		}
	}
	return string(out)
}

package bootcheck

import (
	"fmt"
	"strings"

	"image-capture/entry"
)

// obstacle is what keeps an entry from being extracted as it is.
type obstacle uint8

const (
	longName obstacle = iota
	longPath
	longTarget
	manyNames
	splitInode
	bigXattrs
	espType
	espLink
	espMode
	espOwner
	espBadName
	espBytes
	espSize
	espMixed
	espTwin
	obstacles
)

// espTypes are the words for what vfat has no place for.
var espTypes = map[entry.Type]string{
	entry.Symlink: "symbolic link", entry.CharDevice: "device", entry.BlockDevice: "device", entry.FIFO: "FIFO", entry.Socket: "socket", 0: "hard link",
}

// obstacleTexts say of each what it is, what comes of it, and what to do. Those with an
// end make GNU tar end with an error, as curtin runs it, and so the deployment; on vfat
// only where the machine starts by UEFI.
var obstacleTexts = [obstacles]struct {
	problem, hint string
	level         Level
	ends          Firmware
	brief         string // for the verdict
}{
	longName:   {"has a name of more than 255 bytes: no filesystem of Linux takes it, and tar ends with an error", "rename it", 0, Both, "a name is too long for tar to extract"},
	longPath:   {"is a path of more than 4095 bytes (PATH_MAX): tar ends with an error", "move it further up, or --exclude it", 0, Both, "a path is too long for tar to extract"},
	longTarget: {"is a link to a path of more than 4095 bytes: tar ends with an error", "remove the link", 0, Both, "a link is too long for tar to extract"},
	manyNames: {fmt.Sprintf("is one name more than the %d that ext4 takes of an inode: tar ends with an error", entry.MaxNames),
		"make the image anew with image-capture, which begins another inode there", 0, Both, "an inode has more names than ext4 takes"},
	splitInode: {fmt.Sprintf("is one name more than the %d that ext4 takes of an inode: it begins another one in the image, with the same content", entry.MaxNames), "", Info, 0, ""},
	bigXattrs:  {"has more extended attributes than ext4 has room for: tar extracts the file without %s, and says so only in its log", "remove the attribute, if nothing needs it (setfattr -x)", Warn, 0, ""},
	espType:    {"is a %s, and vfat has none: tar ends with an error", "remove it: firmware does not see it either", 0, UEFI, "vfat at /boot/efi cannot hold what is there"},
	espLink:    {"is a hard link, and vfat has none: tar ends with an error", "make the image anew with image-capture, which stores a copy there", 0, UEFI, "vfat at /boot/efi has no hard links"},
	espMode:    {"has a set-id or sticky bit, and vfat refuses to be told so: tar ends with an error", "make the image anew with image-capture, which leaves the bit out there", 0, UEFI, "vfat at /boot/efi has no set-id bits"},
	espOwner:   {"belongs to another user than root, and vfat refuses to be told so: tar ends with an error", "make the image anew with image-capture, which stores root there", 0, UEFI, "vfat at /boot/efi has no owners"},
	espBadName: {"has a name that vfat does not take (one of * ? < > | \" : \\, a control character, or a blank or nothing but dots at the end): tar ends with an error", "rename it", 0, UEFI, "vfat at /boot/efi does not take a name"},
	espBytes:   {"has a name that is not UTF-8: where vfat is mounted with utf8, tar ends with an error", "rename it", Warn, 0, ""},
	espSize:    {"has 4 GiB or more, and vfat ends before that: tar ends with an error", "move it elsewhere", 0, UEFI, "a file is too big for vfat at /boot/efi"},
	espMixed:   {"is a file for vfat, and a directory of the same name, but for its case, came before, or the other way round: tar ends with an error", "rename one", 0, UEFI, "vfat at /boot/efi takes two names for one"},
	espTwin:    {"is for vfat the same name as one before, which has another case or dots at the end: the clone has this file under that name", "remove one", Warn, 0, ""},
}

// checkUnpack reports what of the image cannot be extracted, by the entries that went by.
// The bounds were seen with GNU tar 1.34 on ext4; those of vfat are read in Linux's
// fs/fat.
func checkUnpack(s *survey) {
	if s.opt.Entries == nil {
		s.info("", "not checked: nobody went through all entries", "")
		return
	}
	entries, err := s.opt.Entries.Entries()
	if err != nil {
		s.info("", "not checked: the entries could not be gone through: "+err.Error(), "")
		return
	}
	before := len(s.findings)
	for o, t := range obstacleTexts {
		f := entries.found[o]
		if f.count == 0 {
			continue
		}
		name, problem := strings.TrimPrefix(f.path, "./"), t.problem
		if strings.Contains(problem, "%s") {
			problem = fmt.Sprintf(problem, f.what)
		}
		problem = counted(problem, int(f.count))
		if t.ends != 0 {
			s.end(t.ends, t.brief, name, problem, t.hint)
			continue
		}
		s.report(t.level, name, problem, t.hint)
	}
	if entries.padding > 0 {
		s.warn("", fmt.Sprintf("%d bytes of zeros follow the gzip data: tar and gzip pass over them, and other readers may stop there", entries.padding), "write the image to a file, not to a device, or cut the zeros off")
	}
	s.fine(before, "", "GNU tar, ext4, and vfat at /boot/efi take all entries")
}

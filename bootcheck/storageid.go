package bootcheck

import (
	"strings"

	"image-capture/identity"
)

// storageWords begin the words of a kernel command line that name disks of the
// source for an initramfs, see dracut.cmdline(7) and
// systemd-cryptsetup-generator(8).
var storageWords = []string{
	"rd.lvm.lv=", "rd.lvm.vg=", "rd.luks.uuid=", "rd.luks.name=", "rd.luks.partuuid=", "luks.uuid=", "luks.name=", "rd.md.uuid=", "rd.dm.uuid=", "cryptdevice=",
}

func isStorageWord(w string) bool {
	for _, prefix := range storageWords {
		if strings.HasPrefix(w, prefix) && len(w) > len(prefix) {
			return true
		}
	}
	return false
}

// checkStorageIdentity asks for what looks for the source's disks.
func checkStorageIdentity(s *survey) {
	before := len(s.findings)
	for _, o := range identity.Of(s.rule.name) {
		s.leftover(o)
	}
	s.wordsOf(identity.StorageWords, "the kernel's command line names storage of the source: ", isStorageWord, s.byDracut())
	s.checkDevicesFile()
	s.checkArrays()
	s.checkAssembly()
	s.checkTwins()
	s.fine(before, "", "nothing looks for the source's disks")
}

// isResumeWord is for the kernel's and dracut's "resume=" and what goes with it.
// resume=none and an empty one resume from nowhere.
func isResumeWord(w string) bool {
	value, ok := strings.CutPrefix(w, "resume=")
	if !ok {
		return strings.HasPrefix(w, "resume_offset=") || strings.HasPrefix(w, "rd.resume=")
	}
	return isDevice(value)
}

// isDevice says whether a value names a disk to resume from: not by "auto", which
// initramfs-tools looks up anew each time, see initramfs.conf(5).
func isDevice(value string) bool {
	return value != "" && value != "none" && value != "auto"
}

// checkResume asks for a disk from which the source would wake up: the clone
// waits for it at boot.
func checkResume(s *survey) {
	before := len(s.findings)
	const conf = "etc/initramfs-tools/initramfs.conf"
	names := append([]string{conf}, s.filled("etc/initramfs-tools/conf.d/*")...)
	for _, name := range names {
		if !s.isFile(name) {
			continue
		}
		data, _ := s.read(name)
		value := ""
		for line := range lines(string(data)) {
			if key, v, _, ok := assignment(line); ok && key == "RESUME" {
				value = v
			}
		}
		if !isDevice(value) {
			continue
		}
		f := s.warn(name, "the next initramfs will wait for a disk of the source: RESUME="+shorten(value), "echo RESUME=none >"+typed(name))
		if name == conf {
			f.Hint = "set RESUME=none in it"
		}
		f.offer(s, identity.ResumeDevice, name)
	}
	s.wordsOf(identity.ResumeDevice, "the kernel's command line names a disk of the source: ", isResumeWord, false)
	s.checkInitramfsResume()
	s.fine(before, "", "nothing waits for a disk to resume from")
}

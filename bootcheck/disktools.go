package bootcheck

import (
	"strings"
)

// diskTool is a program of the image that works on its root's filesystem.
type diskTool struct {
	program string
	without string // what does not happen without it
}

// diskTools are run by systemd-fsck@.service and by the initramfs, see
// systemd-fsck@.service(8), and by cloud-init, see RESIZE_FS_PREFIXES_CMDS of its
// cc_resizefs.py. A missing fsck is passed over, a missing tool that resizes is a unit of
// cloud-init that failed: so the first boots of Debian 13 without e2fsprogs ended.
var diskTools = map[string][]diskTool{
	"ext4":  {{"fsck.ext4", notChecked}, {"resize2fs", notGrown}},
	"xfs":   {{"xfs_repair", notRepaired}, {"xfs_growfs", notGrown}},
	"btrfs": {{"btrfs", notGrown}},
}

const (
	notChecked  = "it is never checked"
	notRepaired = "it cannot be repaired"
	notGrown    = "cloud-init cannot grow it, and its unit fails"
)

// diskPackages bring the tools, by the names of most distributions.
var diskPackages = map[string]string{"ext4": "e2fsprogs", "xfs": "xfsprogs", "btrfs": "btrfs-progs"}

// checkDiskTools asks for the tools of the filesystem that the root will be on: that of
// the image's own fstab, else ext4, which image-deploy makes.
func checkDiskTools(s *survey) {
	kind := "ext4"
	if e, ok := s.mountOf("/"); ok && diskTools[e.kind] != nil {
		kind = e.kind
	}
	var found, missing, because []string
	for _, t := range diskTools[kind] {
		switch {
		case s.program(t.program) != "":
			found = append(found, t.program)
		case t.without == notGrown && !s.isProgram(cloudInitProgram):
		default:
			missing = append(missing, t.program)
			because = append(because, t.without)
		}
	}
	if len(missing) > 0 {
		name := diskPackages[kind]
		if kind == "btrfs" && s.system.OS.family() == familySUSE {
			name = "btrfsprogs"
		}
		s.warn("usr/sbin/"+missing[0], "what a root on "+kind+" needs is missing: "+strings.Join(missing, ", "), s.install(name)).Why = strings.Join(because, "; ")
	} else {
		s.ok("", "there is what a root on "+kind+" needs: "+strings.Join(found, ", "))
	}
	if s.isProgram(cloudInitProgram) && s.program("growpart") == "" {
		s.info("usr/bin/growpart", "is missing: cloud-init grows no partition, and a root that the deployer made small stays so", "")
	}
}

package edit

import (
	"strings"

	"image-capture/entry"
)

// esp is where the EFI system partition is mounted.
const esp = "./boot/efi"

// plain takes from an entry of the EFI system partition what vfat cannot hold; see the
// package comment. What it cannot hold at all, such as a symbolic link, stays: the boot
// check reports it.
func plain(e *entry.Entry) {
	if strings.HasPrefix(e.Path, esp) && (len(e.Path) == len(esp) || e.Path[len(esp)] == '/') {
		e.UID, e.GID, e.Xattrs, e.Flags, e.Nlink = 0, 0, nil, 0, 1
		e.Perm &= 0o777
	}
}

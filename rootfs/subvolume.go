package rootfs

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"image-capture/entry"
)

// A btrfs subvolume is a directory with a device number of its own that is in no list of
// mounts. Subvolumes are part of the filesystem that they are in, and captured. Two kinds
// are not: read-only snapshots, which are older states of what is captured already, with
// the secrets that were in it; and what stands in a snapshot where the subvolume that it
// was taken of had another one.
type subvolume uint8

const (
	noSubvolume  subvolume = iota // another filesystem
	ownSubvolume                  // a subvolume, or a snapshot that can be written to
	oldSnapshot                   // a read-only snapshot
	standIn                       // an empty directory with the time of now
)

// See linux/btrfs.h and linux/btrfs_tree.h.
const (
	btrfsTop        = 256 // BTRFS_FIRST_FREE_OBJECTID: the inode at the top of a subvolume
	btrfsStandIn    = 2   // BTRFS_EMPTY_SUBVOL_DIR_OBJECTID
	btrfsReadOnly   = 1 << 1
	btrfsGetFlags   = 0x80089419 // BTRFS_IOC_SUBVOL_GETFLAGS
	btrfsGetInfo    = 0x81f8943c // BTRFS_IOC_GET_SUBVOL_INFO, Linux 4.18
	btrfsInfoSize   = 504
	btrfsParentUUID = 312 // its offset in the info
)

// subvolumeOf tells what an open directory is that has another device than its parent.
func subvolumeOf(fd int, ino uint64) subvolume {
	var fs unix.Statfs_t
	if err := retry(func() error { return unix.Fstatfs(fd, &fs) }); err != nil || int64(fs.Type) != unix.BTRFS_SUPER_MAGIC {
		return noSubvolume
	}
	switch ino {
	case btrfsStandIn:
		return standIn
	case btrfsTop:
		if isSnapshot(fd) {
			return oldSnapshot
		}
		return ownSubvolume
	}
	return noSubvolume
}

// isSnapshot says whether a subvolume is read-only, and was made of another one. Before
// Linux 4.18, which does not tell the second, each that is read-only counts.
func isSnapshot(fd int) bool {
	var flags uint64
	if ioctl(fd, btrfsGetFlags, unsafe.Pointer(&flags)) != nil || flags&btrfsReadOnly == 0 {
		return false
	}
	var info [btrfsInfoSize / 8]uint64 // aligned as the kernel's structure
	if ioctl(fd, btrfsGetInfo, unsafe.Pointer(&info)) != nil {
		return true
	}
	const at = btrfsParentUUID / 8
	return info[at] != 0 || info[at+1] != 0
}

func ioctl(fd int, request uint, arg unsafe.Pointer) error {
	return retry(func() error {
		if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(request), uintptr(arg)); e != 0 {
			return e
		}
		return nil
	})
}

// subvolumes are the decisions on directories that lie on another device and are no mount.
type subvolumes struct {
	oneFileSystem    bool
	include, exclude map[string]bool
}

// decide decides on an open directory.
func (s subvolumes) decide(path string, fd int, ino uint64) Mount {
	d := Mount{Path: path}
	switch subvolumeOf(fd, ino) {
	case standIn:
		d.Reason, d.standIn = "the subvolume that was here is not in the snapshot", true
		return d
	case oldSnapshot:
		d.Reason = "read-only snapshot of a subvolume"
	default:
		d.Captured, d.Reason = true, "subvolume of a captured filesystem"
	}
	switch {
	case s.include[path]:
		d.Captured, d.Reason = true, d.Reason+" (--include-mount)"
	case s.exclude[path]:
		d.Captured, d.Reason = false, d.Reason+" (--exclude-mount)"
	case s.oneFileSystem:
		d.Captured, d.Reason = false, "another filesystem (--one-file-system)"
	}
	return d
}

// subvolumesOf takes the paths of subvolumes out of those that opt names, which are then
// of mount points. The error is a NoMountError.
func (r *Root) subvolumesOf(infos []*MountInfo, opt *MountOptions) (subvolumes, error) {
	s := subvolumes{opt.OneFileSystem, map[string]bool{}, map[string]bool{}}
	mounted := map[string]bool{}
	for _, info := range infos {
		mounted[info.Mountpoint] = true
	}
	split := func(paths []string, set map[string]bool) (rest []string) {
		for _, p := range paths {
			place := placeOf(p)
			if d := r.decideAt(s, place); d != nil && !mounted[join(r.path, place[1:])] {
				set[place] = true
			} else {
				rest = append(rest, p)
			}
		}
		return rest
	}
	opt.Include, opt.Exclude = split(opt.Include, s.include), split(opt.Exclude, s.exclude)
	for path := range s.include {
		if opt.Dropped != nil && opt.Dropped(path) {
			return s, &NoMountError{path, reasonDropped}
		}
		for at := range path {
			if path[at] != '/' {
				continue
			}
			if d := r.decideAt(s, path[:at]); d != nil && !d.Captured && !mounted[join(r.path, d.Path[1:])] {
				return s, &NoMountError{path, "lies in " + d.Path + ", which is left out: include that too"}
			}
		}
	}
	return s, nil
}

// decideAt decides on a path; nil where no subvolume of btrfs begins there.
func (r *Root) decideAt(s subvolumes, path string) *Mount {
	if path == "." || !ValidName(path[2:]) {
		return nil
	}
	dirfd, last, err := r.FS().parent("open", path[2:])
	if err != nil {
		return nil
	}
	defer unix.Close(dirfd)
	var e, above entry.Entry
	fd, err := openAt(dirfd, last, unix.O_DIRECTORY)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	if _, err := statFD(fd, &e); err != nil {
		return nil
	}
	if _, err := statFD(dirfd, &above); err != nil || e.ID.Dev == above.ID.Dev {
		return nil
	}
	switch subvolumeOf(fd, e.ID.Ino) {
	case ownSubvolume, oldSnapshot:
		d := s.decide(path, fd, e.ID.Ino)
		return &d
	}
	return nil
}

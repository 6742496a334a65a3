package rootfs

import (
	"fmt"
	"maps"
	gopath "path"
	"slices"
	"sort"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// MountInfo is a mount as the kernel lists it in proc_pid_mountinfo(5).
type MountInfo = mountinfo.Info

// ReadMounts reads the mounts of this process, /proc/self/mountinfo.
func ReadMounts() ([]*MountInfo, error) {
	list, err := mountinfo.GetMounts(nil)
	if err != nil {
		return nil, fmt.Errorf("read the list of mounts: %w", err)
	}
	return list, nil
}

// MountOptions change which mount points below the root are captured. Paths are
// written "./boot", "boot" or "/boot": all mean the same place in the root.
type MountOptions struct {
	// OneFileSystem leaves out every mount point but those in Include.
	OneFileSystem bool
	// Include captures a mount point whatever is mounted there, unless that is a
	// directory that the mount point lies in; so a subvolume of btrfs.
	Include []string
	// Exclude leaves out a mount point or a subvolume; its directory stays, empty. What
	// is not mounted there is reported to NotMounted: nothing is captured of it either way.
	Exclude    []string
	NotMounted func(path string)
	// Dropped says whether a path, or all that it holds, is left out of the tree for
	// another reason: what is mounted there is then not captured, and it is not a second
	// place to find what is mounted elsewhere. Nil: none is.
	Dropped func(path string) bool
}

// NoMountError says that a path of MountOptions.Include is not a mount point.
type NoMountError struct {
	Path   string
	Reason string
}

const reasonDropped = "is excluded, or what it holds: --default-excludes=false or other excludes let it in"

func (e *NoMountError) Error() string { return fmt.Sprintf("%s %s", e.Path, e.Reason) }

// region is a part of a filesystem that is captured: what lies below sub in the
// filesystem dev is found below path in the host's tree.
type region struct {
	mount     *MountInfo
	dev       [2]int
	sub, path string
}

// DecideMounts says of each mount point below root, an absolute path without links,
// whether to capture what is mounted there. It goes by the list alone, which can be that
// of another process or host, see mountinfo.GetMountsFromReader. Those below one that is
// left out, and those that cannot be reached, are not in the result. The error is a
// NoMountError.
//
// Filesystems on local disks are part of the root and captured. Of these
// the directory under them is: pseudo filesystems (proc, sysfs, tmpfs, ...), network and
// FUSE filesystems, overlays, read-only images (squashfs, iso9660, ...: what is in
// them lies in a file or on a medium that is not the root's), and bind mounts of
// what is captured already.
func DecideMounts(infos []*MountInfo, root string, opt MountOptions) ([]Mount, error) {
	// From the top down, so that what is mounted in a place that is left out is not
	// considered.
	tree := newMountTree(infos)
	var captured []region
	if home := tree.at(root); home != nil {
		captured = []region{{home, devOf(home), join(home.Root, below(home.Mountpoint, root)), root}}
	}
	infos = append([]*MountInfo(nil), infos...)
	sort.SliceStable(infos, func(i, j int) bool { return infos[i].Mountpoint < infos[j].Mountpoint })
	include, exclude := placesOf(opt.Include), placesOf(opt.Exclude)

	var list []Mount
	for _, info := range infos {
		if info.Mountpoint == root || !within(root, info.Mountpoint) || tree.at(info.Mountpoint) != info {
			continue
		}
		path := "." + below(root, info.Mountpoint)
		if out := leftOutAbove(list, path); out != "" {
			if include[path] {
				return nil, &NoMountError{path, "lies in " + out + ", which is left out: include that too"}
			}
			delete(exclude, path)
			continue
		}
		d := Mount{Path: path, id: info.ID, Kind: kindOf(info), FSType: info.FSType, Source: info.Source, Dev: unix.Mkdev(uint32(info.Major), uint32(info.Minor))}
		dropped := opt.Dropped != nil && opt.Dropped(path)
		d.dropped = dropped
		switch {
		case include[path] && dropped:
			return nil, &NoMountError{path, reasonDropped}
		case include[path]:
			d.Captured, d.Reason = true, describe(info)+" (--include-mount)"
		case exclude[path]:
			d.Reason = describe(info) + " (--exclude-mount)"
		case opt.OneFileSystem:
			d.Reason = describe(info) + " (--one-file-system)"
		default:
			d.Captured, d.Reason = classify(info)
			if d.Captured && dropped {
				d.Captured, d.Reason = false, d.Reason+" (excluded)"
			} else if d.Captured {
				if twin := capturedTwin(info, captured, tree, root, opt.Dropped); twin != "" {
					d.Captured, d.Reason = false, "bind mount of "+twin+", which is captured already"
				}
			}
		}
		delete(include, path)
		delete(exclude, path)
		if d.Captured {
			captured = append(captured, region{info, devOf(info), info.Root, info.Mountpoint})
		}
		list = append(list, d)
	}
	if paths := slices.Sorted(maps.Keys(include)); len(paths) > 0 {
		return nil, &NoMountError{paths[0], "is not a mount point below " + root}
	}
	if opt.NotMounted != nil {
		for _, path := range slices.Sorted(maps.Keys(exclude)) {
			opt.NotMounted(path)
		}
	}
	return list, nil
}

// capturedTwin returns where in the tree that which is mounted at info is found
// a second time, or "". The other place counts only while it can be seen there: a
// directory bind-mounted on itself, or one that another mount covers, is found
// nowhere else.
func capturedTwin(info *MountInfo, captured []region, tree mountTree, root string, dropped func(string) bool) string {
	if strings.HasSuffix(info.Root, "//deleted") {
		return "" // its origin was removed: what is in it is found here only
	}
	for _, c := range captured {
		if c.dev != devOf(info) || !within(c.sub, info.Root) {
			continue
		}
		place := join(c.path, below(c.sub, info.Root))
		if tree.at(place) != c.mount {
			continue
		}
		path := "." + below(root, place)
		if dropped != nil && dropped(path) {
			continue
		}
		return path
	}
	return ""
}

func leftOutAbove(list []Mount, path string) string {
	for _, m := range list {
		if !m.Captured && within(m.Path, path) {
			return m.Path
		}
	}
	return ""
}

// placesOf writes paths given by people as the tree's names.
func placesOf(paths []string) map[string]bool {
	set := map[string]bool{}
	for _, p := range paths {
		set[placeOf(p)] = true
	}
	return set
}

func placeOf(path string) string { return "." + gopath.Clean("/"+path) }

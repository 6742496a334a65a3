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

// MountOptions change which mount points below the root are captured. Paths are
// written "./boot", "boot" or "/boot": all mean the same place in the root.
type MountOptions struct {
	// OneFileSystem leaves out every mount point but those in Include.
	OneFileSystem bool
	// Include captures a mount point whatever is mounted there, unless that is a
	// directory that the mount point lies in.
	Include []string
	// Exclude leaves out a mount point; its directory stays, empty.
	Exclude []string
	// Dropped says whether a path, or all that it holds, is left out of the tree for
	// another reason: what is mounted there is then not captured, and it is no second
	// place to find what is mounted elsewhere. Nil: none is.
	Dropped func(path string) bool
}

// Mount is the decision on a mount point below the root.
type Mount struct {
	Path     string // "./boot"
	FSType   string // "ext4"; empty when the kernel does not list the mount
	Source   string // "/dev/sda2", "nas:/export"
	Captured bool   // else what lies under the mount is in the tree: the directory, empty, or the file
	Reason   string
}

// String tells the decision in one line.
func (m Mount) String() string {
	verb := "left out"
	if m.Captured {
		verb = "captured"
	}
	return fmt.Sprintf("%s %s: %s", m.Path, verb, m.Reason)
}

// NoMountError says that a path named by MountOptions is no mount point.
type NoMountError struct {
	Path   string
	Reason string
}

func (e *NoMountError) Error() string { return fmt.Sprintf("%s %s", e.Path, e.Reason) }

// Mounts are the decisions on all mount points below a root. A walk adds to them
// when it meets a mount that was not there before, so List is complete after it.
type Mounts struct {
	root   *Root
	opt    MountOptions
	list   []Mount
	byPath map[string]int // index into list: the walk asks for every name
	// disks are places that show each captured filesystem, once; nil when something
	// captured is a part only of a filesystem.
	disks []string
}

// Mounts reads /proc/self/mountinfo, see proc_pid_mountinfo(5), and decides on
// every mount point below the root that can be reached.
//
// Filesystems on local disks are part of the root and captured. What is shipped as
// the empty directory: pseudo filesystems (proc, sysfs, tmpfs, ...), network and
// FUSE filesystems, overlays, read-only images (squashfs, iso9660, ...: what is in
// them lies in a file or on a medium that is not the root's), and bind mounts of
// what is captured already.
func (r *Root) Mounts(opt MountOptions) (*Mounts, error) {
	m := &Mounts{root: r, opt: opt}
	infos, err := mountinfo.GetMounts(nil)
	if err != nil {
		return nil, fmt.Errorf("read the list of mounts: %w", err)
	}
	decisions, err := decide(infos, r.path, opt)
	if err != nil {
		return nil, err
	}
	for _, d := range decisions {
		m.add(d)
	}
	m.disks = disksOf(infos, r.path, decisions)
	return m, nil
}

// disksOf returns one place for each filesystem that is captured, or nil when one
// is not captured as a whole, as far as the list of mounts tells. Subvolumes of one
// btrfs count as the whole of it: statfs(2) does not tell them apart.
func disksOf(infos []*mountinfo.Info, root string, decisions []Mount) []string {
	tree := newMountTree(infos)
	places := []string{root}
	for _, d := range decisions {
		if d.Captured {
			places = append(places, join(root, d.Path[1:]))
		}
	}
	var disks []string
	counted := map[[2]int]bool{}
	for _, p := range places {
		info := tree.at(p)
		if info == nil || info.Mountpoint != p || (info.Root != "/" && info.FSType != "btrfs") {
			return nil
		}
		if !counted[devOf(info)] {
			counted[devOf(info)] = true
			disks = append(disks, p)
		}
	}
	return disks
}

func (m *Mounts) add(d Mount) {
	if m.byPath == nil {
		m.byPath = map[string]int{}
	}
	m.byPath[d.Path] = len(m.list)
	m.list = append(m.list, d)
}

// List returns the decisions, sorted by path. Mount points below one that is left
// out are not in it.
func (m *Mounts) List() []Mount {
	list := append([]Mount(nil), m.list...)
	sort.Slice(list, func(i, j int) bool { return list[i].Path < list[j].Path })
	return list
}

// Used returns the bytes in use on the filesystems that are captured, by
// statfs(2). It is false when the root, or something mounted in it, is a directory of
// a larger filesystem: its numbers say nothing of the directory.
func (m *Mounts) Used() (int64, bool) {
	total := int64(0)
	for _, p := range m.disks {
		var st unix.Statfs_t
		if err := unix.Statfs(p, &st); err != nil {
			return 0, false
		}
		// Blocks are counted in fragments; old filesystems give 0 for their size and
		// mean f_bsize.
		unit := st.Frsize
		if unit == 0 {
			unit = st.Bsize
		}
		total += int64(st.Blocks-st.Bfree) * unit
	}
	return total, m.disks != nil
}

// at returns the decision on a path, or nil when nothing is mounted there as far
// as is known.
func (m *Mounts) at(path string) *Mount {
	if i, ok := m.byPath[path]; ok {
		return &m.list[i]
	}
	return nil
}

// crossed decides on a directory that turned out to lie on another filesystem
// than its parent.
func (m *Mounts) crossed(path string) (bool, error) {
	if d := m.at(path); d != nil {
		return d.Captured, nil
	}
	// Mounted since, or no mount at all: a btrfs subvolume has a device number of
	// its own.
	infos, err := mountinfo.GetMounts(nil)
	if err != nil {
		return false, fmt.Errorf("read the list of mounts: %w", err)
	}
	opt := m.opt
	opt.Include, opt.Exclude = nil, nil // these were found already
	now, err := decide(infos, m.root.path, opt)
	if err != nil {
		return false, err
	}
	for _, d := range now {
		if d.Path == path {
			m.add(d)
			return d.Captured, nil
		}
	}
	if m.opt.OneFileSystem {
		m.leaveOut(path, "another filesystem (--one-file-system)")
		return false, nil
	}
	m.add(Mount{Path: path, Captured: true, Reason: "subvolume of a captured filesystem"})
	return true, nil
}

func (m *Mounts) leaveOut(path, reason string) {
	if d := m.at(path); d != nil {
		d.Captured, d.Reason = false, reason
		return
	}
	m.add(Mount{Path: path, Reason: reason})
}

// region is a part of a filesystem that is captured: what lies below sub in the
// filesystem dev is found below path in the host's tree.
type region struct {
	mount     *mountinfo.Info
	dev       [2]int
	sub, path string
}

// decide goes through the mounts from the top down, so that what is mounted in a
// place that is left out is not considered.
func decide(infos []*mountinfo.Info, root string, opt MountOptions) ([]Mount, error) {
	tree := newMountTree(infos)
	var captured []region
	if home := tree.at(root); home != nil {
		captured = []region{{home, devOf(home), join(home.Root, below(home.Mountpoint, root)), root}}
	}
	infos = append([]*mountinfo.Info(nil), infos...)
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
		d := Mount{Path: path, FSType: info.FSType, Source: info.Source}
		dropped := opt.Dropped != nil && opt.Dropped(path)
		switch {
		case include[path] && dropped:
			return nil, &NoMountError{path, "is excluded, or what it holds: --default-excludes=false or other excludes let it in"}
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
	for _, left := range []map[string]bool{include, exclude} {
		if paths := slices.Sorted(maps.Keys(left)); len(paths) > 0 {
			return nil, &NoMountError{paths[0], "is no mount point below " + root}
		}
	}
	return list, nil
}

// capturedTwin returns where in the tree that which is mounted at info is found
// a second time, or "". The other place counts only while it can be seen there: a
// directory bind-mounted on itself, or one that another mount covers, is found
// nowhere else.
func capturedTwin(info *mountinfo.Info, captured []region, tree mountTree, root string, dropped func(string) bool) string {
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
		set["."+gopath.Clean("/"+p)] = true
	}
	return set
}

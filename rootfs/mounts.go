package rootfs

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"sync"

	"image-capture/entry"

	"golang.org/x/sys/unix"
)

// Mount is the decision on a mount point below the root.
type Mount struct {
	Path   string    // "./boot"
	Kind   MountKind // empty when the kernel does not list the mount, as the next three
	FSType string    // "ext4"
	Source string    // "/dev/sda2", "nas:/export"
	// Dev is the device of the filesystem as the list of mounts has it. That of a file
	// there can be another: each subvolume of a btrfs has its own.
	Dev      uint64
	Captured bool // else what lies under the mount is in the tree: the directory, empty, or the file
	Reason   string
	// Beneath says that the walk and the views see what lies under the mount; see
	// Root.Enter.
	Beneath bool
	// From is where what is captured at Path is seen: an absolute path without links, such
	// as that of a snapshot of the filesystem that is mounted at Path, or one in what
	// MountAlone mounted. Empty: at Path.
	From string

	dropped bool // MountOptions.Dropped, of the path
	id      int  // of the mount, in the kernel's list; 0 if unknown
	standIn bool // a directory of btrfs that stands for a subvolume
}

// String tells the decision in one line.
func (m Mount) String() string {
	verb := entry.Drop.Done()
	if m.Captured {
		verb = "captured"
	}
	return fmt.Sprintf("%s %s: %s", entry.Escape(m.Path), verb, m.Reason)
}

// Mounts are the decisions on all mount points below a root, by which a walk goes. It
// adds to them when it meets a mount that was not there before, so List is complete
// after it. One walk may use them at a time; the methods may be called meanwhile.
type Mounts struct {
	// mu is held to change list and byPath. The walk, which alone changes them, looks up
	// every name, and does so without.
	mu     sync.Mutex
	list   []Mount
	byPath map[string]int // index into list
	// later decides on a directory that turned out to lie on another filesystem than
	// its parent and is not in the list. It is nil when that is no mount.
	later func(path string, mounted mountRoot) (*Mount, error)
	// subvolumes decides on what is no mount.
	subvolumes subvolumes
	// disks are places that show each captured filesystem, once; nil when something
	// captured is a part only of a filesystem, or nobody here can see them.
	disks []string
}

// NewMounts makes a table of decisions that hold as they are, with one for each path:
// such as those of DecideMounts on a list that is not this process's. The walk cannot
// ask what was mounted since, and leaves that out where the kernel says that it is a
// mount (Linux 5.8). Another filesystem that is none is a subvolume, and captured.
func NewMounts(list []Mount) *Mounts {
	m := &Mounts{byPath: map[string]int{}}
	for _, d := range list {
		m.add(d)
	}
	m.later = func(path string, mounted mountRoot) (*Mount, error) {
		if mounted == mountYes {
			return &Mount{Path: path, Reason: "not in the table of mounts"}, nil
		}
		return nil, nil
	}
	return m
}

// Mounts decides on the mounts of this process, which are read again when the walk
// meets one that is not among them. The error can be a NoMountError.
func (r *Root) Mounts(opt MountOptions) (*Mounts, error) {
	infos, err := ReadMounts()
	if err != nil {
		return nil, err
	}
	subvolumes, err := r.subvolumesOf(infos, &opt)
	if err != nil {
		return nil, err
	}
	decisions, err := DecideMounts(infos, r.path, opt)
	if err != nil {
		return nil, err
	}
	m := NewMounts(decisions)
	m.subvolumes = subvolumes
	m.disks = disksOf(infos, r.path, decisions)
	m.later = r.mountedSince(opt)
	return m, nil
}

// mountedSince decides by the mounts as they are then.
func (r *Root) mountedSince(opt MountOptions) func(string, mountRoot) (*Mount, error) {
	opt.Include, opt.Exclude = nil, nil // these were found already
	return func(path string, _ mountRoot) (*Mount, error) {
		infos, err := ReadMounts()
		if err != nil {
			return nil, err
		}
		now, err := DecideMounts(infos, r.path, opt)
		if err != nil {
			return nil, err
		}
		for _, d := range now {
			if d.Path == path {
				return &d, nil
			}
		}
		return nil, nil
	}
}

// noMounts enters none.
func (r *Root) noMounts() *Mounts {
	m := NewMounts(nil)
	m.subvolumes.oneFileSystem = true
	m.later = r.mountedSince(MountOptions{OneFileSystem: true})
	return m
}

// disksOf returns one place for each filesystem that is captured, or nil when one
// is not captured as a whole, as far as the list of mounts tells. Subvolumes of one
// btrfs count as the whole of it: statfs(2) does not tell them apart.
func disksOf(infos []*MountInfo, root string, decisions []Mount) []string {
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

// Copy returns decisions for another walk, which adds to them without changing these.
func (m *Mounts) Copy() *Mounts {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &Mounts{list: slices.Clone(m.list), byPath: maps.Clone(m.byPath), later: m.later, subvolumes: m.subvolumes, disks: m.disks}
}

func (m *Mounts) add(d Mount) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.byPath[d.Path] = len(m.list)
	m.list = append(m.list, d)
}

// List returns the decisions, sorted by path. Mount points below one that is left
// out are not in it.
func (m *Mounts) List() []Mount {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := slices.Clone(m.list)
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

// Inodes returns how many inodes are in use on those filesystems; 0 for those that do not
// count them, such as btrfs.
func (m *Mounts) Inodes() uint64 {
	total := uint64(0)
	for _, p := range m.disks {
		var st unix.Statfs_t
		if unix.Statfs(p, &st) == nil {
			total += st.Files - st.Ffree
		}
	}
	return total
}

// at returns the decision on a path, or nil when nothing is mounted there as far
// as is known.
func (m *Mounts) at(path string) *Mount {
	if i, ok := m.byPath[path]; ok {
		return &m.list[i]
	}
	return nil
}

// crossed decides on an open directory that turned out to lie on another filesystem than
// its parent.
func (m *Mounts) crossed(path string, mounted mountRoot, fd int, ino uint64, bare bool) (captured bool, err error) {
	known := m.at(path)
	if known != nil && !known.Beneath {
		return known.Captured, nil
	}
	var d *Mount
	if !bare {
		if d, err = m.later(path, mounted); err != nil {
			return false, err
		}
	}
	if d == nil { // no mount: a btrfs subvolume has a device number of its own
		s := m.subvolumes.decide(path, fd, ino)
		d = &s
	}
	if known == nil {
		m.add(*d)
	}
	return d.Captured, nil
}

// change changes a decision.
func (m *Mounts) change(path string, f func(d *Mount)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f(&m.list[m.byPath[path]])
}

// leaveOut takes back the decision to capture a mount.
func (m *Mounts) leaveOut(path, reason string) {
	m.change(path, func(d *Mount) { d.Captured, d.Reason = false, reason })
}

package rootfs

import (
	"strings"
)

// mountTree answers which mount a path leads to.
type mountTree map[*MountInfo][]*MountInfo

// newMountTree keeps for each mount those that are mounted in it. Nil stands for
// what is above the mounts that the kernel lists: a process in a chroot is not
// told what holds its root.
func newMountTree(infos []*MountInfo) mountTree {
	byID := map[int]*MountInfo{}
	for _, m := range infos {
		byID[m.ID] = m
	}
	t := mountTree{}
	for _, m := range infos {
		parent := byID[m.Parent]
		if parent == m {
			parent = nil
		}
		t[parent] = append(t[parent], m)
	}
	return t
}

// MountAt returns which mount of a list a path leads to; nil for a path above all. The
// path is absolute and without links.
func MountAt(infos []*MountInfo, path string) *MountInfo { return newMountTree(infos).at(path) }

// at goes down from mount to mount as the kernel does when it looks up a path: in
// each, the first mount point on the way is entered. A mount on top of another,
// or over the way to it, so hides it. The result is nil for a path above all.
func (t mountTree) at(path string) *MountInfo {
	var in *MountInfo
	for {
		var next *MountInfo
		for _, m := range t[in] {
			if within(m.Mountpoint, path) && (next == nil || len(m.Mountpoint) <= len(next.Mountpoint)) {
				next = m
			}
		}
		if next == nil {
			return in
		}
		in = next
	}
}

func devOf(m *MountInfo) [2]int { return [2]int{m.Major, m.Minor} }

// within says whether path is dir or lies below it. Both are clean.
func within(dir, path string) bool {
	return dir == path || dir == "/" || strings.HasPrefix(path, dir+"/")
}

// below returns what follows dir in path: "" or "/a/b".
func below(dir, path string) string {
	if dir == path {
		return ""
	}
	if dir == "/" {
		return path
	}
	return path[len(dir):]
}

func join(dir, rest string) string {
	if dir == "/" && rest != "" {
		return rest
	}
	return dir + rest
}

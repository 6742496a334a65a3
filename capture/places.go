package capture

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"image-capture/rootfs"
	"image-capture/snapshot"
)

// places are the filesystems that are captured, the root's first.
func (s *Source) places() ([]snapshot.Place, error) {
	infos, err := rootfs.ReadMounts()
	if err != nil {
		return nil, err
	}
	list := []snapshot.Place{placeOf(infos, ".", s.root.Path())}
	for _, m := range s.mounts.List() {
		dir := filepath.Join(s.root.Path(), m.Path)
		if info, err := os.Lstat(dir); !m.Captured || err != nil || !info.IsDir() {
			continue // a file that is mounted over another holds still or not: it is read whole
		}
		list = append(list, placeOf(infos, m.Path, dir))
	}
	return list, nil
}

func placeOf(infos []*rootfs.MountInfo, path, dir string) snapshot.Place {
	p := snapshot.Place{Path: path, Dir: dir, Mount: dir, Root: "/"}
	if info := rootfs.MountAt(infos, dir); info != nil {
		p.Mount, p.Root, p.FSType, p.Source = info.Mountpoint, info.Root, info.FSType, info.Source
		p.Dev = unix.Mkdev(uint32(info.Major), uint32(info.Minor))
		p.MountReadOnly = readOnly(info.Options)
		p.ReadOnly = readOnly(info.VFSOptions)
	}
	return p
}

func readOnly(options string) bool { return slices.Contains(strings.Split(options, ","), "ro") }

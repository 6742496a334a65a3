package snapshot

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"image-capture/rootfs"
)

// LVM makes the snapshot of a choice, once for all places on one volume, and mounts it
// where nobody else sees it.
func (g *Guard) LVM(ctx context.Context, c Choice) (Graft, error) {
	s := find(g.volumes, func(m made) bool { return m.origin == c.Origin.Volume })
	if s == nil {
		m, err := g.makeVolume(ctx, c)
		if err != nil {
			return Graft{}, err
		}
		g.volumes = append(g.volumes, m)
		s = &m
	}
	return Graft{c.Path, filepath.Join(rootfs.AlonePath(s.top), c.inFilesystem())}, nil
}

// made is a snapshot of LVM.
type made struct {
	vg, name string
	origin   string // "vg/name"
	thin     bool
	top      int // of what it holds, in a mount of its own
	dev      uint64
	from     uint64 // the device of the origin
}

func (g *Guard) makeVolume(ctx context.Context, c Choice) (m made, err error) {
	vg, _, _ := strings.Cut(c.Origin.Volume, "/")
	from := volume{path: c.Origin.Path, dev: c.Dev}
	unlock, err := from.lock()
	if err != nil {
		return m, err
	}
	defer unlock()
	m = made{vg: vg, origin: c.Origin.Volume, thin: c.Origin.Thin, from: c.Dev, name: lvmPrefix + newID()}
	// Without copies of LVM's metadata in /etc/lvm, which would stay, and be in the image.
	args := []string{"-s", c.Origin.Volume, "-y", "-A", "n", "-p", "r", "-n", m.name}
	if m.thin {
		// Else it would not be active: thin snapshots are skipped by default.
		args = append(args, "--setactivationskip", "n")
	} else {
		args = append(args, "-L", strconv.FormatInt(c.Origin.Size, 10)+"b")
	}
	undo := Undo{Volume: vg + "/" + m.name}
	id, err := g.promise(undo)
	if err != nil {
		return m, err
	}
	if err := g.tool(ctx, "lvcreate", args...); err != nil {
		// LVM takes back what it has half done, most times: removing tells.
		_ = g.keep(context.WithoutCancel(ctx), id)
		return m, err
	}
	list, err := g.host.volumes(ctx)
	if err != nil {
		return m, err
	}
	s := find(list, named(vg, m.name))
	if s == nil {
		return m, fmt.Errorf("lvcreate has made %s, but lvs does not list it", undo.Volume)
	}
	device, err := s.open()
	if err != nil {
		return m, err
	}
	g.hold(device)
	// Whoever finds it by name sees by that that the capture lives.
	if err := unix.Flock(device, unix.LOCK_SH|unix.LOCK_NB); err != nil {
		return m, fmt.Errorf("lock %s: %w", s.path, err)
	}
	m.dev = s.dev
	if m.top, err = rootfs.MountAlone(device, c.FSType, mountOptions[c.FSType]); err != nil {
		return m, fmt.Errorf("mount %s: %w", undo, err)
	}
	g.hold(m.top)
	return m, nil
}

// lock keeps captures from looking for what others left while a snapshot of this volume is
// made and not locked yet.
func (v volume) lock() (unlock func(), err error) {
	fd, err := v.open()
	if err != nil {
		return nil, err
	}
	err = lockOpen(fd)
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("lock %s: %w", v.path, err)
	}
	return func() { unix.Close(fd) }, nil
}

// Instead returns the devices in whose place snapshots are read, by those of their origins.
func (g *Guard) Instead() map[uint64]uint64 {
	list := map[uint64]uint64{}
	for _, m := range g.volumes {
		list[m.from] = m.dev
	}
	return list
}

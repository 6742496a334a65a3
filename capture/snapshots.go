package capture

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"time"

	"image-capture/rootfs"
	"image-capture/snapshot"
)

// snapshots makes the snapshots that were chosen, and has the tree read from them.
func (h *here) snapshots(ctx context.Context) error {
	g := &grafts{src: h.src, from: map[string]string{}}
	swept := map[string]bool{} // volume groups
	for i := range h.choices {
		c := &h.choices[i]
		var list []snapshot.Graft
		var err error
		switch c.Mode {
		case snapshot.Btrfs:
			if err = h.host().SweepBtrfs(ctx, c.Place, h.removed); err == nil {
				list, err = h.held.guard.Btrfs(ctx, *c, g.wants(c.Path), h.events.NotHeld)
			}
		case snapshot.LVM:
			if vg, _, _ := strings.Cut(c.Origin.Volume, "/"); !swept[vg] {
				swept[vg] = true
				err = h.host().SweepLVM(ctx, vg, h.removed)
			}
			if err == nil {
				list = make([]snapshot.Graft, 1)
				list[0], err = h.held.guard.LVM(ctx, *c)
			}
		default:
			continue
		}
		if err != nil && (h.opt.Snapshot != snapshot.Auto || ctx.Err() != nil) {
			return err
		}
		if err != nil {
			h.events.NotHeld(c.Place.String(), err.Error())
			*c = h.host().ChooseAgain(*c)
			h.events.Snapshot(*c)
			continue
		}
		for _, l := range list {
			g.from[l.Path] = l.From
		}
	}
	if len(g.from) > 0 {
		h.held.root, h.held.mounts = g.all()
	}
	if h.released() {
		post := h.held.post
		h.held.post = nil
		h.held.late = h.runPost(ctx, post)
	}
	return nil
}

func (h *here) removed(u snapshot.Undo) { h.events.Removed(u.String()) }

// released says whether nothing that the user's hooks hold still is read any more: where
// the system boots from no server writes.
func (h *here) released() bool {
	for _, c := range h.choices {
		boot := c.Path == "./boot" || c.Path == "./boot/efi" || c.Path == "./efi"
		if (c.Mode == snapshot.None || c.Mode == snapshot.Reflink) && !c.ReadOnly && !boot {
			return false
		}
	}
	return len(h.choices) > 0
}

// grafts are the places of a tree that are read from elsewhere.
type grafts struct {
	src  *Source
	from map[string]string
	// subvolumes are the decisions on those below a place.
	subvolumes []rootfs.Mount
}

// wants decides on the subvolumes below a place, as a walk would that meets them.
func (g *grafts) wants(place string) func(path string) bool {
	return func(path string) bool {
		for _, m := range append(g.src.mounts.List(), g.subvolumes...) {
			if (path == m.Path || strings.HasPrefix(path, m.Path+"/")) && (!m.Captured || m.FSType != "" && len(m.Path) > len(place)) {
				return false // it is left out, or of the filesystem that is mounted there
			}
		}
		if !g.src.captures(path) {
			return false
		}
		d := g.src.root.Subvolume(g.src.mounts, path)
		if d == nil {
			return false
		}
		g.subvolumes = append(g.subvolumes, *d)
		return d.Captured
	}
}

// all returns where the root is read from, and the decisions for the rest: what is in no
// snapshot is read where it is mounted.
func (g *grafts) all() (root string, mounts *rootfs.Mounts) {
	top := g.src.root.Path()
	for _, m := range g.src.mounts.List() {
		if m.Captured && g.from[m.Path] == "" {
			g.from[m.Path] = filepath.Join(top, m.Path)
		}
	}
	if root = g.from["."]; root == "" {
		root = top
	}
	return root, g.src.mounts.ReadFrom(g.from, g.subvolumes)
}

// watchEvery is how often snapshots that can run full are looked at, so that a capture which
// is lost does not go on for long: each time lvs(8) reads the disks' labels.
const watchEvery = 5 * time.Second

// fromWhole calls read, which reads the tree, and ends it when a snapshot that it reads from
// runs full. The error then says so, whatever became of read.
func (h *here) fromWhole(ctx context.Context, read func(context.Context) error) error {
	g := h.held.guard
	if g == nil {
		return read(ctx)
	}
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := g.WatchVolumes(ctx, watchEvery, cancel)
	err := read(inner)
	stop()
	if overflow := context.Cause(inner); overflow != nil && ctx.Err() == nil {
		return overflow
	}
	// Reading fails too where the snapshot has run full: that is then the reason.
	var overflow *snapshot.OverflowError
	if whole := g.Whole(ctx); err == nil || errors.As(whole, &overflow) {
		return whole
	}
	return err
}

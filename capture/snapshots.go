package capture

import (
	"context"
	"path/filepath"
	"strings"

	"image-capture/rootfs"
	"image-capture/snapshot"
)

// snapshots makes the snapshots that were chosen, and has the tree read from them.
func (h *here) snapshots(ctx context.Context) error {
	g := &grafts{src: h.src, from: map[string]string{}}
	for i := range h.choices {
		c := &h.choices[i]
		var list []snapshot.Graft
		var err error
		switch c.Mode {
		case snapshot.Btrfs:
			if err = h.host().SweepBtrfs(ctx, c.Place, h.removed); err == nil {
				list, err = h.held.guard.Btrfs(ctx, *c, g.wants(c.Path), h.events.NotHeld)
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

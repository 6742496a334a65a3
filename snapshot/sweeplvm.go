package snapshot

import (
	"context"
	"strings"

	"golang.org/x/sys/unix"
)

// leftover says whether a volume is a snapshot that a capture made which does not live.
func leftover(v volume) bool {
	if !strings.HasPrefix(v.name, lvmPrefix) || v.origin == "" {
		return false
	}
	if v.dev == 0 {
		return true // nobody can read it
	}
	fd, err := v.open()
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) == nil
}

// SweepLVM removes the snapshots of captures that were killed, and their watchers too, in
// a volume group; removed is told of each. What it cannot remove is the
// error, a LeftError.
func (h Host) SweepLVM(ctx context.Context, vg string, removed func(Undo)) error {
	list, err := h.volumes(ctx)
	if err != nil {
		return err
	}
	for _, v := range list {
		if v.vg != vg || !leftover(v) {
			continue
		}
		unlock := func() {}
		if from := find(list, named(vg, v.origin)); from != nil && from.dev != 0 {
			if unlock, err = from.lock(); err != nil {
				return err
			}
		}
		still := leftover(v) // a living capture may just have made it
		u := Undo{Volume: v.fullName()}
		if still {
			err = u.do(ctx, h)
		}
		unlock()
		if err != nil {
			return &LeftError{u, err}
		}
		if still {
			removed(u)
		}
	}
	return nil
}

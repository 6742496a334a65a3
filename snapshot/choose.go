package snapshot

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Mode is how a filesystem is made to hold still.
type Mode string

// The modes.
const (
	None    Mode = "none"    // it is read as it is
	Auto    Mode = "auto"    // the first of the others that it can have, in this order
	Btrfs   Mode = "btrfs"   // read-only snapshots of its subvolumes
	LVM     Mode = "lvm"     // a snapshot of the logical volume that it is on
	Reflink Mode = "reflink" // its files are cloned before they are read
)

// Modes are all, as --snapshot has them.
func Modes() []string {
	return []string{string(None), string(Auto), string(Btrfs), string(LVM), string(Reflink)}
}

// Place is where a filesystem is captured.
type Place struct {
	Path string // in the tree, "." or "./home"
	Dir  string // the same on this host: an absolute path without links
	// Mount is the mount point that Dir is or lies in, and Root what of the filesystem is
	// mounted there; see proc_pid_mountinfo(5).
	Mount, Root    string
	FSType, Source string
	Dev            uint64 // of the filesystem, as the list of mounts has it
	// ReadOnly says that nobody can write to the filesystem, MountReadOnly that nobody can
	// at this mount point.
	ReadOnly, MountReadOnly bool
}

// inFilesystem is where Dir is from the top of the filesystem.
func (p Place) inFilesystem() string {
	return filepath.Join(p.Root, strings.TrimPrefix(p.Dir, strings.TrimSuffix(p.Mount, "/")))
}

// String names it for people.
func (p Place) String() string {
	s := p.Path + " (" + p.FSType
	if strings.HasPrefix(p.Source, "/") {
		s += " on " + p.Source
	}
	return s + ")"
}

// Choice is what is done about a place.
type Choice struct {
	Place
	Mode Mode   // None: it is read as it is
	What string // that is written to the host, or why nothing is done
	Not  string // why not the modes before, of Auto
	// Origin is the logical volume, with LVM.
	Origin Origin
}

// Origin is a logical volume of which a snapshot is made.
type Origin struct {
	Volume string // "vg/name"
	Path   string // its device node
	Thin   bool   // so is the snapshot, in the same pool
	Size   int64  // else: the bytes that the snapshot gets for what changes
}

// Choose says what can be done about each place; nothing is written. For a mode but Auto
// the error is a CannotError when no place can have it, and for LVM a RoomError when a
// place could, had it the room.
func (h Host) Choose(ctx context.Context, mode Mode, places []Place) ([]Choice, error) {
	var l *lvm
	if mode == LVM || mode == Auto {
		l = h.lvm(ctx, places)
	}
	var list []Choice
	some := false
	for _, p := range places {
		c, err := h.choose(mode, p, l)
		var room *RoomError
		if mode == LVM && errors.As(err, &room) {
			return list, room
		}
		some = some || c.Mode != None || p.ReadOnly
		list = append(list, c)
	}
	if !some && mode != Auto && mode != None {
		e := &CannotError{Mode: mode}
		for _, c := range list {
			e.Why = append(e.Why, c.Place.String()+": "+c.What)
		}
		return list, e
	}
	return list, nil
}

// CannotError says that no filesystem that is captured can have a mode.
type CannotError struct {
	Mode Mode
	Why  []string // of each place
}

func (e *CannotError) Error() string {
	return fmt.Sprintf("no snapshot by %s: %s", e.Mode, strings.Join(e.Why, "; "))
}

// choose chooses; the error is why it is none, where that is of LVM.
func (h Host) choose(mode Mode, p Place, l *lvm) (c Choice, err error) {
	c = Choice{Place: p, Mode: None}
	if p.ReadOnly {
		c.What = "mounted read-only"
		return c, nil
	}
	modes := []Mode{mode}
	if mode == Auto {
		modes = []Mode{Btrfs, LVM, Reflink}
	}
	var not []string
	for _, m := range modes {
		what, why := "", ""
		switch m {
		case Btrfs:
			what, why = h.canBtrfs(p)
		case LVM:
			if c.Origin, what, err = l.can(p); err != nil {
				why = err.Error()
			}
		case Reflink:
			what, why = canReflink(p)
		}
		if what != "" {
			c.Mode, c.What, c.Not = m, what, strings.Join(not, "; ")
			return c, nil
		}
		if mode == Auto {
			why = "no " + string(m) + ": " + why
		}
		not = append(not, why)
	}
	c.What = strings.Join(not, "; ")
	return c, err
}

// ChooseAgain is for a choice of Auto that failed: files can be cloned, or nothing is done.
func (h Host) ChooseAgain(c Choice) Choice {
	c, _ = h.choose(Reflink, c.Place, nil)
	return c
}

// canReflink goes by the name of the filesystem: that it can is seen when files are
// cloned, which writes.
func canReflink(p Place) (what, why string) {
	if p.MountReadOnly {
		return "", "mounted read-only here, so that no temp file can be made"
	}
	if slices.Contains([]string{"btrfs", "xfs", "bcachefs", "ocfs2"}, p.FSType) {
		return "files over 1 MiB, files that change, and those of databases are cloned into temp files without a name before they are read", ""
	}
	return "", p.FSType + " cannot clone files"
}

func hasProgram(name string) bool {
	_, err := exec.LookPath(name)
	return err == nil
}

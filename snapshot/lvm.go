package snapshot

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// lvmPrefix begins the names of snapshots of LVM. Only the program gives such.
const lvmPrefix = "image-capture-"

// mountOptions are the filesystems that can be mounted beside their origin, and how: none
// replays a journal. LVM has a filesystem come to rest (freeze) when it makes a snapshot,
// which leaves nothing to replay in ext4: one that has is refused by the kernel, since the
// snapshot is read-only. XFS leaves a note in its log, and has the UUID of its origin,
// which is mounted.
var mountOptions = map[string]string{"ext2": "", "ext3": "", "ext4": "", "xfs": "norecovery,nouuid"}

const (
	// fullPool is how full, in percent, a pool of thin volumes may be for a snapshot to be
	// made, and spentPool to go on: when it is full, the server's own writes fail.
	fullPool, spentPool = 95, 98
	// leastPart of a volume is what its snapshot has to have room for.
	leastPart = 100
)

// RoomError says that there is no room for the snapshot of a volume.
type RoomError struct {
	Volume string // "vg/name"
	Pool   string // that is too full, "vg/name"; "" where the volume group lacks room
	Full   float64
	Free   int64 // bytes, in the volume group
	Least  int64 // that are needed
}

func (e *RoomError) Error() string {
	if e.Pool != "" {
		return fmt.Sprintf("no room for an LVM snapshot of %s: its thin pool %s is %.1f%% full, and at %d%% none is made", e.Volume, e.Pool, e.Full, fullPool)
	}
	return fmt.Sprintf("no room for an LVM snapshot of %s: its volume group has %s free, and it takes at least %s", e.Volume, mebibytes(e.Free), mebibytes(e.Least))
}

func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

// lvm is what is known of the volumes when it is chosen what is done.
type lvm struct {
	list []volume
	err  error
	// places are those that are captured, by their devices.
	places map[uint64]bool
}

// lvm asks for the volumes, where one of the places may lie on one.
func (h Host) lvm(ctx context.Context, places []Place) *lvm {
	l := &lvm{places: map[uint64]bool{}}
	for _, p := range places {
		if _, ok := mountOptions[p.FSType]; ok && !p.ReadOnly && p.Dev != 0 {
			l.places[p.Dev] = true
		}
	}
	switch {
	case len(l.places) == 0:
	case !hasProgram("lvs") || !hasProgram("lvcreate") || !hasProgram("lvremove"):
		l.err = errors.New("the programs lvs, lvcreate and lvremove are not installed")
	default:
		l.list, l.err = h.volumes(ctx)
	}
	return l
}

// can says what of LVM can be done about a place. Where it lacks nothing but room, the
// error is a RoomError.
func (l *lvm) can(p Place) (o Origin, what string, err error) {
	if _, ok := mountOptions[p.FSType]; !ok {
		return o, "", fmt.Errorf("it is %s, of which no snapshot can be mounted beside it", p.FSType)
	}
	if l.err != nil {
		return o, "", l.err
	}
	v := find(l.list, func(v volume) bool { return v.dev != 0 && v.dev == p.Dev })
	switch {
	case v == nil:
		return o, "", errors.New("it is on no logical volume")
	case strings.HasSuffix(p.Root, "//deleted"):
		return o, "", errors.New("the directory that is mounted was deleted")
	case v.origin != "" && v.pool == "":
		return o, "", fmt.Errorf("%s is a snapshot itself", v.fullName())
	}
	if v.pool != "" {
		pool := find(l.list, named(v.vg, v.pool))
		if pool == nil {
			return o, "", fmt.Errorf("its thin pool %s/%s is not listed", v.vg, v.pool)
		}
		if full := max(pool.data, pool.metadata); full >= fullPool {
			return o, "", &RoomError{Volume: v.fullName(), Pool: pool.fullName(), Full: full}
		}
		return Origin{Volume: v.fullName(), Path: v.path, Thin: true}, fmt.Sprintf("a thin snapshot of %s is made in its pool %s, which is %.1f%% full, and removed after the capture", v.fullName(), pool.fullName(), pool.data), nil
	}
	free, size := l.room(*v)
	least := roundUp(v.size/leastPart, v.extent)
	if size < least {
		return o, "", &RoomError{Volume: v.fullName(), Free: free, Least: least}
	}
	return Origin{Volume: v.fullName(), Path: v.path, Size: size}, fmt.Sprintf("a snapshot of %s is made, with room for %s of what changes meanwhile (%s are free in %s), and removed after the capture",
		v.fullName(), mebibytes(size), mebibytes(free), v.vg), nil
}

// room is what the volume group has free, and what of it the snapshot of a volume gets: as
// much as it could ever take, and at most its share of four fifths of that.
func (l *lvm) room(v volume) (free, size int64) {
	free = v.free
	var all float64
	for _, o := range l.list {
		switch {
		case o.vg != v.vg || o.pool != "":
		case l.places[o.dev] && o.origin == "":
			all += float64(o.size)
		case leftover(o):
			free += o.size // it is removed before
		}
	}
	share := int64(float64(free) * 4 / 5 * float64(v.size) / all)
	// LVM's list of what was copied takes a little more than a part in 256.
	most := roundUp(v.size+v.size/128, v.extent)
	return free, min(share/v.extent*v.extent, most)
}

func roundUp(n, unit int64) int64 { return max(unit, (n+unit-1)/unit*unit) }

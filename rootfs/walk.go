package rootfs

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"image-capture/entry"
)

// WalkOptions say where the walk does not go.
type WalkOptions struct {
	// Mounts says which mount points are entered, and nothing else does: see Root.Mounts
	// and NewMounts. Nil enters none.
	Mounts *Mounts
	// Drop says whether to leave out a path, and all that is below it: nothing of it is
	// opened. The walking goroutine asks about each name once, in order, but not about
	// the root. Nil drops nothing.
	Drop func(path string, dir bool) bool
}

// maxOpenDirs bounds the descriptors that a deep path takes; directories further
// up are closed, and opened again on the way back.
const maxOpenDirs = 128

// Walk calls visit for every name of the tree: the root first, names in a
// directory sorted by bytes, a directory before what it holds and all that it
// holds right after it. The node passes to visit, which must release it. Walk
// returns the first error of visit or of ctx; what goes wrong with a name in the
// tree is told by its node. One thing in the tree ends the walk: a directory more
// than a hundred levels above that is moved out of the root before the walk is back
// in it, as the names that it still has to give cannot be reached.
func (r *Root) Walk(ctx context.Context, opt WalkOptions, visit func(Node) error) error {
	if opt.Mounts == nil {
		opt.Mounts = r.noMounts()
	}
	w := &walker{ctx: ctx, root: r, opt: opt, visit: visit, buf: make([]byte, 64<<10)}
	// The root's own descriptor has one position for all who list it, and was opened
	// without O_NOATIME.
	fd, err := openAt(r.dir.fd, ".", unix.O_DIRECTORY)
	if err != nil {
		return fmt.Errorf("open %s: %w", r.path, err)
	}
	return w.dir(newDir(fd, ".", r.dir.id, r.dir.bare))
}

type walker struct {
	ctx   context.Context
	root  *Root
	opt   WalkOptions
	visit func(Node) error
	buf   []byte
	// stack holds the directories from the root down to the one being listed; spare
	// are listings to use again.
	stack []*frame
	spare []*listing
}

type frame struct {
	d    *dir // nil while closed to save descriptors
	path string
	id   entry.FileID
	bare bool
	gone error // why d is nil though the walk is back in it
}

var errMoved = errors.New("the directory was moved while it was walked")

// dir visits an open directory and all that it holds. It takes over d.
func (w *walker) dir(d *dir) error {
	f := w.push(d)
	defer w.pop()
	list := w.listing()
	defer func() { w.spare = append(w.spare, list) }()

	settled, err := list.settle(w.ctx, d.fd, w.buf)
	switch {
	case w.ctx.Err() != nil:
		return w.ctx.Err()
	case err == nil && !settled && d.path == "." && removed(d.fd):
		err = unix.ENOENT // nothing is left to capture
	}
	if err != nil {
		err = fmt.Errorf("list %s: %w", entry.Escape(d.path), err)
	}
	if err := w.visit(Node{Path: d.path, Dir: true, Err: err, Unsettled: !settled, root: w.root, own: d.retain()}); err != nil {
		return err
	}
	for _, item := range list.items {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		name := string(list.name(item))
		path := f.path + "/" + name
		isDir := w.isDir(f, name, item.kind)
		if w.opt.Drop != nil && w.opt.Drop(path, isDir) {
			continue
		}
		if isDir {
			err = w.enter(f, path, name)
			if err == nil && f.d == nil {
				err = fmt.Errorf("list %s: come back to it: %w", entry.Escape(f.path), f.gone)
			}
		} else {
			err = w.visit(w.leaf(f, path, name, item.kind))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// leaf makes the node of what is not a directory. Such a name can be a mount point
// too: a file that is bind-mounted over another, as containers and systemd do it.
func (w *walker) leaf(f *frame, path, name string, kind uint8) Node {
	n := Node{Path: path, root: w.root, at: f.d.retain(), name: path[len(path)-len(name):], kind: kind}
	m := w.opt.Mounts.at(path)
	switch {
	case m == nil, !m.Captured && f.bare:
		return n
	case !m.Captured:
		return w.covered(n, m)
	}
	n.kind = unix.DT_UNKNOWN // the listing tells of what is under the mount
	if p := w.root.byPath[path]; p != nil && p.file != "" {
		n.at.release()
		n.at, n.name = p.dir.retain(), p.file
	}
	return n
}

// enter visits a directory by name, and what it holds where that is wanted.
func (w *walker) enter(f *frame, path, name string) error {
	node := Node{Path: path, Dir: true, root: w.root, at: f.d.retain(), name: name}
	m := w.opt.Mounts.at(path)
	if m != nil && !m.Captured && !f.bare {
		return w.visit(w.covered(node, m))
	}
	var fd int
	var err error
	bare := f.bare
	if p := w.root.byPath[path]; p != nil && m != nil && m.Captured {
		if fd, err = p.open(); err == nil {
			bare = p.dir.bare
		}
	} else {
		fd, err = openAt(f.d.fd, name, unix.O_DIRECTORY)
	}
	if err != nil {
		if err != unix.ENOENT && err != unix.ELOOP && err != unix.ENOTDIR {
			node.Err = fmt.Errorf("open %s: %w", entry.Escape(path), err)
		}
		// Else it vanished or something took its place: reading the node tells.
		return w.visit(node)
	}
	var e entry.Entry
	mounted, err := statFD(fd, &e)
	if err != nil {
		unix.Close(fd)
		node.Err = fmt.Errorf("stat %s: %w", entry.Escape(path), err)
		return w.visit(node)
	}
	if mounted == mountYes || e.ID.Dev != f.id.Dev {
		captured, err := w.opt.Mounts.crossed(path, mounted, fd, e.ID.Ino, bare)
		if err != nil {
			unix.Close(fd)
			node.Release()
			return err
		}
		if captured && w.above(e.ID) {
			// A filesystem mounted below itself while the walk was on its way here.
			captured = false
			w.opt.Mounts.leaveOut(path, "it holds the directory that it is mounted in")
		}
		if !captured {
			unix.Close(fd)
			return w.visit(w.covered(node, w.opt.Mounts.at(path)))
		}
	}
	node.Release()
	return w.dir(newDir(fd, path, e.ID, bare))
}

// covered makes the node of a mount point that is left out show what lies under
// the mount. That is what the captured filesystem holds, and does not wake a
// network filesystem that hangs: see open_tree(2), Linux 5.2, which needs
// CAP_SYS_ADMIN.
//
// Without that, a directory is shown as it is mounted, and what can hang or refuse
// (the server is gone; a FUSE mount is for its user only) as root's with mode 0755.
// A file cannot be shown at all: its node cannot be read.
func (w *walker) covered(n Node, m *Mount) Node {
	if m.standIn { // its own time is that of now
		n.standIn = n.plainDir()
		return n
	}
	if n.at.bare {
		n.covered = true
		return n
	}
	fd, err := openTree(n.at.fd, "", unix.AT_EMPTY_PATH|unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err == nil {
		d := newDir(fd, n.at.path, n.at.id, true)
		n.at.release()
		n.at, n.covered = d, true
		return n
	}
	n.hidden = true
	if n.Dir && (m.Kind == NetworkFS || m.Kind == FUSE) {
		n.standIn = n.plainDir()
	}
	return n
}

// isDir tells by the listing, or by lstat where the filesystem does not say.
func (w *walker) isDir(f *frame, name string, kind uint8) bool {
	if kind != unix.DT_UNKNOWN {
		return kind == unix.DT_DIR
	}
	var e entry.Entry
	return peek(f.d.fd, name, &e) == nil && e.Type == entry.Dir
}

func (w *walker) above(id entry.FileID) bool {
	for _, f := range w.stack {
		if f.id == id {
			return true
		}
	}
	return false
}

func (w *walker) listing() *listing {
	if n := len(w.spare); n > 0 {
		l := w.spare[n-1]
		w.spare = w.spare[:n-1]
		return l
	}
	return &listing{}
}

// push makes d the directory being listed and closes one far up the path when
// too many are open. The root stays open.
func (w *walker) push(d *dir) *frame {
	f := &frame{d: d, path: d.path, id: d.id, bare: d.bare}
	w.stack = append(w.stack, f)
	if i := len(w.stack) - maxOpenDirs; i > 0 && w.stack[i].d != nil {
		w.stack[i].d.release()
		w.stack[i].d = nil
	}
	return f
}

// pop goes back to the directory above, which is opened again when it was closed.
// Its descriptor is wanted by the remaining names only, but also by the next pop.
func (w *walker) pop() {
	last := w.stack[len(w.stack)-1]
	w.stack = w.stack[:len(w.stack)-1]
	if n := len(w.stack); n > 0 && w.stack[n-1].d == nil {
		w.reopen(w.stack[n-1], last.d)
	}
	if last.d != nil {
		last.d.release()
	}
}

// reopen opens the parent of below again, and makes sure that it is the same
// directory. When below was moved meanwhile, the way leads from the root down.
func (w *walker) reopen(f *frame, below *dir) {
	if below != nil {
		if fd, err := openAt(below.fd, "..", unix.O_DIRECTORY); err == nil {
			if f.d, _ = sameDir(fd, f); f.d != nil {
				return
			}
		}
	}
	fd, err := w.root.openDir(f.path)
	switch {
	case err == nil:
		f.d, f.gone = sameDir(fd, f)
	case err == unix.ENOENT || err == unix.ENOTDIR || err == unix.ELOOP:
		f.gone = errMoved
	default:
		f.gone = err
	}
}

// sameDir takes over fd when it is the directory of the frame, else closes it.
func sameDir(fd int, f *frame) (*dir, error) {
	var e entry.Entry
	_, err := statFD(fd, &e)
	if err == nil && e.ID != f.id {
		err = errMoved
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return newDir(fd, f.path, f.id, f.bare), nil
}

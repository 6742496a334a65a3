package imagefs

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"

	"image-capture/entry"
)

// add puts a member in its place. k is its content, if somebody asked for that.
func (f *FS) add(name string, m *entry.Member, in Interest, k *content) error {
	interest := in.Meta || in.Content > 0 || in.Make != nil
	if m.HardLink != "" {
		return f.link(name, viewName(m.HardLink), interest)
	}
	extra := int64(len(m.Link))
	if k != nil {
		extra += recordCost
	}
	n, ok, err := f.tree.place(name, interest, extra)
	if err != nil || !ok {
		return err
	}
	e := f.tree.at(n)
	set := meta{mode: modeOf(m)}
	if m.Type == entry.Dir {
		set.flags = e.flags & incomplete
	} else if err := f.mayReplace(n); err != nil {
		return err
	}
	old := f.release(e)
	switch {
	case m.Type == entry.Symlink:
		set.ref = f.tree.intern(m.Link)
	case m.Type == entry.File:
		set.size = m.Size
		if k != nil {
			if old == 0 {
				f.tree.used += recordCost
			}
			set.ref, old = f.contents.add(old, k), 0
		}
	}
	if old != 0 {
		f.contents.drop(old)
	}
	var took int64
	set.xattrs, took = f.xattrs.add(m.Xattrs, f.tree.plain-f.tree.used)
	f.tree.used += took
	e.meta = set
	return nil
}

// mayReplace reports whether extraction puts something that is not a directory in the
// place of an entry: not of a directory with anything in it.
func (f *FS) mayReplace(n uint32) error {
	e := f.tree.at(n)
	switch {
	case n == 0:
		return errors.New("the root of the tree is not a directory")
	case e.child != 0 || e.flags&incomplete != 0:
		return errors.New("it takes the place of a directory that is not empty")
	}
	return nil
}

// remove takes a name away, and all that is below it. Its entry stays in the table, where
// it is not found any more.
func (f *FS) remove(path string) {
	t := &f.tree
	n, at, err := t.walk(path)
	if err != nil || at >= 0 || n == 0 {
		return
	}
	f.dropContents(n)
	e := t.at(n)
	for next := &t.at(e.parent).child; *next != 0; next = &t.at(*next).next {
		if *next == n {
			*next = e.next
			break
		}
	}
	e.flags |= removed
}

// dropContents drops what is kept of a removed entry and of those below it.
func (f *FS) dropContents(n uint32) {
	e := f.tree.at(n)
	if old := f.release(e); old != 0 {
		f.contents.drop(old)
	}
	for child := e.child; child != 0; child = f.tree.at(child).next {
		f.dropContents(child)
	}
}

// release returns the number of the content that no name has any more when an entry
// is replaced, 0 for none.
func (f *FS) release(e *node) uint32 {
	if e.flags&isLinked != 0 || !e.mode.IsRegular() {
		return 0
	}
	return e.ref
}

// link makes a name one of the inode that target is a name of.
func (f *FS) link(name, target string, interest bool) error {
	t := &f.tree
	to, at, err := t.walk(target)
	if err != nil {
		return fmt.Errorf("hard link to ./%s: %w", entry.Escape(target), err)
	}
	there := at < 0
	switch {
	case !there && !t.wasForgotten(target, at):
		return fmt.Errorf("hard link to ./%s, which does not come before it", entry.Escape(target))
	case !there:
		// Whatever it was, it is that under this name too.
		if _, at, err := t.walk(name); err != nil || at >= 0 {
			if err == nil {
				t.forget(name)
			}
			return err
		}
	case t.meta(to).mode.IsDir():
		return fmt.Errorf("hard link to ./%s, which is a directory", entry.Escape(target))
	}
	n, ok, err := t.place(name, interest, linkedCost)
	if err != nil || !ok {
		return err
	}
	if there && n == to {
		return nil // GNU tar leaves it alone
	}
	if err := f.mayReplace(n); err != nil {
		return err
	}
	if old := f.release(t.at(n)); old != 0 {
		f.contents.drop(old)
	}
	if !there || t.meta(to).flags&lost != 0 {
		t.at(n).meta = meta{flags: lost, mode: fs.ModeIrregular}
		return nil
	}
	first := t.at(to)
	if first.flags&isLinked == 0 {
		t.linked = append(t.linked, linked{first.meta, to})
		t.used += linkedCost
		first.meta = meta{flags: isLinked, ref: uint32(len(t.linked) - 1)}
	}
	t.at(n).meta = first.meta
	return nil
}

// modeOf returns the mode of a member.
func modeOf(m *entry.Member) fs.FileMode {
	mode := fs.FileMode(m.Perm & 0o777)
	for _, b := range []struct {
		bit  uint32
		mode fs.FileMode
	}{{unix.S_ISUID, fs.ModeSetuid}, {unix.S_ISGID, fs.ModeSetgid}, {unix.S_ISVTX, fs.ModeSticky}} {
		if m.Perm&b.bit != 0 {
			mode |= b.mode
		}
	}
	switch m.Type {
	case entry.File:
	case entry.Dir:
		mode |= fs.ModeDir
	case entry.Symlink:
		mode = fs.ModeSymlink | 0o777 // whatever a tar says, Linux has no other
	case entry.CharDevice:
		mode |= fs.ModeDevice | fs.ModeCharDevice
	case entry.BlockDevice:
		mode |= fs.ModeDevice
	case entry.FIFO:
		mode |= fs.ModeNamedPipe
	default:
		mode |= fs.ModeIrregular
	}
	return mode
}

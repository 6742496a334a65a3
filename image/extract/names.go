package extract

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"image-capture/entry"
)

// removeEmpty removes an empty directory that is in the way of something else, which is no
// loss. Files that will be in it must be there first.
func (x *extraction) removeEmpty(in *folder, name string) {
	var st unix.Stat_t
	if unix.Fstatat(in.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR {
		x.waitForAll()
		_ = unix.Unlinkat(in.fd, name, unix.AT_REMOVEDIR) // else it is told when its name is wanted
	}
}

// special makes a symbolic link, a device or a FIFO.
func (x *extraction) special(in *folder, name string, m *entry.Member) error {
	return x.replacing(in, name, m.Path, func(name string) error {
		if err := makeSpecial(in.fd, name, m); err != nil {
			return err
		}
		x.dress(nowhere, in, name, m)
		return nil
	})
}

// link makes another name of an inode.
func (x *extraction) link(in *folder, name string, m *entry.Member) error {
	x.waitFor(m.HardLink)
	parent, first := split(m.HardLink)
	from, done, err := x.reach(parent)
	if err == nil {
		defer done()
		err = x.replacing(in, name, m.Path, func(name string) error {
			return unix.Linkat(from, first, in.fd, name, 0)
		})
	}
	if errors.Is(err, unix.ENOENT) && x.opt.Select != nil {
		return fmt.Errorf("it is a hard link to %s, which was not selected: select that too", entry.Escape(m.HardLink))
	}
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("hard link to %s: %w", entry.Escape(m.HardLink), err)
	}
	return err
}

// replacing makes a name by f. Where something has the name already it is EEXIST, or, if
// it may be replaced, f makes another name that takes the place.
func (x *extraction) replacing(in *folder, name, path string, f func(name string) error) error {
	err := f(name)
	if !errors.Is(err, unix.EEXIST) || !x.replaces(path) {
		return err
	}
	temp := tempName()
	if err := f(temp); err != nil {
		return err
	}
	err = unix.Renameat(in.fd, temp, in.fd, name)
	// Two names of one inode: rename(2) does nothing then. And it may have failed.
	_ = unix.Unlinkat(in.fd, temp, 0)
	return replaced(err)
}

// replaced says in words why rename(2) could not take the place of something.
func replaced(err error) error {
	if errors.Is(err, unix.EISDIR) || errors.Is(err, unix.EEXIST) || errors.Is(err, unix.ENOTEMPTY) {
		return errors.New("a directory that is not empty is in its place")
	}
	return err
}

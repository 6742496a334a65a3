package rootfs

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"image-capture/entry"
)

// Node is a name that the walk came to. It holds on to the directory that the
// name is in, so it must be released.
type Node struct {
	// Path is what Entry.Path will be.
	Path string
	// Dir says whether the walk took the name for a directory.
	Dir bool
	// Err says why what the directory holds could not be listed; the directory
	// itself may still be read.
	Err error
	// Unsettled says that a directory changed each time that it was listed: names that
	// were renamed meanwhile may be missing.
	Unsettled bool

	root *Root
	// Either own, the directory itself, is set, or at and name are. standIn is for what
	// must not be touched.
	own     *dir
	at      *dir
	name    string
	standIn *entry.Entry
	// covered: at shows what lies under a mount that is left out, where the
	// directory may be opened without waking that mount.
	covered bool
	// hidden: what lies under that mount cannot be seen.
	hidden bool
	kind   uint8
}

// Entered says whether the walk goes on with what the directory holds, as far as it
// could be listed.
func (n *Node) Entered() bool { return n.own != nil }

// Release lets go of the directory.
func (n *Node) Release() {
	if n.own != nil {
		n.own.release()
	}
	if n.at != nil {
		n.at.release()
	}
	n.own, n.at = nil, nil
}

// Stat fills e with the name's inode only: no link target, no xattrs, nothing
// opened.
func (n *Node) Stat(e *entry.Entry) error {
	*e = entry.Entry{Path: n.Path}
	var err error
	switch {
	case n.standIn != nil:
		*e = *n.standIn
	case n.own != nil:
		_, err = statFD(n.own.fd, e)
	default:
		_, err = statName(n.at.fd, n.name, e)
	}
	if err != nil {
		return fmt.Errorf("stat %s: %w", entry.Escape(n.Path), err)
	}
	return nil
}

// Read fills e with what the name is now, and opens it when it is a regular
// file. lost tells of attributes that were there and could not be read. When err
// is not nil, e is at least named; err wraps fs.ErrNotExist when the name
// vanished. Nodes may be read from several goroutines, each node from one.
func (n *Node) Read(e *entry.Entry) (c *Content, lost, err error) {
	if n.standIn != nil {
		*e = *n.standIn
		return nil, nil, nil
	}
	*e = entry.Entry{Path: n.Path}
	if n.own != nil {
		if _, err := statFD(n.own.fd, e); err != nil {
			return nil, nil, fmt.Errorf("stat %s: %w", entry.Escape(n.Path), err)
		}
		readFlags(n.own.fd, e)
		return nil, n.root.readXattrs(xattrsOfFD(n.own.fd), e), nil
	}
	if n.hidden && !n.Dir {
		return nil, nil, fmt.Errorf("open %s: it is under a mount that is left out; to look there takes CAP_SYS_ADMIN and Linux 5.2", entry.Escape(n.Path))
	}
	if n.kind != unix.DT_REG {
		if _, err := statName(n.at.fd, n.name, e); err != nil {
			return nil, nil, fmt.Errorf("stat %s: %w", entry.Escape(n.Path), err)
		}
		switch {
		case e.Type == entry.Symlink:
			if e.Link, err = readLink(n.at.fd, n.name); err != nil {
				return nil, nil, fmt.Errorf("read link %s: %w", entry.Escape(n.Path), err)
			}
		case e.Type == entry.Dir && n.covered:
			return nil, n.readCovered(e), nil
		case e.Type == entry.Dir && n.hidden:
			return nil, nil, nil // the mounted directory: opening it could wake it
		case e.Type == entry.Dir && n.Err != nil:
			return nil, n.root.readXattrs(xattrsOfName(n.at.fd, n.name), e), nil
		case e.Type == entry.Dir:
			return nil, nil, fmt.Errorf("list %s: the directory took the place of what was listed", entry.Escape(n.Path))
		}
		if e.Type != entry.File {
			return nil, n.root.readXattrs(xattrsOfName(n.at.fd, n.name), e), nil
		}
	}
	return n.open(e)
}

// Look is Read for who may not want the content: a regular file is not opened, which is the
// better part of the work where most are only looked at. Read may come later.
func (n *Node) Look(e *entry.Entry) (lost, err error) {
	// Without statx(2) the inode flags are asked of an open file.
	if n.kind != unix.DT_REG || n.standIn != nil || n.own != nil || n.hidden || statxMissing.Load() {
		c, lost, err := n.Read(e)
		if c != nil {
			c.Close()
		}
		return lost, err
	}
	*e = entry.Entry{Path: n.Path}
	if _, err := statName(n.at.fd, n.name, e); err != nil {
		return nil, fmt.Errorf("stat %s: %w", entry.Escape(n.Path), err)
	}
	if e.Type != entry.File {
		return nil, notTheFile(e)
	}
	return n.root.readXattrs(xattrsOfName(n.at.fd, n.name), e), nil
}

func notTheFile(e *entry.Entry) error {
	return fmt.Errorf("open %s: a %s took the place of the file", entry.Escape(e.Path), e.Type)
}

// ManyXattrs fills in the extended attributes of what Stat found, without opening it,
// where the filesystem may have more of them than ext4 has room for. The error tells of
// those that were there and could not be read.
func (n *Node) ManyXattrs(e *entry.Entry) error {
	at := n.at
	if n.own != nil {
		at = n.own
	}
	if n.standIn != nil || n.covered || n.hidden || n.root.isExt(at.fd, e.ID.Dev) {
		return nil
	}
	if n.own != nil {
		return n.root.readXattrs(xattrsOfFD(n.own.fd), e)
	}
	return n.root.readXattrs(xattrsOfName(n.at.fd, n.name), e)
}

// isExt says whether a device has ext2, ext3 or ext4, by what is open on it, or by a
// directory that something else is mounted in: then it is not known.
func (r *Root) isExt(fd int, dev uint64) bool {
	is, known := r.ext.Load(dev)
	if !known {
		var fs unix.Statfs_t
		var st entry.Entry
		_, err := statFD(fd, &st)
		is = err == nil && st.ID.Dev == dev && unix.Fstatfs(fd, &fs) == nil && fs.Type == unix.EXT4_SUPER_MAGIC
		if err == nil && st.ID.Dev == dev {
			r.ext.Store(dev, is)
		}
	}
	return is.(bool)
}

// open opens a regular file. The listing of the directory says that it is one;
// should something else be in its place by now, openFlags make the opening
// harmless and fstat tells.
func (n *Node) open(e *entry.Entry) (c *Content, lost, err error) {
	fd, err := openAt(n.at.fd, n.name, 0)
	if err != nil {
		e.Type = entry.File
		return nil, nil, fmt.Errorf("open %s: %w", entry.Escape(n.Path), err)
	}
	if _, err := statFD(fd, e); err != nil {
		unix.Close(fd)
		return nil, nil, fmt.Errorf("stat %s: %w", entry.Escape(n.Path), err)
	}
	if e.Type != entry.File {
		unix.Close(fd)
		return nil, nil, notTheFile(e)
	}
	readFlags(fd, e)
	return &Content{fd: fd, path: n.Path, root: n.root, dev: e.ID.Dev, cached: n.root.recall(e)}, n.root.readXattrs(xattrsOfFD(fd), e), nil
}

// plainDir is a directory in place of one that must not be touched, or has nothing of its
// own: root's, with the time of the one above. It is nil if that cannot be told.
func (n *Node) plainDir() *entry.Entry {
	var above entry.Entry
	if _, err := statFD(n.at.fd, &above); err != nil {
		return nil
	}
	return &entry.Entry{Path: n.Path, Type: entry.Dir, Perm: 0o755, Mtime: above.Mtime, Nlink: 1}
}

func (n *Node) readCovered(e *entry.Entry) error {
	fd, err := openAt(n.at.fd, n.name, unix.O_DIRECTORY)
	if err != nil {
		return fmt.Errorf("open %s: %w", entry.Escape(n.Path), err)
	}
	defer unix.Close(fd)
	readFlags(fd, e)
	return n.root.readXattrs(xattrsOfFD(fd), e)
}

// errEmptyLink is of a link that a broken filesystem shows: symlink(2) makes none, and no
// archive can hold it.
var errEmptyLink = errors.New("the target of the link is empty")

func readLink(dirfd int, name string) (string, error) {
	for size := 256; ; size *= 4 {
		buf := make([]byte, size)
		var n int
		err := retry(func() (err error) { n, err = unix.Readlinkat(dirfd, name, buf); return })
		if err != nil {
			return "", err
		}
		if n == 0 {
			return "", errEmptyLink
		}
		if n < size {
			return string(buf[:n]), nil
		}
	}
}

package entry

import "time"

// Type is the kind of a file, as st_mode tells it.
type Type uint8

// The seven kinds of file that Linux knows; see inode(7).
const (
	File Type = iota + 1
	Dir
	Symlink
	CharDevice
	BlockDevice
	FIFO
	Socket
)

// String returns the word that mtree(5) uses for the type.
func (t Type) String() string {
	switch t {
	case File:
		return "file"
	case Dir:
		return "dir"
	case Symlink:
		return "link"
	case CharDevice:
		return "char"
	case BlockDevice:
		return "block"
	case FIFO:
		return "fifo"
	case Socket:
		return "socket"
	}
	return "unknown"
}

// Flags are the inode flags (chattr(1)) that tar can carry.
type Flags uint8

// The flags, with the names that libarchive and star give them in
// SCHILY.fflags.
const (
	Immutable  Flags = 1 << iota // schg
	AppendOnly                   // sappnd
	NoDump                       // nodump
)

// Time is a moment as the kernel keeps it: seconds since the epoch, which may be
// negative, and nanoseconds from 0 to 999999999 that are always added to them.
type Time struct {
	Sec  int64
	Nsec uint32
}

// FileID names an inode on this host while it lives. Inode numbers alone repeat
// between filesystems.
type FileID struct {
	Dev, Ino uint64
}

// Xattr is one extended attribute. Names and values are bytes; a value may be
// empty.
type Xattr struct {
	Name  string
	Value string
}

// Entry is one name in a tree, with all that travels of its inode.
type Entry struct {
	// Path is "." for the root and "./a/b" below it: bytes, not UTF-8, without a
	// trailing slash.
	Path string
	Type Type
	// Perm holds the permission, set-id and sticky bits: st_mode & 07777.
	Perm     uint32
	UID, GID uint32
	// Size is the apparent size in bytes of a File, and 0 for every other type.
	Size int64
	// Blocks counts the 512-byte blocks in use of a File.
	Blocks int64
	Mtime  Time
	Ctime  Time
	ID     FileID
	Nlink  uint64
	// Major and Minor are the device number of a CharDevice or BlockDevice.
	Major, Minor uint32
	// Link is the target of a Symlink: bytes, never empty.
	Link string
	// Xattrs are sorted by name.
	Xattrs []Xattr
	Flags  Flags
}

// Tick is longer than the time for which the kernel gives changes of an inode the
// same ctime: a tick of its clock, at most 10 ms, before Linux 6.13. A filesystem that
// keeps whole seconds only hides more than that.
const Tick = 20 * time.Millisecond

// Fresh says whether the inode had changed so shortly before it was read, at that
// time, that another change could go with the same ctime.
func (e *Entry) Fresh(at time.Time) bool {
	age := at.Sub(time.Unix(e.Ctime.Sec, int64(e.Ctime.Nsec)))
	// A time well in the future is that of another host's clock.
	return age < Tick && age > -time.Second
}

// IsBelow says whether a path is below that of a directory, at any depth; both as Entry.Path.
func IsBelow(path, dir string) bool {
	return len(path) > len(dir) && path[len(dir)] == '/' && path[:len(dir)] == dir
}

// ComparePaths orders paths as images and MANIFESTs of ours have them: names sorted by bytes,
// and what a directory holds right after it. Both are as Entry.Path.
func ComparePaths(a, b string) int {
	for i := 0; i < len(a) && i < len(b); i++ {
		x, y := a[i], b[i]
		switch {
		case x == y:
		case x == '/':
			return -1
		case y == '/':
			return 1
		case x < y:
			return -1
		default:
			return 1
		}
	}
	return len(a) - len(b)
}

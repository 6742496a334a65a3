package archive

import (
	"sync"

	"image-capture/entry"
)

// links finds the later names of an inode. The key is device and inode: inode
// numbers alone repeat between filesystems. The encoder adds and asks in order;
// workers that read ahead only ask, to spare reading a file a second time.
type links struct {
	mu    sync.RWMutex
	first map[entry.FileID]*firstName
}

// firstName is what is in the archive of an inode.
type firstName struct {
	path                 string
	typ                  entry.Type
	perm, uid, gid       uint32
	size                 int64
	mtime, ctime         entry.Time
	left                 uint64 // names that may still come
	names                int    // those that came, this one included
	part                 uint64 // how many inodes with all the names they may have came before it
	sha256, sparseSHA256 []byte
}

func newLinks() *links { return &links{first: map[entry.FileID]*firstName{}} }

func (l *links) known(id entry.FileID) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.first[id] != nil
}

// add remembers a member as the first name of its inode, or of another one that begins
// where that has all the names it may have.
func (l *links) add(m *entry.Member) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := &firstName{
		path: m.Path, typ: m.Type, perm: m.Perm, uid: m.UID, gid: m.GID, size: m.Size, mtime: m.Mtime, ctime: m.Ctime,
		left: m.Nlink - 1, names: 1, sha256: m.SHA256, sparseSHA256: m.SparseSHA256,
	}
	if full := l.first[m.ID]; full != nil && full.names == entry.MaxNames {
		f.left, f.part = full.left-1, full.part+1
	}
	if l.first[m.ID] = f; f.left == 0 {
		delete(l.first, m.ID)
	}
	m.ID = f.id(m.ID)
}

// id tells the inodes that the image has of one apart. Linux's device numbers have 32
// bits.
func (f *firstName) id(id entry.FileID) entry.FileID {
	id.Dev |= f.part << 40
	return id
}

// resolve makes m a later name if a first one was added, and reports how the inode has
// changed since. An inode whose names have all come is forgotten.
func (l *links) resolve(m *entry.Member) (later bool, changed string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.first[m.ID]
	if f == nil || f.typ != m.Type || f.names == entry.MaxNames {
		return false, ""
	}
	// Then its content is another, or the inode is: the number of one that is gone can
	// be that of a new one. What is here now is stored for itself.
	if m.Ctime != f.ctime && (m.Size != f.size || m.Mtime != f.mtime) {
		return false, "is no longer what was read as " + f.path + ", and is stored for itself"
	}
	f.names++
	if f.left--; f.left == 0 {
		delete(l.first, m.ID)
	}
	if m.Ctime != f.ctime {
		changed = "changed after it was read as " + f.path
	}
	// Both names have in the archive what the first one was read with.
	m.Perm, m.UID, m.GID, m.Size, m.Mtime = f.perm, f.uid, f.gid, f.size, f.mtime
	m.HardLink, m.SHA256, m.SparseSHA256 = f.path, f.sha256, f.sparseSHA256
	m.ID = f.id(m.ID)
	return true, changed
}

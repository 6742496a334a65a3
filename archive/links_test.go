package archive

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/entry"
)

func member(path string, dev, ino, nlink uint64) *entry.Member {
	return &entry.Member{Entry: entry.Entry{Path: path, Type: entry.File, ID: entry.FileID{Dev: dev, Ino: ino}, Nlink: nlink, Ctime: entry.Time{Sec: 1}}}
}

func TestLinks(t *testing.T) {
	l := newLinks()
	first := member("./a", 1, 7, 3)
	first.SHA256, first.Size, first.Perm = []byte{1}, 5, 0o600
	require.False(t, l.known(first.ID))
	l.add(first)
	require.True(t, l.known(first.ID))

	// Another filesystem has the same inode number.
	other := member("./other", 2, 7, 3)
	require.False(t, l.known(other.ID))
	later, _ := l.resolve(other)
	require.False(t, later)

	b := member("./b", 1, 7, 3)
	b.Size, b.Perm = 5, 0o600
	later, changed := l.resolve(b)
	require.True(t, later)
	require.Empty(t, changed)
	require.Equal(t, "./a", b.HardLink)
	require.Equal(t, []byte{1}, b.SHA256)
	require.True(t, l.known(first.ID), "a third name is to come")

	// What the inode has become since is not what the archive has of it.
	c := member("./c", 1, 7, 3)
	c.Size, c.Perm, c.Ctime.Nsec = 5, 0o644, 1
	later, changed = l.resolve(c)
	require.True(t, later)
	require.Equal(t, "changed after it was read as ./a", changed)
	require.EqualValues(t, 5, c.Size)
	require.EqualValues(t, 0o600, c.Perm)

	require.False(t, l.known(first.ID), "all names have come")
	require.Empty(t, l.first, "what has come is not forgotten")

	// A name too many, made during the walk, is a first name again.
	later, _ = l.resolve(member("./d", 1, 7, 3))
	require.False(t, later)
}

// The number of an inode that is gone can be that of a new one.
func TestLinksOtherType(t *testing.T) {
	l := newLinks()
	l.add(member("./a", 1, 7, 2))
	m := member("./b", 1, 7, 2)
	m.Type = entry.Symlink
	later, _ := l.resolve(m)
	require.False(t, later)
}

// Or of one of the same type.
func TestLinksOtherInode(t *testing.T) {
	l := newLinks()
	l.add(member("./a", 1, 7, 2))
	m := member("./b", 1, 7, 2)
	m.Size, m.Ctime.Sec = 5, 2
	later, changed := l.resolve(m)
	require.False(t, later)
	require.Equal(t, "is no longer what was read as ./a, and is stored for itself", changed)
	require.Empty(t, m.HardLink)
	require.EqualValues(t, 5, m.Size)
}

// Names over what ext4 takes are those of another inode, however many there are.
func TestLinksOverMaxNames(t *testing.T) {
	l := newLinks()
	const all = 2*entry.MaxNames + 3
	names, ids := map[string]int{}, map[entry.FileID]int{}
	for i := range all {
		m := member(fmt.Sprintf("./%06d", i), 1, 7, all)
		later, changed := l.resolve(m)
		require.Empty(t, changed)
		if !later {
			l.add(m)
			m.HardLink = m.Path
		}
		names[m.HardLink]++
		ids[m.ID]++
	}
	require.Equal(t, map[string]int{"./000000": entry.MaxNames, "./065000": entry.MaxNames, "./130000": 3}, names)
	require.Len(t, ids, 3)
	require.Empty(t, l.first, "all names have come")
	// The last one that is to come may begin an inode.
	for i := range entry.MaxNames + 1 {
		if m := member(fmt.Sprint(i), 1, 8, entry.MaxNames+1); i == 0 || i == entry.MaxNames {
			l.add(m)
		} else {
			l.resolve(m)
		}
	}
	require.Empty(t, l.first)
}

package edit

import (
	"image-capture/entry"
	"image-capture/rootfs"
)

// Source says where the content of an entry comes from.
type Source uint8

// The sources. What is not a regular file, and was not added, is of the tree.
const (
	Original  Source = iota // the file in the tree
	Emptied                 // nowhere: it is empty
	Rewritten               // Node.Rewrite makes it of what the file in the tree holds
	Added                   // Node.Content: the tree has no such name
)

// Node is an entry of the image. Besides what is said here, it is used like the node
// of the root that it stands for.
type Node struct {
	rootfs.Node
	change *content // what is planned for the content, if anything
	added  *added
}

// added is an entry that the tree lacks.
type added struct {
	entry.Entry
	content []byte
}

// Stat fills e with the inode only, as it will be in the image but for the size of
// what is rewritten.
func (n *Node) Stat(e *entry.Entry) error {
	if n.added != nil {
		*e = n.added.Entry
		return nil
	}
	if err := n.Node.Stat(e); err != nil {
		return err
	}
	n.edit(e)
	return nil
}

// Read fills e with what the entry will be in the image, but for the size of what is
// rewritten. c is open where the file in the tree has to be read, and nil else. The
// rest is as in rootfs.Node; Read may be called again.
func (n *Node) Read(e *entry.Entry) (c *rootfs.Content, lost, err error) {
	if n.added != nil {
		*e = n.added.Entry
		return nil, nil, nil
	}
	c, lost, err = n.Node.Read(e)
	n.edit(e)
	if c != nil && n.change != nil && n.change.empty {
		c.Close()
		c = nil
	}
	return c, lost, err
}

// Look is Read without the content, which is not opened; see rootfs.Node. It serves what
// is Original.
func (n *Node) Look(e *entry.Entry) (lost, err error) {
	lost, err = n.Node.Look(e)
	n.edit(e)
	return lost, err
}

// Edited says whether the content may be other than Original.
func (n *Node) Edited() bool { return n.added != nil || n.change != nil }

// edit makes the attributes those in the image.
func (n *Node) edit(e *entry.Entry) {
	if n.change != nil && e.Type == entry.File {
		e.Nlink = 1
		if n.change.empty {
			e.Size, e.Blocks = 0, 0
		}
	}
	plain(e)
}

// Source says where the content comes from, by what Read gave. It is asked once about
// each node that goes into the image: the plan counts that.
func (n *Node) Source(e *entry.Entry) Source {
	switch {
	case n.added != nil:
		return Added
	case n.change == nil:
		return Original
	}
	n.change.typ = e.Type
	switch {
	case e.Type != entry.File:
		return Original
	case n.change.empty:
		return Emptied
	}
	return Rewritten
}

// Content returns the whole content of a file that was Added, which must not be
// changed, or was Emptied.
func (n *Node) Content() []byte {
	if n.added == nil {
		return nil
	}
	return n.added.content
}

// Rewrite makes the content of a file that is Rewritten of what was read of the old
// one, holes as zeros, which it may change. An error, which names the edit but not the
// path, means that there must be no image.
func (n *Node) Rewrite(old []byte) ([]byte, error) { return n.change.rewriteAndNote(old) }

// Package compare reports how two streams of entries differ: those of an image and of
// its MANIFEST, or of two images. What it finds are values, which others print.
package compare

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"image-capture/entry"
)

// Field says in what two things differ.
type Field string

// The fields of an entry, by the words for people.
const (
	HardLink     Field = "first name of the hard link"
	Mode         Field = "mode" // four octal digits
	UID          Field = "uid"
	GID          Field = "gid"
	Time         Field = "time" // seconds since the epoch, with nine digits after the point
	Type         Field = "type" // as in mtree(5)
	Size         Field = "size" // bytes
	Link         Field = "link target"
	Device       Field = "device" // "MAJOR,MINOR"
	Flags        Field = "inode flags"
	SHA256       Field = "SHA-256"                 // hexadecimal
	SparseSHA256 Field = "SHA-256 of map and data" // see entry.Member
	Xattrs       Field = "xattrs"                  // "NAME=0x...", values cut off after 16 bytes; "none"
)

// What is not of one entry.
const (
	// Order is that another entry comes: Got and Want are the paths, empty where a
	// stream ends. What follows is not compared.
	Order Field = "entry"
	// FirstMissing is an entry of the second stream that is a hard link to a name,
	// Want, that does not come before it there.
	FirstMissing Field = "first name"
	// FirstDiffers is an entry of the second stream that says something else than its
	// first name, Want, does.
	FirstDiffers Field = "what the first name says"
)

// Difference is one, between the first stream and the second.
type Difference struct {
	Path      string // bytes, like entry.Entry.Path; empty where it is of the whole
	Field     Field
	Got, Want string // of the first stream, and of the second
}

// Stream is entries in the order of an image, with their digests; io.EOF after the
// last. *manifest.Reader is one, and Of makes one of an image.
type Stream interface {
	Next() (*entry.Member, error)
}

// Result is how far a comparison went.
type Result struct {
	Entries int64 // that were compared
	// Undigested are files of which the second stream has no digest; their contents were
	// not compared.
	Undigested int64
	// Ended says that both streams ended together.
	Ended bool
}

// ReadError is an error of one of the streams.
type ReadError struct {
	Second bool // the stream that is compared with, not the one that is compared
	Err    error
}

func (e *ReadError) Error() string { return e.Err.Error() }
func (e *ReadError) Unwrap() error { return e.Err }

// Entries compares two streams entry by entry and calls found with each difference. Of
// a hard link in the second stream only what is its own is compared: the rest is in an
// archive once, with its first name. The error is that of ctx, or a *ReadError.
func Entries(ctx context.Context, got, want Stream, found func(Difference)) (Result, error) {
	c := &comparison{found: found, links: map[string]*entry.Member{}}
	for {
		if err := ctx.Err(); err != nil {
			return c.Result, err
		}
		g, err := got.Next()
		if err != nil && !errors.Is(err, io.EOF) {
			return c.Result, &ReadError{Err: err}
		}
		w, werr := want.Next()
		if werr != nil && !errors.Is(werr, io.EOF) {
			return c.Result, &ReadError{Second: true, Err: werr}
		}
		if err != nil && werr != nil {
			c.Ended = true
			return c.Result, nil
		}
		if g, w := pathOf(g), pathOf(w); g != w {
			found(Difference{Field: Order, Got: g, Want: w})
			return c.Result, nil
		}
		c.Result.Entries++
		c.entry(g, w)
	}
}

// pathOf returns the path of a member, empty for none.
func pathOf(m *entry.Member) string {
	if m == nil {
		return ""
	}
	return m.Path
}

type comparison struct {
	Result
	found func(Difference)
	links map[string]*entry.Member // first names of inodes that have several
}

// entry compares one entry.
func (c *comparison) entry(got, want *entry.Member) {
	c.own(got, want)
	if want.HardLink != "" {
		c.first(want)
		return
	}
	if want.Nlink > 1 && want.Type != entry.Dir {
		c.links[want.Path] = want
	}
	text(c, want.Path, Type, got.Type, want.Type, entry.Type.String)
	c.inode(got, want)
	if want.Type == entry.File && want.SHA256 == nil && want.SparseSHA256 == nil {
		c.Undigested++
	} else {
		c.digest(want.Path, SHA256, got.SHA256, want.SHA256)
		c.digest(want.Path, SparseSHA256, got.SparseSHA256, want.SparseSHA256)
	}
	c.xattrs(got, want)
}

// Header compares one entry as Entries does, but for its content: of a file with a digest the
// size is that of its content.
func Header(got, want *entry.Member) (list []Difference) {
	c := &comparison{found: func(d Difference) { list = append(list, d) }}
	c.own(got, want)
	if want.HardLink != "" {
		return list
	}
	text(c, want.Path, Type, got.Type, want.Type, entry.Type.String)
	same := *got
	if got.Type == entry.File && digested(want) {
		same.Size = want.Size
	}
	c.inode(&same, want)
	c.xattrs(got, want)
	return list
}

// own compares what each name of an inode has in an archive.
func (c *comparison) own(got, want *entry.Member) {
	text(c, want.Path, HardLink, got.HardLink, want.HardLink, asIs)
	text(c, want.Path, Mode, got.Perm, want.Perm, func(p uint32) string { return fmt.Sprintf("%04o", p) })
	text(c, want.Path, UID, got.UID, want.UID, number)
	text(c, want.Path, GID, got.GID, want.GID, number)
	text(c, want.Path, Time, got.Mtime, want.Mtime, func(t entry.Time) string { return fmt.Sprintf("%d.%09d", t.Sec, t.Nsec) })
}

// inode compares what only the first name has there, but for type, content and xattrs.
func (c *comparison) inode(got, want *entry.Member) {
	text(c, want.Path, Size, got.Size, want.Size, number)
	text(c, want.Path, Link, got.Link, want.Link, asIs)
	text(c, want.Path, Device, [2]uint32{got.Major, got.Minor}, [2]uint32{want.Major, want.Minor}, func(d [2]uint32) string { return fmt.Sprintf("%d,%d", d[0], d[1]) })
	text(c, want.Path, Flags, got.Flags, want.Flags, number)
}

func (c *comparison) xattrs(got, want *entry.Member) {
	if !slices.Equal(got.Xattrs, want.Xattrs) {
		c.found(Difference{want.Path, Xattrs, xattrText(got.Xattrs), xattrText(want.Xattrs)})
	}
}

// attributes compares all but type and content.
func (c *comparison) attributes(got, want *entry.Member) {
	c.own(got, want)
	c.inode(got, want)
	c.xattrs(got, want)
}

// text compares one field, and makes words of it only when it differs.
func text[T comparable](c *comparison, path string, field Field, got, want T, words func(T) string) {
	if got != want {
		c.found(Difference{path, field, words(got), words(want)})
	}
}

func (c *comparison) digest(path string, field Field, got, want []byte) {
	if !bytes.Equal(got, want) {
		c.found(Difference{path, field, hex.EncodeToString(got), hex.EncodeToString(want)})
	}
}

func asIs(s string) string { return s }

func number[T any](n T) string { return fmt.Sprint(n) }

// first compares a hard link in the second stream with its first name there.
func (c *comparison) first(want *entry.Member) {
	switch first := c.links[want.HardLink]; {
	case first == nil:
		c.found(Difference{Path: want.Path, Field: FirstMissing, Want: want.HardLink})
	case first.Type != want.Type || first.Size != want.Size || !bytes.Equal(first.SHA256, want.SHA256):
		c.found(Difference{Path: want.Path, Field: FirstDiffers, Want: want.HardLink})
	}
}

func xattrText(list []entry.Xattr) string {
	if len(list) == 0 {
		return "none"
	}
	var b strings.Builder
	for i, x := range list {
		if i > 0 {
			b.WriteString(" ")
		}
		value := hex.EncodeToString([]byte(x.Value))
		if len(value) > 32 {
			value = value[:32] + "..."
		}
		fmt.Fprintf(&b, "%s=0x%s", x.Name, value)
	}
	return b.String()
}

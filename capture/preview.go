package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"image-capture/archive"
	"image-capture/bootcheck"
	"image-capture/edit"
	"image-capture/entry"
	"image-capture/manifest"
	"image-capture/rootfs"
)

// Forecast is what a capture would make.
type Forecast struct {
	// Facts are those that are known before an image is: names, system, check.
	Facts  manifest.Facts
	Report *bootcheck.Report // nil without a check
	Mounts []rootfs.Mount
	// Edits are what the MANIFEST would say, Left what some of them leave out.
	Edits []entry.Note
	Left  []*edit.Left
	// Deleted are those of a layer; see manifest.Facts.
	Deleted []entry.Note
	// Entries are those of the image, Bytes the content of its files, Unpacked the tar as
	// far as that is known without attributes; Omitted are sockets and swap files, and
	// Unreadable what could not be looked at.
	Entries, Bytes, Unpacked, Omitted, Unreadable int64
	// Dirs are the directories with most bytes in and below them, the root left out, Files
	// the largest files, each from the largest on.
	Dirs, Files []Sized
	// Image is the size of the image, by what came of Sampled bytes of the tar.
	Image, Sampled int64
	// Lost are the first of what is Unreadable.
	Lost []entry.Note
	// Room is where a local image would go; nil for none.
	Room *Room
	// NoProfile says that the token cannot store the Profile; it has neither claim.
	NoProfile *TokenLacks
	// Unknown is what only a capture finds out.
	Unknown []Unknown
}

// Sized is a name and its bytes.
type Sized struct {
	Path  string
	Bytes int64
}

// Room is what a disk has free.
type Room struct {
	Folder string
	Free   int64
}

// Fits says whether the image would fit there.
func (f Forecast) Fits() bool { return f.Room == nil || f.Image <= f.Room.Free }

// mostSized is how many directories and files a Forecast names.
const mostSized = 20

// Preview walks the tree that was checked.
func (h *here) Preview(ctx context.Context) (f Forecast, err error) {
	p, err := newPreview(h.opt)
	if err != nil {
		return f, err
	}
	h.mark = Mark{manifest.NewIdent(), time.Now()} // as long as that of the image will be
	src, err := h.openPart()
	if err != nil {
		return f, err
	}
	defer src.Close()
	if f.Left, err = src.Survey(ctx, p.visit); err == nil {
		err = src.present()
	}
	if err != nil {
		return f, err
	}
	var w Walked
	h.conclude(src, &w)
	f.Mounts, f.Edits = w.Mounts, w.Edits
	p.dirs.leave(0)
	f.Entries, f.Bytes, f.Omitted, f.Unreadable = p.entries, p.dirs.bytes, p.omitted, p.unreadable
	f.Dirs, f.Files = p.dirs.largest, p.files
	f.Unreadable += int64(len(w.Unreadable)) // of a layer, where the base was compared
	f.Lost = append(p.lost, w.Unreadable[:min(len(w.Unreadable), mostSized-len(p.lost))]...)
	f.Unpacked, f.Image, f.Sampled, err = p.sampler.estimate()
	return f, err
}

// roomFor is the room for a file; nil where it is none that takes room.
func roomFor(name string) *Room {
	if name == "" || special(name) {
		return nil
	}
	return roomIn(filepath.Dir(name))
}

// roomIn is the room in a folder; nil where that cannot be known.
func roomIn(folder string) *Room {
	var st unix.Statfs_t
	if unix.Statfs(folder, &st) != nil {
		return nil
	}
	return &Room{folder, int64(st.Bavail) * st.Bsize}
}

// preview takes the entries of the image.
type preview struct {
	skip                         map[entry.FileID]string
	links                        map[entry.FileID]uint64 // names that are still to come
	dirs                         dirSizes
	files                        []Sized
	sampler                      *sampler
	entries, omitted, unreadable int64
	lost                         []entry.Note // the first of them
	open                         bool         // files may be there and not be read
}

func newPreview(opt Options) (*preview, error) {
	s, err := newSampler(codecs[opt.Format], opt.Level)
	return &preview{skip: swapFiles(), links: map[entry.FileID]uint64{}, sampler: s, open: os.Geteuid() != 0}, err
}

func (p *preview) visit(n edit.Node) error {
	defer n.Release()
	var e entry.Entry
	if err := n.Stat(&e); err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			p.lose(n.Path, err)
		}
		return nil
	}
	if n.Err != nil {
		p.lose(n.Path, n.Err)
	}
	if _, skip := p.skip[e.ID]; e.Type == entry.Socket || skip && e.Type == entry.File {
		p.omitted++
		return nil
	}
	c := contentOf{node: &n, entry: &e}
	defer c.close()
	if err := c.find(); err != nil {
		return err
	}
	if p.open && n.Source(&e) == edit.Original && e.Type == entry.File && !c.open() && !errors.Is(c.why, fs.ErrNotExist) {
		p.lose(n.Path, c.why)
		return nil
	}
	if c.size > 0 && p.later(&e) {
		c.size = 0 // it is stored with another name
	}
	p.entries++
	p.dirs.add(e.Path, e.Type == entry.Dir, c.size)
	if e.Type == entry.File {
		p.files = largest(p.files, Sized{e.Path, c.size})
	}
	return p.sampler.add(&c)
}

// lose counts what an image would lack, and keeps the first.
func (p *preview) lose(path string, err error) {
	if p.unreadable++; len(p.lost) < mostSized {
		p.lost = append(p.lost, archive.Unread(path, err))
	}
}

// later says whether the file has come under another name.
func (p *preview) later(e *entry.Entry) bool {
	if e.Nlink < 2 {
		return false
	}
	left, known := p.links[e.ID]
	switch {
	case !known:
		p.links[e.ID] = e.Nlink - 1
	case left > 1:
		p.links[e.ID]--
	default:
		delete(p.links, e.ID)
	}
	return known
}

// contentOf is what the image has of a file.
type contentOf struct {
	node  *edit.Node
	entry *entry.Entry
	size  int64 // bytes that are stored
	text  []byte
	held  bool // text is it
	file  *rootfs.Content
	lost  bool
	why   error          // it is lost
	runs  []entry.Extent // of data; nil when there are no holes
}

// find finds the size, and makes the content that an edit gives: which counts as made.
func (c *contentOf) find() error {
	e := c.entry
	switch from := c.node.Source(e); {
	case e.Type != entry.File:
	case from == edit.Rewritten:
		old, err := c.read(edit.MaxRewrite + 1)
		if err == nil {
			c.text, err = c.node.Rewrite(old)
		}
		if err != nil {
			return fmt.Errorf("rewrite %s: %w", entry.Escape(e.Path), err)
		}
		c.held, c.size = true, int64(len(c.text))
	case from != edit.Original:
		c.text, c.held = c.node.Content(), true
		c.size = int64(len(c.text))
	default:
		c.size = e.Size
		// Filesystems that compress have fewer blocks than bytes too: the holes tell.
		const hole = 64 << 10
		if e.Size-e.Blocks*512 >= hole && c.open() {
			if runs, err := c.file.Data(e.Size); err == nil {
				c.runs, c.size = runs, 0
				for _, r := range runs {
					c.size += r.Length
				}
			}
		}
	}
	return nil
}

func (c *contentOf) open() bool {
	if c.file == nil && !c.lost {
		var e entry.Entry
		var err error
		c.file, _, err = c.node.Read(&e)
		c.lost, c.why = err != nil || c.file == nil, err
	}
	return !c.lost
}

// read reads a file whole, up to so many bytes.
func (c *contentOf) read(most int64) ([]byte, error) {
	var e entry.Entry
	file, _, err := c.node.Read(&e)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.NewSectionReader(file, 0, most))
}

func (c *contentOf) close() {
	if c.file != nil {
		c.file.Close()
	}
}

// readAt reads stored bytes: those of the holes are none.
func (c *contentOf) readAt(p []byte, at int64) int {
	switch {
	case c.held:
		return copy(p, c.text[min(at, int64(len(c.text))):])
	case !c.open():
		return 0
	case c.runs == nil:
		n, _ := c.file.ReadAt(p, at) // what cannot be read is no sample
		return n
	}
	done := 0
	for _, r := range c.runs {
		if at >= r.Length {
			at -= r.Length
			continue
		}
		n, _ := c.file.ReadAt(p[done:min(int64(len(p)), int64(done)+r.Length-at)], r.Offset+at)
		if done += n; n == 0 || done == len(p) {
			break
		}
		at = 0
	}
	return done
}

package index

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"

	"image-capture/compress"
	"image-capture/entry"
	"image-capture/manifest"
)

// Plan is which frames of an image are read for what a selection takes of it: those of its
// members, and of the directories above them.
type Plan struct {
	open      func() (io.ReadCloser, error)
	facts     manifest.Facts
	frames    []entry.Frame
	stretches []stretch
	taken     []uint64 // a bit for each entry of the MANIFEST
	left      int64    // how many are set
	// aside are first names of inodes that are not taken, by path, while another name is.
	aside map[string]*File
	why   string
}

// stretch are frames that stand side by side.
type stretch struct {
	first, last int   // in Plan.frames
	at          int64 // where the first entry that begins in them does, in the tar
	entry       int64 // which that is
	until       int64 // the last entry that is taken of them
}

// MakePlan reads a MANIFEST, which open opens each time that it is read, and asks of each
// path of it whether it is wanted. Its memory is a bit for each entry, and some 100 bytes
// for each frame and for each inode of several names.
func MakePlan(ctx context.Context, open func() (io.ReadCloser, error), wanted func(path string) bool) (*Plan, error) {
	return makePlan(ctx, open, planner{wanted: func(m *entry.Member) bool { return wanted(m.Path) }})
}

// MakeContentPlan is MakePlan of contents alone, for Plan.All: wanted is asked of each member,
// as the tar has it, and what is above it or has the content under another name is not read.
func MakeContentPlan(ctx context.Context, open func() (io.ReadCloser, error), wanted func(m *entry.Member) bool) (*Plan, error) {
	return makePlan(ctx, open, planner{wanted: wanted, alone: true})
}

func makePlan(ctx context.Context, open func() (io.ReadCloser, error), asked planner) (*Plan, error) {
	p := &Plan{open: open, aside: map[string]*File{}}
	in, err := open()
	if err != nil {
		return nil, err
	}
	frames, err := manifest.Frames(in)
	in.Close()
	if err != nil {
		return nil, err
	}
	return p, readManifest(open, func(r *manifest.Reader) error {
		p.facts = r.Facts()
		if _, ok := codecs[p.facts.Format]; !ok || len(frames) == 0 {
			p.why = "its MANIFEST has no index"
		}
		p.frames = frames
		asked.Plan, asked.firsts, asked.at = p, map[string]place{}, place{frame: -1}
		return asked.all(ctx, r)
	})
}

// measured is a frame with its length.
func (p *Plan) measured(i int) compress.PackedFrame {
	f, next, last := p.frames[i], entry.Frame{Tar: p.facts.UnpackedSize, Image: p.facts.Size}, i+1 == len(p.frames)
	if !last {
		next = p.frames[i+1]
	}
	return compress.PackedFrame{Frame: f, Packed: next.Image - f.Image, Unpacked: next.Tar - f.Tar, Last: last}
}

// Usable says why the image cannot be read so, in words; it is empty where it can.
func (p *Plan) Usable() string { return p.why }

// Size is how many bytes of the image are read.
func (p *Plan) Size() (n int64) {
	for _, f := range p.wantedFrames() {
		n += f.Packed
	}
	return n
}

func (p *Plan) wantedFrames() (list []compress.PackedFrame) {
	for _, s := range p.stretches {
		for i := s.first; i <= s.last; i++ {
			list = append(list, p.measured(i))
		}
	}
	return list
}

// place is where an entry begins.
type place struct {
	frame int   // in Plan.frames
	first int64 // the first entry that begins in that frame
	at    int64 // where that begins in the tar
	entry int64
	path  string
	// through is the last frame that it is in; known from when the next entry begins.
	through int
	// undigested says that it is a file without a digest.
	undigested bool
}

// planner goes through the entries of the MANIFEST.
type planner struct {
	*Plan
	wanted func(*entry.Member) bool
	alone  bool // see MakeContentPlan
	above  []place
	firsts map[string]place // of inodes with several names that are not wanted
	at     place            // the entry where it stands
	want   bool
}

func (p *planner) all(ctx context.Context, r *manifest.Reader) error {
	for n := int64(0); ; n++ {
		m, err := r.Next()
		if err == nil {
			err = ctx.Err()
		}
		if err == io.EOF {
			p.ends(len(p.frames) - 1)
			return nil
		}
		if err != nil {
			return err
		}
		if p.why != "" {
			p.wanted(m) // what matches nothing is told all the same
			continue
		}
		if p.entry(r, m, n); p.why != "" {
			p.stretches, p.left = nil, 0
		}
	}
}

// entry is at the next one.
func (p *planner) entry(r *manifest.Reader, m *entry.Member, n int64) {
	frame, at, ok := r.Place()
	i, found := slices.BinarySearchFunc(p.frames, frame.Tar, func(f entry.Frame, tar int64) int {
		return cmp.Compare(f.Tar, tar)
	})
	if !ok || !found {
		p.why = "its MANIFEST does not say where all of it is"
		return
	}
	now := place{frame: i, first: p.at.first, at: p.at.at, entry: n, path: m.Path, through: i}
	now.undigested = m.HardLink == "" && m.Type == entry.File && m.SHA256 == nil && m.SparseSHA256 == nil
	through := i
	if i != p.at.frame {
		now.first, now.at = n, at
		if at == frame.Tar && i > 0 {
			through = i - 1
		}
	}
	if n > 0 {
		p.ends(through)
	}
	for len(p.above) > 0 && !entry.IsBelow(m.Path, p.above[len(p.above)-1].path) {
		p.above = p.above[:len(p.above)-1]
	}
	p.at = now
	if p.alone {
		p.want = p.wanted(inTar(m))
		return
	}
	p.want = p.wanted(m)
	switch {
	case m.HardLink != "":
		if first, ok := p.firsts[m.HardLink]; ok && p.want {
			p.usable(first)
			p.aside[m.HardLink] = &File{codec: codecs[p.facts.Format], size: p.facts.Size, from: start{p.frames[first.frame], first.at}, steps: first.entry - first.first}
		}
	case m.Type == entry.Dir:
		if m.Path != "." {
			p.above = append(p.above, now)
		}
	case !p.want && m.Nlink > 1:
		p.firsts[m.Path] = now
	}
}

// usable says why an entry that is wanted cannot be read so.
func (p *planner) usable(e place) {
	switch {
	case e.at < 0:
		p.why = "its MANIFEST does not say where all of it is"
	case e.undigested:
		p.why = "its MANIFEST does not have the digest of each file"
	}
}

// ends is at the end of an entry, which is in the frames up to one.
func (p *planner) ends(through int) {
	p.at.through = max(through, p.at.frame)
	if n := len(p.above); n > 0 && p.above[n-1].entry == p.at.entry {
		p.above[n-1] = p.at
	}
	if p.want {
		for _, dir := range p.above {
			p.take(dir)
		}
		p.take(p.at)
	}
}

// take has an entry read.
func (p *planner) take(e place) {
	for int64(len(p.taken)) <= e.entry/64 {
		p.taken = append(p.taken, 0)
	}
	if p.isTaken(e.entry) {
		return
	}
	p.taken[e.entry/64] |= 1 << (e.entry % 64)
	p.left++
	p.usable(e)
	from := e.frame
	if n := len(p.stretches); n > 0 && e.frame <= p.stretches[n-1].last+1 {
		last := &p.stretches[n-1]
		from, last.last, last.until = last.last, max(last.last, e.through), max(last.until, e.entry)
	} else {
		p.stretches = append(p.stretches, stretch{e.frame, e.through, e.at, e.first, e.entry})
	}
	for i := from; i <= max(from, e.through); i++ {
		if f := p.measured(i); f.Packed > compress.MaxPackedFrame || f.Unpacked > compress.MaxPackedFrame {
			p.why = fmt.Sprintf("a frame has more than %d MiB, as its MANIFEST says", compress.MaxPackedFrame>>20)
		}
	}
}

func (p *Plan) isTaken(n int64) bool {
	return n/64 < int64(len(p.taken)) && p.taken[n/64]&(1<<(n%64)) != 0
}

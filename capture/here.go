package capture

import (
	"context"
	"io"
	"os"
	"slices"

	"image-capture/archive"
	"image-capture/bootcheck"
	"image-capture/entry"
	"image-capture/manifest"
	"image-capture/snapshot"
)

// here is an Origin on this machine.
type here struct {
	opt    Options
	events Events
	held   held
	// choices say what is done about each filesystem, the root's first; databases are
	// servers that ran when the tree was checked.
	choices   []snapshot.Choice
	databases []Database
	mounts    map[string]bool // mount points whose decision was reported

	src *Source // opened for the check, and taken by the first walk
	// generalized and fixes are edits that were made, for each tree that is opened: of
	// Options.Generalize, and of the check.
	generalized, fixes []bootcheck.Fix
	// only is what is walked; nil for all, else searched is the tree that went everywhere.
	only     *Selection
	searched *Source
	mark     Mark // for Options.Brand
}

// Here is the tree of the options on this machine. Of the options it takes all that is
// about a tree and its image; where these go does not matter.
func Here(opt Options, events Events) Origin {
	return &here{opt: opt, events: events, mounts: map[string]bool{}}
}

// Close closes a tree that was not walked, and releases one that is held.
func (h *here) Close() {
	_ = h.Release(context.Background()) // Release says what went wrong to who wants to know
	if h.src != nil {
		h.src.Close()
	}
}

// Ready compares the limits of this process with what a walk takes.
func (h *here) Ready(context.Context) error { return h.opt.enoughMemory(os.DirFS("/")) }

// Check judges the tree before anything of it is read.
func (h *here) Check(ctx context.Context) (c Checked, err error) {
	if h.src, err = h.opt.Open(); err != nil {
		return c, err
	}
	h.reportMounts(h.src)
	if err := h.choose(ctx); err != nil {
		return c, err
	}
	h.findDatabases()
	c.Source = h.opt.Host + ":" + h.src.root.Path()
	c.Used, _ = h.src.mounts.Used()
	c.Inodes = h.src.mounts.Inodes()
	if len(h.opt.Generalize) > 0 {
		if h.generalized, err = bootcheck.Generalize(ctx, h.src.view(), h.opt.Boot, h.opt.Generalize); err != nil {
			return c, err
		}
		if err := h.src.fix(h.generalized, ByGeneralize); err != nil {
			return c, err
		}
		for _, f := range h.generalized {
			h.events.Fixed(f, ByGeneralize)
		}
	}
	if h.opt.Check == Off {
		c.System, c.Fixes = bootcheck.Identify(h.src.view()), h.generalized
		c.Secrets, err = h.secrets(ctx)
		return c, err
	}
	report, fixes, err := h.src.Judge(ctx, h.opt.Boot, h.opt.Fix, func(f bootcheck.Fix) { h.events.Fixed(f, ByFix) })
	if err != nil {
		return c, err
	}
	h.fixes = fixes
	c.Report, c.System, c.Fixes = &report, report.System, slices.Concat(h.generalized, fixes)
	c.Secrets, err = h.secrets(ctx)
	return c, err
}

// secrets finds those that remain after all edits.
func (h *here) secrets(ctx context.Context) ([]bootcheck.Secret, error) {
	if !h.opt.FindSecrets && !h.opt.RefuseSecrets {
		return nil, nil
	}
	return bootcheck.Secrets(ctx, h.src.view())
}

// reportMounts reports the decisions that were not reported yet: all, and after the
// walk those that it met on the way.
func (h *here) reportMounts(s *Source) {
	for _, path := range s.absent {
		if !h.mounts[path] {
			h.mounts[path] = true
			h.events.NotMounted(path)
		}
	}
	for _, m := range s.mounts.List() {
		if !h.mounts[m.Path] {
			h.mounts[m.Path] = true
			h.events.Mount(m)
		}
	}
}

// Estimate is that of the tree that was checked.
func (h *here) Estimate(ctx context.Context) int64 { return estimate(ctx, h.src) }

// Entries walks all of the tree.
func (h *here) Entries(ctx context.Context, like manifest.Facts) (Live, error) {
	src, err := h.open()
	if err != nil {
		return nil, err
	}
	if err := src.Like(like); err != nil {
		src.Close()
		return nil, err
	}
	h.searched = src
	return &opened{src.Entries(ctx, h.opt.Base != nil && !h.opt.Base.Content), src}, nil
}

// opened are the entries of a tree that is closed with them.
type opened struct {
	*Entries
	src *Source
}

func (o *opened) Close() {
	o.Entries.Close()
	o.src.Close()
}

// Only limits the walks to come.
func (h *here) Only(_ context.Context, these Selection) error {
	h.only = &these
	return nil
}

// openPart opens the tree, or of it what Only said.
func (h *here) openPart() (*Source, error) {
	src, err := h.open()
	if err == nil && h.only != nil {
		src.Only(h.only.has)
	}
	return src, err
}

// open opens the tree, for the first walk with the one that was checked.
func (h *here) open() (*Source, error) {
	if src := h.src; src != nil {
		h.src = nil
		if h.held.mounts == nil {
			return h.branded(src)
		}
		src.Close() // what is read is elsewhere
	}
	var src *Source
	var err error
	if h.held.mounts != nil {
		src, err = h.opt.openFrom(h.held.root, h.held.mounts)
	} else {
		src, err = h.opt.Open()
	}
	if err != nil {
		return nil, err
	}
	err = src.fix(h.generalized, ByGeneralize)
	if err == nil {
		err = src.fix(h.fixes, ByFix)
	}
	if err != nil {
		src.Close()
		return nil, err
	}
	return h.branded(src)
}

// branded plans the mark, where one is wanted. It is the last edit, as it is new for each walk.
func (h *here) branded(src *Source) (*Source, error) {
	if h.opt.Brand {
		if err := src.brand(h.mark); err != nil {
			src.Close()
			return nil, err
		}
	}
	return src, nil
}

// Walk walks the tree once.
func (h *here) Walk(ctx context.Context, w io.Writer, mark Mark, skip map[entry.FileID]string, add func(*entry.Member) error) (Walked, error) {
	h.mark = mark
	src, err := h.openPart()
	if err != nil {
		return Walked{}, err
	}
	defer src.Close()
	p := &progress{total: newTotal(ctx, src)}
	done := h.events.Walking(p)
	var sum *archive.Summary
	err = h.fromWhole(ctx, func(ctx context.Context) (err error) {
		sum, err = archive.Write(ctx, w, src, archive.Options{
			Codec: codecs[h.opt.Format], Level: h.opt.Level, Jobs: h.opt.Jobs,
			Skip: h.skip(skip), ReadRate: h.opt.ReadRate, SkipFileDigests: h.opt.SkipFileDigests,
			Progress: &p.Progress, Clone: h.held.cloner,
			Member: func(m *entry.Member) error {
				h.events.Captured(m.Path)
				return add(m)
			},
			Fits: manifest.Fits,
		})
		if err == nil {
			err = src.present()
		}
		return err
	})
	done()
	p.total.stop()
	if err != nil {
		return Walked{}, err
	}
	walked := Walked{Summary: *sum}
	h.conclude(src, &walked)
	return walked, nil
}

// conclude reports what a walk made of the plan, and has that in its result.
func (h *here) conclude(src *Source, w *Walked) {
	if h.only != nil {
		src = h.searched
	}
	w.Mounts, w.Edits = src.mounts.List(), src.Notes()
	h.reportMounts(src)
	for _, pattern := range src.plan.Unmatched() {
		h.events.Unmatched(pattern)
	}
	for _, u := range src.plan.Unapplied() {
		h.events.Unapplied(u)
	}
}

// skip adds swap files in use to what is never captured, here and in snapshots.
func (h *here) skip(more map[entry.FileID]string) map[entry.FileID]string {
	skip := swapFiles()
	for id, reason := range more {
		skip[id] = reason
	}
	if g := h.held.guard; g != nil {
		instead := g.Instead()
		for id, reason := range skip {
			if dev, ok := instead[id.Dev]; ok {
				skip[entry.FileID{Dev: dev, Ino: id.Ino}] = reason
			}
		}
	}
	return skip
}

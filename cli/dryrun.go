package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"image-capture/bootcheck"
	"image-capture/capture"
	"image-capture/entry"
	"image-capture/rootfs"
)

// forecast is the document of capture --dry-run --json. docs/formats.md says what is in it.
type forecast struct {
	ending
	Filename   string              `json:"filename"`
	Format     string              `json:"format"`
	Entries    int64               `json:"entries"`
	Bytes      int64               `json:"bytes"`
	Unpacked   int64               `json:"unpacked_size"`
	Image      int64               `json:"estimated_size"`
	Sampled    int64               `json:"sampled_bytes"`
	Omitted    int64               `json:"omitted"`
	Unreadable int64               `json:"unreadable"`
	Free       *int64              `json:"free,omitempty"` // bytes on the output's disk
	Fits       *bool               `json:"fits,omitempty"`
	Mounts     []mountDecision     `json:"mounts"`
	Edits      []jsonNote          `json:"edits"`
	Left       []left              `json:"left_out"`
	Base       string              `json:"base,omitempty"`
	Deleted    []jsonNote          `json:"deleted,omitempty"`
	Dirs       []sized             `json:"largest_directories"`
	Files      []sized             `json:"largest_files"`
	Check      string              `json:"check"`
	Findings   []bootcheck.Finding `json:"findings,omitempty"`
	Version    string              `json:"version"`
}

type mountDecision struct {
	Path     string `json:"path"`
	Captured bool   `json:"captured"`
	FSType   string `json:"fstype"`
	Source   string `json:"source"`
	Reason   string `json:"reason"`
}

type left struct {
	Op      entry.Op `json:"op"`
	Subject string   `json:"subject"`
	Entries int64    `json:"entries"`
	Bytes   int64    `json:"bytes"`
}

type sized struct {
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`
}

// forecast prints what a capture would make; nothing is written or sent.
func (o *captureOptions) forecast(ctx context.Context, a *App, opt capture.Options) error {
	if o.upload && opt.Image == "" && opt.Stdout == nil {
		opt.Stdout = io.Discard // it goes to the endpoint, and to no disk of this machine
	}
	f, err := capture.Preview(ctx, opt, a.events(o.progress, false))
	var check *capture.CheckError
	if err != nil && (!o.json || !errors.As(err, &check)) {
		return err // with --json there is a document of any failure
	}
	if o.json {
		doc := forecastDocument(f, opt.Format.String())
		doc.ending = a.ending(ctx, err)
		if werr := writeJSON(a.stdout, doc); err == nil {
			err = werr
		}
		return err
	}
	if _, err := io.WriteString(a.stdout, forecastText(f, opt.Format.String())); err != nil {
		return err
	}
	if !f.Fits() {
		a.term.warn("free some space, send it with --upload, or write it to another disk with --output",
			"the image will not fit: %s is free in %s", bytesText(f.Room.Free), f.Room.Folder)
	}
	return nil
}

func forecastDocument(f capture.Forecast, format string) forecast {
	doc := forecast{
		Filename: entry.Escape(f.Facts.Filename), Format: format, Entries: f.Entries, Bytes: f.Bytes, Unpacked: f.Unpacked,
		Image: f.Image, Sampled: f.Sampled, Omitted: f.Omitted, Unreadable: f.Unreadable,
		Mounts: []mountDecision{}, Edits: append([]jsonNote{}, jsonNotes(f.Edits)...), Left: []left{}, Dirs: sizedList(f.Dirs), Files: sizedList(f.Files),
		Base: entry.Escape(f.Facts.Base), Deleted: jsonNotes(f.Deleted), Check: f.Facts.Check, Version: versionText(),
	}
	if f.Report != nil {
		doc.Findings = f.Report.Findings
	}
	if f.Room != nil {
		fits := f.Fits()
		doc.Free, doc.Fits = &f.Room.Free, &fits
	}
	for _, m := range f.Mounts {
		doc.Mounts = append(doc.Mounts, mountDocument(m))
	}
	for _, l := range f.Left {
		doc.Left = append(doc.Left, left{l.Op, entry.Escape(l.Subject), l.Entries, l.Bytes})
	}
	return doc
}

func mountDocument(m rootfs.Mount) mountDecision {
	return mountDecision{entry.Escape(m.Path), m.Captured, m.FSType, entry.Escape(m.Source), entry.Printable(m.Reason)}
}

func sizedList(list []capture.Sized) []sized {
	out := []sized{}
	for _, s := range list {
		out = append(out, sized{entry.Escape(s.Path), s.Bytes})
	}
	return out
}

// forecastText is for people; a part of which there is nothing to say is left out.
func forecastText(f capture.Forecast, format string) string {
	var b strings.Builder
	part := func(title string) func(format string, args ...any) {
		first := true
		return func(format string, args ...any) {
			if first {
				fmt.Fprintln(&b, title+":")
			}
			first = false
			fmt.Fprintln(&b, "  "+entry.Printable(fmt.Sprintf(format, args...)))
		}
	}
	line := part("mount points")
	for _, m := range f.Mounts {
		line("%s", m)
	}
	line = part("edits")
	for _, n := range f.Edits {
		line("%s: %s", entry.Escape(n.Path), n.Reason)
	}
	line = part("left out")
	for _, l := range f.Left {
		line("%10s  %8d entries  %s", bytesText(l.Bytes), l.Entries, entry.Escape(l.Subject))
	}
	line = part("deleted from the base")
	for _, n := range f.Deleted {
		line("%s: %s", entry.Escape(n.Path), n.Reason)
	}
	line = part("largest directories")
	for _, s := range f.Dirs {
		line("%10s  %s", bytesText(s.Bytes), entry.Escape(s.Path))
	}
	line = part("largest files")
	for _, s := range f.Files {
		line("%10s  %s", bytesText(s.Bytes), entry.Escape(s.Path))
	}
	fmt.Fprintf(&b, "to capture: %s with %s of content\n", entriesText(f.Entries), bytesText(f.Bytes))
	if f.Omitted > 0 {
		fmt.Fprintf(&b, "not in an image: %s (sockets, swap files)\n", entriesText(f.Omitted))
	}
	if f.Unreadable > 0 {
		fmt.Fprintf(&b, "cannot be read: %s\n", entriesText(f.Unreadable))
	}
	fmt.Fprintf(&b, "image: about %s as %s (unpacked %s; by samples of %s)\n", bytesText(f.Image), format, bytesText(f.Unpacked), bytesText(f.Sampled))
	if f.Room != nil {
		fits := "no"
		if f.Fits() {
			fits = "yes"
		}
		fmt.Fprintf(&b, "fits: %s (%s is free in %s)\n", fits, bytesText(f.Room.Free), entry.Escape(f.Room.Folder))
	}
	return b.String()
}

func entriesText(n int64) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}

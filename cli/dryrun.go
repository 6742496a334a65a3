package cli

import (
	"context"
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
	Lost       []jsonNote          `json:"not_captured,omitempty"` // the first
	NotAsked   []string            `json:"not_looked_at,omitempty"`
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

// forecast prints what a capture would make, and ends as it would; nothing is written or
// stored.
func (o *captureOptions) forecast(ctx context.Context, a *App, g *groups, opt capture.Options) (err error) {
	events := a.events(o.progress, false)
	var f capture.Forecast
	if o.uploadFrom == fromHost {
		f, err = o.hostForesees(ctx, a, g, opt)
	} else {
		f, err = capture.Preview(ctx, opt, events)
	}
	walked := err == nil
	if walked {
		events.Walked(f.Lost, nil, nil)
		if n := f.Unreadable - int64(len(f.Lost)); n > 0 {
			a.term.warn("", "not captured: %d more", n)
		}
		err = foreseen(f)
	}
	if o.json {
		doc := forecastDocument(f, opt.Format.String())
		doc.ending = a.ending(ctx, err)
		if werr := writeJSON(a.stdout, doc); err == nil {
			err = werr
		}
		return err
	}
	if walked {
		if _, werr := io.WriteString(a.stdout, forecastText(f, opt.Format.String())); werr != nil {
			return werr
		}
	}
	return err
}

// foreseen is the error that a capture would end with, by what was seen of it.
func foreseen(f capture.Forecast) error {
	switch {
	case !f.Fits():
		return &failure{ExitFailed, fmt.Errorf("the image will not fit: it has about %s, and %s is free in %s", bytesText(f.Image), bytesText(f.Room.Free), f.Room.Folder),
			"free some space, send it with --upload, or write it to another disk with --output"}
	case f.Unreadable > 0:
		return &failure{ExitIncomplete, fmt.Errorf("the image will be incomplete: what cannot be read: %s", entries(f.Unreadable)), "see the warnings above; run as root where they say that permission is denied"}
	case f.NoProfile != nil:
		return &failure{ExitRefused, fmt.Errorf("the token lacks the claims %q and %q: the image would be stored, and the Profile not", f.NoProfile.Create, f.NoProfile.Update), profileClaims}
	}
	return nil
}

// unknownWords say what a dry run does not find out.
var unknownWords = map[capture.Unknown]string{
	capture.UnknownContents:  "whether each file can be read to its end: only samples are read",
	capture.UnknownSnapshots: "whether the snapshots can be made: none was",
	capture.UnknownHooks:     "what the hooks do: none was run",
	capture.UnknownRoom:      "what is free on the endpoint's disk: it does not say",
	capture.UnknownClaims:    "whether the token may store files: it does not say, and nothing was stored",
	capture.UnknownNames:     "whether the names are free on the endpoint: it does not say with this token",
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
	doc.Lost = jsonNotes(f.Lost)
	for _, u := range f.Unknown {
		doc.NotAsked = append(doc.NotAsked, unknownWords[u])
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
	fmt.Fprintf(&b, "to capture: %s with %s of content\n", entries(f.Entries), bytesText(f.Bytes))
	if f.Omitted > 0 {
		fmt.Fprintf(&b, "not in an image: %s (sockets, swap files)\n", entries(f.Omitted))
	}
	if f.Unreadable > 0 {
		fmt.Fprintf(&b, "cannot be read: %s\n", entries(f.Unreadable))
	}
	fmt.Fprintf(&b, "image: about %s as %s (unpacked %s; by samples of %s)\n", bytesText(f.Image), format, bytesText(f.Unpacked), bytesText(f.Sampled))
	if f.Room != nil {
		fits := "no"
		if f.Fits() {
			fits = "yes"
		}
		fmt.Fprintf(&b, "fits: %s (%s is free in %s)\n", fits, bytesText(f.Room.Free), entry.Escape(f.Room.Folder))
	}
	line = part("not looked at")
	for _, u := range f.Unknown {
		line("%s", unknownWords[u])
	}
	return b.String()
}

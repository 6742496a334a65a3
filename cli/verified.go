package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"image-capture/compare"
	"image-capture/entry"
	"image-capture/manifest"
	"image-capture/upload"
)

// verification is what a comparison found.
type verification struct {
	compare.Result
	image, manifest string
	facts           manifest.Facts
	sha256          string   // of what was read
	found           []string // the first differences
	more            int
	unreadable      bool // the MANIFEST is
}

// mostDifferences is how many are told; the rest is counted.
const mostDifferences = 20

func (v *verification) differ(d compare.Difference) {
	if len(v.found) == mostDifferences {
		v.more++
		return
	}
	text := sentence(escaped(d))
	if d.Field == compare.BrokenManifest {
		text, v.unreadable = "MANIFEST "+v.manifest+": "+d.Want, true
	}
	v.found = append(v.found, entry.Printable(text))
}

// escaped writes the names in a difference as they are printed.
func escaped(d compare.Difference) compare.Difference {
	d.Path = entry.Escape(d.Path)
	switch d.Field {
	case compare.Order, compare.FirstMissing, compare.FirstDiffers, compare.Link, compare.HardLink, compare.Xattrs:
		d.Got, d.Want = entry.Escape(d.Got), entry.Escape(d.Want)
	}
	return d
}

// sentence tells a difference between an image and its MANIFEST.
func sentence(d compare.Difference) string {
	switch d.Field {
	case compare.BrokenImage:
		return d.Got
	case compare.Order:
		switch {
		case d.Got == "":
			return "the image ends, but the MANIFEST lists " + d.Want + " next"
		case d.Want == "":
			return "the MANIFEST ends, but the image has " + d.Got + " next"
		}
		return fmt.Sprintf("the image has %s where the MANIFEST has %s", d.Got, d.Want)
	case compare.FirstMissing:
		return fmt.Sprintf("%s: the MANIFEST does not list %s, the first name of this hard link, before it", d.Path, d.Want)
	case compare.FirstDiffers:
		return fmt.Sprintf("%s: the MANIFEST has other values for it than for %s, the first name of this hard link", d.Path, d.Want)
	}
	subject, verb := string(d.Field), "is"
	if d.Field == compare.Xattrs {
		verb = "are"
	}
	if d.Path != "" {
		subject = d.Path + ": " + subject
	}
	return fmt.Sprintf("%s %s %s, the MANIFEST says %s", subject, verb, d.Got, d.Want)
}

// isSourceError says whether an error is of reading the source, and says nothing of
// what is in it.
func isSourceError(err error) bool {
	var remote *upload.Error
	var local *os.PathError
	var out *stdoutError // nor is that
	var address *upload.URLError
	return errors.As(err, &out) || errors.As(err, &address) || errors.As(err, &remote) || errors.As(err, &local) || errors.Is(err, context.Canceled)
}

// verified is the document of verify --json.
type verified struct {
	Image    string `json:"image"`
	Manifest string `json:"manifest"`
	OK       bool   `json:"ok"`
	Entries  int64  `json:"entries"`
	SHA256   string `json:"sha256sum"` // of what was read
	ending
	// Omitted is what the capture left out, or could not read.
	Omitted     []jsonNote `json:"omitted,omitempty"`
	Differences []string   `json:"differences,omitempty"`
	More        int        `json:"more_differences,omitempty"`
	// Bases are those of a layer, the lowest first; see --base.
	Bases []verified `json:"bases,omitempty"`
}

// unread are those that a capture left out against its will: sockets cannot be in an
// image, and its own files shall not.
func unread(omitted []entry.Note) (list []entry.Note) {
	for _, n := range omitted {
		if n.Reason != "socket" && !strings.HasSuffix(n.Reason, "of this capture") {
			list = append(list, n)
		}
	}
	return list
}

// document is for verify --json.
func (v *verification) document(e ending) verified {
	doc := verified{
		ending: e,
		Image:  entry.Escape(v.image), Manifest: entry.Escape(v.manifest), OK: len(v.found) == 0, Entries: v.Entries, SHA256: v.sha256,
		Omitted: jsonNotes(v.facts.Omitted), Differences: v.found, More: v.more,
	}
	return doc
}

// reportVerified reports an image, the last, and the bases that it is over.
func reportVerified(ctx context.Context, a *App, asJSON bool, all []*verification) error {
	var worst error
	for _, v := range slices.Backward(all) {
		worst = cmp.Or(v.verdict(), worst)
	}
	if asJSON {
		last := len(all) - 1
		doc := all[last].document(a.ending(ctx, worst))
		for _, v := range all[:last] {
			doc.Bases = append(doc.Bases, v.document(a.ending(ctx, v.verdict())))
		}
		if err := writeJSON(a.stdout, doc); err != nil {
			return err
		}
	}
	for _, v := range all {
		if err := v.report(a, asJSON); err != nil {
			return err
		}
	}
	return nil
}

// verdict is the error of an image that differs.
func (v *verification) verdict() error {
	if len(v.found) == 0 {
		return nil
	}
	if v.unreadable && len(v.found) == 1 {
		return &failure{ExitVerify, fmt.Errorf("%s is not known to be whole: its MANIFEST %s cannot be read to its end", v.image, v.manifest), manifestHint}
	}
	return &failure{ExitVerify, fmt.Errorf("%s does not match %s", v.image, v.manifest), "do not deploy it: copy it again from where it is whole, or capture again"}
}

func (v *verification) report(a *App, asJSON bool) error {
	if len(v.found) > 0 {
		for _, d := range v.found {
			a.term.line("image-capture: " + d)
		}
		if v.more > 0 {
			a.term.line(fmt.Sprintf("image-capture: %d more differences", v.more))
		}
		return v.verdict()
	}
	if asJSON {
		return nil
	}
	if lost := unread(v.facts.Omitted); len(lost) > 0 {
		a.term.warn("the lines \"# omitted\" of the MANIFEST list them", "the capture could not read %s, which the image lacks: %s", count(len(lost), "name"), entry.Escape(lost[0].Path))
	}
	if v.Undigested > 0 {
		a.term.say("the MANIFEST has no digest for %d files; the digest of the whole image is right", v.Undigested)
	}
	layer := ""
	if v.facts.Base != "" {
		layer = ", a layer over " + entry.Escape(v.facts.Base)
	}
	_, err := fmt.Fprintf(a.stdout, "%s is whole: %d entries as in %s, SHA-256 %s%s\n", entry.Escape(v.image), v.Entries, entry.Escape(v.manifest), v.facts.SHA256, layer)
	return err
}

// manifestHint is what to do about a MANIFEST that cannot be read.
const manifestHint = "give the MANIFEST that the capture wrote with the image"

func badManifest(name string, err error) error {
	return &failure{ExitVerify, fmt.Errorf("MANIFEST %s: %w", name, err), manifestHint}
}

// badImage says of an image, or what else is read for one, that it is not as it should be.
func badImage(name string, err error) error {
	if line := (*manifest.LineError)(nil); errors.As(err, &line) {
		return &failure{ExitVerify, fmt.Errorf("%s: %w", name, err), manifestHint}
	}
	return &failure{ExitVerify, fmt.Errorf("%s: %w", name, err), "give an image as it was captured: tar, alone or in gzip or zstd, and whole"}
}

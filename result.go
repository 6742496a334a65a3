package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"image-capture/bootcheck"
	"image-capture/entry"
)

// result is the document of capture --json. docs/formats.md says what is in it.
type result struct {
	ExitCode       int                 `json:"exit_code"`
	Error          string              `json:"error,omitempty"`
	Hint           string              `json:"hint,omitempty"`
	Filename       string              `json:"filename"`
	Ident          string              `json:"ident"`
	Date           string              `json:"date"`
	Size           int64               `json:"size"`
	MD5            string              `json:"md5sum"`
	UploadTarball  string              `json:"upload_tarball"`
	UploadManifest string              `json:"upload_manifest"`
	SHA256         string              `json:"sha256sum"`
	Format         string              `json:"format"`
	Unpacked       int64               `json:"unpacked_size"`
	Entries        int64               `json:"entries"`
	Manifest       string              `json:"manifest,omitempty"` // local file
	Stored         bool                `json:"stored"`
	Verified       bool                `json:"verified"` // the endpoint has our SHA-256
	Complete       bool                `json:"complete"`
	Profile        *deployProfile      `json:"profile,omitempty"`
	ProfileSaved   string              `json:"profile_saved,omitempty"` // its name on the endpoint
	System         bootcheck.System    `json:"system"`
	Check          string              `json:"check"`
	Findings       []bootcheck.Finding `json:"findings,omitempty"`
	Mounts         []jsonNote          `json:"mounts,omitempty"`
	Edits          []jsonNote          `json:"edits,omitempty"`
	Omitted        []jsonNote          `json:"omitted,omitempty"`
	Changed        []jsonNote          `json:"changed,omitempty"`
	Version        string              `json:"version"`
}

// jsonNote is a note whose path is escaped like those on stderr: JSON holds no
// bytes that are not UTF-8.
type jsonNote struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

func jsonNotes(list []entry.Note) []jsonNote {
	var out []jsonNote
	for _, n := range list {
		out = append(out, jsonNote{entry.Printable(n.Path), entry.Printable(n.Reason)})
	}
	return out
}

// print writes the block to stdout, or to stderr when the image is there, and the
// Profile after it. The document of --json is written at the very end, by tell.
func (j *captureJob) print() error {
	if j.fl.json {
		return nil
	}
	w := j.app.stdout
	if j.local == "-" {
		w = j.app.term.w
		if j.app.term.quiet {
			return nil
		}
	}
	if _, err := io.WriteString(w, j.facts.Block()); err != nil {
		return err
	}
	if j.end == nil || j.local == "-" {
		return nil // there are no lines of YAML on stderr
	}
	return printProfile(w, j.profileParams())
}

// tell writes the document of --json, also of a capture that failed: a following
// task shall always find one. It returns the error that it is given.
func (j *captureJob) tell(ctx context.Context, err error) error {
	if !j.fl.json {
		return err
	}
	f := j.facts
	r := result{
		Filename: entry.Printable(f.Filename), Ident: f.Ident, Size: f.Size, MD5: f.MD5,
		UploadTarball: f.UploadTarball, UploadManifest: f.UploadManifest, SHA256: f.SHA256, Format: j.format.String(),
		Unpacked: f.UnpackedSize, Entries: f.Entries, Manifest: entry.Printable(j.manifest), Stored: j.stored, Verified: j.verified,
		Complete: j.sum != nil && len(j.sum.Unreadable) == 0, ProfileSaved: j.profileSaved, System: j.system, Check: f.Check,
		Mounts: jsonNotes(f.Mounts), Edits: jsonNotes(f.Edits), Omitted: jsonNotes(f.Omitted), Changed: jsonNotes(f.Changed),
		Version: versionText(),
	}
	if !f.Date.IsZero() {
		r.Date = f.Date.Format("2006-01-02T15:04:05Z")
	}
	if j.report != nil {
		r.Findings = j.report.Findings
	}
	if j.stored {
		p, perr := profileOf(j.profileParams())
		if perr != nil {
			err = errors.Join(err, perr)
		}
		r.Profile = p
	}
	if j.sum == nil || j.end != nil && !j.stored && j.image == nil {
		r.Manifest = "" // of nothing that is whole
	}
	code, hint, shown := conclude(ctx, err)
	r.ExitCode, r.Hint = code, entry.Printable(hint)
	if shown != nil {
		r.Error = entry.Printable(strings.Join(joined(shown), "; "))
	}
	if werr := writeJSON(j.app.stdout, r); werr != nil && err == nil {
		return werr
	}
	return err
}

// pruneResult is the document of prune --json.
type pruneResult struct {
	ExitCode int      `json:"exit_code"`
	Error    string   `json:"error,omitempty"`
	Folder   string   `json:"folder"`
	Files    []pruned `json:"files"`
}

// tell prints what is there, what became of it, and what would.
func (p *pruneJob) tell(ctx context.Context, err error) error {
	var todo, done int
	for i := range p.plan {
		line := &p.plan[i]
		for _, s := range []*string{&line.Image, &line.Manifest, &line.Part, &line.Group} {
			*s = entry.Printable(*s)
		}
		line.Reason = entry.Printable(line.Reason)
		switch line.Action {
		case "delete":
			todo++
		case "deleted":
			done++
		}
	}
	werr := p.print(ctx, err)
	switch {
	case err != nil:
	case p.fl.yes:
		p.app.term.say("deleted %d of %d", done, len(p.plan))
	case todo > 0:
		p.app.term.say("nothing was deleted; add --yes to delete %d of %d", todo, len(p.plan))
	default:
		p.app.term.say("nothing of %d would be deleted", len(p.plan))
	}
	if err == nil {
		err = werr
	}
	return err
}

func (p *pruneJob) print(ctx context.Context, err error) error {
	if p.fl.json {
		code, _, told := conclude(ctx, err)
		doc := pruneResult{ExitCode: code, Folder: entry.Printable(p.folder), Files: p.plan}
		if told != nil {
			doc.Error = entry.Printable(strings.Join(joined(told), "; "))
		}
		if doc.Files == nil {
			doc.Files = []pruned{}
		}
		return writeJSON(p.app.stdout, doc)
	}
	for _, line := range p.plan {
		names := strings.TrimSpace(strings.Join([]string{line.Image + line.Part, line.Manifest}, " "))
		if _, err := fmt.Fprintf(p.app.stdout, "%-7s  %-20s  %s (%s)\n", line.Action, line.Date, names, line.Reason); err != nil {
			return err
		}
	}
	return nil
}

// writeJSON writes a document for people and programs.
func writeJSON(w io.Writer, doc any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(doc)
}

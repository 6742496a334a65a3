package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"image-capture/bootcheck"
	"image-capture/capture"
	"image-capture/durable"
	"image-capture/entry"
	"image-capture/manifest"
	"image-capture/upload"
)

// result is the document of capture --json. docs/formats.md says what is in it.
type result struct {
	ending
	Temporary      bool                `json:"temporary,omitempty"` // the endpoint may do it later
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
	Profile        *manifest.Profile   `json:"profile,omitempty"`
	ProfileSaved   string              `json:"profile_saved,omitempty"` // its name on the endpoint
	System         bootcheck.System    `json:"system"`
	Check          string              `json:"check"`
	Findings       []bootcheck.Finding `json:"findings,omitempty"`
	Mounts         []jsonNote          `json:"mounts,omitempty"`
	Edits          []jsonNote          `json:"edits,omitempty"`
	Base           string              `json:"base,omitempty"`
	BaseSHA256     string              `json:"base_sha256sum,omitempty"`
	Deleted        []jsonNote          `json:"deleted,omitempty"`
	Omitted        []jsonNote          `json:"omitted,omitempty"`
	Changed        []jsonNote          `json:"changed,omitempty"`
	Version        string              `json:"version"`
}

// jsonNote is a note whose path is escaped like all names: JSON holds no bytes that are
// not UTF-8.
type jsonNote struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

func jsonNotes(list []entry.Note) []jsonNote {
	var out []jsonNote
	for _, n := range list {
		out = append(out, jsonNote{entry.Escape(n.Path), entry.Printable(n.Reason)})
	}
	return out
}

// printResult writes the document of capture --json and --result, also of a capture that
// failed: a following task shall always find one. It returns the error that it is given.
func (o *captureOptions) printResult(ctx context.Context, a *App, res capture.Result, err error) error {
	f := res.Facts
	doc := result{
		Filename: entry.Escape(f.Filename), Ident: f.Ident, Size: f.Size, MD5: f.MD5,
		UploadTarball: f.UploadTarball, UploadManifest: f.UploadManifest, SHA256: f.SHA256, Format: res.Profile.Format.String(),
		Unpacked: f.UnpackedSize, Entries: f.Entries, Manifest: entry.Escape(res.Manifest), Stored: res.Stored, Verified: res.Verified,
		Complete: res.Complete, ProfileSaved: res.ProfileSaved, System: res.System, Check: f.Check,
		Mounts: jsonNotes(f.Mounts), Edits: jsonNotes(f.Edits), Base: entry.Escape(f.Base), BaseSHA256: f.BaseSHA256, Deleted: jsonNotes(f.Deleted), Omitted: jsonNotes(f.Omitted), Changed: jsonNotes(f.Changed),
		Version: versionText(),
	}
	if !f.Date.IsZero() {
		doc.Date = f.Date.Format("2006-01-02T15:04:05Z")
	}
	if res.Report != nil {
		doc.Findings = res.Report.Findings
	}
	if res.Stored {
		p, perr := manifest.NewProfile(res.Profile)
		if none := (*manifest.NoLayersError)(nil); perr != nil && !errors.As(perr, &none) {
			err = errors.Join(err, perr)
		}
		doc.Profile = p
	}
	doc.tell(ctx, a, err)
	if o.json {
		if werr := writeJSON(a.stdout, doc); werr != nil && err == nil {
			if err = werr; res.Delivered {
				err = unprinted(res, werr)
			}
			doc.tell(ctx, a, err)
		}
	}
	if o.result != "" {
		werr := durable.Write(o.result, true, func(w io.Writer) error { return writeJSON(w, doc) })
		if werr != nil && err == nil {
			d := elsewhereHint(werr, fileFull)
			err = &failure{d.code, fmt.Errorf("--result: %w", werr), d.hint}
		}
	}
	return err
}

// tell fills in how the command ends.
func (doc *result) tell(ctx context.Context, a *App, err error) {
	doc.ending = a.ending(ctx, err)
	doc.Temporary = doc.ExitCode == ExitEndpoint && temporary(err)
}

// temporary reports whether the endpoint may do later what it did not do now.
func temporary(err error) bool {
	var remote *upload.Error
	return errors.As(err, &remote) && remote.Retryable()
}

// ending is what a command ends with: it is in the document of each, and all of that of one
// which fails before there is anything else to say.
type ending struct {
	ExitCode int    `json:"exit_code"`
	Error    string `json:"error,omitempty"`
	Hint     string `json:"hint,omitempty"`
}

// ending is what becomes of a command's error.
func (a *App) ending(ctx context.Context, err error) ending {
	code, hint, shown := a.conclude(ctx, err)
	e := ending{ExitCode: code, Hint: entry.Printable(a.term.words(hint))}
	if shown != nil {
		e.Error = entry.Printable(strings.Join(joined(shown), "; "))
	}
	return e
}

// tail are the fields of an ending, for a document that is written as it comes.
func (e ending) tail() string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	_ = enc.Encode(e) // strings and numbers only
	return strings.Trim(b.String(), "{} \n")
}

// wantsJSON reads --json from arguments that may not be right otherwise.
func wantsJSON(args []string) bool {
	if end := slices.Index(args, "--"); end >= 0 {
		args = args[:end]
	}
	return slices.Contains(args, "--json") || slices.Contains(args, "--json=true")
}

// writeJSON writes a document for people and programs.
func writeJSON(w io.Writer, doc any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(doc)
}

// printProfile prints a Profile after what was stored.
func printProfile(w io.Writer, p *manifest.Profile) error {
	b, err := p.YAML()
	if err == nil {
		_, err = fmt.Fprintf(w, "\nProfile that deploys it:\n%s\n%s", "---", b)
	}
	return err
}

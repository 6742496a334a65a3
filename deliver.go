package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"

	"image-capture/bootcheck"
	"image-capture/manifest"
)

// store sends the image, from the tree or, once that is whole, from the local
// file.
func (j *captureJob) store(ctx context.Context) error {
	most := j.fl.attempts
	if j.local == "-" || j.image != nil && j.image.inPlace {
		most = 1 // what went out cannot be taken back or read again
	}
	err := j.end.attempts(ctx, most, func(n int) error {
		if n > 1 {
			// The server may not have noticed yet that the connection broke, and keeps
			// the name taken until then; or for good, if it was killed.
			if err := j.name(ctx); err != nil {
				return err
			}
		}
		if j.sum != nil {
			_, err := j.end.client.Store(ctx, j.names.Image, io.NewSectionReader(j.image.f, 0, j.sum.Size), j.sum.Size)
			return err
		}
		if n > 1 {
			if err := j.openTree(ctx); err != nil {
				return err
			}
		}
		return j.stream(ctx)
	})
	if err != nil {
		return err
	}
	j.stored = true
	err = j.end.attempts(ctx, j.fl.attempts, func(int) (err error) {
		j.verified, err = j.end.confirm(ctx, j.names.Image, fmt.Sprintf("%x", j.sum.SHA256))
		return err
	})
	if errors.As(err, &storedOther{}) {
		j.stored = false
	}
	return err
}

// stream sends the image while the tree is walked.
func (j *captureJob) stream(ctx context.Context) error {
	src := newSource(func(w io.Writer) error { return j.archive(ctx, w) })
	_, err := j.end.client.Store(ctx, j.names.Image, src, -1)
	made := src.wait()
	if err != nil && made != nil && !errors.Is(made, errNotWanted) {
		return made // the tree or the local disk failed, not the endpoint
	}
	if err != nil && j.image == nil {
		j.sum = nil // whole or not: nobody has it
	}
	return err
}

// storeManifest sends the MANIFEST, which makes the image known as whole. When
// that fails it is kept in a local file.
func (j *captureJob) storeManifest(ctx context.Context) error {
	err := j.end.attempts(ctx, j.fl.attempts, func(int) error {
		src := newSource(j.writeManifest)
		_, err := j.end.store(ctx, j.names.Manifest, src, -1)
		if made := src.wait(); made != nil && !errors.Is(made, errNotWanted) {
			return made
		}
		return err
	})
	if err == nil {
		return nil
	}
	return j.unsent(err)
}

// keepManifest writes the MANIFEST to the current directory, or where temp files
// go.
func (j *captureJob) keepManifest() (string, error) {
	name := path.Base(j.names.Manifest)
	err := writeFile(name, true, j.writeManifest)
	if err == nil {
		return filepath.Abs(name)
	}
	name = filepath.Join(os.TempDir(), name)
	if terr := writeFile(name, true, j.writeManifest); terr != nil {
		return "", errors.Join(err, terr)
	}
	return name, nil
}

// unsent is a failure to send what is whole here: it says where that is, and how
// to send it.
func (j *captureJob) unsent(err error) error {
	code, hint := diagnose(err)
	kept := j.manifest
	if j.stored && kept == "" {
		var kerr error
		if kept, kerr = j.keepManifest(); kerr != nil {
			return &failure{code, errors.Join(err, fmt.Errorf("the image is stored, but its MANIFEST is lost: %w", kerr)), hint}
		}
	}
	switch {
	case j.stored:
		err = fmt.Errorf("the image is stored as %s, its MANIFEST is not: it is kept in %s: %w", j.names.Image, kept, err)
		hint = again(code) + "send it with image-capture upload " + kept
	case j.image != nil && kept != "":
		err = fmt.Errorf("%s and %s are whole, but not stored: %w", j.local, kept, err)
		hint = again(code) + "send them with image-capture upload " + j.local + " " + kept
	}
	return &failure{code, err, hint}
}

// again is what comes before sending once more.
func again(code int) string {
	if code == exitRefused {
		return "get a token that is valid and has the claims, then "
	}
	return ""
}

// writeProfile writes the Profile that deploys the image.
func (j *captureJob) writeProfile(w io.Writer) error {
	b, err := manifest.Profile(manifest.ProfileParams{
		Format: j.format, Path: j.names.Image, Endpoint: j.app.endpointURL(j.fl), SHA256: j.facts.SHA256,
	})
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

// result is the document of --json.
type result struct {
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

func jsonNotes(list []manifest.Note) []jsonNote {
	var out []jsonNote
	for _, n := range list {
		out = append(out, jsonNote{printable(n.Path), printable(n.Reason)})
	}
	return out
}

// print writes the result to stdout; to stderr when the image is there.
func (j *captureJob) print() error {
	f := j.facts
	if !j.fl.json {
		w := j.app.stdout
		if j.local == "-" {
			w = j.app.term.w
			if j.app.term.quiet {
				return nil
			}
		}
		_, err := io.WriteString(w, f.Block())
		return err
	}
	r := result{
		Filename: printable(f.Filename), Ident: f.Ident, Date: f.Date.Format("2006-01-02T15:04:05Z"), Size: f.Size, MD5: f.MD5,
		UploadTarball: f.UploadTarball, UploadManifest: f.UploadManifest, SHA256: f.SHA256, Format: f.Format.String(),
		Unpacked: f.UnpackedSize, Entries: f.Entries, Manifest: printable(j.manifest), Stored: j.stored, Verified: j.verified,
		Complete: len(j.sum.Unreadable) == 0, System: j.system, Check: f.Check,
		Mounts: jsonNotes(f.Mounts), Edits: jsonNotes(f.Edits), Omitted: jsonNotes(f.Omitted), Changed: jsonNotes(f.Changed),
		Version: f.AgentVersion,
	}
	if j.report != nil {
		r.Findings = j.report.Findings
	}
	enc := json.NewEncoder(j.app.stdout)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path"
	"sync/atomic"

	"image-capture/manifest"
)

// send is the command upload: it stores an image and its MANIFEST that are on
// disk, or the MANIFEST alone of an image that is stored already.
func send(ctx context.Context, a *app, fl *flags, args []string) error {
	if len(args) != 1 && len(args) != 2 {
		return usagef("image-capture upload IMAGE MANIFEST, or image-capture upload MANIFEST", "upload takes an image and its MANIFEST")
	}
	manifestFile := args[len(args)-1]
	facts, err := readFacts(manifestFile)
	if err != nil {
		return err
	}
	names := manifest.Names{Image: facts.UploadTarball, Manifest: facts.UploadManifest}
	if fl.set("upload-path") {
		t := manifest.Template{UploadPath: fl.uploadPath, RootFS: path.Base(names.Image), Manifest: path.Base(names.Manifest)}
		if names, err = t.Expand(manifest.Vars{Tag: "linux", DStamp: manifest.DStamp(facts.Date), Ident: facts.Ident}, facts.Format); err != nil {
			return usagef("", "--upload-path: %w", err)
		}
	}
	end, err := a.connect(ctx, fl)
	if err != nil {
		return err
	}
	r := sent{Image: names.Image, Manifest: names.Manifest, SHA256: facts.SHA256}
	if len(args) == 2 {
		if err := end.ready(ctx, fl.overwrite, names.Image, names.Manifest); err != nil {
			return err
		}
		if err := end.sendImage(ctx, fl, args[0], names.Image, facts); err != nil {
			return err
		}
	} else if err := end.ready(ctx, fl.overwrite, names.Manifest); err != nil {
		return err
	}
	// Also for the image sent just now: a MANIFEST vouches for it.
	err = end.attempts(ctx, fl.attempts, func(int) (err error) {
		r.Verified, err = end.confirm(ctx, names.Image, facts.SHA256)
		return err
	})
	if other := (storedOther{}); err != nil && len(args) == 2 && !errors.As(err, &other) {
		code, _ := diagnose(err)
		return &failure{code, fmt.Errorf("the image is stored as %s, its MANIFEST is not: %w", names.Image, err), again(code) + "send it with image-capture upload " + manifestFile}
	}
	if err != nil {
		return err
	}
	err = end.attempts(ctx, fl.attempts, func(int) error {
		f, err := os.Open(manifestFile)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = end.store(ctx, names.Manifest, f, -1)
		return err
	})
	if err != nil {
		return err
	}
	if fl.saveProfile != "" {
		p := manifest.ProfileParams{Name: fl.saveProfile, Format: facts.Format, Path: names.Image, Endpoint: a.endpointURL(fl), SHA256: facts.SHA256}
		if err := end.saveProfile(ctx, p); err != nil {
			return err
		}
		r.ProfileSaved = fl.saveProfile
	}
	if fl.json {
		return writeJSON(a.stdout, r)
	}
	_, err = fmt.Fprintf(a.stdout, "%16s  %s\n%16s  %s\n", "upload tarball:", names.Image, "upload manifest:", names.Manifest)
	return err
}

// sent is the document of upload --json.
type sent struct {
	Image    string `json:"upload_tarball"`
	Manifest string `json:"upload_manifest"`
	SHA256   string `json:"sha256sum"`
	Verified bool   `json:"verified"`
	// ProfileSaved is the name of the Profile on the endpoint.
	ProfileSaved string `json:"profile_saved,omitempty"`
}

// readFacts reads what a MANIFEST says of its image, and all of the MANIFEST: one
// that was cut short is not sent.
func readFacts(name string) (manifest.Facts, error) {
	f, err := os.Open(name)
	if err != nil {
		return manifest.Facts{}, usagef("", "%w", err)
	}
	defer f.Close()
	r, err := manifest.Parse(f)
	for err == nil {
		_, err = r.Next()
	}
	if !errors.Is(err, io.EOF) {
		return manifest.Facts{}, usagef("name the MANIFEST that the capture wrote", "%s: %w", name, err)
	}
	facts := r.Facts()
	if facts.UploadTarball == "" || facts.UploadManifest == "" || facts.SHA256 == "" {
		return facts, usagef("name the MANIFEST that the capture wrote", "%s does not say where its image goes", name)
	}
	return facts, nil
}

// sendImage sends the image file if it is the one that the MANIFEST is about.
func (e *endpoint) sendImage(ctx context.Context, fl *flags, file, name string, facts manifest.Facts) error {
	return e.attempts(ctx, fl.attempts, func(n int) error {
		f, err := os.Open(file)
		if err != nil {
			return usagef("", "%w", err)
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		if info.Size() != facts.Size {
			return &failure{exitVerify, fmt.Errorf("%s has %d bytes, its MANIFEST says %d", file, info.Size(), facts.Size), "name the image and the MANIFEST of one capture"}
		}
		body := &checkedFile{r: f, name: file, left: info.Size(), want: facts.SHA256, sum: sha256.New()}
		bar := startProgress(e.app.term, fl.progress, "sent", func() (int64, int64) { return body.sent.Load(), 0 }, info.Size)
		defer bar.stop()
		if n == 1 {
			e.app.term.say("to send: %s; "+roomUnknown, bytesText(info.Size()))
		}
		_, err = e.client.Store(ctx, name, body, info.Size())
		if err != nil && body.sent.Load() == info.Size() && e.arrived(ctx, err, name, facts.SHA256) {
			return nil
		}
		return err
	})
}

// checkedFile reads a file and, before its last bytes go out, makes sure that it
// has the digest it should: so that another file is never stored whole.
type checkedFile struct {
	r    io.Reader
	name string
	left int64
	want string
	sum  hash.Hash
	sent atomic.Int64
}

func (c *checkedFile) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.sum.Write(p[:n])
	c.left -= int64(n)
	if c.left <= 0 && hex.EncodeToString(c.sum.Sum(nil)) != c.want {
		return 0, &failure{exitVerify, fmt.Errorf("%s has another SHA-256 than its MANIFEST says; it was not stored", c.name), "name the image and the MANIFEST of one capture, or capture again"}
	}
	c.sent.Add(int64(n))
	return n, err
}

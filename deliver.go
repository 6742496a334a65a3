package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"time"
)

// store sends the image, from the tree or, once that is whole, from the local
// file.
func (j *captureJob) store(ctx context.Context) error {
	j.announce(ctx)
	most := j.fl.attempts
	if j.local == "-" || j.image != nil && j.image.inPlace {
		most = 1 // what went out cannot be taken back or read again
	}
	err := j.end.attempts(ctx, most, func(n int) error {
		if n > 1 {
			// The server may not have noticed yet that the connection broke, and keeps
			// the name taken until then; or for good, if it was killed. Where the name
			// was given without an ident it is the same again, see ownPart.
			if err := j.name(ctx); err != nil {
				return err
			}
		}
		if j.sum != nil {
			_, err := j.end.client.Store(ctx, j.names.Image, io.NewSectionReader(j.image.f, 0, j.sum.Size), j.sum.Size)
			return j.unlessArrived(ctx, err)
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
	if err != nil && j.sum != nil {
		err = j.unlessArrived(ctx, err)
	}
	if err != nil && j.image == nil {
		j.sum = nil // whole or not: nobody has it
	}
	return err
}

// unlessArrived drops the error of an upload of which only the answer was lost.
func (j *captureJob) unlessArrived(ctx context.Context, err error) error {
	if err != nil && j.end.arrived(ctx, err, j.names.Image, fmt.Sprintf("%x", j.sum.SHA256)) {
		return nil
	}
	return err
}

const roomUnknown = "the endpoint does not tell how much room it has"

// announce says what will be sent, as far as it can be known: what the kernel says
// is in use on the filesystems, or what the files of a mere directory have, if that
// is counted in a few seconds. An endpoint tells nobody how much room it has: no
// field of models.Info does.
func (j *captureJob) announce(ctx context.Context) {
	if j.app.term.quiet {
		return
	}
	const patience = 3 * time.Second
	t := j.total(ctx)
	t.get() // begins to count
	counted := make(chan struct{})
	go func() {
		defer close(counted)
		t.wait.Wait()
	}()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-counted:
	case <-timer.C:
	case <-ctx.Done():
	}
	n := t.get()
	t.stop()
	<-counted
	size := "unknown yet"
	if n > 0 {
		size = "about " + bytesText(n) + " before compression"
	}
	j.app.term.say("to send: %s; "+roomUnknown, size)
}

// storeManifest sends the MANIFEST, which makes the image known as whole. When
// that fails it is kept in a local file.
func (j *captureJob) storeManifest(ctx context.Context) error {
	seen := false // the MANIFEST, by this token
	err := j.end.attempts(ctx, j.fl.attempts, func(int) (err error) {
		src := newSource(j.writeManifest)
		seen, err = j.end.store(ctx, j.names.Manifest, src, -1)
		if made := src.wait(); made != nil && !errors.Is(made, errNotWanted) {
			return made
		}
		return err
	})
	if err != nil {
		return j.unsent(err)
	}
	if seen && !j.verified {
		return j.lookAgain(ctx)
	}
	return nil
}

// lookAgain is for an image that could not be seen after it was stored, with a token
// that sees the MANIFEST: so it is not there. Without the claims that was not to be
// known before.
func (j *captureJob) lookAgain(ctx context.Context) error {
	err := j.end.attempts(ctx, j.fl.attempts, func(int) (err error) {
		j.verified, err = j.end.client.Confirm(ctx, j.names.Image, fmt.Sprintf("%x", j.sum.SHA256))
		return err
	})
	if err == nil && !j.verified {
		j.stored = false
		err = fmt.Errorf("the endpoint shows the MANIFEST %s to this token, and not the image %s: it does not have it", j.names.Manifest, j.names.Image)
		return &failure{exitEndpoint, err, "delete the MANIFEST there; look whether a folder of the image's name is there, and at the endpoint's log"}
	}
	return err
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

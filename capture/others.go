package capture

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"image-capture/durable"
	"image-capture/manifest"
	"image-capture/upload"
)

// OthersManifestError says that a file which was to be written has the name of the MANIFEST
// of another image, which is there, and would be without one. --overwrite does not mean
// that: t.tgz and t.tar.zst have the same name for theirs.
type OthersManifestError struct {
	Manifest, Image string
	// New is the local image whose MANIFEST was to have that name; "" for none.
	New string
	// Endpoint says that both are there, by their paths.
	Endpoint bool
}

func (e *OthersManifestError) Error() string {
	where := ""
	if e.Endpoint {
		where = " on the endpoint"
	}
	return e.Manifest + where + " is the MANIFEST of " + e.Image + ", which would be left without one"
}

// NotOthers refuses to write a local file in the place of the MANIFEST of an image that is
// there, unless it is that of image, which may be "". The error is an OthersManifestError.
func NotOthers(name, image string) error {
	info, err := os.Stat(name)
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil // who writes it says why
	}
	defer f.Close()
	r, err := manifest.Parse(f)
	if err != nil {
		return nil // not a MANIFEST
	}
	facts := r.Facts()
	// Its name is relative to where that capture ran; both may have been moved since.
	for _, other := range []string{filepath.Join(filepath.Dir(name), filepath.Base(facts.Filename)), facts.Filename} {
		is, err := os.Stat(other)
		switch {
		case err != nil || !is.Mode().IsRegular() || is.Size() != facts.Size:
		case durable.Same(other, image):
			return nil
		default:
			return &OthersManifestError{Manifest: name, Image: other}
		}
	}
	return nil
}

// LeftManifestError says that an image which is to be replaced has a MANIFEST that is not,
// and would then stand beside an image that it is not of.
type LeftManifestError struct{ Manifest, Image string }

func (e *LeftManifestError) Error() string {
	return e.Manifest + " is the MANIFEST of the " + e.Image + " that is there, and would not be of the new one"
}

// notOthers looks at the files that are about to be written here. beside is where the
// MANIFEST of the image goes when no other name is given.
func (o *outputs) notOthers(beside string) error {
	if beside != "" && filepath.Clean(beside) != filepath.Clean(o.manifest.name) {
		err := NotOthers(beside, "")
		if others := (*OthersManifestError)(nil); errors.As(err, &others) && durable.Same(others.Image, o.image.name) {
			return &LeftManifestError{beside, o.image.name}
		}
	}
	for _, out := range o.all() {
		err := NotOthers(out.name, o.image.name)
		var others *OthersManifestError
		if errors.As(err, &others) && out == &o.manifest {
			others.New = o.image.name
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Ready finds out, before anything is read, whether files of these names can be stored; see
// upload.Endpoint.Ready. The error may be an OthersManifestError, too.
func (d *Delivery) Ready(ctx context.Context, names ...string) error {
	err := d.Endpoint.Ready(ctx, d.Overwrite, names...)
	var taken *upload.NameError
	if err == nil && !d.Overwrite || err != nil && !(errors.As(err, &taken) && taken.Path == d.Names.Manifest) {
		return err
	}
	// What cannot be seen there keeps nobody from storing.
	image, ierr := d.Endpoint.ImageOf(ctx, d.Names.Manifest)
	if ierr == nil && image != "" && image != d.Names.Image {
		return &OthersManifestError{Manifest: d.Names.Manifest, Image: image, Endpoint: true}
	}
	return err
}

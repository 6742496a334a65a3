package capture

import (
	"context"
	"slices"

	"image-capture/bootcheck"
	"image-capture/compare"
	"image-capture/entry"
	"image-capture/manifest"
	"image-capture/upload"
)

// Base is the image, or the image with layers over it, that a layer is captured over.
type Base struct {
	// Entries are those of the base, in the order of an image; they are read once.
	Entries compare.Stream
	// Name and SHA256 are for the MANIFEST: of the uppermost image of the base.
	Name, SHA256 string
	// Files are those that Entries may be read from, and none that is written.
	Files []string
	// Under are the images that it is made of, for the Profile.
	Under []manifest.Under
	// Content compares files by their digests, so that all are read; else those of the
	// same size and time are taken for equal, and not read.
	Content bool
}

// LayerProfile says why no Profile can deploy the layer with its base: a
// manifest.NoLayersError.
func (o Options) LayerProfile() error {
	_, err := manifest.NewProfile(manifest.ProfileParams{
		Format: o.Format, Path: "x", SHA256: o.Base.SHA256, Eikon: o.Boot.Deployer == bootcheck.Eikon, Under: o.Base.Under,
	})
	return err
}

// UndigestedError says that the base cannot be compared by content.
type UndigestedError struct{ Files int64 }

func (e *UndigestedError) Error() string {
	return counted(int(e.Files), "file of the base has no digest", "files of the base have no digest")
}

// seekBase tells which images under a layer the endpoint does not have, as far as the token
// sees it.
func (r *run) seekBase(ctx context.Context) {
	end, base := r.opt.Endpoint, r.opt.Base
	if end == nil || base == nil || r.opt.LayerProfile() != nil {
		return
	}
	for _, u := range base.Under {
		found, err := end.Exists(ctx, u.Path)
		if err == nil && (found == upload.Absent || found == upload.Unknown && end.Grants("get", u.Path)) {
			r.events.BaseAbsent(u.Path)
		}
	}
}

// baseEntries notes what is needed of the base's directories.
type baseEntries struct {
	compare.Stream
	inherit map[string]bool
}

const defaultACL = "system.posix_acl_default"

func (b *baseEntries) Next() (*entry.Member, error) {
	m, err := b.Stream.Next()
	if err == nil && m.Type == entry.Dir && slices.ContainsFunc(m.Xattrs, func(x entry.Xattr) bool { return x.Name == defaultACL }) {
		b.inherit[m.Path] = true
	}
	return m, err
}

package capture

import (
	"io"

	"image-capture/bootcheck"
	"image-capture/entry"
	"image-capture/manifest"
)

// Result is what came of a capture.
type Result struct {
	// Facts are those of the MANIFEST, as far as they are known; what was edited,
	// omitted, changed and mounted is in them, each with its reason.
	Facts manifest.Facts
	// Image and Manifest are the names of the local files, the MANIFEST's when it is of
	// something that is whole; "" for none.
	Image, Manifest string
	// Whole says that an image was made, Complete that nothing is missing in it.
	Whole, Complete bool
	// Begun says that something went to Options.Stdout, of a whole image or not.
	Begun bool
	// Delivered says that image and MANIFEST are all where they belong.
	Delivered bool
	// Stored says that the endpoint took the image, Verified that it was seen to have
	// the same SHA-256.
	Stored, Verified bool
	// Unreadable are of Facts.Omitted those that should be in the image.
	Unreadable []entry.Note
	// Report is that of the boot check, nil without; Fixes are the edits that it offered
	// and that the image has.
	Report *bootcheck.Report
	Fixes  []bootcheck.Fix
	System bootcheck.System
	// Profile deploys the image; ProfileSaved is its name on the endpoint, "" when it is
	// not there.
	Profile      manifest.ProfileParams
	ProfileSaved string
}

func (r *run) result() Result {
	res := Result{
		Facts: r.facts, Whole: r.image != nil, Begun: r.outputs.begun.Load(), Delivered: r.delivered,
		Report: r.checked.Report, Fixes: r.checked.Fixes, System: r.checked.System, Profile: r.profile(), ProfileSaved: r.profileSaved,
	}
	if r.delivery != nil {
		res.Stored, res.Verified = r.delivery.Stored, r.delivery.Verified
	}
	if r.image != nil {
		res.Unreadable = r.image.sum.Unreadable
		res.Complete = len(res.Unreadable) == 0
		if r.delivery == nil || res.Stored || r.outputs.hasImage() {
			res.Image, res.Manifest = r.outputs.imageName(), r.outputs.manifestName()
		}
	}
	return res
}

func (r *run) profile() manifest.ProfileParams {
	var under []manifest.Under
	if b := r.opt.Base; b != nil {
		under = b.Under
	}
	return manifest.ProfileParams{
		Under: under, NeedsHooks: len(r.facts.Deleted) > 0 || r.layer != nil && r.layer.overlaid,
		Name: r.opt.SaveProfile, Format: r.opt.Format, Path: r.facts.UploadTarball, Endpoint: r.opt.EndpointURL, Files: r.filesURL, SHA256: r.facts.SHA256,
		Eikon: r.opt.Boot.Deployer == bootcheck.Eikon, Ubuntu: r.checked.System.OS.ID == "ubuntu", Hooks: r.checked.System.Hooks != "",
	}
}

// writeProfile writes the Profile that deploys the image.
func (r *run) writeProfile(w io.Writer) error {
	p, err := manifest.NewProfile(r.profile())
	if err != nil {
		return err
	}
	b, err := p.YAML()
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

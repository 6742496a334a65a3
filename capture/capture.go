// Package capture makes one image: from the tree, through the boot check, to image,
// MANIFEST and Profile that are stored where they belong. It knows no flags, no
// terminal and no environment; whoever calls it says all in Options, sees in Events
// what happens on the way, and has in Result what came of it.
//
// Nothing half-written is left under a final name. The image comes first and its
// MANIFEST last, here and on the endpoint: a MANIFEST says that its image is whole.
//
// Each attempt at the endpoint that has to walk the tree again is a new value with a
// tree of its own, so that nothing of the one before is left in it.
package capture

import (
	"cmp"
	"context"
	"errors"
	"io"

	"image-capture/bootcheck"
	"image-capture/manifest"
)

// Run captures once. The Result is of what was done, also when the error is not nil.
//
// Errors that callers tell apart are those of this package and of upload, durable and
// rootfs, and context.Canceled.
func Run(ctx context.Context, opt Options, events Events) (Result, error) {
	if events == nil {
		events = Silent{}
	}
	r := newRun(opt, events)
	defer r.close()
	err := r.all(ctx)
	if r.delivery != nil {
		err = r.delivery.Interrupted(ctx, err)
	}
	return r.result(), err
}

// run is what all attempts of one capture share.
type run struct {
	opt    Options
	events Events
	origin Origin

	checked  Checked
	layer    *layer // what differs from the base, once that is known; nil without one
	facts    manifest.Facts
	filesURL string // where the endpoint serves the image to deployers, if known

	outputs  outputs
	delivery *Delivery // nil without an endpoint
	image    *attempt  // the one that made a whole image; nil before
	// made writes the MANIFEST of an image that another machine has made; nil for ours.
	made func(io.Writer) error

	late error // what went wrong on the tree's host when the image was made

	delivered    bool // image and MANIFEST are where they belong
	profileSaved string
}

func newRun(opt Options, events Events) *run {
	r := &run{opt: opt, events: events, origin: opt.origin(events)}
	if e := opt.Endpoint; e != nil {
		r.delivery = &Delivery{Endpoint: e, Overwrite: opt.Overwrite}
	}
	return r
}

func (r *run) close() {
	r.outputs.close()
	if r.image != nil {
		r.image.close()
	}
	r.origin.Close()
}

// all is the capture itself.
func (r *run) all(ctx context.Context) error {
	if e, name := r.opt.Endpoint, r.opt.SaveProfile; e != nil && name != "" {
		if create, update, lacking := e.CannotSaveProfile(name); lacking {
			r.events.ProfileWillFail(create, update)
		}
	}
	if err := r.origin.Ready(ctx); err != nil {
		return err
	}
	if err := r.given(); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{r.check, r.name, r.place, r.transfer} {
		if err := step(ctx); err != nil {
			return joined(err, r.late)
		}
	}
	r.delivered = true
	if err := joined(r.verdict(), r.late); err != nil {
		if r.opt.SaveProfile != "" {
			r.events.ProfileLeftOut(r.opt.SaveProfile)
		}
		return err
	}
	if r.opt.SaveProfile == "" {
		return nil
	}
	if err := r.hooksArchive(ctx); err != nil {
		return &ProfileError{r.delivery.Names.Image, r.opt.SaveProfile, err}
	}
	if _, err := r.delivery.Profile(ctx, r.profile()); err != nil {
		return err
	}
	r.profileSaved = r.opt.SaveProfile
	return nil
}

// check judges the tree before anything of it is read.
func (r *run) check(ctx context.Context) (err error) {
	r.seekBase(ctx)
	if r.checked, err = r.origin.Check(ctx); err != nil {
		return err
	}
	report := r.checked.Report
	if report == nil {
		r.facts.Check = "off"
		return r.secrets()
	}
	r.facts.Check = report.Counts().String()
	for _, f := range report.Findings {
		if f.Level > bootcheck.OK {
			r.facts.Findings = append(r.facts.Findings, f.String())
		}
	}
	r.events.Checked(*report)
	if r.opt.Check == Enforce && report.Worst() == bootcheck.Fail {
		return &CheckError{r.opt.Boot.Deployer}
	}
	return r.secrets()
}

// secrets tells of those that will be in the image, or refuses them.
func (r *run) secrets() error {
	found := r.checked.Secrets
	if r.opt.RefuseSecrets {
		if refused := bootcheck.Unusual(found); len(refused) > 0 {
			return &SecretsError{refused}
		}
	}
	if len(found) > 0 && r.opt.FindSecrets {
		r.events.Secrets(found)
	}
	return nil
}

// transfer brings the image, then the MANIFEST, to where they belong.
func (r *run) transfer(ctx context.Context) error {
	failed := r.read(ctx) // if there is an image: of the endpoint; what is local is worth finishing
	if r.image == nil {
		return failed
	}
	if r.delivery != nil && ctx.Err() != nil && !r.delivery.Stored {
		return context.Cause(ctx)
	}
	if r.filesURL = r.opt.FilesURL; r.delivery != nil && r.delivery.Stored {
		r.filesURL = FilesURL(ctx, r.delivery.Endpoint, r.filesURL, r.opt.EndpointURL)
	}
	r.conclude()
	if failed != nil && !r.outputs.hasImage() && !r.delivery.Stored {
		return failed
	}
	// A local disk that fails now takes nothing from what the endpoint has: the
	// MANIFEST is sent all the same.
	local := r.finish()
	if failed != nil {
		return errors.Join(local, r.unsent(failed))
	}
	if r.delivery != nil {
		if err := r.delivery.Manifest(ctx, r.facts.SHA256, r.writeManifest); err != nil {
			var hidden *HiddenError
			if !errors.As(err, &hidden) {
				err = r.unsent(err)
			}
			return errors.Join(local, err)
		}
	}
	return local
}

// read makes the image of a tree that holds still, and brings it to where it belongs.
func (r *run) read(ctx context.Context) error {
	err := r.origin.Hold(ctx)
	if err == nil {
		if r.delivery == nil {
			err = r.walk(ctx, nil)
		} else {
			err = r.send(ctx)
		}
	}
	if r.late = r.origin.Release(ctx); r.image == nil && r.late != nil {
		err, r.late = joined(err, r.late), nil
	}
	return err
}

// joined is errors.Join that leaves a single error as it is.
func joined(first, second error) error {
	if first == nil || second == nil {
		return cmp.Or(first, second)
	}
	return errors.Join(first, second)
}

// verdict turns a capture that lacks something into an error.
func (r *run) verdict() error {
	unreadable, changed := len(r.image.sum.Unreadable), len(r.image.sum.Changed)
	switch {
	case unreadable > 0:
		return &IncompleteError{Unreadable: unreadable, Changed: changed}
	case changed > 0 && r.opt.Strict:
		return &IncompleteError{Changed: changed}
	}
	return nil
}

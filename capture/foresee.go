package capture

import (
	"context"
	"slices"

	"image-capture/durable"
	"image-capture/snapshot"
)

// Unknown is something that only a capture finds out.
type Unknown string

// What a Preview does not know.
const (
	UnknownContents  Unknown = "contents"       // whether files can be read to their ends
	UnknownSnapshots Unknown = "snapshots"      // whether the host can make them
	UnknownHooks     Unknown = "hooks"          // what the user's hooks do
	UnknownRoom      Unknown = "endpoint-room"  // what the endpoint's disk has free
	UnknownClaims    Unknown = "token-claims"   // whether the token may store: it does not tell
	UnknownNames     Unknown = "endpoint-names" // whether the names are free: the token may not see it
)

// TokenLacks are the claims of which a token has neither.
type TokenLacks struct{ Create, Update string }

// Preview goes through a capture without reading more of the files than some samples: the
// same source, check, edits and walk as those of Run, and what Run asks of this machine and
// of the endpoint before it reads. It writes and stores nothing. The error is the one that
// Run would end with. Memory is bounded by the depth of the tree, and by the inodes with
// several names of which not all have come.
func Preview(ctx context.Context, opt Options, events Events) (Forecast, error) {
	r := newRun(opt, events)
	defer r.close()
	steps := []func(context.Context) error{
		r.origin.Ready, func(context.Context) error { return r.given() }, r.check, r.name, r.free,
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return Forecast{Facts: r.facts, Report: r.checked.Report}, err
		}
	}
	unknown, err := r.ask(ctx)
	if err != nil {
		return Forecast{Facts: r.facts, Report: r.checked.Report, Unknown: unknown}, err
	}
	f, err := r.preview(ctx)
	f.Facts, f.Report = r.facts, r.checked.Report
	f.Room = roomFor(r.outputs.image.name)
	if name := opt.SaveProfile; name != "" && opt.Endpoint != nil {
		if create, update, lacking := opt.Endpoint.CannotSaveProfile(name); lacking {
			f.NoProfile = &TokenLacks{create, update}
		}
	}
	f.Unknown = append(r.unknownHere(), unknown...)
	return f, err
}

// preview is that of the origin, of a layer too.
func (r *run) preview(ctx context.Context) (f Forecast, err error) {
	if err := r.compare(ctx); err != nil {
		return f, err
	}
	f, err = r.origin.Preview(ctx)
	if r.layer != nil {
		f.Deleted = r.layer.deleted()
	}
	return f, err
}

// free finds the names of the files, and refuses those that could not be made.
func (r *run) free(ctx context.Context) error {
	if err := r.assign(); err != nil {
		return err
	}
	if err := r.allowed(ctx); err != nil {
		return err
	}
	return r.probe()
}

// probe refuses names of files that could not be made.
func (r *run) probe() error {
	for _, out := range r.outputs.all() {
		if out.name == "" {
			continue
		}
		if err := durable.Probe(out.name, r.opt.Overwrite); err != nil {
			return err
		}
	}
	return nil
}

// ask asks the endpoint what it says without being given anything, and returns what it does
// not say.
func (r *run) ask(ctx context.Context) (unknown []Unknown, err error) {
	e := r.opt.Endpoint
	if e == nil {
		return nil, nil
	}
	names := []string{r.facts.UploadTarball, r.facts.UploadManifest}
	if err := e.Known(ctx, names[0]); err != nil {
		return nil, err
	}
	unknown = []Unknown{UnknownRoom}
	if slices.ContainsFunc(names, func(name string) bool { return !e.Grants("post", name) }) {
		unknown = append(unknown, UnknownClaims)
	}
	if r.opt.Overwrite {
		return unknown, nil
	}
	seen, err := e.Sees(ctx, names[0])
	if err == nil && !seen {
		unknown = append(unknown, UnknownNames)
	}
	return unknown, err
}

// unknownHere is what a capture finds out on this machine.
func (r *run) unknownHere() []Unknown {
	list := []Unknown{UnknownContents}
	if s := r.opt.Steady.Snapshot; s != "" && s != snapshot.None {
		list = append(list, UnknownSnapshots)
	}
	if r.opt.Steady.Hooks.Any() {
		list = append(list, UnknownHooks)
	}
	return list
}

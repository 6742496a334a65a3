package capture

import (
	"cmp"
	"context"
	"encoding/hex"
	"io"
	"path"
	"strings"
	"time"

	"image-capture/durable"
	"image-capture/entry"
	"image-capture/manifest"
)

// attempt is one walk of the tree. It is made new for each.
type attempt struct {
	spool *manifest.Spool
	sum   Walked // once the image is whole
}

// attempt has a place for the lines of the MANIFEST.
func (r *run) attempt() (*attempt, error) {
	f, err := durable.Temp(r.opt.TempDir)
	if err != nil {
		return nil, err
	}
	return &attempt{spool: manifest.NewSpool(f)}, nil
}

func (a *attempt) close() { a.spool.Close() }

// walk walks the tree once and writes the image to the local file or stdout, and to
// remote, if they are wanted.
func (r *run) walk(ctx context.Context, remote io.Writer) error {
	a, err := r.attempt()
	if err != nil {
		return err
	}
	if err := r.compare(ctx); err != nil {
		a.close()
		return err
	}
	out := &tee{local: r.outputs.writer(ctx), remote: remote}
	if a.sum, err = r.origin.Walk(ctx, out, Mark{r.facts.Ident, r.facts.Date}, r.skip(), a.spool.Add); err != nil {
		a.close()
		return err
	}
	if r.layer != nil {
		a.sum.Unreadable = append(a.sum.Unreadable, r.layer.lost...)
	}
	r.image = a
	return nil
}

// skip names what is written now, and never captured.
func (r *run) skip() map[entry.FileID]string {
	skip := map[entry.FileID]string{}
	for _, id := range r.outputs.ids() {
		skip[id] = "a file that this capture writes"
	}
	return skip
}

// name finds the names of image and MANIFEST, unique by a new ident.
func (r *run) name(context.Context) (err error) {
	now := time.Now().UTC().Truncate(time.Second)
	vars := manifest.Vars{Tag: r.checked.System.Tag(), DStamp: manifest.DStamp(now), Ident: manifest.NewIdent()}
	if tag := r.opt.Tag; tag != "" {
		if vars.Tag = tag; manifest.CleanTag(tag) != tag {
			return optionErrorf(OptionTag, "%q: use a-z, 0-9 and, between these, . _ + -, at most 64 characters", tag)
		}
	}
	names, err := r.opt.Names.Expand(vars, r.opt.Format)
	if err == nil && r.opt.Base != nil && (r.opt.SaveProfile != "" || r.opt.Outputs.Profile != "") {
		err = names.ForLayer()
	}
	if err != nil {
		return &OptionError{OptionNames, err}
	}
	f := &r.facts
	f.Ident, f.Date, f.Format = vars.Ident, now, r.opt.Format
	f.UploadTarball, f.UploadManifest = names.Image, names.Manifest
	switch {
	case r.opt.Stdout != nil:
		f.Filename = "-"
	case r.opt.Image != "":
		f.Filename = r.opt.Image
	default:
		f.Filename = path.Base(names.Image)
	}
	f.OS, f.Arch, f.Kernels = r.checked.System.OS.PrettyName, r.checked.System.Arch, r.checked.System.Kernels
	f.Hooks = r.checked.System.Hooks
	f.AgentVersion, f.Source = r.opt.Version, r.checked.Source
	if b := r.opt.Base; b != nil {
		f.Base, f.BaseSHA256 = b.Name, b.SHA256
	}
	if r.delivery != nil {
		r.delivery.Names = names
	}
	return nil
}

// conclude fills in what is known after the walk, and reports what went wrong.
func (r *run) conclude() {
	s, f := r.image.sum, &r.facts
	f.Size, f.UnpackedSize, f.Entries = s.Size, s.Unpacked, s.Entries
	f.MD5, f.SHA256 = hex.EncodeToString(s.MD5), hex.EncodeToString(s.SHA256)
	for _, m := range s.Mounts {
		f.Mounts = append(f.Mounts, entry.Note{Path: m.Path, Reason: strings.TrimPrefix(m.String(), entry.Escape(m.Path)+" ")})
	}
	f.Edits = s.Edits
	if r.layer != nil {
		f.Deleted = r.layer.deleted()
	}
	f.Omitted = append(append(f.Omitted, s.Unreadable...), s.Omitted...)
	f.Changed = s.Changed
	r.events.Walked(s.Unreadable, s.Changed, s.Omitted)
}

func (r *run) writeManifest(w io.Writer) error {
	if r.made != nil {
		return r.made(w)
	}
	return r.image.spool.Write(w, r.facts, r.image.sum.Frames)
}

// send sends the image, from the tree or, once that is whole, from the local file.
func (r *run) send(ctx context.Context) error {
	d := r.delivery
	if r.outputs.once() {
		d.Endpoint = d.Endpoint.Once() // what went out cannot be taken back or read again
	}
	r.events.Sending(func() int64 {
		if r.opt.Base != nil {
			return 0 // of a layer nothing is known yet
		}
		return r.origin.Estimate(ctx)
	}, false)
	err := d.Image(ctx, func(n int) (Body, error) {
		if n > 1 {
			// The server may not have noticed yet that the connection broke, and keeps
			// the name taken until then; or for good, if it was killed. Where the name
			// was given without an ident it is the same again; see upload.Endpoint.Do.
			if err := r.name(ctx); err != nil {
				return nil, err
			}
		}
		if r.image != nil && r.outputs.hasImage() {
			s := r.image.sum
			return &storedBody{io.NewSectionReader(r.outputs.image.file, 0, s.Size), hex.EncodeToString(s.SHA256), s.Size}, nil
		}
		if r.image != nil { // whole or not: nobody has it
			r.image.close()
			r.image = nil
		}
		return r.stream(ctx), nil
	})
	d.Endpoint = r.opt.Endpoint
	if err != nil {
		if r.image != nil && !r.outputs.hasImage() {
			r.image.close()
			r.image = nil
		}
		return err
	}
	return d.Confirm(ctx, hex.EncodeToString(r.image.sum.SHA256))
}

// stream is the image while the tree is walked.
func (r *run) stream(ctx context.Context) Body {
	return &walkedBody{run: r, source: newSource(func(w io.Writer) error { return r.walk(ctx, w) })}
}

type walkedBody struct {
	*source
	run *run
}

func (b *walkedBody) Size() int64 { return -1 }

func (b *walkedBody) Sum() (string, bool) {
	if b.run.image == nil {
		return "", false
	}
	return hex.EncodeToString(b.run.image.sum.SHA256), true
}

// storedBody is an image that is whole in a local file.
type storedBody struct {
	io.Reader
	sum  string
	size int64
}

func (b *storedBody) Size() int64         { return b.size }
func (b *storedBody) Sum() (string, bool) { return b.sum, true }
func (b *storedBody) Wait() error         { return nil }

// keepManifest writes the MANIFEST to the current directory, or where temp files go.
func (r *run) keepManifest() (string, error) {
	name := path.Base(r.facts.UploadManifest)
	return keep(name, r.writeManifest, cmp.Or(r.opt.TempDir, "/tmp"))
}

// unsent is a failure to send what is whole here: it says where that is.
func (r *run) unsent(err error) error {
	u := &UnsentError{Manifest: r.outputs.manifestName(), Replaces: r.opt.Overwrite, err: err}
	if !r.delivery.Stored {
		if u.Image = r.outputs.imageName(); u.Image == "" || u.Manifest == "" {
			return err
		}
		return u
	}
	u.Stored, u.Old = r.facts.UploadTarball, r.delivery.old()
	if u.Manifest == "" {
		var kerr error
		switch e := r.opt.Elsewhere; {
		case e == nil:
			u.Manifest, kerr = r.keepManifest()
		case !e.Always:
			kerr = e.Keep(r.writeManifest)
		}
		if kerr != nil {
			return &LostManifestError{err: err, kept: kerr}
		}
		switch { // who has it says so
		case r.opt.Elsewhere != nil && u.Old != "":
			return &OutdatedError{u.Old, err}
		case r.opt.Elsewhere != nil:
			return err
		}
	}
	return u
}

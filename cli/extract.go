package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime"

	"github.com/spf13/pflag"

	"image-capture/entry"
	"image-capture/image"
	"image-capture/image/extract"
	"image-capture/image/index"
	"image-capture/upload"
)

// extractOptions are the command extract's.
type extractOptions struct {
	dir, manifest string
	overwrite     bool
	tls           tlsOptions
	messageOptions
}

func (o *extractOptions) add(g *groups) {
	s := g.group("Extraction")
	s.StringVarP(&o.dir, "directory", "C", here, "extract to `DIR`, which is made when it is missing; who is not root gets files of their own without set-id bits, which is a warning and exit code 0")
	s.BoolVar(&o.overwrite, "overwrite", false, "replace files that exist (if not given: they are kept, and the first 20 of them named)")
	addManifest(s, &o.manifest)
	s.Lookup("manifest").Usage += "; what is extracted is compared with it, and made as the image has it"
	o.tls.add(g.group(tlsTitle))
	o.messageOptions.add(g, true)
}

// addManifest is for the commands that read an image by its MANIFEST.
func addManifest(s *pflag.FlagSet, name *string) {
	s.StringVar(name, "manifest", "", "the MANIFEST of the image, a `FILE` or URL (if not given: the one beside the image, if there is one)")
}

// run extracts an image, or what the patterns name, in one pass.
func (o *extractOptions) run(ctx context.Context, a *App, _ *groups, args []string) error {
	if len(args) == 0 {
		return usagef("image-capture extract IMAGE -C DIR", "extract takes an image, and patterns of what to extract")
	}
	e := &extraction{app: a, opt: o, image: args[0], text: map[extract.Kind][]string{}}
	if err := imageFirst("extract", o.dir, args); err != nil {
		return err
	}
	if err := whichIsWhich("extract", args[:1]); err != nil {
		return err
	}
	patterns, err := newSelection(args[1:])
	if err != nil {
		return err
	}
	if err := o.target(); err != nil {
		return err
	}
	a.warnNotOwner()
	client, err := o.tls.client(ctx)
	if err != nil {
		return err
	}
	opt := extract.Options{Dir: o.dir, Overwrite: o.overwrite, Select: patterns.selector(), Workers: runtime.GOMAXPROCS(0), Problem: e.problem, Header: unlike}
	m, err := a.manifestFor(ctx, client, args[0], o.manifest)
	if err != nil {
		return err
	}
	var frames []entry.Frame
	why := "it has no MANIFEST beside it"
	if m != nil {
		defer m.Close()
		opt.Manifest, e.manifest = m.Reader, m.name
		if f := m.Facts(); f.Base != "" {
			e.base = f.Base
			a.term.warn("extract its base first, delete those names, and add --overwrite", "%s is a layer over %s: the names that its MANIFEST lists as deleted (%d) are not deleted", args[0], f.Base, len(f.Deleted))
		}
	}
	if opt.Select != nil {
		if m != nil {
			if why, err = e.byIndex(ctx, client, m, opt, patterns); why == "" {
				return err
			}
		}
		a.term.say("all of %s is read: %s", entry.Printable(args[0]), why)
	}
	if m != nil {
		frames = m.frames()
	}
	in, size, err := a.open(ctx, client, args[0])
	if err != nil {
		return err
	}
	defer in.Close()
	counted := &countReader{r: in}
	r, err := image.NewIndexedReader(counted, frames)
	if err != nil {
		return e.broken(err)
	}
	defer r.Close()
	bar := startProgress(a.term, o.progress, "read", func() (int64, int64) { return counted.n.Load(), 0 }, func() int64 { return size })
	e.Result, err = extract.Run(ctx, r, opt)
	bar.stop()
	return e.report(ctx, err, patterns.unmatched())
}

// byIndex extracts what is selected by the index of the MANIFEST, or says why all of the
// image has to be read.
func (e *extraction) byIndex(ctx context.Context, client *upload.Client, m *besideManifest, opt extract.Options, patterns *selection) (why string, err error) {
	plan, err := index.MakePlan(ctx, m.text.open, opt.Select)
	if err != nil {
		return "", wrongManifest(e.image, m.name, err)
	}
	if why := plan.Usable(); why != "" {
		return why, nil
	}
	src, why, err := e.app.parts(ctx, client, e.image)
	if src == nil {
		return why, err
	}
	defer src.Close()
	members, err := plan.Read(ctx, src)
	if err != nil {
		return "", wrongManifest(e.image, m.name, err)
	}
	defer members.Close()
	opt.Manifest = members.Listed()
	bar := startProgress(e.app.term, e.opt.progress, "read", func() (int64, int64) { return members.Received(), 0 }, plan.Size)
	e.Result, err = extract.Run(ctx, members, opt)
	bar.stop()
	return "", e.report(ctx, err, patterns.unmatched())
}

// manifestFor opens the MANIFEST of an image: the given one, or the one beside it, and nil
// where there is none.
func (a *App) manifestFor(ctx context.Context, client *upload.Client, image, given string) (*besideManifest, error) {
	in, name, err := a.openManifest(ctx, client, image, given)
	if in == nil {
		return nil, err
	}
	m, err := parseAgain(in, name)
	if err != nil && !isSourceError(err) {
		err = badManifest(name, err)
	}
	return m, err
}

// openManifest opens the MANIFEST of an image as manifestFor does, and tells its name.
func (a *App) openManifest(ctx context.Context, client *upload.Client, image, given string) (io.ReadCloser, string, error) {
	name := given
	if name == "" {
		name = manifestOf(image)
	}
	if name == "-" && image == "-" {
		return nil, "", usagef("give one of them as a file", "image and MANIFEST cannot both be stdin")
	}
	if name == "" {
		return nil, "", nil
	}
	if given == "" && !isURL(name) {
		if _, err := os.Stat(name); errors.Is(err, os.ErrNotExist) {
			return nil, "", nil
		}
	}
	in, _, err := a.open(ctx, client, name)
	var remote *upload.Error
	if given == "" && errors.As(err, &remote) && remote.Status == 404 {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	return in, name, nil
}

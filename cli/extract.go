package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"

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
	s.StringVarP(&o.dir, "directory", "C", here, "extract to `DIR`, which is made when it is missing")
	s.BoolVar(&o.overwrite, "overwrite", false, "replace files that exist (if not given: they are kept, and listed)")
	addManifest(s, &o.manifest)
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
	opt := extract.Options{Dir: o.dir, Overwrite: o.overwrite, Select: patterns.selector(), Workers: runtime.GOMAXPROCS(0), Problem: e.problem}
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

// extraction is one run of the command.
type extraction struct {
	extract.Result
	app             *App
	opt             *extractOptions
	image, manifest string
	text            map[extract.Kind][]string // the first of each
}

// problem keeps the first of each kind.
func (e *extraction) problem(p extract.Problem) {
	if len(e.text[p.Kind]) == mostDifferences {
		return
	}
	path := entry.Escape(p.Path)
	if p.Err != nil {
		path += ": " + entry.Printable(p.Err.Error())
	}
	e.text[p.Kind] = append(e.text[p.Kind], path)
}

// problemWords say a kind of problem to people, in the order of the report.
var problemWords = []struct {
	kind       extract.Kind
	key, words string
	exit       int
	hint       string
}{
	{extract.NotOurs, "not_owned", "belong to you and not to their owner, without set-id bits", ExitDone, ""},
	{extract.Merged, "merged", "were directories before, and keep their owner and mode", ExitDone, ""},
	{extract.Exists, "kept", "exist and were kept", ExitTaken, "extract to an empty directory, or replace them with --overwrite"},
	{extract.Incomplete, "incomplete", "are there, but not with all attributes", ExitIncomplete, "run as root, on a filesystem that has xattrs, ACLs and inode flags"},
	{extract.NotMade, "missing", "could not be made", ExitIncomplete, "the lines above say why; devices and trusted attributes need root"},
	{extract.Differs, "different", "do not have the content that the MANIFEST lists", ExitVerify, "do not use these files: the image is damaged, or the MANIFEST is of another image"},
}

// extracted is the document of extract --json.
type extracted struct {
	ending
	Image     string              `json:"image"`
	Manifest  string              `json:"manifest,omitempty"`
	Directory string              `json:"directory"`
	Entries   int64               `json:"entries"`
	Bytes     int64               `json:"bytes"`
	Unchecked int64               `json:"unchecked"`
	Counts    map[string]int64    `json:"counts,omitempty"`
	Problems  map[string][]string `json:"problems,omitempty"`
}

// report says what is there, and what is not.
func (e *extraction) report(ctx context.Context, err error, unmatched []string) error {
	final := e.conclude(ctx, err, unmatched)
	if e.opt.json {
		doc := extracted{
			ending: e.app.ending(ctx, final),
			Image:  entry.Escape(e.image), Manifest: entry.Escape(e.manifest), Directory: entry.Escape(e.opt.dir),
			Entries: e.Entries, Bytes: e.Bytes, Unchecked: e.Unchecked, Counts: map[string]int64{}, Problems: map[string][]string{},
		}
		for _, w := range problemWords {
			if n := e.Problems[w.kind]; n > 0 {
				doc.Counts[w.key], doc.Problems[w.key] = n, e.text[w.kind]
			}
		}
		if werr := writeJSON(e.app.stdout, doc); werr != nil {
			return errors.Join(final, werr)
		}
	}
	for _, w := range problemWords {
		n := e.Problems[w.kind]
		if n == 0 {
			continue
		}
		if w.kind != extract.NotOurs && w.kind != extract.Merged {
			for _, line := range e.text[w.kind] {
				e.app.term.line("image-capture: " + line)
			}
		}
		if w.exit == ExitDone {
			e.app.term.warn("", "%s", entriesThat(n, w.words))
		}
	}
	if final != nil {
		return final
	}
	if e.manifest == "" {
		e.app.term.say("no MANIFEST was found beside the image: the contents were not compared with one")
	}
	if e.opt.json {
		return nil
	}
	if _, err = fmt.Fprintf(e.app.stdout, "extracted %s of %s, %d bytes of content, to %s\n", entries(e.Entries), entry.Escape(e.image), e.Bytes, entry.Escape(e.opt.dir)); err != nil {
		return fmt.Errorf("extracted to %s: %s: %w", e.opt.dir, entries(e.Entries), err)
	}
	return nil
}

// elsewhere is for printsElsewhere.
func (o *extractOptions) elsewhere() bool { return !o.json }

func entriesThat(n int64, words string) string { return fmt.Sprintf("entries that %s: %d", words, n) }

func entries(n int64) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}

// conclude is what the command ends with.
func (e *extraction) conclude(ctx context.Context, err error, unmatched []string) error {
	there := fmt.Sprintf("extracted to %s: %s", e.opt.dir, entries(e.Entries))
	var write *extract.WriteError
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return &failure{ExitInterrupted, fmt.Errorf("interrupted; %s, each of them complete", there), ""}
	case errors.As(err, &write):
		d := diagnose(write.Err)
		return &failure{d.code, fmt.Errorf("%w; %s", err, there), map[bool]string{true: "free some space in the directory"}[errors.Is(err, syscall.ENOSPC)]}
	case isSourceError(err):
		return fmt.Errorf("%w; %s", err, there)
	default:
		return badImage(e.image, fmt.Errorf("%w; %s", err, there))
	}
	var final error
	for _, w := range problemWords {
		if n := e.Problems[w.kind]; n > 0 && w.exit != ExitDone {
			final = &failure{w.exit, errors.New(entriesThat(n, w.words) + "; " + there), w.hint}
		}
	}
	if final == nil && len(unmatched) > 0 {
		return &failure{ExitFailed, fmt.Errorf("nothing in %s matches %s; %s", e.image, unmatched[0], there), e.unmatchedHint(unmatched)}
	}
	return final
}

// broken tells an error of the source from an image that cannot be read.
func (e *extraction) broken(err error) error {
	if isSourceError(err) {
		return err
	}
	return &failure{ExitVerify, fmt.Errorf("%s: %w", e.image, err), "nothing was extracted"}
}

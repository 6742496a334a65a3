package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"image-capture/bootcheck"
	"image-capture/capture"
	"image-capture/compare"
	"image-capture/durable"
	"image-capture/entry"
	"image-capture/image"
	"image-capture/manifest"
	"image-capture/report"
	"image-capture/upload"
)

// reportOptions are the command report's.
type reportOptions struct {
	output    string
	base      string
	overwrite bool
	tree      treeOptions
	boot      bootOptions
	tls       tlsOptions
	messageOptions
}

func (o *reportOptions) add(g *groups) {
	s := g.group("Report")
	s.StringVarP(&o.output, "output", "o", "", "write the page to `FILE`, or to stdout for -")
	s.StringVar(&o.base, "base", "", "show what changed since the `IMAGE`: image, MANIFEST or URL")
	s.BoolVar(&o.overwrite, "overwrite", false, "replace FILE if it exists")
	o.tree.add(g)
	o.boot.add(g, &o.tree.tree)
	o.tls.add(g.group(tlsTitle))
	o.messageOptions.add(g, true)
	g.check(func() error {
		if o.output == "" {
			return usagef("image-capture report IMAGE -o report.html", "report needs --output")
		}
		if o.output == "-" && o.json {
			return usagef("use --output FILE, or leave out --json", "--json and --output - both write to stdout")
		}
		return nil
	})
}

// elsewhere is for printsElsewhere.
func (o *reportOptions) elsewhere() bool { return o.output != "-" && !o.json }

// run writes a page about an image or a tree.
func (o *reportOptions) run(ctx context.Context, a *App, g *groups, args []string) error {
	if len(args) != 1 {
		return usagef("image-capture report IMAGE -o report.html", "report takes one argument, an image or a root")
	}
	client, err := o.tls.client(ctx)
	if err != nil {
		return err
	}
	if o.output != "-" {
		if _, err := os.Lstat(o.output); err == nil && !o.overwrite {
			return &durable.ExistsError{Path: o.output}
		}
		if err := notRead("--output", o.output, filesOf([]string{args[0], o.base})); err != nil {
			return err
		}
		if err := capture.NotOthers(o.output, ""); err != nil {
			return err
		}
	}
	j := &reportJob{app: a, opt: o, given: g, space: report.NewSpace(), page: report.Page{Name: args[0], Version: versionText()}}
	j.page.Space = j.space
	info, err := os.Stat(args[0])
	switch isFile := args[0] == "-" || isURL(args[0]); {
	case err != nil && !isFile:
		return usagef("image-capture report IMAGE -o report.html", "%w", err)
	case !isFile && info.IsDir():
		err = j.tree(ctx, args[0])
	default:
		err = j.image(ctx, client, args[0])
	}
	if err == nil && o.base != "" {
		err = j.changes(ctx, client)
	}
	if err != nil {
		return err
	}
	write := func(w io.Writer) error { return report.Write(w, j.page) }
	if o.output == "-" {
		return write(a.stdout)
	}
	if err := durable.Write(o.output, o.overwrite, write); err != nil || !o.json {
		return err
	}
	if err := writeJSON(a.stdout, reported{Page: entry.Escape(o.output), Entries: len(j.members), Counts: j.page.Check.Counts()}); err != nil {
		return fmt.Errorf("the page is in %s: %w", o.output, err)
	}
	return nil
}

// reported is the document of report --json. docs/formats.md says what is in it.
type reported struct {
	ending
	Page    string           `json:"page"`
	Entries int              `json:"entries"`
	Counts  bootcheck.Counts `json:"counts"`
}

// reportJob is one run of the command.
type reportJob struct {
	app     *App
	opt     *reportOptions
	given   *groups
	space   *report.Space
	page    report.Page
	members []*entry.Member // in order; for the changes
}

// tree looks at what a capture would have.
func (j *reportJob) tree(ctx context.Context, root string) error {
	j.app.warnUnprivileged()
	j.page.Tree = true
	var err error
	opt, err := j.opt.boot.of(ctx, j.given, manifest.TGZ)
	if err != nil {
		return err
	}
	tree, err := j.opt.tree.of(ctx, root)
	if err != nil {
		return err
	}
	src, err := tree.Open()
	if err != nil {
		return err
	}
	defer src.Close()
	if j.page.Check, _, err = src.Judge(ctx, opt, j.opt.boot.fix, func(bootcheck.Fix) {}); err != nil {
		return err
	}
	entries := src.Entries(ctx)
	defer entries.Close()
	for {
		m, err := entries.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if c := entries.Content(); c != nil {
			c.Close()
		}
		stored := m.Size
		if m.Blocks > 0 || m.SHA256 == nil {
			stored = min(m.Size, m.Blocks*512)
		}
		j.members = append(j.members, m)
		j.space.Add(m, stored)
	}
	if n := len(entries.Unreadable()); n > 0 {
		j.app.term.warn("run as root", "%s could not be read: the page lacks them", count(n, "entry"))
	}
	return j.read(src)
}

// read reads the lists of packages, and what may be duplicates.
func (j *reportJob) read(src *capture.Source) error {
	view := src.FS()
	open := func(path string) (io.ReadCloser, error) { return view.Open(strings.TrimPrefix(path, "./")) }
	for _, m := range j.members {
		if !report.IsPackage(m.Path) || m.Type != entry.File {
			continue
		}
		f, err := open(m.Path)
		if err == nil {
			err = j.space.Package(m.Path, f)
			f.Close()
		}
		if err != nil {
			j.app.term.warn("", "%s: %v", entry.Escape(m.Path), err)
		}
	}
	j.space.Digest(open)
	return nil
}

// image looks at an image, in one pass.
func (j *reportJob) image(ctx context.Context, client *upload.Client, name string) error {
	m, err := j.app.manifestFor(ctx, client, name, "")
	if err != nil {
		return err
	}
	if m != nil {
		facts := m.Facts()
		m.Close()
		if j.page.Facts = &facts; facts.Base != "" {
			return usagef("report the base, or the tree that it was captured from, with --base and the base", "%s is a layer: it holds only what differs from %s", name, facts.Base)
		}
	}
	in, size, err := j.app.open(ctx, client, name)
	if err != nil {
		return err
	}
	defer in.Close()
	counted := &countReader{r: in}
	bar := startProgress(j.app.term, j.opt.progress, "read", func() (int64, int64) { return counted.n.Load(), 0 }, func() int64 { return size })
	err = j.readImage(ctx, counted, name)
	bar.stop()
	return err
}

func (j *reportJob) readImage(ctx context.Context, in io.Reader, name string) error {
	broken := func(err error) error {
		if isSourceError(err) {
			return err
		}
		return &failure{ExitVerify, fmt.Errorf("%s: %w", name, err), "nothing was written: the image must be complete"}
	}
	r, err := image.NewReader(in)
	if err != nil {
		return broken(err)
	}
	defer r.Close()
	r.TakeDigests()
	opt, err := j.opt.boot.of(ctx, j.given, formatOf(r.Codec()))
	if err != nil {
		return err
	}
	var last *entry.Member
	var at int64
	// What is stored of a file is what the tar has up to the next member, less its headers.
	stored := func() {
		if last != nil {
			j.space.Add(last, min(last.Size, max(0, r.Unpacked()-at)))
		}
	}
	kept, err := bootcheck.ReadImageBeside(ctx, r, opt, func(m *entry.Member) func(io.Reader) {
		stored()
		last, at = m, r.Unpacked()
		j.members = append(j.members, m)
		if m.Type == entry.File && report.IsPackage(m.Path) {
			return func(list io.Reader) { _ = j.space.Package(m.Path, list) } // what ends it ends the image
		}
		return nil
	})
	if err != nil {
		return broken(err)
	}
	stored()
	j.page.Check, err = kept.Check(ctx)
	return err
}

// changes compares with the base.
func (j *reportJob) changes(ctx context.Context, client *upload.Client) error {
	base, err := j.app.entriesOver(ctx, client, j.opt.base, nil)
	if err != nil {
		return fmt.Errorf("--base: %w", err)
	}
	defer base.close()
	now, err := compare.Sorted(compare.List(j.members))
	if err != nil {
		return err
	}
	c := &report.Changes{Base: j.opt.base}
	res, err := compare.Diff(ctx, base.stream, now, compare.DiffOptions{Quick: true, Workers: runtime.GOMAXPROCS(0), Changed: c.Add})
	if err != nil {
		return badImage("--base "+j.opt.base, err)
	}
	if res.Undigested > 0 && !j.page.Tree {
		j.app.term.say("files of the same size whose content was not compared, as there is no digest: %d", res.Undigested)
	}
	j.page.Changes = c
	return nil
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"image-capture/bootcheck"
	"image-capture/capture"
	"image-capture/durable"
	"image-capture/entry"
	"image-capture/manifest"
	"image-capture/report"
)

// reportOptions are the command report's.
type reportOptions struct {
	output    string
	bases     []string
	overwrite bool
	tree      treeOptions
	boot      bootOptions
	tls       tlsOptions
	messageOptions
}

func (o *reportOptions) add(g *groups) {
	s := g.group("Report")
	s.StringVarP(&o.output, "output", "o", "", "write the page to `FILE`, or to stdout for -")
	s.StringArrayVar(&o.bases, "base", nil, "show what changed since the `IMAGE`: image, MANIFEST or URL, by the MANIFEST where it is beside the image, which is not read then; where layers lie over layers, repeat it, the lowest first; a layer is shown together with its bases, as one image, and what changed since the lowest")
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
		if info, err := os.Lstat(o.output); err == nil && !o.overwrite && !isDevice(info) {
			return &durable.ExistsError{Path: o.output}
		}
		if err := notRead("--output", o.output, filesOf(append([]string{args[0]}, o.bases...))); err != nil {
			return err
		}
		if err := capture.NotOthers(o.output, ""); err != nil {
			return err
		}
	}
	j := &reportJob{app: a, opt: o, given: g, space: report.NewSpace(), page: report.Page{Name: args[0], Version: versionText()}}
	j.page.Space = j.space
	defer j.rpm.remove()
	info, err := os.Stat(args[0])
	switch isFile := args[0] == "-" || isURL(args[0]); {
	case err != nil && !isFile:
		return usagef("image-capture report IMAGE -o report.html", "%w", err)
	case !isFile && info.IsDir():
		err = j.tree(ctx, args[0])
	case kindOfFile(args[0]) == "MANIFEST":
		err = usagef("give the image", "%s is a MANIFEST, and the contents are in the image", args[0])
	default:
		err = j.image(ctx, client, args[0])
	}
	if err == nil {
		j.installed(ctx)
	}
	if err == nil && len(o.bases) > 0 {
		err = j.changes(ctx, client)
	}
	if err != nil {
		return err
	}
	write := func(w io.Writer) error { return report.Write(w, j.page) }
	if o.output == "-" {
		return errors.Join(write(a.stdout), j.lacks)
	}
	if err := durable.Write(o.output, o.overwrite, write); err != nil {
		return err
	}
	if !o.json {
		return j.lacks
	}
	if err := writeJSON(a.stdout, reported{ending: a.ending(ctx, j.lacks), Page: entry.Escape(o.output), Entries: len(j.members), Counts: j.page.Check.Counts()}); err != nil {
		return fmt.Errorf("the page is in %s: %w", o.output, err)
	}
	return j.lacks
}

// isDevice says whether a file is written to as it is, and not replaced.
func isDevice(info fs.FileInfo) bool { return info.Mode()&(fs.ModeDevice|fs.ModeNamedPipe) != 0 }

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
	lacks   error           // that some could not be read
	// lowest is the base of a layer; nil where the image is none.
	lowest []*entry.Member
	rpm    rpmDatabase
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
	walk := src.Entries(ctx, false)
	defer walk.Close()
	for {
		m, err := walk.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if c := walk.Content(); c != nil {
			c.Close()
		}
		stored := m.Size
		if m.Blocks > 0 || m.SHA256 == nil {
			stored = min(m.Size, m.Blocks*512)
		}
		j.members = append(j.members, m)
		j.space.Add(m, stored)
	}
	if n := len(walk.Unreadable()); n > 0 {
		j.lacks = &failure{ExitIncomplete, fmt.Errorf("the page lacks %s that could not be read", entries(int64(n))), "run as root"}
	}
	return j.read(src)
}

// read reads the lists of packages, and what may be duplicates.
func (j *reportJob) read(src *capture.Source) error {
	view := src.FS()
	open := func(path string) (io.ReadCloser, error) { return view.Open(strings.TrimPrefix(path, "./")) }
	for _, m := range j.members {
		database := report.IsDatabase(m.Path)
		if !database && !report.IsPackage(m.Path) || m.Type != entry.File {
			continue
		}
		f, err := open(m.Path)
		if err == nil {
			if database {
				err = j.rpm.add(m.Path, f)
			} else {
				err = j.space.Package(m.Path, f)
			}
			f.Close()
		}
		if err != nil {
			j.app.term.warn("", "%s: %v", entry.Escape(m.Path), err)
		}
	}
	j.space.Digest(open)
	return nil
}

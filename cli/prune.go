package cli

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"image-capture/entry"
	"image-capture/manifest"
	"image-capture/upload"
)

// pruneHint is for a token that may not.
const pruneHint = `the token needs a claim with scope files, action "list, get" (with --yes also "delete"), specific "*"`

// pruneOptions are the command prune's.
type pruneOptions struct {
	uploadPath string
	keep       int
	keepGiven  bool
	orphans    bool
	parts      bool
	age        string
	olderThan  time.Duration // of age
	yes        bool
	endpoint   endpointOptions
	messageOptions
}

func (o *pruneOptions) elsewhere() bool { return !o.json }

func (o *pruneOptions) add(g *groups) {
	s := g.group("Images")
	addUploadPath(s, &o.uploadPath)
	s.IntVar(&o.keep, "keep", 0, "delete all but the newest `N` images of each tag, with their MANIFESTs")
	s.BoolVar(&o.orphans, "orphans", false, "delete images without a MANIFEST, and MANIFESTs without an image or of another than the one that is there, if older than --older-than")
	s.BoolVar(&o.parts, "parts", false, "delete the .part files of broken uploads, if older than --older-than; an upload that is still running is lost")
	s.StringVar(&o.age, "older-than", "1d", "least `AGE` of what --orphans and --parts delete, such as 3d or 12h, by the date in its name; with 0 also .part files without a date")
	s.BoolVar(&o.yes, "yes", false, "delete; if not given, what would be deleted is only listed")
	o.endpoint.add(g)
	o.messageOptions.add(g, false)
}

// pruned is a line of the result.
type pruned struct {
	Action   string `json:"action"` // keep, delete, deleted
	Image    string `json:"image,omitempty"`
	Manifest string `json:"manifest,omitempty"`
	Hooks    string `json:"hooks,omitempty"`
	Part     string `json:"part,omitempty"`
	Group    string `json:"group,omitempty"`
	Date     string `json:"date,omitempty"`
	Reason   string `json:"reason"`
}

// pruneJob is one run of the command prune.
type pruneJob struct {
	app    *App
	opt    *pruneOptions
	end    *upload.Endpoint
	folder string
	match  []string
	names  []string // of the folder, as they were when the plan was made
	plan   []pruned
}

// run lists what an endpoint keeps and deletes what is old.
// An image and its MANIFEST go together, the MANIFEST first: its presence says that
// the image is whole, so what a crash in between leaves is an orphan, which says
// nothing wrong, and which a later --orphans deletes.
func (o *pruneOptions) run(ctx context.Context, a *App, g *groups, args []string) error {
	o.keepGiven = g.set("keep")
	var err error
	if o.olderThan, err = parseAge(o.age); err != nil {
		return usagef("such as 3d, 12h or 90m", "--older-than: %w", err)
	}
	p := &pruneJob{app: a, opt: o, folder: strings.TrimSuffix(o.uploadPath, "/"), match: args}
	if err := p.valid(); err != nil {
		return err
	}
	if p.end, err = o.endpoint.connect(ctx, a, a.events("", false)); err != nil {
		return err
	}
	err = p.run(ctx)
	if remote := (*upload.Error)(nil); errors.As(err, &remote) && remote.Kind == upload.Refused && !remote.Password {
		err = &failure{ExitRefused, err, pruneHint}
	}
	return p.tell(ctx, err)
}

func (p *pruneJob) valid() error {
	for _, pattern := range p.match {
		if _, err := path.Match(pattern, ""); err != nil || strings.Contains(pattern, "/") {
			return usagef("patterns match names in --upload-path, such as 'debian-12-*'", "%q is not a pattern for names", pattern)
		}
	}
	vars := manifest.Vars{DStamp: "x", Ident: "x"}
	if _, err := (manifest.Template{UploadPath: p.opt.uploadPath}).Expand(vars, manifest.TGZ); err != nil {
		return usagef(folderHint, "--upload-path: %w", err)
	}
	switch {
	case strings.Contains(p.opt.uploadPath, "$"):
		return usagef("name the folder without variables", "--upload-path %s: variables have values only during a capture", p.opt.uploadPath)
	case p.opt.keep < 0:
		return usagef("such as --keep 3", "--keep is %d: it must be 0 or more", p.opt.keep)
	case p.opt.keepGiven && p.opt.keep == 0 && len(p.match) == 0:
		return usagef("image-capture prune 'debian-10-*' --keep 0", "--keep 0 deletes all images: say which by a pattern")
	}
	return nil
}

func (p *pruneJob) run(ctx context.Context) error {
	var list []*upload.Pair
	var err error
	if p.names, err = p.end.List(ctx, p.folder); err == nil {
		list, err = p.pairs(ctx, p.names)
	}
	if err != nil {
		return err
	}
	p.decide(list)
	if !p.opt.yes {
		return nil
	}
	return p.delete(ctx)
}

// parseAge reads a duration, as time.ParseDuration does, with days too.
func parseAge(s string) (time.Duration, error) {
	const most = 100 * 365 * 24 * time.Hour
	var age time.Duration
	var err error
	if days, ok := strings.CutSuffix(s, "d"); ok {
		var n uint64
		if n, err = strconv.ParseUint(days, 10, 16); err == nil {
			age = time.Duration(n) * 24 * time.Hour
		}
	} else {
		age, err = time.ParseDuration(s)
	}
	if err != nil || age < 0 || age > most {
		return 0, fmt.Errorf("%q is not an age", s)
	}
	return age, nil
}

// delete does what the plan says, and stops at the first thing that goes wrong.
func (p *pruneJob) delete(ctx context.Context) error {
	arrived, err := p.arrived(ctx)
	if err != nil {
		return err
	}
	for i := range p.plan {
		line := &p.plan[i]
		if line.Action != "delete" {
			continue
		}
		if arrived && line.Image != "" && line.Manifest == "" {
			line.Action, line.Reason = "keep", "a MANIFEST arrived during this run and may belong to it; run prune again"
			continue
		}
		switch replaced, err := p.replaced(ctx, *line); {
		case err != nil:
			return err
		case replaced:
			line.Action, line.Reason = "keep", "it changed during this run; run prune again"
			continue
		}
		for _, name := range []string{line.Manifest, line.Image, line.Hooks, line.Part} {
			if name == "" {
				continue
			}
			if err := p.end.Delete(ctx, name); err != nil {
				return p.half(*line, name, err)
			}
		}
		line.Action = "deleted"
	}
	return nil
}

// half is a failure that says what is left of a pair.
func (p *pruneJob) half(line pruned, name string, err error) error {
	if line.Manifest == "" || name == line.Manifest || name == line.Hooks {
		return err // nothing of it is gone, or it is an image without a MANIFEST from now on
	}
	code := diagnose(err).code
	return &failure{code, fmt.Errorf("%s is deleted, its image is not: %w", line.Manifest, err), "image-capture prune --orphans --yes deletes images without a MANIFEST"}
}

// pruneResult is the document of prune --json.
type pruneResult struct {
	ending
	Folder string   `json:"folder"`
	Files  []pruned `json:"files"`
}

// tell prints what is there, what became of it, and what would.
func (p *pruneJob) tell(ctx context.Context, err error) error {
	var todo, done int
	for i := range p.plan {
		line := &p.plan[i]
		for _, s := range []*string{&line.Image, &line.Manifest, &line.Hooks, &line.Part, &line.Group} {
			*s = entry.Escape(*s)
		}
		line.Reason = entry.Printable(line.Reason)
		switch line.Action {
		case "delete":
			todo++
		case "deleted":
			done++
		}
	}
	werr := p.print(ctx, err)
	switch {
	case err != nil:
	case len(p.plan) == 0 && len(p.match) > 0:
		p.app.term.say("nothing in %s matches %s", p.folder, strings.Join(p.match, " "))
	case len(p.plan) == 0:
		p.app.term.say("there are no images in %s", p.folder)
	case !p.opt.keepGiven && !p.opt.orphans && !p.opt.parts:
		p.app.term.say("nothing was chosen to be deleted, of %d; --keep N, --orphans and --parts choose", len(p.plan))
	case p.opt.yes:
		p.app.term.say("deleted %d of %d", done, len(p.plan))
	case todo > 0:
		p.app.term.say("nothing was deleted; add --yes to delete %d of %d", todo, len(p.plan))
	default:
		p.app.term.say("nothing to delete among %d", len(p.plan))
	}
	if err == nil {
		err = werr
	}
	return err
}

func (p *pruneJob) print(ctx context.Context, err error) error {
	if p.opt.json {
		doc := pruneResult{ending: p.app.ending(ctx, err), Folder: entry.Escape(p.folder), Files: p.plan}
		if doc.Files == nil {
			doc.Files = []pruned{}
		}
		return writeJSON(p.app.stdout, doc)
	}
	for _, line := range p.plan {
		names := strings.TrimSpace(strings.TrimSpace(line.Image+line.Part+" "+line.Manifest) + " " + line.Hooks)
		if _, err := fmt.Fprintf(p.app.stdout, "%-7s  %-20s  %s (%s)\n", line.Action, line.Date, names, line.Reason); err != nil {
			return err
		}
	}
	return nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"image-capture/manifest"
	"image-capture/upload"
)

// pruneHint is for a token that may not.
const pruneHint = `the token needs scope files, action "list, get", and "delete" with --yes, specific "*"`

func pruneFlags(f *flags) {
	s := f.group("Images")
	f.addUploadPath(s)
	s.IntVar(&f.keep, "keep", 0, "delete all but the newest `N` images of each tag, with their MANIFESTs")
	s.BoolVar(&f.orphans, "orphans", false, "delete images without MANIFEST, and MANIFESTs without image, that are older than --older-than")
	s.BoolVar(&f.parts, "parts", false, "delete what uploads that died have left (.part); one that still runs is lost by that")
	s.DurationVar(&f.olderThan, "older-than", 24*time.Hour, "`AGE` of orphans and parts, by the date in their names; a part without one goes with 0 only")
	s.BoolVar(&f.yes, "yes", false, "do delete; else what would be deleted is listed")
	f.addEndpoint(false)
	f.addMessages(false)
}

// pruned is a line of the result.
type pruned struct {
	Action   string `json:"action"` // keep, delete, deleted
	Image    string `json:"image,omitempty"`
	Manifest string `json:"manifest,omitempty"`
	Part     string `json:"part,omitempty"`
	Group    string `json:"group,omitempty"`
	Date     string `json:"date,omitempty"`
	Reason   string `json:"reason"`
}

// pruneJob is one run of the command prune.
type pruneJob struct {
	app    *app
	fl     *flags
	end    *endpoint
	folder string
	match  []string
	names  []string // of the folder, as they were when the plan was made
	plan   []pruned
}

// prune is the command that lists what an endpoint keeps and deletes what is old.
// An image and its MANIFEST go together, the MANIFEST first: its presence says that
// the image is whole, so what a crash in between leaves is an orphan, which says
// nothing wrong, and which a later --orphans deletes.
func prune(ctx context.Context, a *app, fl *flags, args []string) error {
	p := &pruneJob{app: a, fl: fl, folder: strings.TrimSuffix(fl.uploadPath, "/"), match: args}
	if err := p.valid(); err != nil {
		return err
	}
	var err error
	if p.end, err = a.connect(ctx, fl); err != nil {
		return err
	}
	err = p.run(ctx)
	if remote := (*upload.Error)(nil); errors.As(err, &remote) && remote.Kind == upload.Refused {
		err = &failure{exitRefused, err, pruneHint}
	}
	return p.tell(ctx, err)
}

func (p *pruneJob) valid() error {
	for _, pattern := range p.match {
		if _, err := path.Match(pattern, ""); err != nil || strings.Contains(pattern, "/") {
			return usagef("patterns are of names in --upload-path, such as 'debian-12-*'", "%q is no pattern for a name", pattern)
		}
	}
	vars := manifest.Vars{DStamp: "x", Ident: "x"}
	if _, err := (manifest.Template{UploadPath: p.fl.uploadPath}).Expand(vars, manifest.TGZ); err != nil {
		return usagef("", "--upload-path: %w", err)
	}
	switch {
	case strings.Contains(p.fl.uploadPath, "$"):
		return usagef("name the folder itself", "--upload-path: there is no capture to tell what %s is", p.fl.uploadPath)
	case p.fl.keep < 0:
		return usagef("", "--keep is %d: it must be 0 or more", p.fl.keep)
	case p.fl.olderThan < 0:
		return usagef("", "--older-than is %s: it must be 0 or more", p.fl.olderThan)
	case p.fl.set("keep") && p.fl.keep == 0 && len(p.match) == 0:
		return usagef("image-capture prune 'debian-10-*' --keep 0", "--keep 0 deletes all images: say which by a pattern")
	}
	return nil
}

func (p *pruneJob) run(ctx context.Context) error {
	var list []*kept
	err := p.end.attempts(ctx, p.end.most, func(int) (err error) {
		p.names, err = p.end.client.List(ctx, p.folder)
		return err
	})
	if err == nil {
		list, err = p.end.survey(ctx, p.folder, p.names)
	}
	if err != nil {
		return err
	}
	p.decide(list)
	if !p.fl.yes {
		return nil
	}
	return p.delete(ctx)
}

// decide makes the plan.
func (p *pruneJob) decide(list []*kept) {
	now, seen := time.Now(), map[string]int{}
	running := map[string]bool{} // the tails of uploads that run, or seem to
	for _, k := range list {
		if _, tail, _, _ := stamped(k.name()); k.part != "" && tail != "" {
			running[tail] = true
		}
	}
	for _, k := range list {
		if !p.matches(k.name()) {
			continue
		}
		_, tail, _, _ := stamped(k.name())
		line := pruned{Action: "keep", Group: k.group}
		for _, f := range []struct {
			name string
			out  *string
		}{{k.image, &line.Image}, {k.manifest, &line.Manifest}, {k.part, &line.Part}} {
			if f.name != "" {
				*f.out = p.folder + "/" + f.name
			}
		}
		if !k.date.IsZero() {
			line.Date = k.date.UTC().Format("2006-01-02T15:04:05Z")
		}
		old := !k.date.IsZero() && now.Sub(k.date) > p.fl.olderThan
		switch {
		case k.part != "":
			line.Reason = "an upload that runs, or one that died"
			switch {
			case k.date.IsZero() && p.fl.olderThan > 0:
				line.Reason += "; no date in its name"
			case p.fl.parts && (old || k.date.IsZero()):
				line.Action = "delete"
			}
		case k.doubted:
			line.Reason = "two MANIFESTs are about this image"
		case k.image == "" || k.manifest == "":
			line.Reason = "no MANIFEST"
			if k.image == "" {
				line.Reason = "no image"
			}
			switch {
			case tail == "" || k.date.IsZero():
				line.Reason += "; no date and ident in its name"
			case running[tail]:
				line.Reason += ", but an upload of that ident"
			case !old:
				line.Reason += ", maybe not yet"
			case p.fl.orphans:
				line.Action = "delete"
			}
		case k.date.IsZero():
			line.Reason = "no date"
		default:
			newer := seen[k.group]
			seen[k.group]++
			line.Reason = fmt.Sprintf("%d newer of %s", newer, k.group)
			if p.fl.set("keep") && newer >= p.fl.keep {
				line.Action = "delete"
			}
		}
		p.plan = append(p.plan, line)
	}
}

func (p *pruneJob) matches(name string) bool {
	return len(p.match) == 0 || slices.ContainsFunc(p.match, func(pattern string) bool {
		ok, err := path.Match(pattern, name)
		return ok && err == nil
	})
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
			line.Action, line.Reason = "keep", "a MANIFEST arrived just now, maybe its own; run this again"
			continue
		}
		for _, name := range []string{line.Manifest, line.Image, line.Part} {
			if name == "" {
				continue
			}
			if err := p.remove(ctx, name); err != nil {
				return p.half(*line, name, err)
			}
		}
		line.Action = "deleted"
	}
	return nil
}

// arrived tells whether a MANIFEST came, or is coming, since the plan was made.
func (p *pruneJob) arrived(ctx context.Context) (bool, error) {
	var now []string
	err := p.end.attempts(ctx, p.end.most, func(int) (err error) {
		now, err = p.end.client.List(ctx, p.folder)
		return err
	})
	return slices.ContainsFunc(now, func(n string) bool {
		return strings.HasSuffix(strings.TrimSuffix(n, ".part"), manifestSuffix) && !slices.Contains(p.names, n)
	}), err
}

// half is a failure that says what is left of a pair.
func (p *pruneJob) half(line pruned, name string, err error) error {
	if line.Manifest == "" || name == line.Manifest {
		return err // nothing of it is gone
	}
	code, _ := diagnose(err)
	return &failure{code, fmt.Errorf("%s is deleted, its image is not: %w", line.Manifest, err), "image-capture prune --orphans deletes images without MANIFEST"}
}

// remove deletes a file; one that is gone already is no failure.
func (p *pruneJob) remove(ctx context.Context, name string) error {
	return p.end.attempts(ctx, p.end.most, func(int) error {
		err := p.end.client.Delete(ctx, name)
		var remote *upload.Error
		if errors.As(err, &remote) && remote.Status == http.StatusNotFound {
			if found, ferr := p.end.client.Exists(ctx, name); ferr == nil && found == upload.Absent {
				return nil
			}
		}
		return err
	})
}

package cli

import (
	"context"
	"fmt"
	"path"
	"slices"
	"time"

	"image-capture/upload"
)

// pairs finds out what belongs together, and whether it does.
func (p *pruneJob) pairs(ctx context.Context, names []string) ([]*upload.Pair, error) {
	list, err := p.end.Pairs(ctx, p.folder, names)
	if err != nil {
		return nil, err
	}
	return p.end.Compare(ctx, p.folder, list, p.opt.orphans)
}

// decide makes the plan.
func (p *pruneJob) decide(list []*upload.Pair) {
	now, seen := time.Now(), map[string]int{}
	running := map[string]bool{} // the tails, or names, of uploads that run, or seem to
	for _, k := range list {
		if k.Part != "" {
			running[nameOrTail(k.Name())] = true
		}
	}
	for _, k := range list {
		if !p.matches(k.Name()) {
			continue
		}
		_, tail, _, _ := upload.Stamped(k.Name())
		line := pruned{Action: "keep", Group: k.Group, Date: stamp(k.Date)}
		for _, f := range []struct {
			name string
			out  *string
		}{{k.Image, &line.Image}, {k.Manifest, &line.Manifest}, {k.Part, &line.Part}, {k.Hooks, &line.Hooks}} {
			if f.name != "" {
				*f.out = p.folder + "/" + f.name
			}
		}
		old := !k.Date.IsZero() && now.Sub(k.Date) > p.opt.olderThan
		switch {
		case k.Part != "":
			line.Reason = "an upload that is running, or a broken one"
			switch {
			case k.Date.IsZero() && p.opt.olderThan > 0:
				line.Reason += "; no date in its name"
			case p.opt.parts && (old || k.Date.IsZero()):
				line.Action = "delete"
			}
		case k.Doubted:
			line.Reason = "two MANIFESTs name this image"
		case k.Image == "" || k.Manifest == "":
			line.Reason = orphaned(k)
			switch {
			// An image of a name without date and ident may be anybody's. A MANIFEST says
			// itself of which image it is, and when that was made.
			case tail == "" && k.ImageName == "" || k.Date.IsZero():
				line.Reason += "; no date and ident in its name"
			case running[nameOrTail(k.Name())] || running[nameOrTail(k.ImageName)]:
				line.Reason += "; its upload seems to be running"
			case !old:
				line.Reason += "; younger than --older-than"
			case p.opt.orphans:
				line.Action = "delete"
			}
		case k.Date.IsZero():
			line.Reason = "no date"
		default:
			newer := seen[k.Group]
			seen[k.Group]++
			line.Reason = fmt.Sprintf("%s of %s", count(newer, "newer image"), k.Group)
			if p.opt.keepGiven && newer >= p.opt.keep {
				line.Action = "delete"
			}
		}
		p.plan = append(p.plan, line)
	}
	p.keepBases(list)
}

// keepBases keeps what layers that stay are over: without it they are worth nothing.
func (p *pruneJob) keepBases(list []*upload.Pair) {
	deleted, images := map[string]*pruned{}, map[string]string{}
	for i := range p.plan {
		if line := &p.plan[i]; line.Action == "delete" && line.Image != "" {
			deleted[line.Image] = line
		}
	}
	for _, k := range list {
		if k.Image != "" && k.SHA256() != "" {
			images[k.SHA256()] = p.folder + "/" + k.Image
		}
	}
	for again := true; again; {
		again = false
		for _, k := range list {
			name, digest := k.Base()
			base := deleted[images[digest]]
			if base == nil {
				base = deleted[p.folder+"/"+name]
			}
			if name == "" || base == nil || deleted[p.folder+"/"+k.Image] != nil {
				continue
			}
			base.Action, base.Reason = "keep", "the base of "+k.Name()
			delete(deleted, base.Image)
			again = true // it may be a layer itself
		}
	}
}

// nameOrTail is what tells the files of one capture from those of others: date and ident,
// else all of the name.
func nameOrTail(name string) string {
	if _, tail, _, _ := upload.Stamped(name); tail != "" {
		return tail
	}
	return name
}

// orphaned says what is missing of a pair.
func orphaned(k *upload.Pair) string {
	switch {
	case k.Differs != "":
		return k.Differs
	case k.Image == "":
		return "no image"
	}
	return "no MANIFEST"
}

func (p *pruneJob) matches(name string) bool {
	return len(p.match) == 0 || slices.ContainsFunc(p.match, func(pattern string) bool {
		ok, err := path.Match(pattern, name)
		return ok && err == nil
	})
}

// arrived reports whether a MANIFEST came, or is coming, since the plan was made.
func (p *pruneJob) arrived(ctx context.Context) (bool, error) {
	now, err := p.end.List(ctx, p.folder)
	return slices.ContainsFunc(now, func(n string) bool {
		return upload.IsManifest(n) && !slices.Contains(p.names, n)
	}), err
}

// replaced looks once more at a MANIFEST without its image whose name another capture may
// have taken since the plan was made.
func (p *pruneJob) replaced(ctx context.Context, line pruned) (bool, error) {
	name := path.Base(line.Manifest)
	if _, tail, _, _ := upload.Stamped(name); line.Manifest == "" || line.Image != "" || tail != "" {
		return false, nil
	}
	names, err := p.end.List(ctx, p.folder)
	if err != nil {
		return false, err
	}
	list, err := p.pairs(ctx, slices.DeleteFunc(names, func(n string) bool {
		return upload.IsManifest(n) && n != name // its own words are all that counts
	}))
	return !slices.ContainsFunc(list, func(k *upload.Pair) bool {
		return k.Manifest == name && k.Image == "" && !k.Date.IsZero() && line.Date == stamp(k.Date)
	}), err
}

// stamp is a date as the result shows it; "" for none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05Z")
}

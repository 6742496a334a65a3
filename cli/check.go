package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"image-capture/bootcheck"
	"image-capture/capture"
	"image-capture/remote"
)

// checkOptions are the command check's.
type checkOptions struct {
	manifest string
	rule     string // to explain
	tree     treeOptions
	format   formatOption
	boot     bootOptions
	bases    []string
	tls      tlsOptions
	remote   remoteOptions
	messageOptions
}

func (o *checkOptions) elsewhere() bool { return !o.json && o.rule == "" }

func (o *checkOptions) add(g *groups) {
	o.tree.add(g)
	o.remote.add(g)
	o.format.add(g, g.group("Image"))
	o.boot.add(g, &o.tree.tree)
	addManifest(g.group("Image"), &o.manifest)
	addBase(g.group("Image"), &o.bases)
	o.tls.add(g.group(tlsTitle))
	g.group(bootTitle).StringVar(&o.rule, "explain", "", "print what the `RULE` asks, what happens where that is not so, and on what it rests, and look at nothing; list prints the rules")
	g.choices("explain", ruleNames()...)
	o.messageOptions.add(g, true)
}

// run prints the report alone, of a tree or of an image.
func (o *checkOptions) run(ctx context.Context, a *App, g *groups, args []string) error {
	if g.set("explain") {
		return o.explain(a, args)
	}
	if len(args) != 1 {
		return usagef("image-capture check ROOT, or image-capture check IMAGE", "check takes one argument, the root or the image")
	}
	c := &checkJob{app: a, checkOptions: o, given: g}
	if err := c.judge(ctx, args[0]); err != nil {
		return err
	}
	var failed error
	if c.report.Worst() == bootcheck.Fail {
		failed = &failure{ExitCheck, fmt.Errorf("check: %s will not deploy with %s (%s)", c.what, c.opt.Deployer, verdict(c.report)), ""}
	}
	if err := c.print(a.ending(ctx, failed)); err != nil {
		return err
	}
	return failed
}

// checkJob is one run of the command check.
type checkJob struct {
	*checkOptions
	app    *App
	given  *groups
	what   string // what was judged, in words
	opt    bootcheck.Options
	report bootcheck.Report
	fixed  []bootcheck.Fix
}

// judge judges what the argument names: a directory is a root, all else an image.
func (c *checkJob) judge(ctx context.Context, name string) error {
	name, err := c.remote.of(c.given, name)
	if err != nil {
		return err
	}
	if c.remote.to != nil && (len(c.bases) > 0 || c.manifest != "") {
		return usagef("leave them out", "--base and --manifest are for an image, and %s is a tree", name)
	}
	if c.remote.to != nil {
		return c.host(ctx, name)
	}
	if name == "-" || isURL(name) {
		return c.image(ctx, name)
	}
	switch info, err := os.Stat(name); {
	case errors.Is(err, os.ErrPermission):
		return err
	case err != nil:
		return usagef("image-capture check ROOT, or image-capture check IMAGE", "%w", err)
	case !info.IsDir():
		return c.image(ctx, name)
	}
	if len(c.bases) > 0 {
		return usagef("leave out --base", "--base is for a layer, and %s is a tree", name)
	}
	if c.manifest != "" {
		return usagef("leave out --manifest", "--manifest is for an image, and %s is a tree", name)
	}
	c.app.warnUnprivileged()
	tree, err := c.treeAt(ctx, name)
	if err != nil {
		return err
	}
	src, err := tree.Open()
	if err != nil {
		return err
	}
	defer src.Close()
	c.report, c.fixed, err = src.Judge(ctx, c.opt, c.boot.fix, func(f bootcheck.Fix) { c.app.events(c.progress, false).Fixed(f, capture.ByFix) })
	return err
}

// treeAt is the tree that is judged, and fills in how.
func (c *checkJob) treeAt(ctx context.Context, root string) (capture.Tree, error) {
	c.what = "an image of this tree"
	format, err := c.format.format()
	if err != nil {
		return capture.Tree{}, err
	}
	if c.opt, err = c.boot.of(ctx, c.given, format); err != nil {
		return capture.Tree{}, err
	}
	return c.tree.of(ctx, root)
}

// host judges a tree on another host.
func (c *checkJob) host(ctx context.Context, root string) error {
	c.boot.elsewhere = true
	tree, err := c.treeAt(ctx, root)
	if err != nil {
		return err
	}
	task := capture.Options{Tree: tree, Boot: c.opt, Fix: c.boot.fix}.Task()
	events := fixedOnly{told: c.app.events(c.progress, false)}
	origin, leave, err := c.remote.origin(ctx, c.app, remote.Job{Task: task, TargetSelf: c.boot.target == targetSelf}, events)
	defer leave()
	if err != nil {
		return err
	}
	checked, err := origin.Check(ctx)
	if err != nil {
		return err
	}
	if checked.Report == nil {
		return &remote.ProtocolError{What: "no report"}
	}
	c.report, c.fixed = *checked.Report, checked.Fixes
	return nil
}

// fixedOnly is for who wants to hear of edits alone.
type fixedOnly struct {
	capture.Silent
	told capture.Events
}

func (f fixedOnly) Fixed(fix bootcheck.Fix, by capture.By) { f.told.Fixed(fix, by) }

// checkDocument is the document of --json. The README says what is in it.
type checkDocument struct {
	ending
	Deployer bootcheck.Deployer `json:"deployer"`
	Firmware bootcheck.Firmware `json:"firmware"` // that was asked for
	Worst    bootcheck.Level    `json:"worst"`
	Counts   bootcheck.Counts   `json:"counts"`
	bootcheck.Report
	Fixed []bootcheck.Fix `json:"fixed,omitempty"` // the edits that --fix made
}

// print prints the report, the result of the command.
func (c *checkJob) print(e ending) error {
	if c.json {
		return writeJSON(c.app.stdout, checkDocument{
			ending:   e,
			Deployer: c.opt.Deployer, Firmware: c.opt.Firmware, Worst: c.report.Worst(), Counts: c.report.Counts(),
			Report: c.report, Fixed: c.fixed,
		})
	}
	lines := reportLines(c.report, c.quiet)
	if !c.quiet && c.report.Worst() >= bootcheck.Warn && isTerminal(c.app.stdout.w) { // no noise in logs and pipes
		lines = append(lines, "image-capture check --explain RULE says what a rule asks, and on what it rests")
	}
	for _, line := range lines {
		if c.app.colour {
			line = paint(line)
		}
		if _, err := fmt.Fprintln(c.app.stdout, middle(line, maxLine)); err != nil {
			return err
		}
	}
	return nil
}

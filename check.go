package main

import (
	"context"
	"fmt"
	"os"

	"image-capture/bootcheck"
)

// check is the command that prints the report alone, of a tree or of an image.
func check(ctx context.Context, a *app, fl *flags, args []string) error {
	if len(args) != 1 {
		return usagef("image-capture check ROOT, or image-capture check IMAGE", "check takes one argument, the root or the image")
	}
	c := &checkJob{app: a, fl: fl}
	if err := c.run(ctx, args[0]); err != nil {
		return err
	}
	if err := c.print(); err != nil {
		return err
	}
	if c.report.Worst() == bootcheck.Fail {
		return &failure{exitCheck, fmt.Errorf("check: %s will not deploy with %s (%s)", c.what, c.opt.Deployer, verdict(c.report)), ""}
	}
	return nil
}

// checkJob is one run of the command check.
type checkJob struct {
	app    *app
	fl     *flags
	what   string // what was judged, in words
	opt    bootcheck.Options
	report bootcheck.Report
	fixed  []bootcheck.Fix
}

// run judges what the argument names: a directory is a root, all else an image.
func (c *checkJob) run(ctx context.Context, name string) error {
	if name == "-" || isURL(name) {
		return c.image(ctx, name)
	}
	switch info, err := os.Stat(name); {
	case err != nil:
		return usagef("image-capture check ROOT, or image-capture check IMAGE", "%w", err)
	case !info.IsDir():
		return c.image(ctx, name)
	}
	c.what = "an image of this tree"
	format, _, err := c.fl.imageFormat()
	if err != nil {
		return err
	}
	if c.opt, err = c.app.bootOptions(ctx, c.fl, format); err != nil {
		return err
	}
	t, err := c.app.openTree(ctx, c.fl, name)
	if err != nil {
		return err
	}
	defer t.close()
	c.report, c.fixed, err = t.judge(ctx, c.fl, c.opt)
	return err
}

// checkDocument is the document of --json. The README says what is in it.
type checkDocument struct {
	Deployer bootcheck.Deployer `json:"deployer"`
	Firmware bootcheck.Firmware `json:"firmware"` // that was asked for
	Worst    bootcheck.Level    `json:"worst"`
	Counts   bootcheck.Counts   `json:"counts"`
	bootcheck.Report
	Fixed []bootcheck.Fix `json:"fixed,omitempty"` // the edits that --fix made
}

// print prints the report, the result of the command.
func (c *checkJob) print() error {
	if c.fl.json {
		return writeJSON(c.app.stdout, checkDocument{
			Deployer: c.opt.Deployer, Firmware: c.opt.Firmware, Worst: c.report.Worst(), Counts: c.report.Counts(),
			Report: c.report, Fixed: c.fixed,
		})
	}
	for _, line := range reportLines(c.report, c.fl.quiet) {
		if _, err := fmt.Fprintln(c.app.stdout, line); err != nil {
			return err
		}
	}
	return nil
}

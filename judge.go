package main

import (
	"bytes"
	"context"
	"fmt"
	"os"

	"image-capture/bootcheck"
	"image-capture/bootcheck/hardware"
	"image-capture/manifest"
)

// bootOptions reads the flags of the group "Boot check".
func (a *app) bootOptions(ctx context.Context, fl *flags, format manifest.Format) (bootcheck.Options, error) {
	opt := bootcheck.Options{Deployer: deployer(format)}
	if fl.deployer != "" {
		if err := opt.Deployer.UnmarshalText([]byte(fl.deployer)); err != nil {
			return opt, usagef("", "--deployer: %w", err)
		}
	}
	if fl.set("firmware") {
		if err := oneOf("firmware", fl.firmware, "uefi", "bios", "both"); err != nil {
			return opt, err
		}
		if err := opt.Firmware.UnmarshalText([]byte(fl.firmware)); err != nil {
			return opt, usagef("", "--firmware: %w", err)
		}
	}
	var err error
	opt.Target, err = a.readTarget(ctx, fl)
	return opt, err
}

// readTarget finds out which machine the image is for: nil when it is not known.
func (a *app) readTarget(ctx context.Context, fl *flags) (*hardware.Target, error) {
	const how = "make it on that machine with find /sys/devices -name modalias -exec cat {} + | sort -u, or take the Param gohai-inventory of DRP's machine"
	switch fl.target {
	case "":
		return nil, nil
	case "self":
		t, err := hardware.Self(os.DirFS("/sys"))
		if err != nil {
			return nil, fmt.Errorf("--target self: %w", err)
		}
		return t, nil
	}
	text, err := readFile(ctx, "target", fl.target, hardware.MaxTarget, how)
	if err != nil {
		return nil, err
	}
	t, err := hardware.ParseTarget(bytes.NewReader(text))
	if err != nil {
		return nil, usagef(how, "--target %s: %w", fl.target, err)
	}
	return t, nil
}

// mostFixes is how often the check is repeated: an edit can bring up another
// finding, as a rule may judge only what an earlier one left.
const mostFixes = 3

// judge checks the tree as it will be in the image. With --fix it makes the edits
// that the findings offer, and the report is that of the result.
func (t *tree) judge(ctx context.Context, fl *flags, opt bootcheck.Options) (bootcheck.Report, []bootcheck.Fix, error) {
	var made []bootcheck.Fix
	for round := 0; ; round++ {
		r, err := bootcheck.Check(ctx, t.view(), opt)
		if err != nil || !fl.fix || round == mostFixes {
			return r, made, err
		}
		fixes := r.Fixes()
		if len(fixes) == 0 {
			return r, made, nil
		}
		if err := t.fix(fixes); err != nil {
			return r, made, err
		}
		for _, f := range fixes {
			t.term.say("fix: %s", fixText(f))
		}
		made = append(made, fixes...)
	}
}

// fix plans the edits.
func (t *tree) fix(list []bootcheck.Fix) error {
	for _, f := range list {
		if err := t.plan.Apply(f.Op, "./"+f.Path, "--fix", f.Rewrite); err != nil {
			return fmt.Errorf("fix: %s: %w", fixText(f), err)
		}
	}
	return nil
}

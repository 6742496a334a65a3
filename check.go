package main

import (
	"context"
	"encoding/json"
	"fmt"

	"image-capture/bootcheck"
)

// check is the command that prints the report alone.
func check(ctx context.Context, a *app, fl *flags, args []string) error {
	if len(args) != 1 {
		return usagef("image-capture check ROOT", "check takes one argument, the root")
	}
	format, _, err := fl.imageFormat()
	if err != nil {
		return err
	}
	t, err := a.openTree(fl, args[0])
	if err != nil {
		return err
	}
	defer t.close()
	report, err := bootcheck.Check(ctx, t.view(), bootcheck.Options{Deployer: deployer(format)})
	if err != nil {
		return err
	}
	if fl.json {
		enc := json.NewEncoder(a.stdout)
		enc.SetIndent("", "  ")
		err = enc.Encode(report)
	} else {
		err = printReport(a, report, fl.quiet)
	}
	if err != nil {
		return err
	}
	if report.Worst() == bootcheck.Fail {
		return &failure{exitCheck, fmt.Errorf("check: an image of this tree will not deploy with %s (%s)", deployer(format), verdict(report)), ""}
	}
	return nil
}

// printReport prints the report as text, the result of the command.
func printReport(a *app, r bootcheck.Report, quiet bool) error {
	for _, f := range r.Findings {
		if quiet && f.Level < bootcheck.Warn {
			continue
		}
		where := ""
		if f.Path != "" {
			where = " (" + f.Path + ")"
		}
		if _, err := fmt.Fprintf(a.stdout, "%-4s  %-20s %s%s\n", f.Level, f.Rule, f.Problem, where); err != nil {
			return err
		}
		if f.Hint != "" {
			if _, err := fmt.Fprintf(a.stdout, "%-4s  %-20s hint: %s\n", "", "", f.Hint); err != nil {
				return err
			}
		}
	}
	return nil
}

package cli

import (
	"fmt"
	"strings"

	"image-capture/bootcheck"
)

// byLevel returns the findings with the worst last, where people look first.
func byLevel(list []bootcheck.Finding) []bootcheck.Finding {
	var sorted []bootcheck.Finding
	for level := bootcheck.OK; level <= bootcheck.Fail; level++ {
		for _, f := range list {
			if f.Level == level {
				sorted = append(sorted, f)
			}
		}
	}
	return sorted
}

// reportLines is the report of the command check.
func reportLines(r bootcheck.Report, quiet bool) []string {
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	width := 0
	for _, f := range r.Findings {
		width = max(width, len(f.Rule))
	}
	for _, f := range byLevel(r.Findings) {
		if quiet && f.Level < bootcheck.Warn {
			continue
		}
		where := ""
		if f.Path != "" {
			where = " (" + f.Path + ")"
		}
		add("%-4s  %-*s  %s%s", f.Level, width, f.Rule, f.Problem, where)
		for _, more := range moreLines(f) {
			add("%-4s  %-*s  %s", "", width, "", more)
		}
	}
	said := verdictLines(r)
	lines = append(lines, said[0])
	for i, v := range r.Verdicts {
		if lines = append(lines, said[i+1]); !quiet {
			lines = append(lines, pathLine(v))
		}
	}
	return lines
}

// pathLine says which files the steps of a boot rely on, up to the one that does not go on.
func pathLine(v bootcheck.Verdict) string {
	var list []string
	for _, step := range v.Path {
		if step.Answer == bootcheck.No {
			list = append(list, step.Name+": "+step.Why)
			break
		}
		list = append(list, step.String())
	}
	return "    by " + strings.Join(list, ", ")
}

// moreLines are what follows a finding.
func moreLines(f bootcheck.Finding) []string {
	var lines []string
	if f.Why != "" {
		lines = append(lines, "why: "+f.Why)
	}
	if f.Hint != "" {
		lines = append(lines, "hint: "+f.Hint)
	}
	if f.Fix != nil {
		lines = append(lines, "fix: --fix "+f.Fix.String())
	}
	return lines
}

// verdictLines say whether the deployer gets through, and under which firmware the
// image boots.
func verdictLines(r bootcheck.Report) []string {
	lines := []string{answer("deploys with "+r.Deploys.Deployer.String(), r.Deploys.Answer, r.Deploys.Why)}
	for _, v := range r.Verdicts {
		lines = append(lines, answer("boots under "+strings.ToUpper(v.Firmware.String()), v.Answer, v.Why)+laterOn(v))
	}
	return lines
}

// laterOn is what breaks a clone that boots.
func laterOn(v bootcheck.Verdict) string {
	if v.Later == "" {
		return ""
	}
	return "; " + v.Later
}

func answer(question string, a bootcheck.Answer, why string) string {
	line := question + ": " + string(a)
	if why != "" {
		line += " (" + why + ")"
	}
	return line
}

// printFindings prints to the job log what is wrong, the failures last.
func printFindings(t *terminal, r bootcheck.Report) {
	for _, f := range byLevel(r.Findings) {
		if f.Level < bootcheck.Warn {
			continue
		}
		t.line("image-capture: " + f.String())
		for _, more := range moreLines(f) {
			t.line(t.words(more))
		}
	}
	for _, line := range verdictLines(r) {
		t.say("check: %s", line)
	}
}

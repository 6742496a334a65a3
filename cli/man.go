package cli

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/spf13/pflag"
)

// manOptions are the command man's.
type manOptions struct{}

func (manOptions) add(*groups) {}

func (manOptions) run(_ context.Context, a *App, _ *groups, args []string) error {
	if len(args) > 0 {
		return usagef("image-capture man | man -l -", "man takes no argument")
	}
	_, err := io.WriteString(a.stdout, manPage())
	return err
}

// manPage is the page as groff's man(7) macros have it, made of the same tables as the
// help. It has no date, so that the page depends on the program only.
func manPage() string {
	var b strings.Builder
	add := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	add(`.TH IMAGE\-CAPTURE 1 "" "image-capture %s" "User Commands"`, roff(versionText()))
	add(".SH NAME\nimage\\-capture \\- capture a mounted Linux root as an image for Digital Rebar Provision")
	add(".SH SYNOPSIS")
	for i, cmd := range commands() {
		if i > 0 {
			add(".br")
		}
		name := `\fB` + roff(cmd.name) + `\fR`
		if i == 0 {
			name = "[" + name + "]"
		}
		add("%s", strings.TrimRight(`\fBimage\-capture\fR `+name+" "+roff(cmd.args), " "))
	}
	add(".SH DESCRIPTION\n" + `Captures a mounted Linux root (a gold image's chroot, a disk mounted in a discovery OS, or the live / of a server)
as an image that Digital Rebar Provision (DRP) deploys. It says beforehand whether a deployer could boot the image, streams a
faithful tar through gzip or zstd, writes a MANIFEST of all that is in it, and stores both on the endpoint. The source is never
written to.`)
	add(".PP\nThe result is on stdout, all else on stderr. What is not the name of a command is an argument of capture.")
	add(".PP\n" + roff(valuesText))
	for _, cmd := range commands() {
		g := &groups{}
		cmd.options().add(g)
		if len(g.list) == 0 && len(examples[cmd.name]) == 0 {
			continue
		}
		add(`.SH "%s"`+"\n%s.", strings.ToUpper("image-capture "+cmd.name), roff(capital(cmd.short)))
		if note := notes[cmd.name]; note != "" {
			add("%s", roff(note))
		}
		for _, e := range examples[cmd.name] {
			add(".TP\n.B %s\n%s", roff(e.line), roff(e.what))
		}
		for _, gr := range g.list {
			add(`.SS "%s"`, roff(gr.title))
			gr.set.VisitAll(func(f *pflag.Flag) { b.WriteString(manFlag(f)) })
		}
	}
	add(`.SH "EXIT STATUS"`)
	for line := range strings.Lines(exitHelp) {
		if code, meaning, ok := strings.Cut(strings.TrimSpace(line), "  "); ok {
			add(".TP\n.B %s\n%s", code, roff(meaning))
		}
	}
	add(".SH ENVIRONMENT")
	for _, v := range environment {
		add(".TP\n.B %s\n%s", v.name, roff(v.what))
	}
	add(".SH \"SEE ALSO\"\n.BR tar (1),\n.BR mtree (5)")
	return b.String()
}

// environment are the variables that have a say.
var environment = []struct{ name, what string }{
	{"RS_ENDPOINT", "the endpoint, where --endpoint is not given"},
	{"RS_TOKEN", "the token, where --token-file is not given"},
	{"RS_KEY", "user:password, where there is no token"},
	{"HTTPS_PROXY, NO_PROXY", "the way to the endpoint"},
	{"TMPDIR", "where the entries of the MANIFEST wait"},
	{"NO_COLOR", "set to anything: no colours on a terminal"},
}

// manFlag is empty for a flag that the help does not list.
func manFlag(f *pflag.Flag) string {
	if f.Hidden {
		return ""
	}
	_, text := pflag.UnquoteUsage(f)
	words, value, optional := flagName(f)
	name := `\fB` + strings.ReplaceAll(roff(words), ", ", `\fR, \fB`) + `\fR`
	switch {
	case optional:
		name += `[=\fI` + roff(value) + `\fR]`
	case value != "":
		name += ` \fI` + roff(value) + `\fR`
	}
	if def := f.DefValue; def != "" && def != "[]" {
		text += " (default: " + def + ")"
	}
	return ".TP\n" + name + "\n" + roff(capital(text)) + "\n"
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

var roffSpecial = strings.NewReplacer(`\`, `\e`, "-", `\-`, "~", `\(ti`, "^", `\(ha`, "'", `\(aq`, "`", `\(ga`, `"`, `\(dq`)

// lineControl are the characters that make a line one for the formatter.
var lineControl = regexp.MustCompile(`(?m)^\.`)

// roff writes text for groff: its own characters escaped, see groff_char(7).
func roff(text string) string { return lineControl.ReplaceAllString(roffSpecial.Replace(text), `\&.`) }

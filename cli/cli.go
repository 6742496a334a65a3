// Package cli is the program around the libraries: commands and their flags, what is
// printed, exit codes and hints. Each command is a file; what commands share is in
// options.go (groups of flags), terminal.go and bar.go (stderr), findings.go and
// documents.go (stdout), errors.go (exit codes and hints).
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/pflag"
)

// Version is set by the linker, through package main.
var Version = "devel"

// App is the program with the process around it.
type App struct {
	stdin  io.Reader
	stdout io.Writer
	term   *terminal
	env    func(string) string
	// After and Jitter are those of upload.Attempts. Tests replace them.
	After  func(time.Duration) <-chan time.Time
	Jitter func(time.Duration) time.Duration
}

// New makes the program. env is like os.Getenv.
func New(stdin io.Reader, stdout, stderr io.Writer, env func(string) string) *App {
	return &App{stdin: stdin, stdout: stdout, term: newTerminal(stderr), env: env}
}

// command is one of the verbs. Each has options of its own.
type command struct {
	name, args, short string
	options           func() options
}

// options are the flags of one command, and what it does with them.
type options interface {
	// add adds the flags to the groups of the help.
	add(*groups)
	// run is the command. g tells which flags were given.
	run(ctx context.Context, a *App, g *groups, args []string) error
}

func commands() []command {
	return []command{
		{"capture", "ROOT", "capture the tree at ROOT (the default command)", func() options { return &captureOptions{} }},
		{"check", "ROOT|IMAGE", "say whether a deployer could boot an image of ROOT, or an image (file, - or URL)", func() options { return &checkOptions{} }},
		{"upload", "IMAGE MANIFEST", "send a captured image and its MANIFEST to an endpoint", func() options { return &uploadOptions{} }},
		{"verify", "IMAGE [MANIFEST]", "read an image (file, - or URL) and compare it with its MANIFEST", func() options { return &verifyOptions{} }},
		{"prune", "[PATTERN ...]", "list the images on an endpoint, and delete old ones with their MANIFESTs", func() options { return &pruneOptions{} }},
		{"hooks", "", "write the curtin hooks as an archive, for images that were made without them", func() options { return &hooksOptions{} }},
		{"version", "", "print the version", func() options { return versionOptions{} }},
	}
}

// Run runs the program and returns its exit code. It uses no process-wide state but the
// file system, so tests run it too.
func (a *App) Run(ctx context.Context, args []string) int {
	cmd, args := pick(args)
	opt, g := cmd.options(), &groups{}
	opt.add(g)
	err := a.run(ctx, cmd, opt, g, args)
	if err == nil {
		return ExitDone
	}
	code, hint, err := conclude(ctx, err)
	a.term.fail(err, hint)
	return code
}

func (a *App) run(ctx context.Context, cmd command, opt options, g *groups, args []string) error {
	rest, err := g.parse(args)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		_, err = fmt.Fprint(a.stdout, usage(cmd, g))
		return err
	case err != nil:
		return usagef("image-capture "+cmd.name+" --help lists the flags", "%w", err)
	}
	if cmd.name == "capture" && len(rest) > 1 && rest[0] == "capture" {
		rest = rest[1:] // flags came before the command
	}
	if len(rest) > 1 && slices.ContainsFunc(commands(), func(c command) bool { return c.name == rest[0] }) {
		return usagef("image-capture "+rest[0]+" [flags] ...", "the command %s comes before its flags", rest[0])
	}
	if m, ok := opt.(interface{ isQuiet() bool }); ok {
		a.term.quiet = m.isQuiet()
	}
	if err := g.valid(); err != nil {
		return err
	}
	return opt.run(ctx, a, g, rest)
}

// pick finds the command. What is no command is an argument of capture.
func pick(args []string) (command, []string) {
	all := commands()
	if len(args) > 0 {
		word := args[0]
		if word == "help" {
			args = append(slices.Clone(args[1:]), "--help")
			return pick(args)
		}
		if i := slices.IndexFunc(all, func(c command) bool { return c.name == word }); i >= 0 {
			return all[i], args[1:]
		}
	}
	return all[0], args
}

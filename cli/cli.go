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

	"image-capture/capture"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Version is set by the linker, through package main.
var Version = "devel"

// App is the program with the process around it.
type App struct {
	stdin  io.Reader
	stdout *untilClosed // for results; one that nobody reads any more is not an error
	colour bool         // stdout gets colours
	image  io.Writer    // the same, for an image: there it is one
	term   *terminal
	env    func(string) string
	// command is the name of the one that runs.
	command string
	flags   *groups // its own
	urls    urls
	// After and Jitter are those of upload.Attempts. Tests replace them.
	After  func(time.Duration) <-chan time.Time
	Jitter func(time.Duration) time.Duration
}

// New makes the program. env is like os.Getenv.
func New(stdin io.Reader, stdout, stderr io.Writer, env func(string) string) *App {
	return &App{
		stdin: stdin, stdout: &untilClosed{w: stdout}, colour: colours(stdout, env), image: stdout,
		term: newTerminal(stderr, env), env: env,
	}
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
	// run is the command. g reports which flags were given.
	run(ctx context.Context, a *App, g *groups, args []string) error
}

func commands() []command {
	return []command{
		{"capture", "ROOT", "capture the tree at ROOT (the default command)", func() options { return &captureOptions{} }},
		{"check", "ROOT|IMAGE", "report whether ROOT, or an image (file, - or URL), will boot once it is deployed", func() options { return &checkOptions{} }},
		{"upload", "[IMAGE] MANIFEST", "send an image and its MANIFEST to an endpoint, or the MANIFEST of one that is there", func() options { return &uploadOptions{} }},
		{"verify", "IMAGE [MANIFEST]", "read an image (file, - or URL) and compare it with its MANIFEST", func() options { return &verifyOptions{} }},
		{"diff", "A B", "compare two of images, MANIFESTs and directories, ssh:// too (8 when they differ)", func() options { return &diffOptions{} }},
		{"report", "IMAGE|ROOT", "write an HTML page: check, what takes the space, what changed", func() options { return &reportOptions{} }},
		{"extract", "IMAGE [PATTERN ...]", "write an image (file, - or URL), or what PATTERN names of it, to a directory", func() options { return &extractOptions{} }},
		{"list", "IMAGE [PATTERN ...]", "list what an image or MANIFEST holds, or what PATTERN names of it", func() options { return &listOptions{} }},
		{"cat", "IMAGE PATH ...", "print files of an image (file, - or URL)", func() options { return &catOptions{} }},
		{"prune", "[PATTERN ...]", "list the images on an endpoint; with --yes, delete old ones and their MANIFESTs", func() options { return &pruneOptions{} }},
		{"operations", "", "list what capture --generalize does", func() options { return &operationsOptions{} }},
		{"hooks", "", "write the curtin hooks as an archive, for images that were made without them", func() options { return &hooksOptions{} }},
		{"completion", "bash|zsh|fish", "print a script that completes commands and flags in that shell", func() options { return completionOptions{} }},
		{"man", "", "print the man page, for man -l -", func() options { return manOptions{} }},
		{"version", "", "print the version", func() options { return versionOptions{} }},
	}
}

// Run runs the program and returns its exit code. It uses no process-wide state but the
// file system, so tests run it too.
func (a *App) Run(ctx context.Context, args []string) int {
	a.term.json = wantsJSONLines(args)
	cmd, args, err := pick(args)
	a.command = cmd.name
	if err == nil {
		opt, g := cmd.options(), &groups{}
		opt.add(g)
		a.flags = g
		if err = a.run(ctx, cmd, opt, g, args); err == nil {
			return ExitDone
		}
	}
	code, hint, shown := a.conclude(ctx, err)
	// With --json stdout gets a document, and nothing else: where there is something, the
	// command has written its own.
	if wantsJSON(args) && !a.stdout.begun {
		_ = writeJSON(a.stdout, a.ending(ctx, err))
	}
	a.term.fail(code, shown, hint)
	return code
}

func (a *App) run(ctx context.Context, cmd command, opt options, g *groups, args []string) error {
	rest, err := g.parse(args)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		if err = notClosed(a.image); err == nil {
			_, err = fmt.Fprint(a.stdout, usage(cmd, g))
		}
		return err
	case err != nil && g.apart(args) != nil:
		return refused(ctx, a, opt, g.apart(args))
	case err != nil:
		return refused(ctx, a, opt, usagef(g.mend(cmd.name, err), "%w", err))
	}
	if cmd.name == "capture" && len(rest) > 1 && rest[0] == "capture" {
		rest = rest[1:] // flags came before the command
	}
	if cmd.name != cobra.ShellCompRequestCmd && len(rest) > 1 && slices.ContainsFunc(commands(), func(c command) bool { return c.name == rest[0] }) {
		return usagef("image-capture "+rest[0]+" [flags] ...", "%s is a command: it comes first, its flags after it", rest[0])
	}
	if i := slices.Index(rest, ""); i >= 0 && cmd.name != cobra.ShellCompRequestCmd {
		return refused(ctx, a, opt, usagef("leave it out, or see whether a variable is unset: image-capture "+cmd.name+" --help says what it takes", "argument %d is empty", i+1))
	}
	if m, ok := opt.(interface{ apply(*terminal) }); ok {
		m.apply(a.term)
	}
	for _, name := range g.changed() {
		if why, gone := g.removed[name]; gone {
			a.term.warn("remove it; the next version will not accept it", "--%s has no effect any more: %s", name, why)
		}
	}
	if cmd.name != cobra.ShellCompRequestCmd {
		err = g.apart(args)
	}
	if err == nil {
		err = g.valid()
	}
	if err == nil {
		err = a.hideAll(cmd.name, rest, g)
	}
	if err == nil {
		err = notElsewhere(cmd.name, rest)
	}
	if err == nil {
		err = a.stdoutOpen(opt)
	}
	if err != nil {
		return refused(ctx, a, opt, err)
	}
	return opt.run(ctx, a, g, rest)
}

// refused lets a command that keeps its result in a file write there why it does not begin.
func refused(ctx context.Context, a *App, opt options, err error) error {
	if o, ok := opt.(*captureOptions); ok && o.result != "" {
		return o.printResult(ctx, a, capture.Result{}, err)
	}
	return err
}

// pick finds the command. What is not a command is an argument of capture.
func pick(args []string) (cmd command, rest []string, err error) {
	all := commands()
	if len(args) == 0 {
		return all[0], args, nil
	}
	word := args[0]
	switch word {
	case "help":
		if rest, err = helped(args[1:]); err != nil {
			return all[0], args, err
		}
		return pick(rest)
	case "--version", "-V":
		word = "version"
	case watchWord:
		return command{name: word, options: func() options { return watchOptions{} }}, args[1:], nil
	case serveWord:
		return command{name: word, options: func() options { return serveOptions{} }}, args[1:], nil
	case cobra.ShellCompRequestCmd:
		// All that follows is the user's line, flags too.
		return command{name: word, options: func() options { return completeOptions{} }}, append([]string{"--"}, args[1:]...), nil
	}
	if i := slices.IndexFunc(all, func(c command) bool { return c.name == word }); i >= 0 {
		return all[i], args[1:], nil
	}
	return all[0], args, noCommand(word)
}

// Image-capture turns a mounted Linux root into an image that Digital Rebar
// Provision can deploy, and stores it on an endpoint. See README.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"image-capture/rootfs"
	"image-capture/upload"
)

// version is set by the linker; see the Makefile.
var version = "devel"

func main() { os.Exit(start(newApp(os.Stdin, os.Stdout, os.Stderr, os.Getenv), os.Args[1:])) }

// start runs the program as a process: with its memory and its signals.
func start(a *app, args []string) int {
	// Most of the heap is a fixed set of buffers, so collecting early costs little
	// and keeps the peak near what is in use.
	if a.env("GOGC") == "" {
		debug.SetGCPercent(40)
	}
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as under nohup
		signals = append(signals, syscall.SIGHUP)
	}
	// A reader of stdout that goes away is an error to report, and files to clean
	// up, not a reason to die on the spot.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	// The first signal asks to stop, a second one kills.
	context.AfterFunc(ctx, stop)
	return a.run(ctx, args)
}

// The exit codes. Never 16, 32, 64, or 128 and up: a DRP runner takes those for
// stop, power off, reboot and incomplete.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitCheck       = 3
	exitIncomplete  = 4
	exitRefused     = 5
	exitTaken       = 6
	exitEndpoint    = 7
	exitVerify      = 8
	exitInterrupted = 9
)

const exitHelp = `Exit codes:
  0  done
  1  failed
  2  wrong usage
  3  the check says that the image will not deploy
  4  captured, but incomplete: something could not be read (with --strict also: changed)
  5  the endpoint refused: token or claim
  6  the name is taken
  7  the endpoint failed, or stored something else
  8  verification failed, or the image to check cannot be read
  9  interrupted
`

// failure is an error with what main makes of it.
type failure struct {
	code int
	err  error
	hint string // what to type; may be empty
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func usagef(hint, format string, args ...any) error {
	return &failure{exitUsage, fmt.Errorf(format, args...), hint}
}

// diagnose finds the exit code of an error, and a hint.
func diagnose(err error) (code int, hint string) {
	var f *failure
	var mount *rootfs.NoMountError
	var remote *upload.Error
	switch {
	case err == nil:
		return exitDone, ""
	case errors.As(err, &f):
		return f.code, f.hint
	case errors.Is(err, context.Canceled):
		return exitInterrupted, ""
	case errors.As(err, &mount):
		return exitUsage, "findmnt lists the mount points"
	case errors.As(err, &remote):
		return diagnoseRemote(remote)
	case errors.Is(err, syscall.ENOSPC):
		return exitFailed, "free some space, or send the image to the endpoint without --output"
	case errors.Is(err, os.ErrPermission):
		return exitFailed, "run as root"
	}
	return exitFailed, ""
}

// diagnoseRemote says what to do about an endpoint.
func diagnoseRemote(e *upload.Error) (code int, hint string) {
	switch e.Kind {
	case upload.Refused:
		return exitRefused, "the token must be of a job whose task has ExtraClaims on scope files, action \"post, get\"; it ends with its job"
	case upload.Taken:
		if e.PartInTheWay() {
			return exitTaken, "another upload of this name is running, or one that died left " + e.Path + ".part: delete it with drpcli files destroy " + e.Path + ".part, or use another name"
		}
		return exitTaken, "use another name (--rootfs-name, --manifest-name, --upload-path), or --overwrite to replace the file"
	case upload.TooLarge:
		return exitEndpoint, "a proxy in between limits the size of a body: raise its limit, or go past it with NO_PROXY"
	case upload.NoSpace:
		return exitEndpoint, "free space on the endpoint's disk; what was sent is deleted there"
	case upload.TLS:
		if e.Fingerprint != "" {
			return exitEndpoint, "if that is your endpoint, add --fingerprint " + e.Fingerprint + ", or --ca-cert FILE, or --insecure"
		}
		return exitEndpoint, "check that the endpoint speaks TLS on that port"
	case upload.Broken:
		return exitEndpoint, "check that the endpoint can be reached, and its log"
	}
	return exitEndpoint, "see the endpoint's log"
}

// command is one of the verbs.
type command struct {
	name, args, short string
	setup             func(*flags) // adds the command's flags
	run               func(context.Context, *app, *flags, []string) error
}

func commands() []command {
	return []command{
		{"capture", "ROOT", "capture the tree at ROOT (the default command)", captureFlags, capture},
		{"check", "ROOT|IMAGE", "say whether a deployer could boot an image of ROOT, or an image (file, - or URL)", checkFlags, check},
		{"upload", "IMAGE MANIFEST", "send a captured image and its MANIFEST to an endpoint", uploadFlags, send},
		{"verify", "IMAGE [MANIFEST]", "read an image (file, - or URL) and compare it with its MANIFEST", verifyFlags, verify},
		{"prune", "[PATTERN ...]", "list the images on an endpoint, and delete old ones with their MANIFESTs", pruneFlags, prune},
		{"version", "", "print the version", func(*flags) {}, printVersion},
	}
}

// app is what the commands work with.
type app struct {
	stdin  io.Reader
	stdout io.Writer
	term   *terminal
	env    func(string) string
	after  func(time.Duration) <-chan time.Time // replaced by tests
	jitter func(time.Duration) time.Duration    // any time up to that; replaced by tests
}

func newApp(stdin io.Reader, stdout, stderr io.Writer, env func(string) string) *app {
	return &app{stdin: stdin, stdout: stdout, term: newTerminal(stderr), env: env, after: time.After, jitter: rand.N[time.Duration]}
}

// run runs the program and returns its exit code. It uses no process-wide state
// but the file system, so tests run it too.
func (a *app) run(ctx context.Context, args []string) int {
	cmd, args := pick(args)
	fl := newFlags()
	cmd.setup(fl)
	rest, err := fl.parse(args)
	if errors.Is(err, pflag.ErrHelp) {
		if _, err = fmt.Fprint(a.stdout, usage(cmd, fl)); err == nil {
			return exitDone
		}
	} else if err == nil {
		if cmd.name == "capture" && len(rest) > 1 && rest[0] == "capture" {
			rest = rest[1:] // flags came before the command
		}
		if len(rest) > 1 && slices.ContainsFunc(commands(), func(c command) bool { return c.name == rest[0] }) {
			err = usagef("image-capture "+rest[0]+" [flags] ...", "the command %s comes before its flags", rest[0])
		}
		a.term.quiet = fl.quiet
		if err == nil {
			err = fl.valid()
		}
		if err == nil {
			err = cmd.run(ctx, a, fl, rest)
		}
	} else {
		err = usagef("image-capture "+cmd.name+" --help lists the flags", "%w", err)
	}
	if err == nil {
		return exitDone
	}
	code, hint, err := conclude(ctx, err)
	a.term.fail(err, hint)
	return code
}

// conclude is what becomes of a command's error: exit code, hint, and what is told.
func conclude(ctx context.Context, err error) (code int, hint string, told error) {
	// A failure knows itself what it leaves behind.
	if f := (*failure)(nil); err != nil && ctx.Err() != nil && !errors.As(err, &f) {
		return exitInterrupted, "", errors.New("interrupted, nothing is left behind")
	}
	code, hint = diagnose(err)
	return code, hint, err
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

func printVersion(_ context.Context, a *app, _ *flags, args []string) error {
	if len(args) > 0 {
		return usagef("image-capture version", "version takes no argument")
	}
	_, err := fmt.Fprintln(a.stdout, "image-capture "+versionText())
	return err
}

// versionText is the version, and the commit where the linker was not told one.
func versionText() string {
	if version != "devel" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return version + "-" + s.Value[:min(len(s.Value), 12)]
			}
		}
	}
	return version
}

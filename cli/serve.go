package cli

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"

	"image-capture/bootcheck/hardware"
	"image-capture/capture"
	"image-capture/nice"
	"image-capture/remote"
)

// serveWord is the command that captures here for a program on another machine, which
// starts it by ssh; help does not list it.
const serveWord = "__serve"

// serveOptions are those of that command.
type serveOptions struct{}

func (serveOptions) add(*groups) {}

func (serveOptions) run(ctx context.Context, a *App, _ *groups, args []string) error {
	if len(args) != 1 {
		return usagef("image-capture ssh://host/ starts it there", "%s is not to be called by hand", serveWord)
	}
	var before *nice.Before
	defer func() { _ = before.Restore() }()
	s := remote.Service{
		Mark: args[0], Hello: remote.Hello{Version: versionText(), UID: os.Geteuid()},
		Proxy: http.ProxyFromEnvironment,
		Prepare: func(opt *capture.Options, job remote.Job) error {
			before = lower(a, job.Nice, opt.Root)
			return prepare(a, opt, job, before)
		},
		Explain: func(ctx context.Context, err error) *remote.Error {
			code, hint, shown := conclude(ctx, err)
			return &remote.Error{Code: code, Text: strings.Join(joined(shown), "; "), Hint: hint}
		},
	}
	s.Host, _ = os.Hostname()
	return s.Serve(ctx, a.stdin, a.image)
}

// prepare completes options by what is known here alone.
func prepare(a *App, opt *capture.Options, job remote.Job, before *nice.Before) error {
	opt.Steady.Watch = (&steadyOptions{}).of(a).Watch
	opt.Steady.Watch.Start = before.Start
	if !job.TargetSelf {
		return nil
	}
	t, err := hardware.Self(os.DirFS("/sys"))
	if err != nil {
		return fmt.Errorf("--target self: %w", err)
	}
	opt.Boot.Target = t
	return nil
}

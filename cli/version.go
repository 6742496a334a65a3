package cli

import (
	"context"
	"fmt"
	"runtime/debug"
)

// versionOptions are the command version's.
type versionOptions struct{}

func (versionOptions) add(*groups) {}

func (versionOptions) run(_ context.Context, a *App, _ *groups, args []string) error {
	if len(args) > 0 {
		return usagef("image-capture version", "version takes no argument")
	}
	_, err := fmt.Fprintln(a.stdout, "image-capture "+versionText())
	return err
}

// versionText is the version, and the commit where the linker was not told one.
func versionText() string {
	if Version != "devel" {
		return Version
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return Version + "-" + s.Value[:min(len(s.Value), 12)]
			}
		}
	}
	return Version
}

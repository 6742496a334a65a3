package cli

import (
	"context"

	"image-capture/capture"
	"image-capture/deploy"
	"image-capture/durable"
)

// hooksOptions are the command hooks'.
type hooksOptions struct {
	output    string
	overwrite bool
}

func (o *hooksOptions) add(g *groups) {
	s := g.group("Output")
	s.StringVarP(&o.output, "output", "o", "-", "write the archive to `FILE`, or to stdout for -")
	s.BoolVar(&o.overwrite, "overwrite", false, "replace a file that exists")
}

// elsewhere is for printsElsewhere.
func (o *hooksOptions) elsewhere() bool { return o.output != "-" }

// run writes the archive for the Param image-deploy/additional-tarballs, whose index is
// "07_hook": image-deploy unpacks it over the image, after its own.
func (o *hooksOptions) run(_ context.Context, a *App, _ *groups, args []string) error {
	if len(args) > 0 {
		return usagef("image-capture hooks -o FILE", "hooks takes no argument")
	}
	if o.output != "-" {
		if err := capture.NotOthers(o.output, ""); err != nil {
			return err
		}
		return durable.Write(o.output, o.overwrite, deploy.Tarball)
	}
	if err := forImage(a.image); err != nil {
		return err
	}
	return deploy.Tarball(a.content())
}

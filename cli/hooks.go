package cli

import (
	"context"
	"fmt"
	"io"

	"image-capture/capture"
	"image-capture/compare"
	"image-capture/deploy"
	"image-capture/durable"
	"image-capture/entry"
	"image-capture/manifest"
	"image-capture/upload"
)

// hooksOptions are the command hooks'.
type hooksOptions struct {
	output    string
	overwrite bool
	layers    []string
	tls       tlsOptions
}

func (o *hooksOptions) add(g *groups) {
	s := g.group("Output")
	s.StringVarP(&o.output, "output", "o", "-", "write the archive to `FILE`, or to stdout for -")
	s.BoolVar(&o.overwrite, "overwrite", false, "replace a file that exists")
	s.StringArrayVar(&o.layers, "layer", nil, "have the hooks unpack the layer `IMAGE`, a file or URL with its MANIFEST beside it, after its deletions; where layers lie over layers, repeat it, the lowest first")
	o.tls.add(g.group(tlsTitle))
}

// elsewhere is for printsElsewhere.
func (o *hooksOptions) elsewhere() bool { return o.output != "-" }

// run writes the archive for the Param image-deploy/additional-tarballs, whose index is
// 7: image-deploy unpacks it over the image, after its own.
func (o *hooksOptions) run(ctx context.Context, a *App, _ *groups, args []string) error {
	if len(args) > 0 {
		return usagef("image-capture hooks -o FILE", "hooks takes no argument")
	}
	if o.output != "-" {
		if err := notRead("--output", o.output, filesOf(o.layers)); err != nil {
			return err
		}
		if err := capture.NotOthers(o.output, ""); err != nil {
			return err
		}
	} else if err := forImage(a.image); err != nil {
		return err
	}
	client, err := o.tls.client(ctx)
	if err != nil {
		return err
	}
	layers, err := a.layersFor(ctx, client, o.layers)
	if err != nil {
		return err
	}
	write := func(w io.Writer) error {
		var list []deploy.Layer
		for _, l := range layers {
			list = append(list, deploy.Layer{Deleted: entry.Paths(l.facts.Deleted), Tar: l.image, Size: l.facts.Size})
		}
		return deploy.Tarball(w, list...)
	}
	if o.output != "-" {
		return durable.Write(o.output, o.overwrite, write)
	}
	return write(a.content())
}

// hookLayer is a layer for the hooks.
type hookLayer struct {
	facts manifest.Facts
	image *compare.Whole
}

// layersFor finds layers by their MANIFESTs, each over the one before.
func (a *App) layersFor(ctx context.Context, client *upload.Client, names []string) ([]*hookLayer, error) {
	var list []*hookLayer
	for i, name := range names {
		if name == "-" || kindOfFile(name) == "MANIFEST" {
			return nil, usagef("give the image as a file or URL, with its MANIFEST beside it", "--layer %s is no layer", name)
		}
		m, err := a.manifestFor(ctx, client, name, "")
		if err != nil {
			return nil, err
		}
		if m == nil {
			in, _, err := a.open(ctx, client, name)
			if err != nil {
				return nil, fmt.Errorf("--layer: %w", err)
			}
			in.Close()
			return nil, usagef("put the MANIFEST that the capture wrote beside it: what the layer deletes is in there", "--layer %s has no MANIFEST", name)
		}
		facts := m.Facts()
		err = m.standsFor(name, 0, otherHint(m.name))
		m.Close()
		switch {
		case err != nil:
			return nil, err
		case facts.Base == "":
			return nil, usagef("deploy it as the image", "--layer %s is no layer, as its MANIFEST says", name)
		case facts.Format == manifest.TarZst:
			return nil, usagef("capture the layer with --format tgz", "--layer %s is %s, and the deployer may have no zstd", name, facts.Format)
		case i > 0 && list[i-1].facts.SHA256 != facts.BaseSHA256:
			return nil, notTheBase(names[i-1], name, facts)
		}
		list = append(list, &hookLayer{facts, &compare.Whole{
			Open: func() (io.ReadCloser, error) {
				in, _, err := a.open(ctx, client, name)
				return in, err
			},
			SHA256: facts.SHA256,
			Other:  &failure{ExitVerify, fmt.Errorf("%s has another SHA-256 than its MANIFEST says", name), "image-capture verify says more"},
		}})
	}
	return list, nil
}

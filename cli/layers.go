package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"image-capture/capture"
	"image-capture/compare"
	"image-capture/upload"
)

// addBase is --base of commands that read images.
func addBase(s *pflag.FlagSet, bases *[]string) {
	s.StringArrayVar(bases, "base", nil, "take a layer together with its base, the `IMAGE` that it is over: image, MANIFEST or URL; where layers lie over layers, repeat it, the lowest first")
}

// entriesOver is entriesOf, with a layer over its base, which is one of the given.
func (a *App) entriesOver(ctx context.Context, client *upload.Client, name string, bases []string) (*imageEntries, error) {
	s, err := a.entriesOf(ctx, client, name)
	if err != nil {
		return nil, err
	}
	if err := a.putOver(ctx, client, s, bases); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// putOver makes of a layer the image that it is together with its base.
func (a *App) putOver(ctx context.Context, client *upload.Client, s *imageEntries, bases []string) error {
	if !s.isLayer() {
		return nil
	}
	if len(bases) == 0 {
		return needsBase(s.name, s.facts.Base)
	}
	for i := len(bases) - 1; i >= 0; i-- {
		base, err := a.entriesOf(ctx, client, bases[i])
		if err != nil {
			return err
		}
		if base.sha256 != s.facts.BaseSHA256 {
			base.close()
			continue
		}
		s.closers = append(s.closers, closer(base.close))
		if err := a.putOver(ctx, client, base, bases[:i]); err != nil {
			return err
		}
		s.stream = compare.Over(base.stream, s.stream, s.facts.Deleted)
		s.chain = append(base.chain, s.chain...)
		return nil
	}
	return usagef("give the image that has the SHA-256 "+s.facts.BaseSHA256,
		"%s is a layer over %s, which is not %s", s.name, s.facts.Base, strings.Join(bases, " or "))
}

// needsBase refuses to take a layer for an image.
func needsBase(name, base string) error {
	return usagef("add --base with the image or MANIFEST of "+base, "%s is a layer: it holds only what differs from %s", name, base)
}

// layerOptions are those of capture for a layer.
type layerOptions struct {
	bases   []string
	content bool
}

func (o *layerOptions) add(g *groups, deletions *string) {
	s := g.group("Layer")
	s.StringArrayVar(&o.bases, "base", nil, "capture only what differs from the `IMAGE`, which is an image, its MANIFEST (which is enough, and faster), or the URL of one; for a layer over layers repeat it, the lowest first")
	s.BoolVar(&o.content, "base-content", false, "compare files with the base by their digests, and read them all (if not given: files of the same size, time and attributes are taken for equal)")
	s.StringVar(deletions, "deletions", "", "write the names of the base that are gone to `FILE`, each ended by a NUL, for xargs -0 rm -rf: tar cannot delete")
	g.check(func() error {
		for _, name := range []string{"base-content", "deletions"} {
			if g.set(name) && len(o.bases) == 0 {
				return usagef("add --base IMAGE, or leave out --"+name, "--%s has no effect without --base: only a layer has a base", name)
			}
		}
		return nil
	})
}

// open opens the base; nil without one.
func (o *layerOptions) open(ctx context.Context, a *App, tls *tlsOptions) (*capture.Base, func(), error) {
	n := len(o.bases)
	if n == 0 {
		return nil, func() {}, nil
	}
	client, err := tls.client(ctx)
	if err != nil {
		return nil, nil, err
	}
	s, err := a.entriesOver(ctx, client, o.bases[n-1], o.bases[:n-1])
	if err != nil {
		return nil, nil, fmt.Errorf("--base: %w", err)
	}
	if len(s.chain) < n {
		s.close()
		return nil, nil, usagef("give the base first, and then the layers over it", "--base: %s is not over %s", o.bases[n-1], o.bases[n-2])
	}
	return &capture.Base{Entries: s.stream, Name: s.label(), SHA256: s.sha256, Content: o.content}, s.close, nil
}

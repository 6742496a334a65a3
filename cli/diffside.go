package cli

import (
	"context"
	"io"
	"os"

	"image-capture/capture"
	"image-capture/manifest"
	"image-capture/remote"
	"image-capture/upload"
)

// diffSide is one of the two.
type diffSide struct {
	*imageEntries
	// tree walks a directory, of which what a MANIFEST says was left out is left out; nil
	// for an image. far says that it is on another host.
	tree    func(ctx context.Context, like manifest.Facts) (capture.Live, error)
	far     bool
	entries capture.Live
}

// side opens what a name is of: a directory, a MANIFEST or an image.
func (o *diffOptions) side(ctx context.Context, a *App, client *upload.Client, name string) (*diffSide, error) {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		a.warnUnprivileged()
		src, err := capture.Tree{Root: name, DefaultExcludes: o.defaultExcludes, Exclude: o.exclude}.Open()
		if err != nil {
			return nil, err
		}
		tree := func(ctx context.Context, like manifest.Facts) (capture.Live, error) {
			if err := src.Like(like); err != nil {
				return nil, err
			}
			return src.Entries(ctx), nil
		}
		return &diffSide{imageEntries: &imageEntries{name: name, closers: []io.Closer{src}}, tree: tree}, nil
	}
	s, err := a.entriesOver(ctx, client, name, o.bases)
	return &diffSide{imageEntries: s}, err
}

// hides says why an entry that the side lacks may be there all the same; see capture.Unseen.
func (s *diffSide) hides(path string) (by string) {
	if s.entries == nil {
		return ""
	}
	return s.entries.Hides(path)
}

// asWhom says who could read more.
func asWhom(sides [2]*diffSide) string {
	if sides[0].far || sides[1].far {
		return asRootThere
	}
	return asRoot
}

// host opens a directory on another host.
func (o *diffOptions) host(ctx context.Context, a *App, far *remoteOptions, name string) (*diffSide, error) {
	tree := capture.Tree{Root: far.to.Root, DefaultExcludes: o.defaultExcludes, Exclude: o.exclude}
	origin, leave, err := far.origin(ctx, a, remote.Job{Task: capture.Options{Tree: tree}.Task()}, capture.Silent{})
	if err != nil {
		leave()
		return nil, err
	}
	return &diffSide{imageEntries: &imageEntries{name: name, closers: []io.Closer{closer(leave)}}, tree: origin.Entries, far: true}, nil
}

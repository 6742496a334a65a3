package cli

import (
	"context"
	"io"
	"os"
	"slices"
	"strings"

	"image-capture/capture"
	"image-capture/edit"
	"image-capture/entry"
	"image-capture/manifest"
	"image-capture/remote"
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

func isDir(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// tree is a directory as it is compared with the other side. An exclude that nobody typed
// and that an image did not have, as it holds what would be left out, makes no difference.
func (o *diffOptions) tree(a *App, g *groups, root string, other *diffSide) capture.Tree {
	t := capture.Tree{Root: root, DefaultExcludes: o.defaultExcludes, Exclude: o.exclude}
	if !t.DefaultExcludes || g.set("default-excludes") || other == nil || other.again == nil {
		return t
	}
	if t.Whole = other.has(edit.DefaultDirs()); len(t.Whole) > 0 {
		a.term.say("%s has something below %s, where the default excludes of a capture leave all out: this is compared too, and with --default-excludes it is not", entry.Printable(other.name), strings.Join(t.Whole, " "))
	}
	return t
}

// has are those of the directories below which the image has something, as far as it can be
// read: whoever compares the entries tells what is wrong with it.
func (s *imageEntries) has(dirs []string) (list []string) {
	entries, closed, err := s.again()
	if err != nil {
		return nil
	}
	defer closed()
	for m, err := entries.Next(); err == nil && len(list) < len(dirs); m, err = entries.Next() {
		for _, d := range dirs {
			if entry.IsBelow(m.Path, d) && !slices.Contains(list, d) {
				list = append(list, d)
			}
		}
	}
	return list
}

// dir opens a directory.
func (o *diffOptions) dir(a *App, t capture.Tree) (*diffSide, error) {
	a.warnUnprivileged()
	src, err := t.Open()
	if err != nil {
		return nil, err
	}
	tree := func(ctx context.Context, like manifest.Facts) (capture.Live, error) {
		if err := src.Like(like); err != nil {
			return nil, err
		}
		return src.Entries(ctx, o.quick), nil
	}
	return &diffSide{imageEntries: &imageEntries{name: t.Root, closers: []io.Closer{src}}, tree: tree}, nil
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
func (o *diffOptions) host(ctx context.Context, a *App, far *remoteOptions, tree capture.Tree, name string) (*diffSide, error) {
	origin, leave, err := far.origin(ctx, a, remote.Job{Task: capture.Options{Tree: tree}.Task()}, capture.Silent{})
	if err != nil {
		leave()
		return nil, err
	}
	return &diffSide{imageEntries: &imageEntries{name: name, closers: []io.Closer{closer(leave)}}, tree: origin.Entries, far: true}, nil
}

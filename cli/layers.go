package cli

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"image-capture/capture"
	"image-capture/compare"
	"image-capture/compress"
	"image-capture/durable"
	"image-capture/entry"
	"image-capture/manifest"
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
		s.again = againOver(base.again, s.again, s.facts.Deleted)
		s.chain = append(base.chain, s.chain...)
		s.unread = append(base.unread, s.unread...)
		return nil
	}
	return notTheBase(strings.Join(bases, " or "), s.name, *s.facts)
}

// againOver gives a layer over its base once more.
func againOver(base, layer func() (compare.Stream, func(), error), deleted []entry.Note) func() (compare.Stream, func(), error) {
	return func() (compare.Stream, func(), error) {
		b, closeBase, err := base()
		if err != nil {
			return nil, nil, err
		}
		l, closeLayer, err := layer()
		if err != nil {
			closeBase()
			return nil, nil, err
		}
		return compare.Over(b, l, deleted), func() { closeLayer(); closeBase() }, nil
	}
}

// needsBase refuses to take a layer for an image.
func needsBase(name, base string) error {
	return usagef("add --base with the image or MANIFEST of "+base, "%s is a layer: it holds only what differs from %s", name, base)
}

// lacks is a hint for a name that an image does not have: a layer, which is over base, has
// only what differs from that.
func lacks(image, base, hint string) string {
	if base == "" {
		return hint
	}
	return fmt.Sprintf("%s is a layer: what is as in its base %s is only there; %s", entry.Printable(image), entry.Printable(base), hint)
}

// chained is an image of a chain: a base, or a layer over the one before.
type chained struct {
	name     string
	facts    *manifest.Facts // of its MANIFEST, which a layer has
	manifest string          // its name
	sha256   string          // of what was read
	codec    compress.Codec  // that it was read through
	sums     bool            // which has a checksum of all that was read
	index    *besideManifest // for who reads by it; closed by closeChain
}

// frames are where those of the image begin, as far as its MANIFEST says it.
func (c *chained) frames() []entry.Frame {
	if c.index == nil {
		return nil
	}
	return c.index.frames()
}

func closeChain(list []*chained) {
	for _, c := range list {
		if c.index != nil {
			c.index.Close()
		}
	}
}

// chain puts a base and the layers over it together by their MANIFESTs: the last is name.
// Without bases it is of name alone, and a layer is refused.
func (a *App) chain(ctx context.Context, client *upload.Client, bases []string, name, given string) (_ []*chained, err error) {
	var list []*chained
	defer func() {
		if err != nil {
			closeChain(list)
		}
	}()
	for i, n := range append(slices.Clone(bases), name) {
		if kindOfFile(n) == "MANIFEST" {
			return nil, usagef("give the image", "%s is a MANIFEST, and the contents are in the image", n)
		}
		c := &chained{name: n}
		list = append(list, c)
		of := ""
		if i == len(bases) {
			of = given
		}
		m, err := a.manifestFor(ctx, client, n, of)
		switch {
		case err != nil && (len(bases) > 0 || given != "") || ctx.Err() != nil:
			return nil, err
		case err != nil:
			a.term.warn("", "%s is not compared with its MANIFEST: %v", n, err)
		case m != nil:
			facts := m.Facts()
			c.facts, c.manifest, c.index = &facts, m.name, m
			other := m.standsFor(n, 0, otherHint(m.name)+"; to have the image read alone move the MANIFEST elsewhere")
			if other != nil {
				return nil, other
			}
		}
		layer := c.facts != nil && c.facts.Base != ""
		switch {
		case i == 0 && layer:
			return nil, needsBase(n, c.facts.Base)
		case i > 0 && !layer:
			return nil, usagef("put the MANIFEST that the capture wrote beside it", "%s is no layer, as far as a MANIFEST beside it says it", n)
		case i > 0 && list[i-1].facts != nil && list[i-1].facts.SHA256 != c.facts.BaseSHA256:
			return nil, notTheBase(list[i-1].name, n, *c.facts)
		}
	}
	return list, nil
}

// notTheBase says that a layer is over another image.
func notTheBase(base, layer string, f manifest.Facts) error {
	return usagef("give the image that has the SHA-256 "+f.BaseSHA256, "%s is a layer over %s, which is not %s", layer, f.Base, base)
}

// layerOptions are those of capture for a layer.
type layerOptions struct {
	bases   []string
	content bool
}

func (o *layerOptions) add(g *groups, deletions *string) {
	s := g.group("Layer")
	s.StringArrayVar(&o.bases, "base", nil, "capture only what differs from the `IMAGE`, which is an image, its MANIFEST (which is enough, and faster; where it is beside the image the image is not read), or the URL of one; for a layer over layers repeat it, the lowest first")
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

// filesOf are the files that images may be read from: themselves, and their MANIFESTs.
func filesOf(images []string) (files []string) {
	for _, name := range images {
		if name != "" && name != "-" && !isURL(name) {
			files = append(files, name, manifestOf(name))
		}
	}
	return files
}

// notRead refuses a name for what is written that is one of what is read.
func notRead(flag, name string, files []string) error {
	if i := slices.IndexFunc(files, func(f string) bool { return durable.Same(name, f) }); i >= 0 {
		return usagef("give another name", "%s %s would replace %s, which is read", flag, name, files[i])
	}
	return nil
}

// open opens the base; nil without one.
func (o *layerOptions) open(ctx context.Context, a *App, store *storeOptions) (*capture.Base, func(), error) {
	n := len(o.bases)
	if n == 0 {
		return nil, func() {}, nil
	}
	client, err := store.tls.client(ctx)
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
	a.sayUnread(s)
	b := &capture.Base{Entries: s.stream, Name: s.label(), SHA256: s.sha256, Content: o.content}
	b.Files = filesOf(o.bases)
	for _, l := range s.chain {
		b.Under = append(b.Under, manifest.Under{Path: l.stored(store.url(a)), Format: l.Format, SHA256: l.SHA256, Size: l.Size, Deleted: l.Deleted})
	}
	if stored := b.Under[len(b.Under)-1].Path; stored != "" {
		b.Name = stored
	}
	return b, s.close, nil
}

// warnArchive says that a Profile which is printed, or in a file, names an archive that is
// stored with a Profile on the endpoint only.
func (a *App) warnArchive(res capture.Result, err error) {
	archive := res.Profile.HooksArchive()
	failed := (*capture.ProfileError)(nil) // says it
	if archive == "" || res.ProfileSaved != "" || errors.As(err, &failed) {
		return
	}
	a.term.warn("--save-profile NAME stores it; by hand: "+storeArchive(archive, res.Profile.Layers()),
		"image-deploy alone cannot unpack these layers: the Profile names %s, an archive of hooks that do it, and that is not stored", entry.Printable(archive))
}

// storeArchive is how to store the archive of hooks for layers, by paths under files/.
func storeArchive(archive string, layers []string) string {
	var b strings.Builder
	b.WriteString("image-capture hooks")
	for _, l := range layers {
		b.WriteString(" --layer " + entry.ShellWord(path.Base(l)))
	}
	file := entry.ShellWord(path.Base(archive))
	return b.String() + " -o " + file + ", and drpcli files upload " + file + " as " + entry.ShellWord(archive)
}

package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"

	"image-capture/bootcheck"
	"image-capture/compare"
	"image-capture/entry"
	"image-capture/image"
	"image-capture/report"
	"image-capture/upload"
)

// image looks at an image, in one pass; at a layer together with what it is over.
func (j *reportJob) image(ctx context.Context, client *upload.Client, name string) error {
	m, err := j.app.manifestFor(ctx, client, name, "")
	if err != nil {
		return err
	}
	layer, of := false, ""
	if m != nil {
		facts := m.Facts()
		of = m.name
		m.Close()
		j.page.Facts = &facts
		layer = facts.Base != ""
		if layer && len(j.opt.bases) == 0 {
			return needsBase(name, facts.Base)
		}
	}
	images := []*chained{{name: name, facts: j.page.Facts, manifest: of}}
	if layer {
		if images, err = j.app.chain(ctx, client, j.opt.bases, name, ""); err != nil {
			return err
		}
		defer closeChain(images)
	}
	var all *seen
	for i, img := range images {
		above, err := j.imageFile(ctx, client, img, all)
		if err != nil {
			return err
		}
		if i+1 < len(images) && img.sha256 != images[i+1].facts.BaseSHA256 {
			return notTheBase(img.name, images[i+1].name, *images[i+1].facts)
		}
		if all == nil {
			if all = above; layer {
				j.lowest = all.members
			}
			continue
		}
		if err := all.put(above, img); err != nil {
			return err
		}
	}
	if !layer {
		j.app.sayUnknown(images[0])
	}
	for _, m := range all.members {
		j.space.Add(m, all.stored[m])
		if list, ok := all.lists[m]; ok {
			if err := j.space.Package(m.Path, bytes.NewReader(list)); err != nil {
				return err
			}
		}
	}
	j.members = all.members
	j.page.Check, err = all.kept.Check(ctx)
	return err
}

// seen is what a page needs of an image that went by.
type seen struct {
	kept    *bootcheck.Image
	members []*entry.Member
	stored  map[*entry.Member]int64
	lists   map[*entry.Member][]byte // of packages
}

// put puts a layer over what was seen.
func (s *seen) put(above *seen, img *chained) error {
	base, err := compare.Sorted(compare.List(s.members))
	if err != nil {
		return err
	}
	layer, err := compare.Sorted(compare.List(above.members))
	if err != nil {
		return err
	}
	both := compare.Over(compare.List(base), compare.List(layer), img.facts.Deleted)
	s.members = nil
	for {
		m, err := both.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		s.members = append(s.members, m)
		if n, ok := above.stored[m]; ok {
			s.stored[m] = n
		}
		if list, ok := above.lists[m]; ok {
			s.lists[m] = list
		}
	}
}

// imageFile reads an image, as a layer over another where there is one.
func (j *reportJob) imageFile(ctx context.Context, client *upload.Client, img *chained, under *seen) (s *seen, err error) {
	err = j.app.readWhole(ctx, client, img, j.opt.progress, func(in io.Reader) (err error) {
		s, err = j.readImage(ctx, in, img, under)
		return err
	})
	return s, err
}

func (j *reportJob) readImage(ctx context.Context, in io.Reader, img *chained, under *seen) (*seen, error) {
	broken := func(err error) error {
		if isSourceError(err) {
			return err
		}
		return &failure{ExitVerify, fmt.Errorf("%s: %w", img.name, err), "nothing was written: the image must be complete"}
	}
	r, err := image.NewReader(in)
	if err != nil {
		return nil, broken(err)
	}
	defer r.Close()
	r.TakeDigests()
	s := &seen{stored: map[*entry.Member]int64{}, lists: map[*entry.Member][]byte{}}
	var last *entry.Member
	var at int64
	// What is stored of a file is what the tar has up to the next member, less its headers.
	store := func() {
		if last != nil {
			s.stored[last] = min(last.Size, max(0, r.Unpacked()-at))
		}
	}
	beside := func(m *entry.Member) func(io.Reader) {
		store()
		last, at = m, r.Unpacked()
		s.members = append(s.members, m)
		if m.Type == entry.File && report.IsPackage(m.Path) {
			return func(list io.Reader) { s.lists[m], _ = report.ReadPackage(list) } // what ends it ends the image
		}
		if m.Type == entry.File && report.IsDatabase(m.Path) {
			return func(content io.Reader) {
				if err := j.rpm.add(m.Path, content); err != nil {
					j.app.term.warn("", "%s: %v", entry.Escape(m.Path), err)
				}
			}
		}
		return nil
	}
	if under == nil {
		opt, err := j.opt.boot.of(ctx, j.given, formatOf(r.Codec()))
		if err != nil {
			return nil, err
		}
		s.kept, err = bootcheck.ReadImageBeside(ctx, r, opt, beside)
		if err != nil {
			return nil, broken(err)
		}
	} else if err := under.kept.OverBeside(ctx, r, entry.Paths(img.facts.Deleted), beside); err != nil {
		return nil, broken(err)
	}
	store()
	img.codec, img.sums = r.Codec(), r.Checksums()
	return s, nil
}

// changes compares with the base.
func (j *reportJob) changes(ctx context.Context, client *upload.Client) error {
	n := len(j.opt.bases)
	c := &report.Changes{Base: j.opt.bases[n-1]}
	var old compare.Stream
	if j.lowest != nil {
		c.Base = j.opt.bases[0]
		lowest, err := compare.Sorted(compare.List(j.lowest))
		if err != nil {
			return err
		}
		old = compare.List(lowest)
	} else {
		base, err := j.app.entriesOver(ctx, client, j.opt.bases[n-1], j.opt.bases[:n-1])
		if err != nil {
			return fmt.Errorf("--base: %w", err)
		}
		defer base.close()
		j.app.sayUnread(base)
		old = base.stream
	}
	now, err := compare.Sorted(compare.List(j.members))
	if err != nil {
		return err
	}
	res, err := compare.Diff(ctx, old, compare.List(now), compare.DiffOptions{Quick: true, Workers: runtime.GOMAXPROCS(0), Changed: c.Add})
	if err != nil {
		return badImage("--base "+c.Base, err)
	}
	if res.Undigested > 0 && !j.page.Tree {
		j.app.term.say("files of the same size whose content was not compared, as there is no digest: %d", res.Undigested)
	}
	j.page.Changes = c
	return nil
}

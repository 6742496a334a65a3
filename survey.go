package main

import (
	"context"
	"errors"
	"io"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"image-capture/manifest"
	"image-capture/upload"
)

// kept is what a folder of the endpoint holds of one capture: an image with its
// MANIFEST, one of them without the other, or what an upload has left.
type kept struct {
	image, manifest string // names in the folder; "" for none
	part            string // name of the .part of an upload; then there is nothing else
	group           string // the tag, as a rule
	date            time.Time
	doubted         bool // two MANIFESTs name this image
}

// name is the one to show and to match with patterns.
func (k kept) name() string {
	switch {
	case k.part != "":
		return strings.TrimSuffix(k.part, ".part")
	case k.image != "":
		return k.image
	}
	return k.manifest
}

const manifestSuffix = ".txt"

// stamped takes a file name apart: the name without its suffix, date and ident,
// which is $TAG or TAG-rootfs as a rule; the date, and the tail from the date on,
// which no other capture has. Not ok: no date, or no suffix that is ours.
func stamped(name string) (group, tail string, date time.Time, ok bool) {
	base, isImage := withoutSuffix(name)
	if !isImage {
		if base, ok = strings.CutSuffix(name, manifestSuffix); !ok {
			return "", "", date, false
		}
	}
	const stamp, ident = "20060102-150405", 10
	for i := len(base) - len(stamp); i >= 0; i-- {
		before, rest := base[:i], base[i+len(stamp):]
		if before != "" && digit(before[i-1]) || rest != "" && digit(rest[0]) {
			continue
		}
		var err error
		if date, err = time.Parse(stamp, base[i:i+len(stamp)]); err != nil || date.Year() < 1970 {
			continue
		}
		if len(rest) > ident && rest[0] == '-' && isIdent(rest[1:1+ident]) && (len(rest) == 1+ident || rest[1+ident] == '-') {
			tail, rest = base[i:i+len(stamp)+1+ident], rest[1+ident:]
		}
		group = strings.TrimRight(before, "-_.") + rest
		kind := "-MANIFEST"
		if isImage {
			kind = "-rootfs"
		}
		return strings.TrimSuffix(group, kind), tail, date, true
	}
	return base, "", time.Time{}, false
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

func isIdent(s string) bool {
	return strings.Trim(s, "0123456789abcdef") == ""
}

// withoutSuffix cuts the suffix of an image's name.
func withoutSuffix(name string) (string, bool) {
	for _, f := range []manifest.Format{manifest.TarZst, manifest.TGZ, manifest.Tar} {
		if base, ok := strings.CutSuffix(name, f.Suffix()); ok {
			return base, true
		}
	}
	return name, false
}

// survey finds out what belongs together. What a MANIFEST says of its image counts
// first; where it cannot be read, or is of another tool, or its image is not there,
// the date and ident that both names end in.
func (e *endpoint) survey(ctx context.Context, folder string, names []string) ([]*kept, error) {
	images, byTail := map[string]*kept{}, map[string]string{}
	var manifests []string
	var all []*kept
	for _, n := range names {
		if strings.Contains(n, "/") {
			continue // a folder
		}
		_, isImage := withoutSuffix(n)
		group, tail, date, _ := stamped(n)
		switch {
		case isImage:
			images[n] = &kept{image: n, group: group, date: date}
			all = append(all, images[n])
			if tail != "" {
				byTail[tail] = n
			}
		case strings.HasSuffix(n, manifestSuffix):
			manifests = append(manifests, n)
		case strings.HasSuffix(n, ".part"):
			whole := strings.TrimSuffix(n, ".part")
			if _, isImage := withoutSuffix(whole); isImage || strings.HasSuffix(whole, manifestSuffix) {
				group, _, date, _ := stamped(whole)
				all = append(all, &kept{part: n, group: group, date: date})
			}
		}
	}
	facts, err := e.readManifests(ctx, folder, manifests)
	if err != nil {
		return nil, err
	}
	for i, n := range manifests {
		group, tail, date, ok := stamped(n)
		of := images[path.Base(facts[i].UploadTarball)]
		if of == nil && tail != "" {
			of = images[byTail[tail]]
		}
		switch {
		case of == nil && facts[i].UploadTarball == "" && (!ok || tail == ""):
			// A text file, like any other.
		case of == nil:
			all = append(all, &kept{manifest: n, group: group, date: date})
		case of.manifest != "":
			of.doubted = true
			all = append(all, &kept{manifest: n, image: of.image, group: of.group, date: of.date, doubted: true})
		default:
			if of.manifest = n; of.date.IsZero() {
				of.date = facts[i].Date
			}
		}
	}
	slices.SortFunc(all, func(a, b *kept) int { // by group, the newest first
		if c := strings.Compare(a.group, b.group); c != 0 {
			return c
		}
		if c := b.date.Compare(a.date); c != 0 {
			return c
		}
		return strings.Compare(b.name(), a.name())
	})
	return all, nil
}

// readManifests reads the facts of MANIFESTs, one for each name; those of one that
// this token may not read, or that is none of ours, are empty.
func (e *endpoint) readManifests(ctx context.Context, folder string, names []string) ([]manifest.Facts, error) {
	facts := make([]manifest.Facts, len(names))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	var once sync.Once
	for i, n := range names {
		group.Go(func() error {
			err := e.attempts(ctx, e.most, func(int) (err error) {
				facts[i], err = e.readManifest(ctx, folder+"/"+n)
				return err
			})
			var remote *upload.Error
			if errors.As(err, &remote) && (remote.Kind == upload.Refused || remote.Status == 404) {
				once.Do(func() {
					e.app.term.warn("", "this token may not read MANIFESTs (claim files get): what belongs together is told by the names alone")
				})
				return nil
			}
			return err
		})
	}
	return facts, group.Wait()
}

func (e *endpoint) readManifest(ctx context.Context, name string) (manifest.Facts, error) {
	// Only the head is read, and of that no more than any capture has.
	const most = 16 << 20
	d, err := e.client.Fetch(ctx, name)
	if err != nil {
		return manifest.Facts{}, err
	}
	defer d.Close()
	r, err := manifest.Parse(io.LimitReader(d, most))
	var remote *upload.Error
	switch {
	case errors.As(err, &remote):
		return manifest.Facts{}, err
	case err != nil:
		return manifest.Facts{}, nil // of another tool, or of a newer agent
	}
	return r.Facts(), nil
}

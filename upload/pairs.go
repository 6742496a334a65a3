package upload

import (
	"context"
	"errors"
	"io"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"

	"image-capture/manifest"
)

// Pair is what a folder of the endpoint holds of one capture: an image with its
// MANIFEST, one of them without the other, or what an upload has left.
type Pair struct {
	Image, Manifest string // names in the folder; "" for none
	Part            string // name of the .part of an upload; then there is nothing else
	Hooks           string // name of the archive that deploys the image, a layer: see manifest.ProfileParams.HooksArchive
	Group           string // the tag, as a rule
	Date            time.Time
	Doubted         bool // two MANIFESTs name this image
	// Differs says how the image is not the one that the MANIFEST describes, as in
	// "its image has another size"; see Compare. The two then are Pairs of their own.
	Differs string
	// ImageName is the image that the MANIFEST of a Pair without an image is about, by
	// its own words; "" where it does not tell.
	ImageName string

	said manifest.Facts // by the MANIFEST
}

// Base is the name of the image that this one is a layer over, and its digest, as the
// MANIFEST says them; "" for none. In which folder it is stored the MANIFEST cannot know.
func (k Pair) Base() (name, sha256 string) {
	if k.said.Base != "" {
		name = path.Base(k.said.Base)
	}
	return name, k.said.BaseSHA256
}

// SHA256 is the digest of the image, as the MANIFEST says it; "" without one.
func (k Pair) SHA256() string { return k.said.SHA256 }

// Name is the one to show and to match with patterns.
func (k Pair) Name() string {
	switch {
	case k.Part != "":
		return strings.TrimSuffix(k.Part, ".part")
	case k.Image != "":
		return k.Image
	}
	return k.Manifest
}

// manifestSuffix ends the names of MANIFESTs.
const manifestSuffix = ".txt"

// Stamped takes a file name apart: the name without its suffix, date and ident,
// which is $TAG or TAG-rootfs as a rule; the date, and the tail from the date on,
// which no other capture has. Not ok: no date, or no suffix that is ours.
func Stamped(name string) (group, tail string, date time.Time, ok bool) {
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

// Pairs finds out which of the names in a folder belong together, by group, the
// newest first. Names that no upload of ours could have are reported and left out: who
// put them there knows what they are for. What a MANIFEST says of its image counts
// first; where it cannot be read, or is of another tool, or its image is not there,
// the date and ident that both names end in.
func (e *Endpoint) Pairs(ctx context.Context, folder string, names []string) ([]*Pair, error) {
	images, byTail := map[string]*Pair{}, map[string]string{}
	var manifests []string
	var all []*Pair
	for _, n := range names {
		if strings.Contains(n, "/") {
			continue // a folder
		}
		// Bytes that are not UTF-8 arrive as U+FFFD, and name nothing any more.
		whole := strings.TrimSuffix(strings.TrimPrefix(folder+"/"+n, "/"), ".part")
		if err := checkPath(whole); err != nil || strings.ContainsRune(n, utf8.RuneError) {
			e.opt.Events.OddName(n)
			continue
		}
		_, isImage := withoutSuffix(n)
		group, tail, date, _ := Stamped(n)
		switch {
		case isImage:
			images[n] = &Pair{Image: n, Group: group, Date: date}
			all = append(all, images[n])
			if _, isArchive := manifest.LayerOfArchive(n); tail != "" && !isArchive {
				byTail[tail] = n
			}
		case strings.HasSuffix(n, manifestSuffix):
			manifests = append(manifests, n)
		case strings.HasSuffix(n, ".part"):
			whole := strings.TrimSuffix(n, ".part")
			if _, isImage := withoutSuffix(whole); isImage || strings.HasSuffix(whole, manifestSuffix) {
				group, _, date, _ := Stamped(whole)
				all = append(all, &Pair{Part: n, Group: group, Date: date})
			}
		}
	}
	facts, err := e.readManifests(ctx, folder, manifests)
	if err != nil {
		return nil, err
	}
	for i, n := range manifests {
		group, tail, date, ok := Stamped(n)
		of := images[path.Base(facts[i].UploadTarball)]
		if of == nil && tail != "" {
			of = images[byTail[tail]]
		}
		switch {
		case of == nil && facts[i].UploadTarball == "" && (!ok || tail == ""):
			// A text file, like any other.
		case of == nil:
			all = append(all, lone(n, group, date, facts[i]))
		case of.Manifest != "":
			of.Doubted = true
			all = append(all, &Pair{Manifest: n, Image: of.Image, Group: of.Group, Date: of.Date, Doubted: true})
		default:
			of.Manifest, of.said = n, facts[i]
			if of.Date.IsZero() {
				of.Date = facts[i].Date
			}
		}
	}
	all = slices.DeleteFunc(all, func(k *Pair) bool {
		layer, isArchive := manifest.LayerOfArchive(k.Image)
		if !isArchive || k.Manifest != "" || images[layer] == nil {
			return false
		}
		images[layer].Hooks = k.Image
		return true
	})
	sortPairs(all)
	return all, nil
}

// lone is a MANIFEST without its image. Where its name has no date, its own words do.
func lone(name, group string, date time.Time, facts manifest.Facts) *Pair {
	k := &Pair{Manifest: name, Group: group, Date: date}
	if facts.UploadTarball != "" {
		k.ImageName = path.Base(facts.UploadTarball)
	}
	if k.Date.IsZero() {
		k.Date = facts.Date
	}
	return k
}

// sortPairs sorts by group, the newest first.
func sortPairs(all []*Pair) {
	slices.SortFunc(all, func(a, b *Pair) int {
		if c := strings.Compare(a.Group, b.Group); c != 0 {
			return c
		}
		if c := b.Date.Compare(a.Date); c != 0 {
			return c
		}
		return strings.Compare(b.Name(), a.Name())
	})
}

// readManifests reads the facts of MANIFESTs, one for each name; those of one that
// this token may not read, or that is none of ours, are empty.
func (e *Endpoint) readManifests(ctx context.Context, folder string, names []string) ([]manifest.Facts, error) {
	facts := make([]manifest.Facts, len(names))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	var once sync.Once
	for i, n := range names {
		group.Go(func() error {
			err := e.Do(ctx, func(int) (err error) {
				facts[i], err = e.readManifest(ctx, folder+"/"+n)
				return err
			})
			var remote *Error
			if errors.As(err, &remote) && (remote.Kind == Refused || remote.Status == 404) {
				once.Do(func() {
					e.opt.Events.NamesOnly()
				})
				return nil
			}
			return err
		})
	}
	return facts, group.Wait()
}

func (e *Endpoint) readManifest(ctx context.Context, name string) (manifest.Facts, error) {
	// Only the head is read, and of that no more than any capture has.
	const most = 16 << 20
	d, err := e.client.Fetch(ctx, name)
	if err != nil {
		return manifest.Facts{}, err
	}
	defer d.Close()
	r, err := manifest.Parse(io.LimitReader(d, most))
	var remote *Error
	switch {
	case errors.As(err, &remote):
		return manifest.Facts{}, err
	case err != nil:
		return manifest.Facts{}, nil // of another tool, or of a newer agent
	}
	return r.Facts(), nil
}

// ImageOf is the path of the image that a stored MANIFEST is of, where that is stored, too;
// "" where it is not, or where this token may not see it.
func (e *Endpoint) ImageOf(ctx context.Context, name string) (image string, err error) {
	err = e.Do(ctx, func(int) error {
		facts, err := e.readManifest(ctx, name)
		var remote *Error
		if errors.As(err, &remote) && (remote.Kind == Refused || remote.Status == 404) {
			return nil
		}
		of := path.Join(path.Dir(name), path.Base(facts.UploadTarball)) // as in Pairs
		if err != nil || facts.UploadTarball == "" || checkPath(of) != nil {
			return err
		}
		size, err := e.client.Size(ctx, of)
		if err == nil && size == facts.Size {
			image = of
		}
		return err
	})
	return image, err
}

// IsManifest tells by its name, or that of its .part, whether a file is a MANIFEST.
func IsManifest(name string) bool {
	return strings.HasSuffix(strings.TrimSuffix(name, ".part"), manifestSuffix)
}

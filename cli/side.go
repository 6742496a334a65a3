package cli

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"

	"image-capture/compare"
	"image-capture/entry"
	"image-capture/image"
	"image-capture/manifest"
	"image-capture/upload"
)

// imageEntries are the entries of an image.
type imageEntries struct {
	name    string
	stream  compare.Stream
	facts   *manifest.Facts // of its MANIFEST; nil without one
	sha256  string          // of the image
	format  manifest.Format // that it was read as, without a MANIFEST
	closers []io.Closer
	// chain are the images that it is made of: the base and the layers over it, or itself.
	chain []link
	// again gives the entries once more; closed is for when they were read.
	again func() (s compare.Stream, closed func(), err error)
	// unread are the images of it whose MANIFEST was read in their place.
	unread []unreadImage
}

// link is an image of a chain.
type link struct {
	manifest.Facts
	at *url.URL // of the image; nil where it is a file
}

// stored is the path under files/ of an image on an endpoint. What its MANIFEST says is
// where the capture meant it to be, and the URL where it is; that of another host says
// nothing of the endpoint.
func (l link) stored(endpoint string) string {
	if l.at == nil {
		return l.UploadTarball
	}
	below, ok := strings.CutPrefix(l.at.Path, "/files/")
	if !ok || endpoint != "" && !sameHost(endpoint, l.at) {
		return l.UploadTarball
	}
	return below
}

func sameHost(endpoint string, at *url.URL) bool {
	u, err := url.Parse(endpoint)
	return err == nil && strings.EqualFold(u.Hostname(), at.Hostname())
}

type unreadImage struct{ image, manifest string }

// sayUnread says which images were not read: a MANIFEST tells nothing of damage.
func (a *App) sayUnread(s *imageEntries) {
	for _, u := range s.unread {
		a.term.say("%s: compared by %s; the image itself was not read, image-capture verify does that", entry.Printable(u.image), entry.Printable(u.manifest))
	}
}

func (s *imageEntries) close() {
	for _, c := range slices.Backward(s.closers) {
		c.Close()
	}
}

// isLayer says whether it is a layer, as far as a MANIFEST says it.
func (s *imageEntries) isLayer() bool { return s.facts != nil && s.facts.Base != "" }

// label is what to call the image in a MANIFEST.
func (s *imageEntries) label() string {
	if s.facts != nil && s.facts.UploadTarball != "" {
		return s.facts.UploadTarball
	}
	name := s.name
	if u, err := url.Parse(name); err == nil && isURL(name) {
		name = u.Path // without what may be secret
	}
	return path.Base(name)
}

// entriesOf opens a MANIFEST, or an image, in whose place its MANIFEST is read where there
// is one.
func (a *App) entriesOf(ctx context.Context, client *upload.Client, name string) (*imageEntries, error) {
	s := &imageEntries{name: name}
	in, size, err := a.open(ctx, client, name)
	if err != nil {
		return nil, err
	}
	s.closers = append(s.closers, in)
	if err := s.read(ctx, a, client, in, size); err != nil {
		s.close()
		return nil, err
	}
	own := link{Facts: manifest.Facts{SHA256: s.sha256, Format: s.format}}
	if s.facts != nil {
		own.Facts = *s.facts
	}
	if u, err := url.Parse(name); err == nil && isURL(name) {
		if own.at = u; s.facts != nil && len(s.unread) == 0 { // the URL of the MANIFEST
			own.at = u.ResolveReference(&url.URL{Path: "./" + path.Base(s.facts.UploadTarball)})
		}
	}
	s.chain = []link{own}
	return s, nil
}

func (s *imageEntries) read(ctx context.Context, a *App, client *upload.Client, file io.ReadCloser, size int64) error {
	in := bufio.NewReaderSize(file, 64<<10)
	if beginsManifest(in) {
		from := file
		if _, ok := file.(*os.File); !ok {
			from = readCloser{in, file} // what was looked at is read already
		}
		m, err := parseAgain(from, s.name)
		if isSourceError(err) {
			return err
		}
		if err != nil {
			return badManifest(s.name, err)
		}
		s.manifest(m)
		return nil
	}
	m, err := a.manifestFor(ctx, client, s.name, "")
	if err != nil {
		return err
	}
	if m != nil {
		s.manifest(m)
		s.unread = []unreadImage{{s.name, m.name}}
		return m.standsFor(s.name, size, aloneHint)
	}
	source := compare.NewSource(in)
	r, err := image.NewReader(source)
	if err != nil {
		return unreadableImage(s.name, err)
	}
	s.closers = append(s.closers, r)
	// Images of other programs are in any order.
	list, err := compare.Sorted(compare.Of(r))
	if err == nil {
		_, err = io.Copy(io.Discard, source) // the digest is of all bytes
	}
	if err != nil {
		return unreadableImage(s.name, err)
	}
	s.stream = compare.List(list)
	s.again = func() (compare.Stream, func(), error) { return compare.List(list), func() {}, nil }
	s.sha256, s.format = hex.EncodeToString(source.SHA256()), formatOf(r.Codec())
	return nil
}

func (s *imageEntries) manifest(m *besideManifest) {
	facts := m.Facts()
	s.stream, s.facts, s.sha256 = m.Reader, &facts, facts.SHA256
	s.closers = append(s.closers, m)
	s.again = func() (compare.Stream, func(), error) {
		in, err := m.text.open()
		if err != nil {
			return nil, nil, err
		}
		closed := func() { in.Close() }
		r, err := manifest.Parse(in)
		if err != nil {
			closed()
			return nil, nil, err
		}
		return r, closed, nil
	}
}

func unreadableImage(name string, err error) error {
	if isSourceError(err) {
		return err
	}
	return &failure{ExitVerify, fmt.Errorf("%s: %w", name, err), "nothing was compared: the image must be complete"}
}

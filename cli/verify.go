package cli

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"slices"
	"strings"
	"sync/atomic"

	"image-capture/archive"
	"image-capture/entry"
	"image-capture/manifest"
	"image-capture/upload"
)

// verifyOptions are the command verify's.
type verifyOptions struct {
	tls tlsOptions
	messageOptions
}

func (o *verifyOptions) add(g *groups) {
	o.tls.add(g.group(tlsTitle))
	o.messageOptions.add(g, true)
}

// run reads an image and compares it with its MANIFEST, in
// one pass.
func (o *verifyOptions) run(ctx context.Context, a *App, _ *groups, args []string) error {
	if len(args) != 1 && len(args) != 2 {
		return usagef("image-capture verify IMAGE [MANIFEST]", "verify takes an image and its MANIFEST")
	}
	var manifestName string
	if len(args) == 2 {
		if manifestName = args[1]; manifestName == "-" && args[0] == "-" {
			return usagef("give one of them as a file", "image and MANIFEST cannot both be stdin")
		}
	} else if manifestName = manifestOf(args[0]); manifestName == "" {
		return usagef("image-capture verify - MANIFEST", "an image from stdin needs its MANIFEST as second argument")
	} else if _, err := os.Stat(manifestName); err != nil && !isURL(manifestName) {
		return usagef("image-capture verify IMAGE MANIFEST", "no MANIFEST found for %s: %w", args[0], err)
	}
	client, err := o.tls.client(ctx)
	if err != nil {
		return err
	}
	m, _, err := a.open(ctx, client, manifestName)
	if err != nil {
		return err
	}
	defer m.Close()
	want, err := manifest.Parse(m)
	if err != nil {
		return &failure{ExitVerify, fmt.Errorf("MANIFEST %s: %w", manifestName, err), ""}
	}
	image, size, err := a.open(ctx, client, args[0])
	if err != nil {
		return err
	}
	defer image.Close()
	digests := newImageDigests(image)
	bar := startProgress(a.term, o.progress, "read", func() (int64, int64) { return digests.size.Load(), 0 }, func() int64 { return size })
	v := &verification{want: want, links: map[string]*manifest.Entry{}}
	err = v.compare(ctx, digests)
	bar.stop()
	if err != nil {
		return err
	}
	return v.report(a, o.json, args[0], manifestName)
}

// manifestOf returns the name of the MANIFEST that a capture wrote beside an
// image: in the same place, with the names of the defaults or of --output.
func manifestOf(image string) string {
	if image == "-" {
		return ""
	}
	for _, f := range []manifest.Format{manifest.TarZst, manifest.TGZ, manifest.Tar} {
		name, ok := strings.CutSuffix(image, f.Suffix())
		if !ok {
			continue
		}
		if i := strings.LastIndex(name, "-rootfs-"); i > strings.LastIndex(name, "/") {
			return name[:i] + "-MANIFEST-" + name[i+len("-rootfs-"):] + ".txt"
		}
		return name + ".MANIFEST.txt"
	}
	return image + ".MANIFEST.txt"
}

// open opens a file, stdin or a URL. The size is 0 where it is not known.
func (a *App) open(ctx context.Context, client *upload.Client, name string) (io.ReadCloser, int64, error) {
	if name == "-" {
		return io.NopCloser(interruptibleReader{ctx, a.stdin}), 0, nil
	}
	if isURL(name) {
		d, err := client.Open(ctx, name)
		if err != nil {
			return nil, 0, err
		}
		return d, max(d.Size, 0), nil
	}
	f, err := whenDone(ctx, func() (*os.File, error) { return os.Open(name) })
	if ctx.Err() != nil {
		return nil, 0, context.Cause(ctx)
	}
	if err != nil {
		return nil, 0, usagef("", "%w", err)
	}
	info, err := f.Stat()
	if err != nil || info.IsDir() {
		f.Close()
		return nil, 0, usagef("", "%s is not a file", name)
	}
	if !info.Mode().IsRegular() {
		return readCloser{interruptibleReader{ctx, f}, f}, 0, nil
	}
	return f, info.Size(), nil
}

// readCloser reads from one and closes the other.
type readCloser struct {
	io.Reader
	io.Closer
}

func isURL(name string) bool {
	return strings.HasPrefix(name, "http://") || strings.HasPrefix(name, "https://")
}

// verification is a comparison under way.
type verification struct {
	want  *manifest.Reader
	links map[string]*manifest.Entry // first names of inodes that have several
	found []string                   // the first differences
	more  int
	// entries that were compared.
	entries int64
	// undigested are files of which the MANIFEST has no digest.
	undigested int64
}

// mostDifferences is how many are told; the rest is counted.
const mostDifferences = 20

func (v *verification) differ(format string, args ...any) {
	if len(v.found) == mostDifferences {
		v.more++
		return
	}
	v.found = append(v.found, entry.Printable(fmt.Sprintf(format, args...)))
}

// compare reads all of the image. The error is one of reading the source; what is
// wrong with the image is a difference.
func (v *verification) compare(ctx context.Context, image *imageDigests) error {
	if err := v.compareEntries(ctx, image); err != nil {
		return err
	}
	// The digests are of all bytes, also after a place that cannot be read.
	if _, err := io.Copy(io.Discard, image); err != nil {
		return err
	}
	facts := v.want.Facts()
	for _, c := range []struct{ what, want, got string }{
		{"size", fmt.Sprint(facts.Size), fmt.Sprint(image.size.Load())},
		{"md5sum", facts.MD5, hex.EncodeToString(image.md5.Sum(nil))},
		{"sha256sum", facts.SHA256, hex.EncodeToString(image.sha256.Sum(nil))},
	} {
		if c.want != c.got {
			v.differ("%s is %s, the MANIFEST says %s", c.what, c.got, c.want)
		}
	}
	return nil
}

func (v *verification) compareEntries(ctx context.Context, image *imageDigests) error {
	r, err := archive.NewReader(image)
	if err != nil {
		return v.unreadable(err)
	}
	defer r.Close()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		got, err := r.Next()
		if err != nil && !errors.Is(err, io.EOF) {
			return v.unreadable(err)
		}
		want, werr := v.want.Next()
		if werr != nil && !errors.Is(werr, io.EOF) {
			v.differ("MANIFEST: %v", werr)
			return nil
		}
		switch {
		case err != nil && werr != nil:
			if facts := v.want.Facts(); facts.UnpackedSize != r.Unpacked() {
				v.differ("unpacked size is %d, the MANIFEST says %d", r.Unpacked(), facts.UnpackedSize)
			}
			return nil
		case err != nil:
			v.differ("the image ends, but the MANIFEST lists %s next", want.Path)
			return nil
		case werr != nil:
			v.differ("the MANIFEST ends, but the image has %s next", got.Path)
			return nil
		case got.Path != want.Path:
			v.differ("the image has %s where the MANIFEST has %s", got.Path, want.Path)
			return nil
		}
		v.entries++
		v.entry(got, want)
	}
}

// unreadable tells an error of the source, such as a connection, from an image
// that is broken.
func (v *verification) unreadable(err error) error {
	if isSourceError(err) {
		return err
	}
	v.differ("%v", err)
	return nil
}

// isSourceError says whether an error is of reading the source, and says nothing of
// what is in it.
func isSourceError(err error) bool {
	var remote *upload.Error
	var local *os.PathError
	return errors.As(err, &remote) || errors.As(err, &local) || errors.Is(err, context.Canceled)
}

// entry compares one entry.
func (v *verification) entry(got *archive.Member, want *manifest.Entry) {
	p := want.Path
	differs := func(what string, got, want any) {
		if got != want {
			v.differ("%s: %s is %v, the MANIFEST says %v", p, what, got, want)
		}
	}
	differs("first name of the hard link", got.HardLink, want.HardLink)
	differs("mode", fmt.Sprintf("%04o", got.Perm), fmt.Sprintf("%04o", want.Perm))
	differs("uid", got.UID, want.UID)
	differs("gid", got.GID, want.GID)
	differs("time", timeText(got.Mtime), timeText(want.Mtime))
	if want.HardLink != "" {
		// The rest is in the archive once, with the first name.
		if first := v.links[want.HardLink]; first == nil {
			v.differ("%s: the MANIFEST does not list %s, the first name of this hard link, before it", p, want.HardLink)
		} else if first.Type != want.Type || first.Size != want.Size || !bytes.Equal(first.SHA256, want.SHA256) {
			v.differ("%s: the MANIFEST has other values for it than for %s, the first name of this hard link", p, want.HardLink)
		}
		return
	}
	if want.Nlink > 1 && want.Type != entry.Dir {
		v.links[p] = want
	}
	differs("type", got.Type, want.Type)
	differs("size", got.Size, want.Size)
	differs("link target", got.Link, want.Link)
	differs("device", fmt.Sprintf("%d,%d", got.Major, got.Minor), fmt.Sprintf("%d,%d", want.Major, want.Minor))
	differs("inode flags", got.Flags, want.Flags)
	if want.Type == entry.File && want.SHA256 == nil && want.SparseSHA256 == nil {
		v.undigested++ // captured with --file-digests=false
	} else {
		differs("SHA-256", hex.EncodeToString(got.SHA256), hex.EncodeToString(want.SHA256))
		differs("SHA-256 of map and data", hex.EncodeToString(got.SparseSHA256), hex.EncodeToString(want.SparseSHA256))
	}
	if !slices.Equal(got.Xattrs, want.Xattrs) {
		v.differ("%s: xattrs are %s, the MANIFEST says %s", p, xattrText(got.Xattrs), xattrText(want.Xattrs))
	}
}

func timeText(t entry.Time) string { return fmt.Sprintf("%d.%09d", t.Sec, t.Nsec) }

func xattrText(list []entry.Xattr) string {
	if len(list) == 0 {
		return "none"
	}
	var b strings.Builder
	for i, x := range list {
		if i > 0 {
			b.WriteString(" ")
		}
		value := hex.EncodeToString([]byte(x.Value))
		if len(value) > 32 {
			value = value[:32] + "..."
		}
		fmt.Fprintf(&b, "%s=0x%s", x.Name, value)
	}
	return b.String()
}

// verified is the document of verify --json.
type verified struct {
	Image       string   `json:"image"`
	Manifest    string   `json:"manifest"`
	OK          bool     `json:"ok"`
	Entries     int64    `json:"entries"`
	SHA256      string   `json:"sha256sum"`
	Differences []string `json:"differences,omitempty"`
	More        int      `json:"more_differences,omitempty"`
}

func (v *verification) report(a *App, asJSON bool, image, name string) error {
	ok := len(v.found) == 0
	facts := v.want.Facts()
	if asJSON {
		if err := writeJSON(a.stdout, verified{entry.Printable(image), entry.Printable(name), ok, v.entries, facts.SHA256, v.found, v.more}); err != nil {
			return err
		}
	}
	if !ok {
		for _, d := range v.found {
			a.term.line("image-capture: " + d)
		}
		if v.more > 0 {
			a.term.line(fmt.Sprintf("image-capture: %d more differences", v.more))
		}
		return &failure{ExitVerify, fmt.Errorf("%s does not match %s", image, name), ""}
	}
	if asJSON {
		return nil
	}
	if v.undigested > 0 {
		a.term.say("the MANIFEST has no digest for %d files; the digest of the whole image is right", v.undigested)
	}
	_, err := fmt.Fprintf(a.stdout, "%s is whole: %d entries as in %s, SHA-256 %s\n", entry.Printable(image), v.entries, entry.Printable(name), facts.SHA256)
	return err
}

// imageDigests hashes an image while it is read.
type imageDigests struct {
	r           io.Reader
	md5, sha256 hash.Hash
	size        atomic.Int64
}

func newImageDigests(r io.Reader) *imageDigests {
	return &imageDigests{r: r, md5: md5.New(), sha256: sha256.New()}
}

func (d *imageDigests) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	d.md5.Write(p[:n])
	d.sha256.Write(p[:n])
	d.size.Add(int64(n))
	return n, err
}

package cli

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"image-capture/compare"
	"image-capture/compress"
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
	if err := whichIsWhich("verify", args); err != nil {
		return err
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
		return &failure{ExitVerify, fmt.Errorf("MANIFEST %s: %w", manifestName, err), manifestHint(err)}
	}
	image, size, err := a.open(ctx, client, args[0])
	if err != nil {
		return err
	}
	defer image.Close()
	source := compare.NewSource(image)
	bar := startProgress(a.term, o.progress, "read", func() (int64, int64) { return source.Size(), 0 }, func() int64 { return size })
	v := &verification{}
	v.Result, err = compare.Image(ctx, source, want, v.differ)
	bar.stop()
	if err != nil {
		return err
	}
	v.sha256 = hex.EncodeToString(source.SHA256())
	return v.report(a, o.json, args[0], manifestName, want.Facts())
}

// whichIsWhich refuses an image in the place of its MANIFEST, the other way round, and a
// file that is not there. Only files are looked at.
func whichIsWhich(command string, args []string) error {
	kinds := make([]string, len(args))
	for i, name := range args {
		if name == "-" || isURL(name) {
			continue
		}
		info, err := os.Stat(name)
		switch {
		case err != nil:
			return usagef("", "%w", err)
		case info.IsDir():
			return usagef("image-capture "+command+" --help says what it takes", "%s is a directory", name)
		case info.Mode().IsRegular():
			kinds[i] = kindOfFile(name)
		}
	}
	last := len(args) - 1
	switch {
	case last == 1 && kinds[0] == "MANIFEST" && kinds[1] == "image":
		return usagef(fmt.Sprintf("image-capture %s %s %s", command, args[1], args[0]), "%s is the MANIFEST, and %s the image: the image comes first", args[0], args[1])
	case last == 1 && kinds[0] == "MANIFEST":
		return usagef("image-capture "+command+" IMAGE MANIFEST", "%s is a MANIFEST, not an image", args[0])
	case command == "verify" && last == 0 && kinds[0] == "MANIFEST":
		return usagef("image-capture verify IMAGE "+args[0], "%s is a MANIFEST, not an image", args[0])
	case (command == "upload" || last == 1) && kinds[last] == "image":
		return usagef(fmt.Sprintf("image-capture %s %s %s", command, args[0], manifestOf(args[0])), "%s is an image, not a MANIFEST", args[last])
	}
	return nil
}

// kindOfFile looks at the first bytes of a file: "image", "MANIFEST", or "" for neither.
func kindOfFile(name string) string {
	f, err := os.Open(name)
	if err != nil {
		return ""
	}
	defer f.Close()
	head := make([]byte, 512)
	n, _ := io.ReadFull(f, head)
	head = head[:n]
	switch {
	case bytes.HasPrefix(head, []byte("#mtree")):
		return "MANIFEST"
	case compress.Sniff(head) == compress.Gzip, compress.StartsZstd(head), n == 512 && bytes.HasPrefix(head[257:], []byte("ustar")):
		return "image"
	}
	return ""
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

// verification is what a comparison found.
type verification struct {
	compare.Result
	sha256 string   // of what was read
	found  []string // the first differences
	more   int
}

// mostDifferences is how many are told; the rest is counted.
const mostDifferences = 20

func (v *verification) differ(d compare.Difference) {
	if len(v.found) == mostDifferences {
		v.more++
		return
	}
	v.found = append(v.found, entry.Printable(sentence(d)))
}

// sentence tells a difference between an image and its MANIFEST.
func sentence(d compare.Difference) string {
	switch d.Field {
	case compare.BrokenImage:
		return d.Got
	case compare.BrokenManifest:
		return "MANIFEST: " + d.Want
	case compare.Order:
		switch {
		case d.Got == "":
			return "the image ends, but the MANIFEST lists " + d.Want + " next"
		case d.Want == "":
			return "the MANIFEST ends, but the image has " + d.Got + " next"
		}
		return fmt.Sprintf("the image has %s where the MANIFEST has %s", d.Got, d.Want)
	case compare.FirstMissing:
		return fmt.Sprintf("%s: the MANIFEST does not list %s, the first name of this hard link, before it", d.Path, d.Want)
	case compare.FirstDiffers:
		return fmt.Sprintf("%s: the MANIFEST has other values for it than for %s, the first name of this hard link", d.Path, d.Want)
	}
	subject, verb := string(d.Field), "is"
	if d.Field == compare.Xattrs {
		verb = "are"
	}
	if d.Path != "" {
		subject = d.Path + ": " + subject
	}
	return fmt.Sprintf("%s %s %s, the MANIFEST says %s", subject, verb, d.Got, d.Want)
}

// isSourceError says whether an error is of reading the source, and says nothing of
// what is in it.
func isSourceError(err error) bool {
	var remote *upload.Error
	var local *os.PathError
	return errors.As(err, &remote) || errors.As(err, &local) || errors.Is(err, context.Canceled)
}

// verified is the document of verify --json.
type verified struct {
	Image    string `json:"image"`
	Manifest string `json:"manifest"`
	OK       bool   `json:"ok"`
	Entries  int64  `json:"entries"`
	SHA256   string `json:"sha256sum"` // of what was read
	ExitCode int    `json:"exit_code"`
	// Omitted is what the capture left out, or could not read.
	Omitted     []jsonNote `json:"omitted,omitempty"`
	Differences []string   `json:"differences,omitempty"`
	More        int        `json:"more_differences,omitempty"`
}

// unread are those that a capture left out against its will: sockets cannot be in an
// image, and its own files shall not.
func unread(omitted []entry.Note) (list []entry.Note) {
	for _, n := range omitted {
		if n.Reason != "socket" && !strings.HasSuffix(n.Reason, "of this capture") {
			list = append(list, n)
		}
	}
	return list
}

func (v *verification) report(a *App, asJSON bool, image, name string, facts manifest.Facts) error {
	ok := len(v.found) == 0
	if asJSON {
		doc := verified{
			Image: entry.Printable(image), Manifest: entry.Printable(name), OK: ok, Entries: v.Entries, SHA256: v.sha256,
			Omitted: jsonNotes(facts.Omitted), Differences: v.found, More: v.more,
		}
		if !ok {
			doc.ExitCode = ExitVerify
		}
		if err := writeJSON(a.stdout, doc); err != nil {
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
	if lost := unread(facts.Omitted); len(lost) > 0 {
		a.term.warn("the lines \"# omitted\" of the MANIFEST list them", "the capture could not read %s, which the image lacks: %s", count(len(lost), "name"), lost[0].Path)
	}
	if v.Undigested > 0 {
		a.term.say("the MANIFEST has no digest for %d files; the digest of the whole image is right", v.Undigested)
	}
	_, err := fmt.Fprintf(a.stdout, "%s is whole: %d entries as in %s, SHA-256 %s\n", entry.Printable(image), v.Entries, entry.Printable(name), facts.SHA256)
	return err
}

// manifestHint is what to do about a MANIFEST that cannot be read.
func manifestHint(err error) string {
	if errors.Is(err, manifest.ErrNotManifest) {
		return "give the MANIFEST that the capture wrote with the image"
	}
	return ""
}

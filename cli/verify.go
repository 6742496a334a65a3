package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"image-capture/compare"
	"image-capture/compress"
	"image-capture/entry"
	"image-capture/manifest"
	"image-capture/upload"

	"golang.org/x/sys/unix"
)

// verifyOptions are the command verify's.
type verifyOptions struct {
	manifest string
	bases    []string
	tls      tlsOptions
	messageOptions
}

func (o *verifyOptions) elsewhere() bool { return !o.json }

func (o *verifyOptions) add(g *groups) {
	addManifest(g.group("Image"), &o.manifest)
	addBase(g.group("Image"), &o.bases)
	o.tls.add(g.group(tlsTitle))
	o.messageOptions.add(g, true)
}

// run reads an image and compares it with its MANIFEST, in
// one pass.
func (o *verifyOptions) run(ctx context.Context, a *App, _ *groups, args []string) error {
	if len(args) != 1 && len(args) != 2 {
		return usagef("image-capture verify IMAGE [MANIFEST]", "verify takes an image and its MANIFEST")
	}
	if o.manifest != "" {
		if len(args) == 2 {
			return usagef("leave out one of them", "the MANIFEST is given twice")
		}
		args = append(args, o.manifest)
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
		return usagef("image-capture verify "+entry.ShellWord(args[0])+" MANIFEST", "no MANIFEST found for %s: %w", args[0], err)
	}
	client, err := o.tls.client(ctx)
	if err != nil {
		return err
	}
	var all []*verification
	for i, name := range append(slices.Clone(o.bases), args[0]) {
		m := manifestName
		if i < len(o.bases) {
			if kindOfFile(name) == "MANIFEST" {
				return usagef("give the image", "--base %s is a MANIFEST, and verify reads images", name)
			}
			if m = manifestOf(name); m == "" {
				return usagef("give the base as a file or URL", "--base %s: its MANIFEST has to be beside it", name)
			}
		}
		v, err := o.verify(ctx, a, client, name, m)
		switch {
		case err != nil:
			return err
		case i == 0 && len(o.bases) > 0 && v.facts.Base != "":
			return needsBase(name, v.facts.Base)
		case i > 0 && v.facts.Base == "":
			return usagef("leave out --base", "%s is no layer, as its MANIFEST says", name)
		case i > 0 && v.facts.BaseSHA256 != all[i-1].facts.SHA256:
			return notTheBase(all[i-1].image, name, v.facts)
		}
		all = append(all, v)
	}
	return reportVerified(ctx, a, o.json, all)
}

// verify compares an image with its MANIFEST, in one pass.
func (o *verifyOptions) verify(ctx context.Context, a *App, client *upload.Client, imageName, manifestName string) (*verification, error) {
	in, _, err := a.open(ctx, client, manifestName)
	if err != nil {
		return nil, o.whichIsMissing(ctx, a, client, imageName, manifestName, err)
	}
	m, err := parseAgain(in, manifestName)
	if isSourceError(err) {
		return nil, err
	}
	if err != nil {
		return nil, badManifest(manifestName, err)
	}
	defer m.Close()
	image, size, err := a.open(ctx, client, imageName)
	if err != nil {
		return nil, err
	}
	defer image.Close()
	source := compare.NewSource(image)
	bar := startProgress(a.term, o.progress, "read", func() (int64, int64) { return source.Size(), 0 }, func() int64 { return size })
	v := &verification{image: imageName, manifest: manifestName, facts: m.Facts()}
	v.Result, err = compare.Image(ctx, source, m.Reader, m.frames(), v.differ)
	bar.stop()
	v.sha256 = hex.EncodeToString(source.SHA256())
	return v, err
}

// whichIsMissing tells of a MANIFEST that was looked for beside an image whether it is the
// image that is not there.
func (o *verifyOptions) whichIsMissing(ctx context.Context, a *App, client *upload.Client, imageName, manifestName string, err error) error {
	remote := (*upload.Error)(nil)
	gone := errors.Is(err, os.ErrNotExist) || errors.As(err, &remote) && remote.Status == http.StatusNotFound
	if !gone || manifestName != manifestOf(imageName) {
		return err
	}
	in, _, missing := a.open(ctx, client, imageName)
	if missing != nil {
		return missing
	}
	in.Close()
	hint := "image-capture verify " + words(imageName) + " MANIFEST"
	if slices.Contains(o.bases, imageName) {
		hint = "put the MANIFEST that the capture wrote beside it"
	}
	return usagef(hint, "no MANIFEST found for %s: %w", imageName, err)
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
			return unopened(err)
		case info.IsDir():
			return usagef("image-capture "+command+" --help says what it takes", "%s is a directory", name)
		case info.Mode().IsRegular():
			kinds[i] = kindOfFile(name)
		}
	}
	last := len(args) - 1
	switch {
	case last == 1 && kinds[0] == "MANIFEST" && kinds[1] == "image":
		return usagef("image-capture "+command+" "+words(args[1], args[0]), "%s is the MANIFEST, and %s the image: the image comes first", args[0], args[1])
	case last == 1 && kinds[0] == "MANIFEST":
		return usagef("image-capture "+command+" IMAGE MANIFEST", "%s is a MANIFEST, not an image", args[0])
	case command == "verify" && last == 0 && kinds[0] == "MANIFEST":
		return usagef("image-capture verify IMAGE "+words(args[0]), "%s is a MANIFEST, not an image", args[0])
	case command == "extract" && kinds[0] == "MANIFEST":
		return usagef("image-capture extract IMAGE --manifest "+words(args[0]), "%s is a MANIFEST, which has no contents", args[0])
	case command == "cat" && kinds[0] == "MANIFEST":
		return usagef("image-capture cat IMAGE --manifest "+words(args[0])+" PATH", "%s is a MANIFEST, which has no contents", args[0])
	case (command == "upload" || last == 1) && kinds[last] == "image":
		return usagef("image-capture "+command+" "+words(args[0], manifestOf(args[0])), "%s is an image, not a MANIFEST", args[last])
	}
	return nil
}

// kindOfFile looks at the first bytes of a file: "image", "MANIFEST", or "" for neither.
// Those of a pipe can be read only once, and may never come.
func kindOfFile(name string) string {
	if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	f, err := os.Open(name)
	if err != nil {
		return ""
	}
	defer f.Close()
	head := make([]byte, 512)
	n, _ := io.ReadFull(f, head)
	head = head[:n]
	switch {
	case bytes.HasPrefix(head, []byte(manifestMark)):
		return "MANIFEST"
	case compress.Sniff(head) == compress.Gzip, compress.StartsZstd(head), n == 512 && bytes.HasPrefix(head[257:], []byte("ustar")):
		return "image"
	}
	return ""
}

// manifestMark begins every MANIFEST, as mtree(5) has it.
const manifestMark = "#mtree"

// beginsManifest looks at the first bytes, which stay to be read.
func beginsManifest(r *bufio.Reader) bool {
	head, _ := r.Peek(len(manifestMark))
	return string(head) == manifestMark
}

// manifestSuffix ends the name of a MANIFEST beside an image.
const manifestSuffix = ".MANIFEST.txt"

// manifestOf returns the name of the MANIFEST that a capture wrote beside an
// image: in the same place, with the names of the defaults or of --output. Where two
// images differ in their format only, one has a MANIFEST named for its whole name.
func manifestOf(image string) string {
	if image == "-" {
		return ""
	}
	if _, err := os.Stat(image + manifestSuffix); err == nil && !isURL(image) {
		return image + manifestSuffix
	}
	for _, f := range []manifest.Format{manifest.TarZst, manifest.TGZ, manifest.Tar} {
		name, ok := strings.CutSuffix(image, f.Suffix())
		if !ok {
			continue
		}
		if i := strings.LastIndex(name, "-rootfs-"); i > strings.LastIndex(name, "/") {
			return name[:i] + "-MANIFEST-" + name[i+len("-rootfs-"):] + ".txt"
		}
		return name + manifestSuffix
	}
	return image + manifestSuffix
}

// open opens a file, stdin or a URL. The size is 0 where it is not known.
func (a *App) open(ctx context.Context, client *upload.Client, name string) (io.ReadCloser, int64, error) {
	if name == "-" {
		return a.openStdin(ctx)
	}
	if isURL(name) {
		d, err := client.Open(ctx, a.urls.whole(name))
		if err != nil {
			return nil, 0, err
		}
		return d, max(d.Size, 0), nil
	}
	waits := time.AfterFunc(time.Second, func() { a.waitsForWriter(name) })
	f, err := whenDone(ctx, func() (*os.File, error) { return os.Open(name) })
	waits.Stop()
	if ctx.Err() != nil {
		return nil, 0, context.Cause(ctx)
	}
	if far, ok := elsewhere(name); ok && err != nil {
		return nil, 0, usagef(far.bring(), "%s is on another host, and files of this machine are read", name)
	}
	if err != nil {
		return nil, 0, unopened(err)
	}
	info, err := f.Stat()
	if err != nil || info.IsDir() {
		f.Close()
		return nil, 0, usagef(aFile, "%s is not a file", name)
	}
	if !info.Mode().IsRegular() {
		return readCloser{interruptibleReader{ctx, f}, f}, 0, nil
	}
	return f, info.Size(), nil
}

// waitsForWriter says why nothing happens where that is so: a FIFO is open when somebody
// writes to it.
func (a *App) waitsForWriter(name string) {
	if info, err := os.Stat(name); err == nil && info.Mode()&os.ModeNamedPipe != 0 {
		a.term.say("waiting for what writes to %s, which is a FIFO", name)
	}
}

// unopened is the error of a file that is wrong usage, unless it is there and only others may
// read it.
func unopened(err error) error {
	if at := (*os.PathError)(nil); errors.As(err, &at) && errors.Is(err, unix.EPERM) {
		if info, serr := os.Stat(at.Path); serr == nil && info.Mode()&os.ModeDevice != 0 {
			return &failure{ExitFailed, fmt.Errorf("%s is a device, and this system lets nobody read it here: %w", at.Path, err), "name the file of an image; mount a disk, and capture what is in it"}
		}
	}
	if errors.Is(err, os.ErrPermission) || errors.Is(err, unix.EIO) || errors.Is(err, unix.EMFILE) {
		return err
	}
	return usagef(aFile, "%w", err)
}

// aFile is what commands take that read an image or a MANIFEST.
const aFile = "name a file that is there, - for stdin, or a URL"

// readCloser reads from one and closes the other.
type readCloser struct {
	io.Reader
	io.Closer
}

func isURL(name string) bool {
	return strings.HasPrefix(name, "http://") || strings.HasPrefix(name, "https://")
}

package cli

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"syscall"

	"image-capture/compare"
	"image-capture/entry"
	"image-capture/image"
	"image-capture/image/imagefs"
	"image-capture/image/index"
	"image-capture/upload"
)

// catOptions are the command cat's.
type catOptions struct {
	manifest string
	tls      tlsOptions
	messageOptions
}

func (o *catOptions) add(g *groups) {
	s := g.group("Image")
	addManifest(s, &o.manifest)
	o.tls.add(g.group(tlsTitle))
	quiet := g.group("Messages")
	quiet.BoolVarP(&o.quiet, "quiet", "q", false, "print only warnings and errors on stderr")
}

// checkedFirst is up to which size a content is compared with its digest before any of it
// is printed, in bytes.
const checkedFirst = 8 << 20

// run prints contents of files in the order of the arguments.
func (o *catOptions) run(ctx context.Context, a *App, _ *groups, args []string) error {
	if len(args) < 2 {
		return usagef("image-capture cat IMAGE etc/os-release", "cat takes an image, and paths of files in it")
	}
	if err := imageFirst("cat", "", args); err != nil {
		return err
	}
	client, err := o.tls.client(ctx)
	if err != nil {
		return err
	}
	c := &catJob{app: a, client: client, image: args[0]}
	for _, arg := range args[1:] {
		plain := strings.TrimPrefix(path.Clean("/"+arg), "/")
		if plain == "" {
			return usagef("image-capture list "+entry.ShellWord(args[0])+" lists the files", "%s is the root of the image, and no file", arg)
		}
		name, printed := entry.Unescape(plain)
		if !printed {
			name = plain
		}
		c.names, c.plain = append(c.names, name), append(c.plain, plain)
	}
	if err := whichIsWhich("cat", args[:1]); err != nil {
		return err
	}
	in, name, err := a.openManifest(ctx, client, c.image, o.manifest)
	if err != nil {
		return err
	}
	why := "it has no MANIFEST beside it"
	if in != nil {
		text, err := readAgain(in, name)
		if err != nil {
			return err
		}
		defer text.close()
		f := text.facts()
		c.base, c.sha256, c.manifest = f.Base, f.SHA256, name
		if why, err = c.byIndex(ctx, text); err != nil {
			return c.ended(err)
		}
		if why == "" {
			return c.missing()
		}
	}
	return c.ended(c.stream(ctx, why))
}

// catJob is one run of the command.
type catJob struct {
	app    *App
	client *upload.Client
	image  string
	base   string // of a layer
	// manifest is the name of the MANIFEST, and sha256 the digest that it has; empty without.
	manifest, sha256 string
	names            []string // what these are as list prints names, as in io/fs
	plain            []string // as the user writes them
	errs             []error  // of names
}

// ended is no error where nobody reads on.
func (c *catJob) ended(err error) error {
	if errors.Is(err, syscall.EPIPE) {
		return nil
	}
	return err
}

// missing is the error of the names that are no files.
func (c *catJob) missing() error {
	var list []string
	for i, err := range c.errs {
		var of *fs.PathError
		var none *imagefs.NoFileError
		switch {
		case errors.As(err, &none):
			list = append(list, fmt.Sprintf("%s: %s: %v", c.image, c.plain[i], none))
		case errors.Is(err, fs.ErrNotExist):
			list = append(list, fmt.Sprintf("%s has no %s", c.image, c.plain[i]))
		case errors.As(err, &of):
			list = append(list, fmt.Sprintf("%s: %s: %v", c.image, c.plain[i], of.Err))
		case err != nil:
			list = append(list, fmt.Sprintf("%s: %v", c.image, err))
		}
	}
	if len(list) == 0 {
		return nil
	}
	last := len(list) - 1
	for _, text := range list[:last] {
		c.app.term.line("image-capture: " + entry.Printable(text))
	}
	return &failure{ExitFailed, errors.New(list[last]), lacks(c.image, c.base, "paths are from the root of the image; image-capture list shows them")}
}

// byIndex prints what it finds by the MANIFEST, or says why all of the image has to be read.
func (c *catJob) byIndex(ctx context.Context, text *again) (why string, err error) {
	x, err := index.New(ctx, text.open)
	if err != nil {
		return "", wrongManifest(c.image, text.name, err)
	}
	if !x.Any() {
		return "its MANIFEST has no index", nil
	}
	files, errs, err := x.Files(slices.Concat(c.names, c.plain))
	if err != nil {
		return "", wrongManifest(c.image, text.name, err)
	}
	n := len(c.names)
	for i := range n {
		if errors.Is(errs[i], fs.ErrNotExist) && c.plain[i] != c.names[i] {
			files[i], errs[i] = files[n+i], errs[n+i]
		}
	}
	files, c.errs = files[:n], errs[:n]
	src, why, err := c.app.parts(ctx, c.client, c.image)
	if src == nil {
		return why, err
	}
	defer src.Close()
	for _, f := range files {
		if f != nil && !f.Known() {
			return "its MANIFEST does not have the digest of each file", nil
		}
	}
	for _, f := range files {
		if f == nil {
			continue
		}
		content, err := f.Open(src)
		if err != nil {
			return "", wrongManifest(c.image, text.name, err)
		}
		err = c.print(content, f.Member.Size)
		content.Close()
		if err != nil {
			return "", wrongManifest(c.image, text.name, err)
		}
	}
	return "", nil
}

// print prints a content, of which little is first read whole.
func (c *catJob) print(content io.Reader, size int64) error {
	if size > checkedFirst {
		_, err := io.Copy(c.app.content(), content)
		return err
	}
	b, err := io.ReadAll(content)
	if err != nil {
		return err
	}
	_, err = c.app.content().Write(b)
	return err
}

// stream reads all of the image, and again for what is larger than is kept, or has a link
// to it after it; why says why.
func (c *catJob) stream(ctx context.Context, why string) error {
	first := map[string]string{} // of hard links
	wanted := map[string]bool{}
	for i, name := range c.names {
		wanted[name], wanted[c.plain[i]] = true, true
	}
	var names *imagefs.FS
	err := c.read(ctx, func(r *image.Reader) (err error) {
		c.app.term.say("all of %s is read: %s", entry.Escape(c.image), why)
		names, err = imagefs.Read(ctx, r, imagefs.Options{Interest: func(name string, m *entry.Member) imagefs.Interest {
			if m.HardLink != "" {
				first[name] = strings.TrimPrefix(m.HardLink, "./")
			}
			if !wanted[name] {
				return imagefs.Interest{}
			}
			if m.Type == entry.Symlink {
				target := m.Link
				if !path.IsAbs(target) {
					target = path.Join("/", path.Dir(name), target)
				}
				wanted[strings.TrimPrefix(path.Clean(target), "/")] = true
			}
			return imagefs.Interest{Meta: true, Content: m.Size}
		}})
		return err
	})
	if err != nil {
		return err
	}
	c.errs = make([]error, len(c.names))
	for i, name := range c.names {
		real, err := names.Follow().Real(name)
		if errors.Is(err, fs.ErrNotExist) {
			real, err = names.Follow().Real(c.plain[i])
		}
		link, lerr := names.Follow().ReadLink(name)
		if lerr != nil {
			link = ""
		}
		var b []byte
		switch {
		case err == nil:
			b, err = contentOf(names, real, link)
		case link != "" && errors.Is(err, fs.ErrNotExist):
			err = &imagefs.NoFileError{Link: link, Type: entry.Symlink}
		}
		switch {
		case errors.Is(err, imagefs.ErrNotKept):
			if f, ok := first[real]; ok {
				real = f
			}
			if err := c.streamOne(ctx, real); err != nil {
				return err
			}
		case err != nil:
			c.errs[i] = err
		default:
			if _, err := c.app.content().Write(b); err != nil {
				return err
			}
		}
	}
	return c.missing()
}

// contentOf is what is kept of a file, which a link may lead to.
func contentOf(names *imagefs.FS, name, link string) ([]byte, error) {
	info, err := names.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		kind := map[fs.FileMode]entry.Type{
			fs.ModeDir: entry.Dir, fs.ModeNamedPipe: entry.FIFO, fs.ModeDevice: entry.BlockDevice, fs.ModeDevice | fs.ModeCharDevice: entry.CharDevice,
		}[info.Mode().Type()]
		return nil, &fs.PathError{Op: "open", Path: name, Err: &imagefs.NoFileError{Link: link, Type: kind}}
	}
	return names.ReadFile(name)
}

// streamOne prints one file as it goes by.
func (c *catJob) streamOne(ctx context.Context, name string) error {
	if goesBy(c.image) {
		of := c.image
		if of == "-" {
			of = "stdin"
		}
		return &failure{ExitFailed, fmt.Errorf("%s is too large to be kept, or went by before a link to it: %s cannot be read again", name, of), "save the image to a file first"}
	}
	found := false
	return c.read(ctx, func(r *image.Reader) error {
		for {
			m, err := r.Next()
			switch {
			case err == io.EOF && !found:
				return &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
			case err == io.EOF:
				return nil
			case err != nil:
				return err
			case strings.TrimPrefix(m.Path, "./") != name || m.Type != entry.File:
				continue
			case found:
				return fmt.Errorf("%s is in the image a second time", name)
			}
			found = true
			if _, err := io.Copy(c.app.content(), r.Content()); err != nil {
				return err
			}
		}
	})
}

// read reads the image from its beginning.
func (c *catJob) read(ctx context.Context, do func(*image.Reader) error) error {
	in, _, err := c.app.open(ctx, c.client, c.image)
	if err != nil {
		return err
	}
	defer in.Close()
	source := compare.NewSource(in)
	r, err := image.NewReader(source)
	if err == nil {
		err = do(r)
		r.Close()
	}
	if err == nil {
		_, err = io.Copy(io.Discard, source)
	}
	if sum := hex.EncodeToString(source.SHA256()); err == nil && c.sha256 != "" && sum != c.sha256 {
		return notMatching(c.image, c.manifest, sum, c.sha256)
	}
	if err == nil || isSourceError(err) || errors.Is(err, syscall.EPIPE) {
		return err
	}
	var usual *failure
	if errors.As(err, &usual) {
		return err
	}
	return badImage(c.image, err)
}

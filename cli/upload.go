package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"sync/atomic"

	"image-capture/bootcheck"
	"image-capture/capture"
	"image-capture/image"
	"image-capture/manifest"
)

// uploadOptions are the command upload's.
type uploadOptions struct {
	store      storeOptions
	uploadPath string
	overwrite  bool
	refuse     bool
	messageOptions
}

func (o *uploadOptions) add(g *groups) {
	o.store.add(g)
	o.store.rates.add(g, g.group(endpointTitle), "send at most `RATE` bytes per second, such as 50M (K, M and G are powers of 1024, as in curl)")
	s := g.group("Names")
	addUploadPath(s, &o.uploadPath)
	s.BoolVar(&o.overwrite, "overwrite", false, "replace files that exist on the endpoint")
	addRefuseSecrets(g.group("Identity"), &o.refuse, "store")
	o.messageOptions.add(g, true)
}

// run stores an image and its MANIFEST that are on disk, or the MANIFEST alone of an
// image that is stored already.
func (o *uploadOptions) run(ctx context.Context, a *App, g *groups, args []string) error {
	if len(args) != 1 && len(args) != 2 {
		return usagef("image-capture upload IMAGE MANIFEST, or image-capture upload MANIFEST", "upload takes an image and its MANIFEST")
	}
	if err := whichIsWhich("upload", args); err != nil {
		return err
	}
	if slices.Contains(args, "-") {
		return usagef("save it to a file first", "upload reads image and MANIFEST more than once, and stdin can be read only once")
	}
	facts, err := readFacts(args[len(args)-1])
	if err != nil {
		return err
	}
	if facts.Base != "" && o.store.saveProfile != "" {
		return usagef("leave out --save-profile; a capture with --base, --upload and --save-profile stores the Profile of base and layer", "%s is of a layer over %s: a Profile of the layer alone deploys nothing that starts", args[len(args)-1], facts.Base)
	}
	names := manifest.Names{Image: facts.UploadTarball, Manifest: facts.UploadManifest}
	if g.set("upload-path") {
		t := manifest.Template{UploadPath: o.uploadPath, RootFS: path.Base(names.Image), Manifest: path.Base(names.Manifest)}
		if names, err = t.Expand(manifest.Vars{Tag: "linux", DStamp: manifest.DStamp(facts.Date), Ident: facts.Ident}, facts.Format); err != nil {
			return usagef(folderHint, "--upload-path: %w", err)
		}
	}
	ev := a.events(o.progress, false)
	end, err := o.store.connect(ctx, a, ev)
	if err != nil {
		return err
	}
	if name := o.store.saveProfile; name != "" {
		if create, update, lacking := end.CannotSaveProfile(name); lacking {
			ev.ProfileWillFail(create, update)
		}
	}
	d := &capture.Delivery{Endpoint: end, Names: names, Overwrite: o.overwrite}
	again := againError{endpoint: endpointFlags(g)}
	if g.set("upload-path") {
		again.names = " --upload-path " + words(o.uploadPath)
	}
	err = o.deliver(ctx, a, d, args, facts, again.names+again.endpoint)
	var profile *manifest.Profile
	if err == nil && o.store.saveProfile != "" {
		profile, err = o.profile(ctx, a, d, facts)
	}
	if err := d.Interrupted(ctx, err); err != nil {
		again.error = err
		return &again
	}
	doc := sent{Profile: profile, Image: names.Image, Manifest: names.Manifest, SHA256: facts.SHA256, Verified: d.Verified, ProfileSaved: o.store.saveProfile}
	if o.json {
		err = writeJSON(a.stdout, doc)
	} else {
		_, err = fmt.Fprintf(a.stdout, "%16s  %s\n%16s  %s\n", "upload tarball:", names.Image, "upload manifest:", names.Manifest)
		if err == nil && profile != nil {
			err = printProfile(a.stdout, profile)
		}
	}
	if err != nil {
		err = fmt.Errorf("%s and %s are stored: %w", names.Image, names.Manifest, err)
	}
	return err
}

// elsewhere is for printsElsewhere.
func (o *uploadOptions) elsewhere() bool { return !o.json }

// deliver sends what is on disk: image and MANIFEST. again are the flags that a hint
// repeats.
func (o *uploadOptions) deliver(ctx context.Context, a *App, d *capture.Delivery, args []string, facts manifest.Facts, again string) error {
	file := args[len(args)-1]
	stored := []string{d.Names.Image, d.Names.Manifest}
	if len(args) == 1 {
		stored = stored[1:]
	}
	if err := d.Ready(ctx, stored...); err != nil {
		return err
	}
	if len(args) == 2 {
		if err := o.sendImage(ctx, a, d, args[0], facts); err != nil {
			return err
		}
	}
	// Also for the image sent just now: a MANIFEST vouches for it.
	if err := d.Confirm(ctx, facts.SHA256); err != nil {
		if d.Stored {
			return d.NewUnsentError(file, err)
		}
		if len(args) == 1 {
			err = notStored(file, d.Names.Image, again, facts, err)
		}
		return err
	}
	err := d.Manifest(ctx, facts.SHA256, func(w io.Writer) error {
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(w, f)
		return err
	})
	hidden := (*capture.HiddenError)(nil)
	switch {
	case errors.As(err, &hidden) && len(args) == 1:
		err = notStored(file, d.Names.Image, again, facts, err)
	case err != nil && d.Stored && hidden == nil:
		err = d.NewUnsentError(file, err)
	}
	return err
}

// profile stores the Profile that deploys what was stored.
func (o *uploadOptions) profile(ctx context.Context, a *App, d *capture.Delivery, facts manifest.Facts) (*manifest.Profile, error) {
	o.store.warnLoopback(a, true)
	return d.Profile(ctx, manifest.ProfileParams{
		Name: o.store.saveProfile, Format: facts.Format, Path: d.Names.Image, Endpoint: o.store.url(a), SHA256: facts.SHA256,
		Files:  capture.FilesURL(ctx, d.Endpoint, o.store.filesURL, o.store.url(a)),
		Ubuntu: strings.HasPrefix(facts.OS, "Ubuntu"), Hooks: facts.Hooks != "",
	})
}

// sent is the document of upload --json.
type sent struct {
	ending
	Image    string `json:"upload_tarball"`
	Manifest string `json:"upload_manifest"`
	SHA256   string `json:"sha256sum"`
	Verified bool   `json:"verified"`
	// Profile is the one that was stored, ProfileSaved its name on the endpoint.
	Profile      *manifest.Profile `json:"profile,omitempty"`
	ProfileSaved string            `json:"profile_saved,omitempty"`
}

// readFacts reads what a MANIFEST says of its image, and all of the MANIFEST: one
// that was cut short is not sent.
func readFacts(name string) (manifest.Facts, error) {
	f, err := os.Open(name)
	if err != nil {
		return manifest.Facts{}, unopened(err)
	}
	defer f.Close()
	r, err := manifest.Parse(f)
	for err == nil {
		_, err = r.Next()
	}
	if !errors.Is(err, io.EOF) {
		return manifest.Facts{}, usagef("name the MANIFEST that the capture wrote", "%s: %w", name, err)
	}
	facts := r.Facts()
	if facts.UploadTarball == "" || facts.UploadManifest == "" || facts.SHA256 == "" {
		return facts, usagef("name the MANIFEST that the capture wrote", "%s does not name its image", name)
	}
	return facts, nil
}

// sendImage sends the image file if it is the one that the MANIFEST is about.
func (o *uploadOptions) sendImage(ctx context.Context, a *App, d *capture.Delivery, file string, facts manifest.Facts) error {
	return d.Image(ctx, func(n int) (capture.Body, error) {
		f, err := os.Open(file)
		if err != nil {
			return nil, unopened(err)
		}
		info, err := f.Stat()
		if err == nil && info.Size() != facts.Size {
			err = &failure{ExitVerify, fmt.Errorf("%s has %d bytes, its MANIFEST says %d", file, info.Size(), facts.Size), "give the image and the MANIFEST of the same capture"}
		}
		// A body that breaks off takes the image with it that it was to replace.
		if err == nil && n == 1 {
			err = o.inspect(ctx, a, f, file, facts)
		}
		if err != nil {
			f.Close()
			return nil, err
		}
		body := &checkedFile{r: f, name: file, size: facts.Size, left: facts.Size, want: facts.SHA256, sum: sha256.New(), replaces: o.overwrite}
		body.bar = startProgress(a.term, o.progress, "sent", func() (int64, int64) { return body.sent.Load(), 0 }, info.Size)
		if n == 1 {
			a.events(o.progress, false).Sending(info.Size, true)
		}
		return body, nil
	})
}

// inspect makes sure, before anything is sent, that a file has the digest which its MANIFEST
// says, and names the secrets in it.
func (o *uploadOptions) inspect(ctx context.Context, a *App, f *os.File, name string, facts manifest.Facts) error {
	counted := &countReader{r: interruptibleReader{ctx, f}}
	bar := startProgress(a.term, o.progress, "read", func() (int64, int64) { return counted.n.Load(), 0 }, func() int64 { return facts.Size })
	sum := sha256.New()
	source := io.TeeReader(counted, sum)
	secrets, err := readSecrets(ctx, name, source)
	if _, rerr := io.CopyBuffer(io.Discard, source, make([]byte, 1<<20)); rerr != nil {
		err = rerr
	}
	bar.stop()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case hex.EncodeToString(sum.Sum(nil)) != facts.SHA256:
		return otherImage(name, "nothing was stored")
	case err != nil:
		return err
	}
	if refused := bootcheck.Unusual(secrets); o.refuse && len(refused) > 0 {
		return &failure{ExitCheck, fmt.Errorf("%s holds secrets: %s; nothing was stored", name, capture.SecretsText(refused)), madeAgainHint + ", or leave out --refuse-secrets"}
	}
	if len(secrets) > 0 {
		a.term.secrets(secrets, "holds", madeAgainHint+", or store it where nobody else reads")
	}
	_, err = f.Seek(0, io.SeekStart)
	return err
}

// readSecrets finds those of an image, which is read as far as it goes.
func readSecrets(ctx context.Context, name string, in io.Reader) ([]bootcheck.Secret, error) {
	r, err := image.NewReader(in)
	if err != nil {
		return nil, unreadableImage(name, err)
	}
	defer r.Close()
	list, err := bootcheck.ReadSecrets(ctx, r)
	if err != nil {
		return nil, unreadableImage(name, err)
	}
	return list, nil
}

func otherImage(name, left string) error {
	return &failure{ExitVerify, fmt.Errorf("the SHA-256 of %s is not the one in its MANIFEST; %s", name, left), "give the image and the MANIFEST of the same capture, or capture again"}
}

// checkedFile reads a file and, before its last bytes go out, makes sure that it
// has the digest it should: so that another file is never stored whole.
type checkedFile struct {
	r    *os.File
	bar  *progress
	name string
	size int64
	left int64
	want string
	sum  hash.Hash
	sent atomic.Int64
	// replaces says that something of that name may be on the endpoint.
	replaces bool
}

func (c *checkedFile) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.sum.Write(p[:n])
	c.left -= int64(n)
	if c.left <= 0 && hex.EncodeToString(c.sum.Sum(nil)) != c.want {
		left := "nothing was stored"
		if c.replaces { // it was right a moment ago
			left = "it changed meanwhile, and the image that it was to replace may be lost"
		}
		return 0, otherImage(c.name, left)
	}
	c.sent.Add(int64(n))
	return n, err
}

// Size is for capture.Body.
func (c *checkedFile) Size() int64 { return c.size }

// Sum is for capture.Body.
func (c *checkedFile) Sum() (string, bool) { return c.want, c.sent.Load() == c.size }

// Wait is for capture.Body.
func (c *checkedFile) Wait() error {
	c.bar.stop()
	return c.r.Close()
}

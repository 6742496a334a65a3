package capture

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"image-capture/durable"
	"image-capture/entry"
	"image-capture/manifest"
)

// outputs are the files that a capture writes here.
type outputs struct {
	stdout                   io.Writer   // gets the image; nil: not
	begun                    atomic.Bool // stdout was written to
	image, manifest, profile output
	deletions                output // of a layer
}

// output is one of the files.
type output struct {
	name string // "" for none
	file *durable.File
	lost bool // it could not be written
}

// place finds where the files go, and makes sure that there is room for their names,
// here and on the endpoint, before anything is read.
func (r *run) place(ctx context.Context) error {
	o, opt := &r.outputs, r.opt
	if err := r.assign(); err != nil {
		return err
	}
	if o.manifest.name == "" && opt.Endpoint == nil {
		r.events.NoManifest()
	}
	if err := r.allowed(ctx); err != nil {
		return err
	}
	if err := r.create(ctx); err != nil {
		return err
	}
	r.measureRoom()
	return nil
}

// create makes the files, which have no name yet.
func (r *run) create(ctx context.Context) (err error) {
	for _, out := range r.outputs.all() {
		if out.name == "" {
			continue
		}
		if out.file, err = durable.Create(ctx, out.name, r.opt.Overwrite); err != nil {
			return err
		}
	}
	return nil
}

// allowed refuses names that are taken on the endpoint, and the names of MANIFESTs of other
// images, here and there.
func (r *run) allowed(ctx context.Context) error {
	if d := r.delivery; d != nil {
		if err := d.Ready(ctx, d.Names.Image, d.Names.Manifest); err != nil {
			return err
		}
	}
	return r.outputs.notOthers(r.beside())
}

// assign finds the names of the files.
func (r *run) assign() error {
	o, opt := &r.outputs, r.opt
	o.stdout = opt.Stdout
	o.profile.name, o.deletions.name = opt.Profile, opt.Deletions
	switch {
	case opt.Stdout != nil:
	case opt.Image != "":
		o.image.name, o.manifest.name = opt.Image, r.beside()
	case opt.Endpoint == nil:
		o.image.name, o.manifest.name = path.Base(r.facts.UploadTarball), path.Base(r.facts.UploadManifest)
	}
	if opt.Manifest != "" {
		o.manifest.name = opt.Manifest
	}
	return o.check(opt)
}

// beside is where the MANIFEST of a local image goes when no name is given for it.
func (r *run) beside() string {
	if r.opt.Image == "" || special(r.opt.Image) {
		return ""
	}
	return strings.TrimSuffix(r.opt.Image, r.opt.Format.Suffix()) + ".MANIFEST.txt"
}

// given looks at the names that the user gave, before anything else is done or said.
func (r *run) given() error {
	for _, name := range []string{r.opt.Image, r.opt.Manifest, r.opt.Profile, r.opt.Deletions} {
		if err := durable.Look(name); err != nil {
			return err
		}
	}
	o := &outputs{image: output{name: r.opt.Image}, manifest: output{name: r.opt.Manifest}, profile: output{name: r.opt.Profile}, deletions: output{name: r.opt.Deletions}}
	return o.check(r.opt)
}

// measureRoom warns before anything is read where a local image may not fit. What is in
// use on the root's filesystems is all that is known before, and an image is smaller.
func (r *run) measureRoom() {
	used := r.checked.Used
	if room := roomFor(r.outputs.image.name); room != nil && room.Free < used {
		r.events.LittleRoom(room.Folder, room.Free, used)
	}
	// The temp file has some 40 bytes for each entry, of which 32 are its digest.
	const entrySize = 64
	temp := cmp.Or(r.opt.TempDir, "/tmp")
	need := int64(min(r.checked.Inodes, math.MaxInt64/entrySize) * entrySize)
	if room := roomIn(temp); room != nil && room.Free < need {
		r.events.LittleTempRoom(temp, room.Free, need)
	}
}

// otherEndings are a second name of some formats, foreignEndings those of files that no
// image is.
var (
	otherEndings   = map[string]manifest.Format{".tar.gz": manifest.TGZ, ".tzst": manifest.TarZst}
	foreignEndings = []string{
		".tar.xz", ".txz", ".tar.bz2", ".tbz2", ".tbz", ".tar.lz4", ".tar.lzma", ".zip", ".7z", ".rar", ".cpio", ".iso", ".qcow2", ".squashfs",
	}
)

// check looks for names that cannot be meant.
func (o *outputs) check(opt Options) error {
	format := opt.Format
	for _, f := range []manifest.Format{manifest.TGZ, manifest.TarZst, manifest.Tar} {
		if f != format && strings.HasSuffix(o.image.name, f.Suffix()) {
			return &FormatNameError{Name: o.image.name, Is: f, Format: format}
		}
	}
	base := strings.ToLower(filepath.Base(o.image.name))
	for end, f := range otherEndings {
		if f != format && strings.HasSuffix(base, end) {
			return &FormatNameError{Name: o.image.name, Is: f, Format: format}
		}
	}
	for _, end := range foreignEndings {
		if strings.HasSuffix(base, end) {
			return optionErrorf(OptionImage, "%s: the name ends like a %s file, and the image is %s", o.image.name, end[1:], format)
		}
	}
	names := []string{o.image.name, o.manifest.name, o.profile.name, o.deletions.name}
	for i, a := range names {
		for _, b := range names[i+1:] {
			if a != "" && filepath.Clean(a) == filepath.Clean(b) && !special(a) {
				return optionErrorf(OptionOutputs, "%s is given twice: image, MANIFEST, Profile and deletions are files of their own", a)
			}
		}
		if opt.Base != nil && slices.ContainsFunc(opt.Base.Files, func(b string) bool { return durable.Same(a, b) }) {
			return optionErrorf(OptionOutputs, "%s is a file of the base, which the layer needs", a)
		}
	}
	return nil
}

// special says whether a path is a device or a FIFO, which has no place beside it.
func special(name string) bool {
	info, err := os.Stat(name)
	return err == nil && !info.Mode().IsRegular()
}

// all are the files, in the order in which they are written.
func (o *outputs) all() []*output { return []*output{&o.image, &o.manifest, &o.profile, &o.deletions} }

func (o *outputs) close() {
	for _, out := range o.all() {
		out.file.Discard()
	}
}

// writer is where the image goes on this machine; nil for nowhere.
func (o *outputs) writer(ctx context.Context) io.Writer {
	switch f := o.image.file; {
	case o.stdout != nil:
		return interruptible{ctx, &begunWriter{o.stdout, &o.begun}}
	case f == nil:
		return nil
	case f.InPlace:
		return interruptible{ctx, f}
	default:
		return f
	}
}

// begunWriter remembers that something was written, or may have been: a write may not come
// back.
type begunWriter struct {
	w     io.Writer
	begun *atomic.Bool
}

func (b *begunWriter) Write(p []byte) (int, error) {
	b.begun.Store(true)
	return b.w.Write(p)
}

// once says that what is written here cannot be written a second time.
func (o *outputs) once() bool { return o.stdout != nil || o.image.file != nil && o.image.file.InPlace }

// hasImage says whether there is a file that the image can be read back from.
func (o *outputs) hasImage() bool { return o.image.file != nil }

func (o *outputs) imageName() string    { return o.image.whole() }
func (o *outputs) manifestName() string { return o.manifest.whole() }

// whole is the name of the file, unless it could not be written.
func (o *output) whole() string {
	if o.lost {
		return ""
	}
	return o.name
}

// ids are the inodes of all that is written.
func (o *outputs) ids() []entry.FileID {
	var ids []entry.FileID
	for _, out := range o.all() {
		if out.file != nil {
			ids = append(ids, out.file.IDs()...)
		}
	}
	if f, ok := o.stdout.(*os.File); ok {
		if id, ok := durable.ID(f); ok { // stdout may be a file in the tree
			ids = append(ids, id)
		}
	}
	return ids
}

// finish gives the local files their names: image, MANIFEST, Profile, deletions.
func (r *run) finish() error {
	o := &r.outputs
	if e := r.opt.Elsewhere; e != nil && e.Always {
		return e.Keep(r.writeManifest)
	}
	var unwritten error // of the MANIFEST; the image is worth having without
	if f := o.manifest.file; f != nil {
		unwritten = f.Contain(r.writeManifest)
	}
	lost, err := durable.CommitPair(o.image.file, o.manifest.file, unwritten == nil)
	o.manifest.lost = lost
	if err != nil {
		var exists *durable.ExistsError
		switch {
		case o.image.file.Named() && lost:
			return &NoManifestError{Image: o.image.name, err: err}
		case errors.As(err, &exists):
			return err
		case o.image.file.Named():
			return fmt.Errorf("write %s: %w", o.manifest.name, err)
		}
		return fmt.Errorf("write %s: %w", cmp.Or(o.image.name, o.manifest.name), err)
	}
	if unwritten != nil {
		if o.image.name == "" {
			return unwritten
		}
		return &NoManifestError{Image: o.image.name, err: unwritten}
	}
	if f := o.profile.file; f != nil {
		err = f.Fill(r.writeProfile)
	}
	if f := o.deletions.file; f != nil && err == nil {
		err = f.Fill(r.writeDeletions)
	}
	if err != nil && o.image.name != "" {
		return &ExtraError{Image: o.image.name, Manifest: o.manifest.name, err: err}
	}
	return err
}

// keep writes a file to the current directory or, where that cannot be, to another.
func keep(name string, write func(io.Writer) error, other string) (string, error) {
	err := durable.Write(name, true, write)
	if err == nil {
		return filepath.Abs(name)
	}
	name = filepath.Join(other, name)
	if terr := durable.Write(name, true, write); terr != nil {
		return "", errors.Join(err, terr)
	}
	return name, nil
}

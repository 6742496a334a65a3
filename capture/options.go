package capture

import (
	"bytes"
	"io"

	"image-capture/bootcheck"
	"image-capture/compress"
	"image-capture/durable"
	"image-capture/edit"
	"image-capture/entry"
	"image-capture/identity"
	"image-capture/manifest"
	"image-capture/rootfs"
	"image-capture/upload"
)

// Options say what is captured, how, and where it goes. The zero value, but for Root,
// is a checked tgz at the default level with the names of the defaults, in the current
// directory, with the excludes of nobody.
type Options struct {
	Tree

	Format manifest.Format
	Level  compress.Level
	// Jobs is how many frames are compressed at once; 0: see archive.Options.
	Jobs int
	// ReadRate is that of archive.Options.
	ReadRate int64
	// SkipFileDigests leaves the digests of files out of the MANIFEST.
	SkipFileDigests bool
	// Strict makes changed files an error, as unreadable ones are.
	Strict bool

	Check Mode
	Boot  bootcheck.Options
	// Fix makes the edits that the findings offer, in the image.
	Fix bool

	// Generalize are the operations that take the source's identity out of the image,
	// where the check finds that safe.
	Generalize []identity.Operation

	// Brand writes the image's ident and date where people see them who log in to a clone.
	Brand bool

	// FindSecrets looks for what opens something to who gets the image; RefuseSecrets
	// captures nothing then, but for what every root has.
	FindSecrets, RefuseSecrets bool

	// Names says how image and MANIFEST are called; Tag is what $TAG stands for, when it
	// is not taken from the tree.
	Names manifest.Template
	Tag   string

	// Base makes the image a layer: only what differs from the base is in it. Nil is for a
	// whole image.
	Base *Base

	Outputs

	Steady

	// Endpoint is where image and MANIFEST are stored; nil for nowhere.
	Endpoint *upload.Endpoint
	// EndpointURL is for the Profile; it may be empty.
	EndpointURL string
	// FilesURL is where the endpoint serves files to deployers; see
	// manifest.ProfileParams. Empty: the endpoint is asked.
	FilesURL string
	// SaveProfile is the name of the Profile that is stored on the endpoint; "" for none.
	SaveProfile string

	// Origin is where the tree is; nil is this machine. For an Origin that is none of Here
	// the tree's options are its own.
	Origin Origin

	// Host and Version are for the MANIFEST: the name of this machine, and of the program.
	Host, Version string
}

// origin is where the tree is.
func (o Options) origin(events Events) Origin {
	if o.Origin != nil {
		return o.Origin
	}
	return Here(o, events)
}

// Mode says what the boot check is for.
type Mode uint8

// The modes.
const (
	Warn    Mode = iota // what it finds is reported
	Enforce             // an image that would not deploy is not captured
	Off                 // the tree is not judged
)

// Outputs are the files that are written here.
type Outputs struct {
	// Image is the name of the image's file. When it is empty and there is no endpoint,
	// the file is named like the image, in the current directory.
	Image string
	// Stdout gets the image in place of a file; nil for none.
	Stdout io.Writer
	// Manifest is the name of the MANIFEST's file. When it is empty it is beside the
	// image, if that is a file.
	Manifest string
	// Profile is the name of the file for the Profile that deploys the image; "" for none.
	Profile string
	// Deletions is the name of the file for the names of the base that a layer deletes,
	// each ended by a NUL; "" for none.
	Deletions string
	// Overwrite replaces files that exist, also on the endpoint.
	Overwrite bool
	// Elsewhere says that nothing is written here that has a name: the MANIFEST is kept on
	// another machine. Nil is for this one.
	Elsewhere *Elsewhere
	// TempDir is for files without a name; "" is /tmp.
	TempDir string
}

// Elsewhere keeps a MANIFEST on another machine.
type Elsewhere struct {
	// Keep takes what write writes. It is called once at most: with Always of each image
	// that is stored, else where the MANIFEST could not be sent.
	Keep   func(write func(io.Writer) error) error
	Always bool
}

// Tree is a root, and what shall be captured of it.
type Tree struct {
	// Root is the directory where the root filesystem is mounted.
	Root string
	// DefaultExcludes leaves out what lives while a system runs; see edit.Plan.Defaults.
	DefaultExcludes bool
	// Whole are those of edit.DefaultDirs of which DefaultExcludes leaves nothing out.
	Whole []string
	// Exclude are patterns, ExcludeFrom files that hold some; see package edit.
	Exclude     []string
	ExcludeFrom []PatternFile
	// ExcludeCaches and ExcludeIfPresent leave out what is beside a tag in a directory; see
	// edit.Plan.
	ExcludeCaches    bool
	ExcludeIfPresent []string
	// OneFileSystem, IncludeMounts and ExcludeMounts are those of rootfs.MountOptions.
	OneFileSystem                bool
	IncludeMounts, ExcludeMounts []string
	// AddCurtin says what is added in /curtin.
	AddCurtin AddCurtin
	// Relabel adds a /.autorelabel where there is none.
	Relabel bool
}

// AddCurtin says what is added in /curtin where the tree lacks it. Hooks that the tree
// has are never replaced, unless they are ours of an older version.
type AddCurtin string

// The modes.
const (
	NoCurtin    AddCurtin = ""
	CurtinDir   AddCurtin = "dir"   // the empty directory
	CurtinHooks AddCurtin = "hooks" // our hooks, see package deploy
)

// PatternFile is a file that was read: a second walk leaves out the same, also when
// the first drained a pipe or the file was edited.
type PatternFile struct {
	Name string
	Text []byte
}

// OptionError says that an option is wrong.
type OptionError struct {
	Option Option
	err    error
}

// Option names a field of Options.
type Option string

// The options that can be wrong in a way that only this package sees.
const (
	OptionRoot             Option = "Root"
	OptionExclude          Option = "Exclude"
	OptionExcludeFrom      Option = "ExcludeFrom"
	OptionExcludeIfPresent Option = "ExcludeIfPresent"
	OptionNames            Option = "Names"
	OptionTag              Option = "Tag"
	OptionOutputs          Option = "Outputs"
	OptionImage            Option = "Image"
)

func (e *OptionError) Error() string { return e.err.Error() }

// Unwrap returns the reason.
func (e *OptionError) Unwrap() error { return e.err }

// codecs are those of the formats.
var codecs = map[manifest.Format]compress.Codec{manifest.TGZ: compress.Gzip, manifest.TarZst: compress.Zstd, manifest.Tar: compress.None}

// plan makes the plan of the edits that were asked for.
func (t Tree) plan() (*edit.Plan, error) {
	p := &edit.Plan{}
	if t.DefaultExcludes {
		p.Defaults(t.Whole...)
	}
	// Of captures that were killed, and of those that run beside this one.
	if err := p.ExcludeAlways(durable.TempPattern); err != nil {
		return nil, err
	}
	for _, pattern := range t.Exclude {
		if err := p.Exclude(pattern); err != nil {
			return nil, &OptionError{OptionExclude, err}
		}
	}
	for _, f := range t.ExcludeFrom {
		if err := p.ExcludeFrom(f.Name, bytes.NewReader(f.Text)); err != nil {
			return nil, &OptionError{OptionExcludeFrom, err}
		}
	}
	if t.ExcludeCaches {
		p.ExcludeCaches()
	}
	for _, name := range t.ExcludeIfPresent {
		if err := p.ExcludeIfPresent(name); err != nil {
			return nil, &OptionError{OptionExcludeIfPresent, err}
		}
	}
	if t.AddCurtin == CurtinDir {
		if err := p.AddDir("./curtin", 0o755); err != nil {
			return nil, err
		}
	}
	if t.Relabel {
		if err := p.AddFile("./.autorelabel", 0o644, nil); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// swapFiles are never captured.
func swapFiles() map[entry.FileID]string {
	skip := map[entry.FileID]string{}
	for _, id := range rootfs.SwapFiles() {
		skip[id] = "swap file in use"
	}
	return skip
}

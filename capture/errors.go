package capture

import (
	"errors"
	"fmt"
	"strings"

	"image-capture/bootcheck"
	"image-capture/entry"
	"image-capture/manifest"
)

// CheckError says that the boot check found what keeps the image from deploying, so
// that nothing was captured.
type CheckError struct{ Deployer bootcheck.Deployer }

func (e *CheckError) Error() string {
	return fmt.Sprintf("the image would not deploy with %s; nothing was captured", e.Deployer)
}

// SecretsError says that the image would hold what Options.RefuseSecrets refuses.
type SecretsError struct{ Secrets []bootcheck.Secret }

func (e *SecretsError) Error() string {
	return "the image would hold secrets: " + SecretsText(e.Secrets)
}

// SecretsText names secrets, each with what it is: as many as are read.
func SecretsText(list []bootcheck.Secret) string {
	const most = 20
	var parts []string
	for i, s := range list {
		if i == most {
			parts = append(parts, fmt.Sprintf("and %d more", len(list)-i))
			break
		}
		parts = append(parts, "/"+entry.Escape(s.Path)+" "+s.What)
	}
	return strings.Join(parts, ", ")
}

// IncompleteError says that the image is made and lacks something, or, with
// Options.Strict, holds files that changed while they were read.
type IncompleteError struct{ Unreadable, Changed int }

func (e *IncompleteError) Error() string {
	if e.Unreadable > 0 {
		return fmt.Sprintf("the image is incomplete: %s could not be read", counted(e.Unreadable, "file or directory", "files or directories"))
	}
	return counted(e.Changed, "file", "files") + " changed during the capture (--strict)"
}

func counted(n int, one, many string) string {
	if n == 1 {
		many = one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// UnsentError says that something is whole here and not on the endpoint.
type UnsentError struct {
	// Stored is the name of the image on the endpoint, when only its MANIFEST is not
	// there; "" when neither is.
	Stored string
	// Image and Manifest are the local files; "" for none.
	Image, Manifest string
	// Old is the MANIFEST on the endpoint that is of another image than the one there; ""
	// for none.
	Old string
	// Replaces says that files of these names may be on the endpoint.
	Replaces bool
	err      error
}

func (e *UnsentError) Error() string {
	if e.Old != "" {
		older := *e
		older.Old = ""
		return older.Error() + "; " + outdatedText(e.Old)
	}
	switch {
	case e.Stored != "" && e.Manifest != "":
		return fmt.Sprintf("the image is stored as %s, but its MANIFEST is not; it is kept in %s: %v", e.Stored, e.Manifest, e.err)
	case e.Stored != "":
		return fmt.Sprintf("the image is stored as %s, but its MANIFEST is not: %v", e.Stored, e.err)
	}
	return fmt.Sprintf("%s and %s are complete, but not stored on the endpoint: %v", e.Image, e.Manifest, e.err)
}

// outdatedText tells of a MANIFEST that its image has left.
func outdatedText(name string) string {
	return "the MANIFEST " + name + " on the endpoint, if there is one, is of the image that was there before, and of none that is there now"
}

// Unwrap returns what went wrong.
func (e *UnsentError) Unwrap() error { return e.err }

// NewUnsentError is for an image that is stored and whose MANIFEST, a local file, is
// not, since err.
func (d *Delivery) NewUnsentError(manifest string, err error) *UnsentError {
	return &UnsentError{Stored: d.Names.Image, Manifest: manifest, Old: d.old(), Replaces: d.Overwrite, err: err}
}

// OutdatedError says that an image broke that was to replace one, and that the MANIFEST of
// that one could not be deleted before: the endpoint drops the old image with the new one.
type OutdatedError struct {
	Manifest string
	err      error
}

func (e *OutdatedError) Error() string { return e.err.Error() + "; " + outdatedText(e.Manifest) }

// Unwrap returns what went wrong.
func (e *OutdatedError) Unwrap() error { return e.err }

// HiddenError says that the endpoint shows the MANIFEST to this token, and not its
// image: so it does not have that.
type HiddenError struct{ Image, Manifest string }

func (e *HiddenError) Error() string {
	return fmt.Sprintf("the endpoint has the MANIFEST %s, but not its image %s, though it accepted both", e.Manifest, e.Image)
}

// ProfileError says that the image is stored and its Profile is not.
type ProfileError struct {
	Image, Name string
	err         error
}

func (e *ProfileError) Error() string {
	return fmt.Sprintf("the image is stored as %s, but the Profile %s is not: %v", e.Image, e.Name, e.err)
}

// Unwrap returns what went wrong.
func (e *ProfileError) Unwrap() error { return e.err }

// HooksArchiveError says that the archive of hooks which a Profile of layers names is not
// stored.
type HooksArchiveError struct {
	Path   string
	Layers []string // of which it is made
	err    error
}

func (e *HooksArchiveError) Error() string {
	return fmt.Sprintf("the layers take %s, an archive of hooks: %v", e.Path, e.err)
}

// Unwrap returns what went wrong.
func (e *HooksArchiveError) Unwrap() error { return e.err }

// errNotWanted is what the producer's writes give once nobody reads any more.
var errNotWanted = errors.New("the endpoint took no more")

// LostManifestError says that the image is stored, and that its MANIFEST could be
// neither sent nor kept.
type LostManifestError struct{ err, kept error }

func (e *LostManifestError) Error() string { return e.err.Error() }

// Unwrap returns both errors: of sending, and of keeping.
func (e *LostManifestError) Unwrap() []error {
	return []error{e.err, fmt.Errorf("the image is stored, but its MANIFEST is lost: %w", e.kept)}
}

// FormatNameError says that a file's name ends like those of another format.
type FormatNameError struct {
	Name       string
	Is, Format manifest.Format
}

func (e *FormatNameError) Error() string {
	return fmt.Sprintf("%s: the name ends like a %s image, but the format is %s", e.Name, e.Is, e.Format)
}

func optionErrorf(option Option, format string, args ...any) error {
	return &OptionError{option, fmt.Errorf(format, args...)}
}

// NoManifestError says that the image is whole here, and its MANIFEST could not be
// written.
type NoManifestError struct {
	Image string
	err   error
}

func (e *NoManifestError) Error() string {
	return fmt.Sprintf("%s is whole, but its MANIFEST could not be written: %v", e.Image, e.err)
}

// Unwrap returns the reason.
func (e *NoManifestError) Unwrap() error { return e.err }

// ExtraError says that image and MANIFEST are whole here, and that the Profile or the list
// of deletions is not.
type ExtraError struct {
	Image, Manifest string // Manifest "" for none
	err             error
}

func (e *ExtraError) Error() string {
	there := e.Image + " is whole"
	if e.Manifest != "" {
		there = e.Image + " and its MANIFEST " + e.Manifest + " are whole"
	}
	return there + ", but " + e.err.Error()
}

// Unwrap returns the reason.
func (e *ExtraError) Unwrap() error { return e.err }

// InterruptedError says what a signal left on the endpoint.
type InterruptedError struct {
	// Stored is the name of an image that is there without its MANIFEST; "" for none.
	Stored string
	// Old is that of UnsentError.
	Old string
	// Maybe are the names of files that were sent whole, and for which no answer came.
	Maybe []string
	err   error
}

func (e *InterruptedError) Error() string {
	s := "interrupted"
	if e.Stored != "" {
		s += "; the image is on the endpoint as " + e.Stored
	}
	if e.Old != "" {
		s += "; " + outdatedText(e.Old)
	}
	if len(e.Maybe) > 0 {
		s += "; no answer came for " + strings.Join(e.Maybe, ", ") + ": look whether the endpoint has it"
	}
	var unsent *UnsentError
	if errors.As(e.err, &unsent) && unsent.Manifest != "" {
		s += "; its MANIFEST is kept in " + unsent.Manifest
	}
	return s
}

// Unwrap returns the error that it came out as.
func (e *InterruptedError) Unwrap() error { return e.err }

// EmptyRootError says that the root holds nothing.
type EmptyRootError struct{ Path string }

func (e *EmptyRootError) Error() string { return e.Path + " is empty: it holds no root filesystem" }

// BaseError says that the base of a layer cannot be read, or not be compared with.
type BaseError struct{ Err error }

func (e *BaseError) Error() string { return e.Err.Error() }

// Unwrap returns the reason.
func (e *BaseError) Unwrap() error { return e.Err }

package capture

import (
	"context"
	"io"

	"image-capture/archive"
	"image-capture/bootcheck"
	"image-capture/entry"
	"image-capture/manifest"
	"image-capture/rootfs"
)

// Origin is where the tree is: it judges, walks and edits it. Where image and MANIFEST
// go is the other half of a capture, which is Run's. The two may be on two machines; see
// package remote. What happens is told to the Events that the Origin was made with.
type Origin interface {
	// Ready says before anything else whether the machine has what a walk takes.
	Ready(ctx context.Context) error
	// Check opens the tree and judges it, before it is looked at further.
	Check(ctx context.Context) (Checked, error)
	// Estimate is how many bytes there are to capture, before compression; it may take
	// some seconds, and is 0 where that is not known yet.
	Estimate(ctx context.Context) int64
	// Hold makes the tree hold still, as Options.Steady says, before the first walk.
	Hold(ctx context.Context) error
	// Release ends that after the last walk, also when Hold has failed, and whether ctx
	// has ended or not. What fails then takes nothing from an image that is whole.
	Release(ctx context.Context) error
	// Walk walks the tree once and writes the image to w. add is given its entries, and
	// keeps nothing of them; skip names what is never captured, and why; mark is for
	// Options.Brand. What of the tree
	// changed since another walk is seen: each opens it anew.
	Walk(ctx context.Context, w io.Writer, mark Mark, skip map[entry.FileID]string, add func(*entry.Member) error) (Walked, error)
	// Entries walks the tree without making an image. With the facts of a MANIFEST, what its
	// image left out is left out; see Source.Like.
	Entries(ctx context.Context, like manifest.Facts) (Live, error)
	// Only limits what comes after it, Walk and Preview, to some of the tree.
	Only(ctx context.Context, these Selection) error
	// Preview goes through the tree without making an image. Names and room of files are
	// not in the result: they are not the Origin's.
	Preview(ctx context.Context) (Forecast, error)
	// Close ends what is open. No image is whole that a walk did not return by then.
	Close()
}

// Checked is what is known of a tree before it is walked.
type Checked struct {
	// Report is that of the boot check, nil without.
	Report *bootcheck.Report
	System bootcheck.System
	// Fixes are the edits that were made.
	Fixes []bootcheck.Fix
	// Secrets are those that will be in the image; see Options.FindSecrets.
	Secrets []bootcheck.Secret
	// Source is the tree's host and path.
	Source string
	// Used are the bytes in use on its filesystems; 0 when that is not known.
	Used int64
	// Inodes are those in use there.
	Inodes uint64
}

// Selection is a part of a tree: what a layer holds.
type Selection struct {
	// Names are in it, and Whole are directories of it with all that is in them.
	Names, Whole map[string]bool
}

// has says whether a name is in it.
func (s Selection) has(path string) bool { return s.Names[path] || hasAbove(s.Whole, path) }

// Walked is what came of a walk that gave a whole image.
type Walked struct {
	archive.Summary
	Mounts []rootfs.Mount
	// Edits are for the MANIFEST.
	Edits []entry.Note
}

package cli

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"

	"image-capture/compare"
	"image-capture/compress"
	"image-capture/entry"
	"image-capture/upload"
)

// readWhole has an image read by read, and then what is behind the end of its tar. One
// that is not what its MANIFEST says is an error: what was found in it says nothing of
// the image that was captured.
func (a *App) readWhole(ctx context.Context, client *upload.Client, img *chained, progress string, read func(io.Reader) error) error {
	in, size, err := a.open(ctx, client, img.name)
	if err != nil {
		return err
	}
	defer in.Close()
	source := compare.NewSource(in)
	bar := startProgress(a.term, progress, "read", func() (int64, int64) { return source.Size(), 0 }, func() int64 { return size })
	defer bar.stop()
	if err := read(source); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, source); err != nil {
		return err
	}
	return img.is(source)
}

// is says whether an image that was read to its end is the one of its MANIFEST.
func (img *chained) is(source *compare.Source) error {
	img.sha256 = hex.EncodeToString(source.SHA256())
	if img.facts == nil || img.facts.SHA256 == "" || img.facts.SHA256 == img.sha256 {
		return nil
	}
	return notMatching(img.name, img.manifest, img.sha256, img.facts.SHA256)
}

// notMatching is the error of an image that is not the one of its MANIFEST.
func notMatching(image, manifest, got, want string) error {
	verify := "image-capture verify IMAGE MANIFEST"
	if image != "-" && manifest != "-" {
		verify = "image-capture verify " + words(image, manifest)
	}
	return &failure{ExitVerify, fmt.Errorf("%s does not match %s: its SHA-256 is %s, the MANIFEST says %s", image, manifest, got, want), verify + " says what differs"}
}

// sayUnknown says of an image that nothing tells whether it is whole: most compressed ones
// have a checksum of their own.
func (a *App) sayUnknown(img *chained) {
	if img.facts != nil || img.sums {
		return
	}
	why := "a plain tar has no checksum of what is in files"
	if img.codec != compress.None {
		why = "it was compressed without a checksum"
	}
	a.term.say("nothing tells whether %s is whole: it has no MANIFEST, and %s", entry.Printable(img.name), why)
}

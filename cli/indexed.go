package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"

	"image-capture/entry"
	"image-capture/image/index"
	"image-capture/manifest"
	"image-capture/upload"
)

// again is a MANIFEST that can be read more than once.
type again struct {
	name string
	file *os.File
	text []byte // compressed, of what can be read once only
}

// readAgain takes over a MANIFEST that is open.
func readAgain(in io.ReadCloser, name string) (*again, error) {
	if f, ok := in.(*os.File); ok {
		return &again{name: name, file: f}, nil
	}
	defer in.Close()
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(w, in); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return &again{name: name, text: b.Bytes()}, nil
}

func (m *again) open() (io.ReadCloser, error) {
	if m.file != nil {
		info, err := m.file.Stat()
		if err != nil {
			return nil, err
		}
		return io.NopCloser(io.NewSectionReader(m.file, 0, info.Size())), nil
	}
	r, err := zstd.NewReader(bytes.NewReader(m.text), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	return r.IOReadCloser(), nil
}

// facts are what the MANIFEST says of the image; none where it is broken, which whoever
// reads its entries tells.
func (m *again) facts() (f manifest.Facts) {
	in, err := m.open()
	if err != nil {
		return f
	}
	defer in.Close()
	r, err := manifest.Parse(in)
	if err != nil {
		return f
	}
	return r.Facts()
}

func (m *again) close() {
	if m.file != nil {
		m.file.Close()
	}
}

// besideManifest is an open MANIFEST.
type besideManifest struct {
	*manifest.Reader
	io.Closer
	name string
	text *again
}

// parseAgain parses a MANIFEST that is open, which it takes over.
func parseAgain(in io.ReadCloser, name string) (*besideManifest, error) {
	text, err := readAgain(in, name)
	if err != nil {
		return nil, err
	}
	first, err := text.open()
	if err == nil {
		var r *manifest.Reader
		if r, err = manifest.Parse(first); err == nil {
			return &besideManifest{r, closer(func() { first.Close(); text.close() }), name, text}, nil
		}
		first.Close()
	}
	text.close()
	return nil, err
}

// aloneHint is for commands that take a MANIFEST in the place of its image.
const aloneHint = "give the MANIFEST alone, or move it elsewhere to have the image read"

// standsFor is an error where an image is not the one that the MANIFEST describes, which
// then says nothing of it. sent is the size that a server said, 0 where it did not.
func (m *besideManifest) standsFor(image string, sent int64, hint string) error {
	size := sent
	if info, err := os.Stat(image); err == nil && info.Mode().IsRegular() && !isURL(image) {
		size = info.Size()
	} else if sent == 0 {
		return nil
	}
	if size == m.Facts().Size {
		return nil
	}
	return &failure{ExitVerify, fmt.Errorf("%s has %d bytes, and %s is the MANIFEST of an image of %d", image, size, m.name, m.Facts().Size),
		hint}
}

// frames are where those of the image begin; nil where the MANIFEST does not say, or is
// broken, which whoever reads its entries tells.
func (m *besideManifest) frames() []entry.Frame {
	in, err := m.text.open()
	if err != nil {
		return nil
	}
	defer in.Close()
	frames, err := manifest.Frames(in)
	if err != nil {
		return nil
	}
	return frames
}

// fileParts is an image in a file.
type fileParts struct {
	*os.File
	size int64
}

func (f fileParts) Size() int64 { return f.size }

// parts is an image of which parts can be read.
type parts interface {
	index.Source
	io.Closer
}

// parts opens an image of which parts are wanted; nil, and why, where it can only be read
// from its beginning.
func (a *App) parts(ctx context.Context, client *upload.Client, name string) (parts, string, error) {
	if isURL(name) {
		r, err := client.OpenRanges(ctx, a.urls.whole(name))
		if errors.Is(err, upload.ErrNoRanges) {
			return nil, "the server sends no parts of it", nil
		}
		if err != nil {
			return nil, "", err
		}
		return r, "", nil
	}
	const noFile = "it is not a file"
	if goesBy(name) {
		return nil, noFile, nil
	}
	in, size, err := a.open(ctx, client, name)
	if err != nil {
		return nil, "", err
	}
	if f, ok := in.(*os.File); ok {
		return fileParts{f, size}, "", nil
	}
	in.Close()
	return nil, noFile, nil
}

// goesBy says that a name is of stdin, or of a FIFO or the like: who opens it and reads
// nothing takes its writer away from who opens it next, and the beginning of what comes.
func goesBy(name string) bool {
	if name == "-" {
		return true
	}
	info, err := os.Stat(name)
	return !isURL(name) && err == nil && info.Mode()&(os.ModeNamedPipe|os.ModeCharDevice) != 0
}

// otherHint is for an image that is not as the MANIFEST of that name says.
func otherHint(name string) string {
	return "the image is damaged, or " + name + " is the MANIFEST of another image: image-capture verify says more"
}

// wrongManifest says of an error of the MANIFEST, or of an image that is not as it says,
// what it is of; one of the source it leaves.
func wrongManifest(image, name string, err error) error {
	var wrong *index.WrongError
	switch {
	case errors.As(err, &wrong):
		return &failure{ExitVerify, fmt.Errorf("%s: %w", image, err), otherHint(name)}
	case isSourceError(err):
		return err
	}
	return badManifest(name, err)
}

package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"image-capture/entry"
)

// Version is the number of the MANIFEST's format that is written here, and the highest
// that is known. 1 is what has no places of frames.
const Version = 2

var versionLine = []byte("#: manifest=" + strconv.Itoa(Version) + "\n")

// tarBlock is what places in a tar are multiples of, in bytes.
const tarBlock = 512

const frameLine = "#: frame="

// appendFrame writes the line of a frame.
func appendFrame(b []byte, f entry.Frame) []byte {
	b = strconv.AppendInt(append(b, frameLine...), f.Tar, 10)
	b = strconv.AppendInt(append(b, ','), f.Image, 10)
	return append(b, '\n')
}

// appendPlace writes where in its frame the first entry that starts there begins.
func appendPlace(b []byte, place int64) []byte {
	b = strconv.AppendInt(append(b, "#: block="...), place/tarBlock, 10)
	return append(b, '\n')
}

func parseFrame(b []byte) (f entry.Frame, err error) {
	tar, image, ok := bytes.Cut(b, []byte(","))
	t, err1 := parseUint(tar, 63)
	i, err2 := parseUint(image, 63)
	if !ok || err1 != nil || err2 != nil || t%tarBlock != 0 {
		return f, fmt.Errorf("bad place of a frame %.80q", b)
	}
	return entry.Frame{Tar: int64(t), Image: int64(i)}, nil
}

// places is where a Reader stands among the frames.
type places struct {
	frame entry.Frame // the last
	any   bool
	// entered says that an entry starts in the frame.
	entered bool
	at      int64 // where the entry begins in the tar; -1: not known
}

// line reads the line of a frame.
func (p *places) line(line []byte, f *Facts) error {
	next, err := parseFrame(line[len(frameLine):])
	switch {
	case err != nil:
		return err
	case !p.any && next.Tar != 0,
		p.any && (next.Tar <= p.frame.Tar || next.Image <= p.frame.Image || next.Tar <= p.at),
		next.Tar >= f.UnpackedSize, next.Image >= f.Size:
		return fmt.Errorf("a frame at byte %d of the tar and %d of the image cannot be here", next.Tar, next.Image)
	}
	p.frame, p.any, p.entered = next, true, false
	return nil
}

// enter is at an entry whose "#: " lines were read.
func (p *places) enter(block int64, f *Facts) error {
	known := block >= 0
	p.at = -1
	switch {
	case known && (!p.any || p.entered):
		return errors.New("block: of an entry that is not the first of a frame")
	case known && block >= (f.UnpackedSize-p.frame.Tar)/tarBlock:
		return errors.New("block: after the end of the tar")
	case known:
		p.at = p.frame.Tar + block*tarBlock
	}
	p.entered = true
	return nil
}

// Place returns where the entry that Next returned last begins: in which frame, and at
// which byte of the tar, which is known of the first that begins in a frame, and -1 else.
// It is false where the MANIFEST does not say.
func (r *Reader) Place() (f entry.Frame, at int64, ok bool) {
	return r.here.frame, r.here.at, r.here.any
}

// mostFrames bounds the memory for those of an image: they are those of a tgz of 2 TiB, and of
// a tar-zst of 16 TiB, before compression.
const mostFrames = 2 << 20

// Frames reads where the frames of an image begin, in order, and little else, from a
// whole MANIFEST. They are nil where it does not say, or lists too many.
func Frames(r io.Reader) ([]entry.Frame, error) { return framesUpTo(mostFrames, r) }

func framesUpTo(most int, r io.Reader) ([]entry.Frame, error) {
	p, err := Parse(r)
	if err != nil {
		return nil, err
	}
	var frames []entry.Frame
	for l := p.lines; l.err == nil; l.advance() {
		if !bytes.HasPrefix(l.line, []byte(frameLine)) {
			continue
		}
		if err := p.place.line(l.line, &p.facts); err != nil {
			return nil, p.fail(err)
		}
		if len(frames) == most {
			return nil, nil
		}
		frames = append(frames, p.place.frame)
	}
	if err := p.lines.err; err != io.EOF {
		return nil, p.fail(err)
	}
	return slices.Clip(frames), nil
}

package manifest

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"image-capture/entry"
)

// maxFacts bounds the text of all facts, so that Parse's memory is bounded.
const maxFacts = 256 << 20

// Facts tell what a MANIFEST's image is and where it comes from. Strings may hold
// any bytes. An empty string and an empty list are not written.
type Facts struct {
	Filename       string    // where the image was written: a local path, or "-"
	Ident          string    // $RS_IMAGE_IDENT
	Date           time.Time // of the capture, to the second; the zero Time is not written
	Size           int64     // of the image file, in bytes
	MD5            string    // of the image file, 32 lower-case hexadecimal digits
	UploadTarball  string    // Names.Image
	UploadManifest string    // Names.Manifest
	SHA256         string    // of the image file, 64 lower-case hexadecimal digits
	Format         Format
	UnpackedSize   int64    // of the tar before compression, in bytes
	Entries        int64    // of the image; Spool.Write counts them itself
	OS             string   // PRETTY_NAME of the captured root
	Arch           string   // as uname -m says it
	Kernels        []string // versions, none of them empty
	Hooks          string   // whose curtin hooks the image has; empty for none
	Source         string   // what was captured: a path, a device, a host
	// Base is the image that this one, a layer, is over, as a path under files/ or the
	// name of a file, and BaseSHA256 that image's digest; empty where this is no layer.
	Base, BaseSHA256 string
	AgentVersion     string
	Check            string       // the boot check's verdict
	Findings         []string     // of the boot check
	Mounts           []entry.Note // mount points in the source, and what became of them
	Edits            []entry.Note // where the image differs from the source on purpose
	Deleted          []entry.Note // of a layer: names of its base to delete, and Gone or what is in their place
	Omitted          []entry.Note // what could not be captured
	Changed          []entry.Note // what changed while it was read
}

// Gone is what Facts.Deleted says of a name with nothing in its place.
const Gone = "gone"

// fact is one key. The keys of the job log's block come first, in its order.
type fact struct {
	key string
	// repeats: one line for each element of a list.
	repeats bool
	// values calls line with each escaped value.
	values func(f *Facts, line func([]byte))
	set    func(f *Facts, value []byte) error
}

var facts = []fact{
	text("filename", func(f *Facts) *string { return &f.Filename }),
	text("ident", func(f *Facts) *string { return &f.Ident }),
	{key: "date", values: dateValue, set: setDate},
	number("size", func(f *Facts) *int64 { return &f.Size }),
	text("md5sum", func(f *Facts) *string { return &f.MD5 }),
	text("upload tarball", func(f *Facts) *string { return &f.UploadTarball }),
	text("upload manifest", func(f *Facts) *string { return &f.UploadManifest }),
	text("sha256sum", func(f *Facts) *string { return &f.SHA256 }),
	{key: "format", values: formatValue, set: setFormat},
	number("unpacked size", func(f *Facts) *int64 { return &f.UnpackedSize }),
	number("entries", func(f *Facts) *int64 { return &f.Entries }),
	text("os", func(f *Facts) *string { return &f.OS }),
	text("arch", func(f *Facts) *string { return &f.Arch }),
	{key: "kernels", values: kernelsValue, set: setKernels},
	text("hooks", func(f *Facts) *string { return &f.Hooks }),
	text("source", func(f *Facts) *string { return &f.Source }),
	text("base", func(f *Facts) *string { return &f.Base }),
	text("base sha256sum", func(f *Facts) *string { return &f.BaseSHA256 }),
	text("agent version", func(f *Facts) *string { return &f.AgentVersion }),
	text("check", func(f *Facts) *string { return &f.Check }),
	{key: "finding", repeats: true, values: findingValues, set: setFinding},
	notes("mount", func(f *Facts) *[]entry.Note { return &f.Mounts }),
	notes("edit", func(f *Facts) *[]entry.Note { return &f.Edits }),
	notes("deleted", func(f *Facts) *[]entry.Note { return &f.Deleted }),
	notes("omitted", func(f *Facts) *[]entry.Note { return &f.Omitted }),
	notes("changed", func(f *Facts) *[]entry.Note { return &f.Changed }),
}

func text(key string, field func(*Facts) *string) fact {
	return fact{
		key: key,
		values: func(f *Facts, line func([]byte)) {
			if s := *field(f); s != "" {
				line(appendVis(nil, s, visText))
			}
		},
		set: func(f *Facts, value []byte) (err error) {
			if len(value) == 0 {
				return errors.New("empty value")
			}
			*field(f), err = unvis(value, visText)
			return err
		},
	}
}

func number(key string, field func(*Facts) *int64) fact {
	return fact{
		key:    key,
		values: func(f *Facts, line func([]byte)) { line(strconv.AppendInt(nil, *field(f), 10)) },
		set: func(f *Facts, value []byte) error {
			n, err := parseUint(value, 63)
			*field(f) = int64(n)
			return err
		},
	}
}

func notes(key string, field func(*Facts) *[]entry.Note) fact {
	return fact{
		key:     key,
		repeats: true,
		values: func(f *Facts, line func([]byte)) {
			var b []byte
			for _, n := range *field(f) {
				b = append(appendVis(b[:0], n.Path, visWord), ": "...)
				line(appendVis(b, n.Reason, visText))
			}
		},
		// An escaped path holds no space, so the first ": " is not in it.
		set: func(f *Facts, value []byte) error {
			path, reason, ok := bytes.Cut(value, []byte(": "))
			if !ok {
				return errors.New(`no ": " after the path`)
			}
			var n entry.Note
			var err error
			if n.Path, err = unvis(path, visWord); err != nil {
				return err
			}
			if n.Reason, err = unvis(reason, visText); err != nil {
				return err
			}
			*field(f) = append(*field(f), n)
			return nil
		},
	}
}

// date formats like date(1) in the C locale, which the Image Builder's log shows.
func (f *Facts) date() string {
	if f.Date.IsZero() {
		return ""
	}
	return f.Date.UTC().Format(time.UnixDate)
}

func dateValue(f *Facts, line func([]byte)) {
	if s := f.date(); s != "" {
		line([]byte(s))
	}
}

func setDate(f *Facts, value []byte) error {
	t, err := time.Parse(time.UnixDate, string(value))
	if err != nil {
		return err
	}
	f.Date = t.UTC()
	if f.date() != string(value) {
		return fmt.Errorf("not a date in UTC like %q", time.UnixDate)
	}
	return nil
}

func formatValue(f *Facts, line func([]byte)) { line([]byte(f.Format.String())) }

func setFormat(f *Facts, value []byte) (err error) {
	f.Format, err = ParseFormat(string(value))
	return err
}

func kernelsValue(f *Facts, line func([]byte)) {
	var b []byte
	for i, k := range f.Kernels {
		if i > 0 {
			b = append(b, ' ')
		}
		b = appendVis(b, k, visWord)
	}
	if len(b) > 0 {
		line(b)
	}
}

func setKernels(f *Facts, value []byte) error {
	for word := range bytes.SplitSeq(value, []byte(" ")) {
		k, err := unvis(word, visWord)
		if err != nil {
			return err
		}
		f.Kernels = append(f.Kernels, k)
	}
	return nil
}

func findingValues(f *Facts, line func([]byte)) {
	for _, s := range f.Findings {
		line(appendVis(nil, s, visText))
	}
}

func setFinding(f *Facts, value []byte) error {
	s, err := unvis(value, visText)
	f.Findings = append(f.Findings, s)
	return err
}

// check refuses what would not come back as it is.
func (f *Facts) check() error {
	switch {
	case f.Size < 0 || f.UnpackedSize < 0 || f.Entries < 0:
		return errors.New("a size is negative")
	case (f.Base == "") != (f.BaseSHA256 == "") || f.Base == "" && len(f.Deleted) > 0:
		return errors.New("a layer names its base and that one's sha256sum")
	case !f.Format.valid():
		return fmt.Errorf("unknown image format %v", f.Format)
	case !f.Date.IsZero() && (f.Date.UTC().Year() < 1 || f.Date.UTC().Year() > 9999):
		return fmt.Errorf("date %v has no four-digit year", f.Date)
	}
	for _, sum := range []struct {
		name, hex string
		bytes     int
	}{{"md5sum", f.MD5, 16}, {"sha256sum", f.SHA256, 32}, {"base sha256sum", f.BaseSHA256, 32}} {
		if sum.hex == "" {
			continue
		}
		if b, err := hex.DecodeString(sum.hex); err != nil || len(b) != sum.bytes || strings.ToLower(sum.hex) != sum.hex {
			return fmt.Errorf("%s %q is not %d lower-case hexadecimal digits", sum.name, sum.hex, 2*sum.bytes)
		}
	}
	for _, k := range f.Kernels {
		if k == "" {
			return errors.New("a kernel's version is empty")
		}
	}
	return nil
}

// write appends all facts as comment lines.
func (f *Facts) write(put func([]byte) error) error {
	var line, out []byte
	var size int
	var err error
	for _, k := range facts {
		k.values(f, func(value []byte) {
			if err != nil {
				return
			}
			line = append(append(append(append(line[:0], "# "...), k.key...), ": "...), value...)
			out = appendComment(out[:0], line)
			size += len(out)
			if len(out) > maxEntry || size > maxFacts {
				err = fmt.Errorf("fact %q: the text is too long", k.key)
				return
			}
			err = put(out)
		})
	}
	return err
}

// read takes the lines of facts and stops at the first other line.
func (f *Facts) read(l *lineReader) error {
	last, size := -1, 0
	var counted bool
	for ; l.err == nil; l.advance() {
		body, ok := bytes.CutPrefix(l.line, []byte("# "))
		if !ok || string(l.line) == endLine {
			break
		}
		key, value, ok := bytes.Cut(body, []byte(": "))
		if !ok {
			return fmt.Errorf(`no ": " in a fact`)
		}
		i := factIndex(key)
		switch {
		case i < 0:
			return fmt.Errorf("unknown fact %q", key)
		case i < last || i == last && !facts[i].repeats:
			return fmt.Errorf("fact %q is out of order", key)
		}
		last = i
		if size += len(l.line); size > maxFacts {
			return fmt.Errorf("facts over %d bytes", maxFacts)
		}
		if err := facts[i].set(f, value); err != nil {
			return fmt.Errorf("fact %q: %w", key, err)
		}
		if string(key) == "entries" {
			counted = true
		}
	}
	if l.err != nil {
		return cutShort(l.err)
	}
	if !counted {
		return errors.New(`no fact "entries"`)
	}
	return f.check()
}

func factIndex(key []byte) int {
	for i := range facts {
		if facts[i].key == string(key) {
			return i
		}
	}
	return -1
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"image-capture/compare"
	"image-capture/compress"
	"image-capture/entry"
	"image-capture/image/extract"
	"image-capture/image/index"
)

// extraction is one run of the command.
type extraction struct {
	extract.Result
	app             *App
	opt             *extractOptions
	image, manifest string
	base            string                    // of a layer
	text            map[extract.Kind][]string // the first of each
}

// problem keeps the first of each kind.
func (e *extraction) problem(p extract.Problem) {
	if len(e.text[p.Kind]) == mostDifferences {
		return
	}
	path := entry.Escape(p.Path)
	if p.Err != nil {
		path += ": " + entry.Printable(p.Err.Error())
	}
	e.text[p.Kind] = append(e.text[p.Kind], path)
}

// problemWords say a kind of problem to people, in the order of the report, the worst last.
var problemWords = []struct {
	kind       extract.Kind
	key, words string
	line       string // before the name of one; empty where none is named
	exit       int
	hint       string
}{
	{extract.NotOurs, "not_owned", "belong to you and not to their owner, without set-id bits", "", ExitDone, ""},
	{extract.Merged, "merged", "were directories before, and keep their owner and mode", "", ExitDone, ""},
	{extract.Exists, "kept", "exist and were kept", "kept", ExitTaken, "extract to an empty directory, or replace them with --overwrite"},
	{extract.Incomplete, "incomplete", "are there, but not with all attributes", "incomplete", ExitIncomplete, "run as root, on a filesystem that has xattrs, ACLs and inode flags"},
	{extract.NotMade, "missing", "could not be made", "could not be made", ExitIncomplete, "the lines above say why; devices and trusted attributes need root"},
	{extract.Unlike, "unlike", "are not as the MANIFEST lists them", "not as listed", ExitVerify, damagedHint},
	{extract.Differs, "different", "do not have the content that the MANIFEST lists", "wrong content", ExitVerify, damagedHint},
}

const damagedHint = "do not use these files: the image is damaged, or the MANIFEST is of another image"

// unlike says in what an entry of the image is not as the MANIFEST lists it.
func unlike(got, want *entry.Member) error {
	var list []string
	for _, d := range compare.Header(got, want) {
		d = escaped(d)
		d.Path = "" // the line begins with it
		list = append(list, sentence(d))
	}
	if list == nil {
		return nil
	}
	return errors.New(strings.Join(list, "; "))
}

// extracted is the document of extract --json.
type extracted struct {
	ending
	Image     string              `json:"image"`
	Manifest  string              `json:"manifest,omitempty"`
	Directory string              `json:"directory"`
	Entries   int64               `json:"entries"`
	Bytes     int64               `json:"bytes"`
	Unchecked int64               `json:"unchecked"`
	Counts    map[string]int64    `json:"counts,omitempty"`
	Problems  map[string][]string `json:"problems,omitempty"`
}

// report says what is there, and what is not.
func (e *extraction) report(ctx context.Context, err error, unmatched []string) error {
	final := e.conclude(ctx, err, unmatched)
	if e.opt.json {
		doc := extracted{
			ending: e.app.ending(ctx, final),
			Image:  entry.Escape(e.image), Manifest: entry.Escape(e.manifest), Directory: entry.Escape(e.opt.dir),
			Entries: e.Entries, Bytes: e.Bytes, Unchecked: e.Unchecked, Counts: map[string]int64{}, Problems: map[string][]string{},
		}
		for _, w := range problemWords {
			if n := e.Problems[w.kind]; n > 0 {
				doc.Counts[w.key], doc.Problems[w.key] = n, e.text[w.kind]
			}
		}
		if werr := writeJSON(e.app.stdout, doc); werr != nil {
			return errors.Join(final, werr)
		}
	}
	for _, w := range problemWords {
		n := e.Problems[w.kind]
		if n > 0 && w.exit == ExitDone {
			e.app.term.warn("", "%s", entriesThat(n, w.words))
		}
		if n == 0 || w.line == "" {
			continue
		}
		for _, line := range e.text[w.kind] {
			e.app.term.line("image-capture: " + w.line + ": " + line)
		}
		if more := n - int64(len(e.text[w.kind])); more > 0 {
			e.app.term.line(fmt.Sprintf("image-capture: %s: and %d more", w.line, more))
		}
	}
	if final != nil {
		return final
	}
	if e.manifest == "" {
		e.app.term.say("no MANIFEST was found beside the image: the contents were not compared with one")
	}
	if e.opt.json {
		return nil
	}
	if _, err = fmt.Fprintf(e.app.stdout, "extracted %s of %s, %d bytes of content, to %s%s\n", entries(e.Entries), entry.Escape(e.image), e.Bytes, entry.Escape(e.opt.dir), e.merged()); err != nil {
		return fmt.Errorf("extracted to %s: %s: %w", e.opt.dir, entries(e.Entries), err)
	}
	return nil
}

// elsewhere is for printsElsewhere.
func (o *extractOptions) elsewhere() bool { return !o.json }

func entriesThat(n int64, words string) string { return fmt.Sprintf("entries that %s: %d", words, n) }

func entries(n int64) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}

// merged says how many of the extracted entries are not new.
func (e *extraction) merged() string {
	if n := e.Problems[extract.Merged]; n > 0 {
		return fmt.Sprintf(" (directories that were there before: %d)", n)
	}
	return ""
}

// conclude is what the command ends with.
func (e *extraction) conclude(ctx context.Context, err error, unmatched []string) error {
	there := fmt.Sprintf("extracted to %s: %s%s", e.opt.dir, entries(e.Entries), e.merged())
	var final *failure
	for _, w := range problemWords {
		if n := e.Problems[w.kind]; n > 0 && w.exit != ExitDone {
			final = &failure{w.exit, nil, w.hint}
			there = entriesThat(n, w.words) + "; " + there
		}
	}
	var write *extract.WriteError
	var listed *extract.ManifestError
	var other *extract.MismatchError
	var wrong *index.WrongError
	var frame *compress.FrameError
	switch {
	case err == nil:
	case ctx.Err() != nil && e.Problems[extract.Incomplete]+e.Problems[extract.Differs]+e.Problems[extract.Unlike] == 0:
		return &failure{ExitInterrupted, fmt.Errorf("interrupted; %s, each of them complete", there), ""}
	case ctx.Err() != nil:
		return &failure{ExitInterrupted, fmt.Errorf("interrupted; %s", there), ""}
	case errors.As(err, &write):
		d := diagnose(write.Err)
		return &failure{d.code, fmt.Errorf("%w; %s", err, there), map[bool]string{true: "free some space in the directory"}[errors.Is(err, syscall.ENOSPC)]}
	case isSourceError(err):
		return fmt.Errorf("%w; %s", err, there)
	case errors.As(err, &listed):
		return badManifest(e.manifest, fmt.Errorf("%w; %s", err, there))
	case errors.As(err, &other), errors.As(err, &wrong), errors.As(err, &frame):
		return &failure{ExitVerify, fmt.Errorf("%s: %w; %s", e.image, err, there), otherHint(e.manifest)}
	default:
		return badImage(e.image, fmt.Errorf("%w; %s", err, there))
	}
	if len(unmatched) > 0 {
		there = fmt.Sprintf("nothing in %s matches %s; %s", e.image, named(unmatched), there)
	}
	switch {
	case final != nil:
		final.err = errors.New(there)
		return final
	case len(unmatched) > 0:
		return &failure{ExitFailed, errors.New(there), lacks(e.image, e.base, e.unmatchedHint(unmatched))}
	}
	return nil
}

// broken tells an error of the source from an image that cannot be read.
func (e *extraction) broken(err error) error {
	if isSourceError(err) {
		return err
	}
	return &failure{ExitVerify, fmt.Errorf("%s: %w", e.image, err), "nothing was extracted"}
}

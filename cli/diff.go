package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"image-capture/capture"
	"image-capture/compare"
	"image-capture/entry"
	"image-capture/manifest"
	"image-capture/remote"
)

// diffOptions are the command diff's.
type diffOptions struct {
	only            []string
	quick           bool
	defaultExcludes bool
	exclude         []string
	bases           []string
	tls             tlsOptions
	remote          remoteOptions
	messageOptions
}

// diffFields are the words for what differs, in the order of the help.
var diffFields = []struct {
	word   string
	fields []compare.Field
}{
	{"content", []compare.Field{compare.Size, compare.SHA256, compare.SparseSHA256}},
	{"mode", []compare.Field{compare.Mode}},
	{"owner", []compare.Field{compare.UID, compare.GID}},
	{"time", []compare.Field{compare.Time}},
	{"xattr", []compare.Field{compare.Xattrs}},
	{"type", []compare.Field{compare.Type}},
	{"link", []compare.Field{compare.Link, compare.HardLink}},
	{"device", []compare.Field{compare.Device}},
	{"flags", []compare.Field{compare.Flags}},
}

func diffWords() []string {
	var words []string
	for _, f := range diffFields {
		words = append(words, f.word)
	}
	return words
}

func (o *diffOptions) elsewhere() bool { return !o.json }

func (o *diffOptions) add(g *groups) {
	s := g.group("Comparison")
	s.StringSliceVar(&o.only, "only", nil, "of entries that are in both, compare only these `FIELDS`: "+strings.Join(diffWords(), ", "))
	s.BoolVar(&o.quick, "quick", false, "take the content of a directory's file for equal, without reading it, when size and time are")
	s.BoolVar(&o.defaultExcludes, "default-excludes", true, "take /proc /sys /dev /run /tmp /var/tmp of a directory for empty, as in a capture (if not given: but those below which the image has something)")
	s.StringArrayVar(&o.exclude, "exclude", nil, "leave out of a directory what matches `PATTERN`, as in a capture; repeatable")
	addBase(s, &o.bases)
	o.remote.add(g)
	o.tls.add(g.group(tlsTitle))
	o.messageOptions.add(g, false)
	g.check(func() error {
		for _, w := range o.only {
			if err := oneOf("only", w, diffWords()...); err != nil {
				return err
			}
		}
		return nil
	})
}

// run compares two of images, MANIFESTs and directories, here or on other hosts.
func (o *diffOptions) run(ctx context.Context, a *App, g *groups, args []string) error {
	if len(args) != 2 {
		return usagef("image-capture diff gold.tgz /", "diff takes two of images, MANIFESTs and directories, here or at ssh://")
	}
	hosts := [2]*remoteOptions{}
	for i, name := range args {
		far := o.remote
		if _, err := far.of(g, name); err != nil && (i == 1 && hosts[0] == nil || strings.HasPrefix(name, remote.Scheme)) {
			return err
		}
		if far.to != nil {
			hosts[i] = &far
		}
	}
	if args[0] == "-" && args[1] == "-" {
		return usagef("give one of them as a file", "both cannot be stdin")
	}
	client, err := o.tls.client(ctx)
	if err != nil {
		return err
	}
	// An image comes first: what it holds decides what is left out of a directory.
	var sides [2]*diffSide
	for _, trees := range []bool{false, true} {
		for i, name := range args {
			here := isDir(name)
			switch {
			case trees != (here || hosts[i] != nil):
				continue
			case hosts[i] != nil:
				sides[i], err = o.host(ctx, a, hosts[i], o.tree(a, g, hosts[i].to.Root, sides[1-i]), name)
			case here:
				sides[i], err = o.dir(a, o.tree(a, g, name, sides[1-i]))
			default:
				sides[i] = &diffSide{}
				sides[i].imageEntries, err = a.entriesOver(ctx, client, name, o.bases)
			}
			if err != nil {
				return err
			}
			defer sides[i].close()
		}
	}
	if len(o.bases) > 0 && len(sides[0].chain) < 2 && len(sides[1].chain) < 2 {
		return usagef("leave out --base", "--base is for layers, and neither %s nor %s is one", args[0], args[1])
	}
	for _, s := range sides {
		a.sayUnread(s.imageEntries)
	}
	r := &drift{opt: o, edited: map[string]capture.Edited{}, counts: map[string]int64{}}
	for i, s := range sides {
		if err := r.open(ctx, s, sides[1-i]); err != nil {
			return err
		}
	}
	return r.run(ctx, a, sides)
}

// drift is a comparison and what it found.
type drift struct {
	opt        *diffOptions
	edited     map[string]capture.Edited
	print      func(change)
	counts     map[string]int64
	unreadable int64
	hidden     int64                                      // entries of the other side below what could not be read
	hides      map[compare.ChangeKind]func(string) string // of a change, what its side could not look at
	err        error                                      // of printing
}

// open makes the stream of a directory: of what an image of it would hold, by what the
// MANIFEST of the other side says.
func (d *drift) open(ctx context.Context, s, other *diffSide) (err error) {
	if s.tree == nil {
		return nil
	}
	var like manifest.Facts
	if other.facts != nil {
		like = *other.facts
		if d.edited, err = capture.Unlike(like); err != nil {
			return badManifest("of "+other.name, err)
		}
	}
	if s.entries, err = s.tree(ctx, like); err != nil {
		return err
	}
	s.stream = s.entries
	s.closers = append(s.closers, closer(s.entries.Close))
	return nil
}

type closer func()

func (c closer) Close() error { c(); return nil }

func (d *drift) run(ctx context.Context, a *App, sides [2]*diffSide) error {
	out := bufio.NewWriterSize(a.stdout, 64<<10)
	d.print = d.line(out)
	if d.opt.json {
		d.print = d.document(out, sides)
	}
	d.hides = map[compare.ChangeKind]func(string) string{compare.Added: sides[0].hides, compare.Removed: sides[1].hides}
	workers := runtime.GOMAXPROCS(0)
	if sides[0].far || sides[1].far {
		workers = capture.FarWorkers
	}
	res, err := compare.Diff(ctx, sides[0].stream, sides[1].stream, compare.DiffOptions{
		Quick: d.opt.quick, Workers: workers, Changed: d.change,
		Unreadable: func(path string, err error) { d.contentLost(a, path, err) },
	})
	for _, s := range sides {
		if s.entries != nil && err == nil {
			for _, n := range s.entries.Unreadable() {
				d.cannotRead(a, n)
			}
		}
	}
	if err == nil {
		err = d.err
	}
	if err != nil {
		err = d.failed(sides, err)
	} else {
		if res.Undigested > 0 {
			a.term.warn("capture without --file-digests=false", "files of the same size whose content was not compared, as there is no digest: %d", res.Undigested)
		}
		if d.hidden > 0 {
			a.term.warn(asWhom(sides), "entries of the other side that lie below what could not be read, and were not compared: %d", d.hidden)
		}
		err = d.verdict(sides)
	}
	if d.opt.json {
		d.end(out, res, a.ending(ctx, err))
	}
	return flushed(out, err)
}

// verdict is the error of sides that differ.
func (d *drift) verdict(sides [2]*diffSide) error {
	if n := d.counts["added"] + d.counts["removed"] + d.counts["changed"]; n > 0 {
		return &failure{ExitVerify, fmt.Errorf("%s and %s differ: %d added, %d removed, %d changed", sides[0].name, sides[1].name, d.counts["added"], d.counts["removed"], d.counts["changed"]), ""}
	}
	if d.unreadable > 0 {
		return &failure{ExitIncomplete, fmt.Errorf("entries that could not be read: %d; the others are equal", d.unreadable), asWhom(sides)}
	}
	return nil
}

func (d *drift) all() (n int64) {
	for _, c := range d.counts {
		n += c
	}
	return n
}

func (d *drift) cannotRead(a *App, n entry.Note) {
	if d.unreadable++; d.unreadable <= mostDifferences {
		a.term.warn("", "%s: %s", entry.Escape(n.Path), n.Reason)
	}
}

// failed says which side an error is of.
func (d *drift) failed(sides [2]*diffSide, err error) error {
	var bad *compare.ReadError
	if !errors.As(err, &bad) {
		return err
	}
	s := sides[0]
	if bad.Second {
		s = sides[1]
	}
	if s.tree != nil || isSourceError(bad.Err) {
		return bad.Err
	}
	if line := (*manifest.LineError)(nil); errors.As(bad.Err, &line) && s.imageEntries != nil && len(s.unread) > 0 {
		return badManifest(s.unread[0].manifest, bad.Err)
	}
	return badImage(s.name, bad.Err)
}

// change takes one: it drops the fields that nobody wants, and tells edits from drift.
func (d *drift) change(c compare.Change) {
	if c.Kind == compare.Changed && len(d.opt.only) > 0 {
		c.Fields = slices.DeleteFunc(c.Fields, func(f compare.Difference) bool { return !slices.Contains(d.opt.only, fieldWord(f.Field)) })
		if len(c.Fields) == 0 {
			return
		}
	}
	if hides := d.hides[c.Kind]; hides != nil {
		if by := hides(c.Path); by != "" {
			if by != c.Path { // that counts as unreadable
				d.hidden++
			}
			return
		}
	}
	e, edited := d.edited[c.Path]
	if !edited {
		d.count(change{c, string(c.Kind), ""})
		return
	}
	mine := change{c, "edited", e.Reason}
	if e.Content && c.Kind == compare.Changed {
		rest := slices.DeleteFunc(slices.Clone(c.Fields), func(f compare.Difference) bool {
			return fieldWord(f.Field) == "content" || f.Field == compare.HardLink
		})
		if len(rest) > 0 { // the edit explains no other
			c.Fields = rest
			mine = change{c, string(c.Kind), e.Reason}
		}
	}
	d.count(mine)
}

func (d *drift) count(c change) {
	d.counts[c.kind]++
	d.print(c)
}

// change is one as it is printed.
type change struct {
	compare.Change
	kind   string
	edited string // why, when the MANIFEST lists an edit of the path
}

func fieldWord(f compare.Field) string {
	for _, w := range diffFields {
		if slices.Contains(w.fields, f) {
			return w.word
		}
	}
	return string(f)
}

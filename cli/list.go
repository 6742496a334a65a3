package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"

	"image-capture/compare"
	"image-capture/entry"
	"image-capture/image"
	"image-capture/manifest"
	"image-capture/upload"
)

// listOptions are the command list's.
type listOptions struct {
	long  bool
	sort  string
	bases []string
	tls   tlsOptions
	messageOptions
}

func (o *listOptions) add(g *groups) {
	s := g.group("List")
	s.BoolVarP(&o.long, "long", "l", false, "show mode, owner, size, time and link of each entry, as tar -tv does")
	s.StringVar(&o.sort, "sort", "image", "`ORDER` of the entries: image, as they are in it, or size, the largest first")
	addBase(s, &o.bases)
	g.oneOf("sort", &o.sort, "image", "size")
	o.tls.add(g.group(tlsTitle))
	o.messageOptions.add(g, false)
}

// run lists the entries of an image, by its MANIFEST where there is one.
func (o *listOptions) run(ctx context.Context, a *App, _ *groups, args []string) error {
	if len(args) == 0 {
		return usagef("image-capture list IMAGE", "list takes an image or its MANIFEST, and patterns of what to list")
	}
	name := args[0]
	if err := imageFirst("list", "", args); err != nil {
		return err
	}
	patterns, err := newSelection(args[1:])
	if err != nil {
		return err
	}
	client, err := o.tls.client(ctx)
	if err != nil {
		return err
	}
	from, err := o.listed(ctx, a, client, name)
	if err != nil {
		return err
	}
	defer from.close()
	out := bufio.NewWriterSize(a.stdout, 64<<10)
	l := o.listing(out, name, from.manifest)
	err = l.all(ctx, from.stream, patterns.selector())
	switch unmatched := patterns.unmatched(); {
	case err != nil && ctx.Err() == nil && !isSourceError(err):
		err = badImage(from.of, err)
	case err == nil && len(unmatched) > 0:
		err = &failure{ExitFailed, fmt.Errorf("nothing in %s matches %s", name, named(unmatched)), lacks(name, from.base, pathsHint)}
	}
	if o.json {
		l.end(a.ending(ctx, err))
	}
	return flushed(out, err)
}

// listed is where entries come from.
type listed struct {
	stream   compare.Stream
	of       string // what is read, for errors
	manifest string // its name; empty for an image
	base     string // of a layer that is listed without it
	closers  []io.Closer
}

func (l *listed) close() {
	for _, c := range slices.Backward(l.closers) {
		c.Close()
	}
}

// listed opens what is listed; with --base a layer and its base as one image.
func (o *listOptions) listed(ctx context.Context, a *App, client *upload.Client, name string) (*listed, error) {
	if len(o.bases) == 0 {
		return a.listed(ctx, client, name)
	}
	s, err := a.entriesOver(ctx, client, name, o.bases)
	if err != nil {
		return nil, err
	}
	l := &listed{s.stream, name, name, "", []io.Closer{closer(s.close)}}
	if len(s.chain) < 2 {
		l.close()
		return nil, usagef("leave out --base", "--base is for layers, and %s is none, as far as a MANIFEST says it", name)
	}
	return l, nil
}

// listed opens the MANIFEST of an image, or what the name is of: a MANIFEST, or an image
// that has none.
func (a *App) listed(ctx context.Context, client *upload.Client, name string) (*listed, error) {
	m, err := a.manifestFor(ctx, client, name, "")
	if err != nil {
		return nil, err
	}
	if m != nil {
		sent := int64(0)
		if isURL(name) {
			sent, err = client.SizeOf(ctx, a.urls.whole(name))
		}
		if err == nil {
			err = m.standsFor(name, max(sent, 0), aloneHint)
		}
		if err != nil {
			m.Close()
			return nil, err
		}
		return &listed{m, "MANIFEST " + m.name, m.name, m.Facts().Base, []io.Closer{m}}, nil
	}
	in, _, err := a.open(ctx, client, name)
	if err != nil {
		return nil, err
	}
	br := bufio.NewReaderSize(in, 64<<10)
	if beginsManifest(br) {
		r, err := manifest.Parse(br)
		if err != nil {
			in.Close()
			return nil, badManifest(name, err)
		}
		return &listed{r, "MANIFEST " + name, name, r.Facts().Base, []io.Closer{in}}, nil
	}
	r, err := image.NewReader(br)
	if err != nil {
		in.Close()
		if isSourceError(err) {
			return nil, err
		}
		return nil, badImage(name, err)
	}
	a.term.say("all of %s is read: it has no MANIFEST beside it", entry.Escape(name))
	return &listed{r, name, "", "", []io.Closer{in, r}}, nil
}

// listing prints entries.
type listing struct {
	opt    *listOptions
	out    *bufio.Writer
	image  string
	from   string
	rows   []row // to be sorted
	width  int   // of owner and size, as it grows in tar -tv
	count  int64
	firsts map[string]*entry.Member // of hard links, of which an image says little
}

func (o *listOptions) listing(out *bufio.Writer, image, from string) *listing {
	l := &listing{opt: o, out: out, image: image, from: from, width: 19}
	if o.json && from == "" {
		l.firsts = map[string]*entry.Member{}
	}
	return l
}

// row is one entry, ready to be printed.
type row struct {
	size              int64
	mode, owner, text string
	amount            string // size or device
}

// all lists a stream.
func (l *listing) all(ctx context.Context, from compare.Stream, wanted func(string) bool) error {
	if l.opt.json {
		fmt.Fprintf(l.out, "{\n  \"image\": %s,\n  \"entries\": [", quotedName(l.image))
	}
	for {
		m, err := from.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if l.firsts != nil {
			m = l.resolve(m)
		}
		if wanted != nil && !wanted(m.Path) {
			continue
		}
		r := l.row(m)
		if l.opt.sort == "size" {
			l.rows = append(l.rows, r)
		} else if err := l.print(r); err != nil {
			return err
		}
	}
	sort.SliceStable(l.rows, func(i, j int) bool { return l.rows[i].size > l.rows[j].size })
	for _, r := range l.rows {
		if err := l.print(r); err != nil {
			return err
		}
	}
	return nil
}

// end ends the document.
func (l *listing) end(e ending) {
	fmt.Fprintf(l.out, "%s],\n  \"listed\": %d,\n  %s\n}\n", map[bool]string{true: "\n  "}[l.count > 0], l.count, e.tail())
}

// resolve gives a hard link of an image the type and size of its first name.
func (l *listing) resolve(m *entry.Member) *entry.Member {
	if m.HardLink == "" {
		if m.Type != entry.Dir {
			l.firsts[m.Path] = m
		}
		return m
	}
	if first := l.firsts[m.HardLink]; first != nil {
		c := *m
		c.Type, c.Size, c.Link, c.Major, c.Minor = first.Type, first.Size, first.Link, first.Major, first.Minor
		return &c
	}
	return m
}

// row makes the text of an entry.
func (l *listing) row(m *entry.Member) row {
	r := row{size: m.Size}
	if m.HardLink != "" {
		r.size = 0 // the first name has it
	}
	switch {
	case l.opt.json:
		r.text = entryDocument(m)
	case l.opt.long:
		r.mode, r.owner = modeText(m), fmt.Sprintf("%d/%d", m.UID, m.GID)
		r.amount = fmt.Sprint(r.size)
		if m.HardLink == "" && (m.Type == entry.CharDevice || m.Type == entry.BlockDevice) {
			r.amount = fmt.Sprintf("%d,%d", m.Major, m.Minor)
		}
		r.text = timeText(m.Mtime) + " " + tarName(m)
		switch {
		case m.HardLink != "":
			r.text += " link to " + entry.Escape(m.HardLink)
		case m.Type == entry.Symlink:
			r.text += " -> " + entry.Escape(m.Link)
		}
	default:
		r.text = tarName(m)
	}
	return r
}

func (l *listing) print(r row) error {
	var err error
	switch {
	case l.opt.json:
		_, err = l.out.WriteString(map[bool]string{true: ",\n    ", false: "\n    "}[l.count > 0] + r.text)
	case l.opt.long:
		l.width = max(l.width, len(r.owner)+1+len(r.amount))
		_, err = fmt.Fprintf(l.out, "%s %s %*s %s\n", r.mode, r.owner, l.width-len(r.owner)-1, r.amount, r.text)
	default:
		_, err = l.out.WriteString(r.text + "\n")
	}
	l.count++
	return err
}

// modeText is as ls has it, with an h for a hard link.
func modeText(m *entry.Member) string {
	kind := map[entry.Type]string{
		entry.File: "-", entry.Dir: "d", entry.Symlink: "l", entry.CharDevice: "c", entry.BlockDevice: "b", entry.FIFO: "p",
	}[m.Type]
	if m.HardLink != "" {
		kind = "h"
	}
	b := []byte(kind + "rwxrwxrwx")
	for i := range 9 {
		if m.Perm&(1<<(8-i)) == 0 {
			b[1+i] = '-'
		}
	}
	for i, special := range []string{"sS", "sS", "tT"} {
		if m.Perm&(0o4000>>i) != 0 {
			at := 3 + 3*i
			if b[at] == 'x' {
				b[at] = special[0]
			} else {
				b[at] = special[1]
			}
		}
	}
	return string(b)
}

// tarName is a name as tar lists it.
func tarName(m *entry.Member) string {
	name := entry.Escape(m.Path)
	if m.Type == entry.Dir && m.HardLink == "" && !strings.HasSuffix(name, "/") {
		name += "/"
	}
	return name
}

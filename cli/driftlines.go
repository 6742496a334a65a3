package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"image-capture/compare"
	"image-capture/entry"
)

// line prints a change as a line: "changed ./etc/passwd: mode 0644 -> 0600, content".
func (d *drift) line(out io.Writer) func(change) {
	return func(c change) {
		var parts []string
		content := false
		for _, f := range c.Fields {
			f = escaped(f)
			word := fieldWord(f.Field)
			switch {
			case word == "content" && f.Field != compare.Size:
				if content {
					continue
				}
				content = true
				parts = append(parts, "content")
			case f.Field == compare.Time:
				parts = append(parts, fmt.Sprintf("%s %s -> %s", f.Field, clock(f.Want), clock(f.Got)))
			default:
				parts = append(parts, fmt.Sprintf("%s %s -> %s", f.Field, orNone(f.Want), orNone(f.Got)))
			}
		}
		if c.kind == "edited" {
			parts = nil
		}
		if c.edited != "" {
			parts = append(parts, c.edited)
		}
		text := fmt.Sprintf("%-8s%s", c.kind, entry.Escape(c.Path))
		if len(parts) > 0 {
			text += ": " + entry.Printable(strings.Join(parts, ", "))
		}
		if _, err := fmt.Fprintln(out, text); err != nil && d.err == nil {
			d.err = err
		}
	}
}

// contentLost takes a content that could not be read. That a connection broke is no fault of
// a file.
func (d *drift) contentLost(a *App, path string, err error) {
	if broke(err) {
		d.err = err
		return
	}
	d.cannotRead(a, entry.Note{Path: path, Reason: err.Error()})
}

// clock writes seconds since 1970 as people read a time.
func clock(s string) string {
	sec, nsec, _ := strings.Cut(s, ".")
	a, err := strconv.ParseInt(sec, 10, 64)
	b, nerr := strconv.ParseInt(nsec, 10, 64)
	if err != nil || nerr != nil {
		return orNone(s)
	}
	return time.Unix(a, b).UTC().Format("2006-01-02T15:04:05.999999999Z")
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// changedEntry is an entry of the document of diff --json.
type changedEntry struct {
	Path   string         `json:"path"`
	Kind   string         `json:"kind"`
	Type   string         `json:"type"`
	Edited string         `json:"edited,omitempty"`
	What   []string       `json:"what,omitempty"`
	Fields []changedField `json:"fields,omitempty"`
}

type changedField struct {
	Field string `json:"field"`
	A     string `json:"a"`
	B     string `json:"b"`
}

// document prints changes as they come: there may be a million.
func (d *drift) document(out io.Writer, sides [2]*diffSide) func(change) {
	fmt.Fprintf(out, "{\n  \"a\": %s,\n  \"b\": %s,\n", quotedName(sides[0].name), quotedName(sides[1].name))
	var unread []string
	for _, s := range sides {
		for _, u := range s.unread {
			unread = append(unread, quotedName(u.image))
		}
	}
	if len(unread) > 0 {
		fmt.Fprintf(out, "  \"by_manifest\": [%s],\n", strings.Join(unread, ", "))
	}
	fmt.Fprint(out, "  \"changes\": [")
	separator := "\n    "
	return func(c change) {
		doc := changedEntry{Path: entry.Escape(c.Path), Kind: c.kind, Type: c.Type.String(), Edited: entry.Printable(c.edited)}
		for _, f := range c.Fields {
			f = escaped(f)
			if w := fieldWord(f.Field); !slices.Contains(doc.What, w) {
				doc.What = append(doc.What, w)
			}
			doc.Fields = append(doc.Fields, changedField{string(f.Field), entry.Printable(f.Want), entry.Printable(f.Got)})
		}
		b, err := json.Marshal(doc)
		if err == nil {
			_, err = fmt.Fprintf(out, "%s%s", separator, b)
		}
		if err != nil && d.err == nil {
			d.err = err
		}
		separator = ",\n    "
	}
}

// end closes the document, also of a comparison that failed in the middle.
func (d *drift) end(out io.Writer, res compare.DiffResult, e ending) {
	if d.all() > 0 {
		fmt.Fprint(out, "\n  ")
	}
	fmt.Fprintf(out, "],\n  \"entries\": %d, \"not_compared\": %d, \"added\": %d, \"removed\": %d, \"changed\": %d, \"edited\": %d, \"unreadable\": %d, \"hidden\": %d",
		res.Entries, res.Undigested, d.counts["added"], d.counts["removed"], d.counts["changed"], d.counts["edited"], d.unreadable, d.hidden)
	fmt.Fprintf(out, ",\n  %s\n}\n", e.tail())
}

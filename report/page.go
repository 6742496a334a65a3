package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"image-capture/bootcheck"
	"image-capture/compare"
	"image-capture/entry"
	"image-capture/manifest"
)

// Page is what a page shows.
type Page struct {
	Name string // of the image or the tree
	Tree bool   // it is a tree, and no image yet
	// Facts are those of the MANIFEST; nil without one.
	Facts *manifest.Facts
	Check bootcheck.Report
	Space *Space
	// Changes are what differs from another image; nil where none was given.
	Changes *Changes
	Version string // of the program
}

// Changes are what changed from an image to this one.
type Changes struct {
	Base                    string
	Added, Removed, Changed int64
	Bytes                   int64 // of files that were added or have another content
	// First are the first mostChanges of them.
	First []compare.Change
}

// mostChanges are told one by one.
const mostChanges = 500

// Add takes a change.
func (c *Changes) Add(d compare.Change) {
	switch d.Kind {
	case compare.Added:
		c.Added++
	case compare.Removed:
		c.Removed++
	default:
		c.Changed++
	}
	if d.New != nil && d.New.HardLink == "" && (d.Kind == compare.Added || slices.ContainsFunc(d.Fields, isContent)) {
		c.Bytes += d.New.Size
	}
	if len(c.First) < mostChanges {
		c.First = append(c.First, d)
	}
}

func isContent(f compare.Difference) bool {
	return f.Field == compare.Size || f.Field == compare.SHA256 || f.Field == compare.SparseSHA256
}

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"size": sizeText, "printable": entry.Escape, "percent": percent, "what": changeText,
	"plus": func(a, b float64) float64 { return a + b },
}).Parse(pageText))

// view is what the template is given.
type view struct {
	Page
	Title            string
	Rows             [][2]string
	Levels           []level
	Wide, Tall       []Box
	PackagesWide     []Box
	PackagesTall     []Box
	Packages         []Package
	PackageCount     int
	Manager          string
	Largest          []*File
	Duplicates       []Duplicate
	DuplicateCount   int
	Wasted, Total    int64
	Entries, Regular int64
	MoreChanges      int64
}

// level are the findings of one.
type level struct {
	Name string
	List []bootcheck.Finding
	Open bool
}

// The drawings have these sizes: one for screens that are wide, one for phones.
const (
	wideWidth, wideHeight = 1160, 620
	tallWidth, tallHeight = 380, 620
	mostPackages          = 120
	mostRows              = 25
)

// Write writes the page.
func Write(w io.Writer, p Page) error {
	v := view{Page: p, Total: p.Space.root.bytes, Entries: p.Space.entries, Regular: int64(len(p.Space.files)), Largest: p.Space.largest(mostRows)}
	v.Title = p.Check.System.OS.PrettyName
	if v.Title == "" {
		v.Title = "An image of an unknown system"
	}
	v.Rows = p.rows()
	for _, l := range []bootcheck.Level{bootcheck.Fail, bootcheck.Warn, bootcheck.Info, bootcheck.OK} {
		one := level{Name: l.String(), Open: l >= bootcheck.Warn}
		for _, f := range p.Check.Findings {
			if f.Level == l {
				one.List = append(one.List, f)
			}
		}
		if len(one.List) > 0 {
			v.Levels = append(v.Levels, one)
		}
	}
	v.Wide, v.Tall = treemap(p.Space.root.parts(), wideWidth, wideHeight), treemap(p.Space.root.parts(), tallWidth, tallHeight)
	packages := p.Space.resolve()
	v.PackageCount, v.Manager = len(packages), p.Space.manager()
	v.PackagesWide = treemap(packageParts(packages, mostPackages), wideWidth, wideHeight/2)
	v.PackagesTall = treemap(packageParts(packages, mostPackages/3), tallWidth, tallHeight)
	v.Packages = packages[:min(mostRows, len(packages))]
	v.Duplicates, v.Wasted = p.Space.duplicates()
	v.DuplicateCount = len(v.Duplicates)
	v.Duplicates = v.Duplicates[:min(mostRows, len(v.Duplicates))]
	if c := p.Changes; c != nil {
		v.MoreChanges = c.Added + c.Removed + c.Changed - int64(len(c.First))
	}
	return page.Execute(w, v)
}

// rows say what the image is.
func (p Page) rows() (rows [][2]string) {
	add := func(key, value string) {
		if value != "" {
			rows = append(rows, [2]string{key, entry.Printable(value)})
		}
	}
	add(map[bool]string{true: "tree", false: "image"}[p.Tree], p.Name)
	add("architecture", p.Check.System.Arch)
	add("kernels", strings.Join(p.Check.System.Kernels, ", "))
	add("hooks", p.Check.System.Hooks)
	f := p.Facts
	if f == nil {
		return rows
	}
	if !f.Date.IsZero() {
		add("captured", f.Date.UTC().Format(time.RFC1123))
	}
	add("source", f.Source)
	add("size", fmt.Sprintf("%s, unpacked %s", sizeText(f.Size), sizeText(f.UnpackedSize)))
	add("format", f.Format.String())
	add("SHA-256", f.SHA256)
	add("over", f.Base)
	for _, n := range f.Edits {
		add("edit", entry.Escape(n.Path)+": "+n.Reason)
	}
	for _, n := range f.Omitted {
		add("omitted", entry.Escape(n.Path)+": "+n.Reason)
	}
	const most = 40
	if len(rows) > most {
		rows = append(rows[:most], [2]string{"", fmt.Sprintf("%d more; the MANIFEST has them", len(rows)-most)})
	}
	return rows
}

// changeText says in what an entry differs.
func changeText(c compare.Change) string {
	var parts []string
	for _, f := range c.Fields {
		switch {
		case f.Field == compare.SHA256, f.Field == compare.SparseSHA256:
			if !slices.Contains(parts, "content") {
				parts = append(parts, "content")
			}
		case f.Field == compare.Time, f.Field == compare.Xattrs:
			parts = append(parts, string(f.Field))
		default:
			parts = append(parts, fmt.Sprintf("%s %s → %s", f.Field, entry.Escape(f.Want), entry.Escape(f.Got)))
		}
	}
	return entry.Printable(strings.Join(parts, ", "))
}

func percent(part, whole int64) string {
	if whole == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f%%", 100*float64(part)/float64(whole))
}

// sizeText is a number of bytes for people.
func sizeText(n int64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	v, i := float64(n)/1024, 0
	for ; v >= 1024 && i < len("KMGTPE")-1; i++ {
		v /= 1024
	}
	return fmt.Sprintf("%.1f %ciB", v, "KMGTPE"[i])
}

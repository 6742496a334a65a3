package report_test

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/bootcheck"
	"image-capture/compare"
	"image-capture/entry"
	"image-capture/manifest"
	"image-capture/report"
)

const hostile = `"><script>alert(1)</script><img src=x onerror='a'>&{{.}}`

func file(path string, size int64, digest byte) *entry.Member {
	m := &entry.Member{Entry: entry.Entry{Path: path, Type: entry.File, Size: size, Nlink: 1}}
	if digest > 0 {
		m.SHA256 = bytes.Repeat([]byte{digest}, 32)
	}
	return m
}

func write(t *testing.T, p report.Page) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, report.Write(&out, p))
	return out.String()
}

// TestHostile: whatever names, facts and findings say is text on the page.
func TestHostile(t *testing.T) {
	s := report.NewSpace()
	s.Add(file("./"+hostile+"/\x1b[31m\xff\n"+hostile, 1<<20, 1), 1<<20)
	s.Add(file("./"+hostile+"2", 1<<20, 1), 1<<20)
	require.NoError(t, s.Package("./var/lib/dpkg/info/"+hostile+".list", strings.NewReader("/"+hostile+"2\n")))
	p := report.Page{Name: hostile, Space: s, Version: hostile, Facts: &manifest.Facts{Source: hostile, Edits: []entry.Note{{Path: hostile, Reason: hostile}}}}
	p.Check.System.OS.PrettyName = hostile
	p.Check.Findings = []bootcheck.Finding{{Rule: hostile, Level: bootcheck.Fail, Path: hostile, Problem: hostile, Why: hostile, Hint: hostile}}
	p.Changes = &report.Changes{Base: hostile}
	p.Changes.Add(compare.Change{Path: hostile, Kind: compare.Changed, Fields: []compare.Difference{{Field: compare.Link, Want: hostile, Got: hostile}}})
	text := write(t, p)
	require.NotContains(t, text, "<script")
	require.NotContains(t, text, "<img")
	require.NotContains(t, text, "\x1b")
	require.NotContains(t, text, "\xff")
	require.Contains(t, text, "&lt;script&gt;")
}

// TestAlone: the page loads nothing.
func TestAlone(t *testing.T) {
	s := report.NewSpace()
	s.Add(file("./a", 5, 0), 5)
	for _, p := range []report.Page{{Space: s}, {Space: report.NewSpace(), Tree: true}} {
		require.NotRegexp(t, regexp.MustCompile(`(?i)https?:|<link|<script|<iframe|@import|url\(| src=| href=`), write(t, p))
	}
}

// TestSpace counts directories, packages and what is there twice.
func TestSpace(t *testing.T) {
	s := report.NewSpace()
	const k = 1 << 10
	for _, m := range []*entry.Member{
		file("./usr/lib/a", 40*k, 0), file("./usr/lib/b", 40*k, 0), file("./usr/lib/other", 40*k, 0), file("./etc/c", 30*k, 0),
		file("./opt/small", 10, 1), file("./opt/small2", 10, 1),
	} {
		s.Add(m, m.Size)
	}
	again := file("./usr/lib/link", 40*k, 0)
	again.HardLink = "./usr/lib/a"
	s.Add(again, 40*k)
	s.Digest(func(path string) (io.ReadCloser, error) {
		require.NotContains(t, path, "small")
		require.NotEqual(t, "./etc/c", path, "no other has its size")
		text := map[string]string{"./usr/lib/a": "x", "./usr/lib/b": "x"}[path]
		if text == "" {
			return nil, errors.New("cannot be read")
		}
		return io.NopCloser(strings.NewReader(strings.Repeat(text, 40*k))), nil
	})
	require.True(t, report.IsPackage("./var/lib/dpkg/info/liba:amd64.list"))
	require.False(t, report.IsPackage("./var/lib/dpkg/info/x/y.list"))
	require.False(t, report.IsPackage("./var/lib/dpkg/info/liba.md5sums"))
	require.NoError(t, s.Package("./var/lib/dpkg/info/liba:amd64.list", strings.NewReader("/.\n/lib/a\n/usr/lib/b\n/gone\n")))
	require.NoError(t, s.Package("./var/lib/dpkg/info/conf.list", strings.NewReader("/etc/c\n/usr/lib/b\n")))
	text := write(t, report.Page{Name: "x", Space: s})
	require.Contains(t, text, "7 entries, 150.0 KiB in 6 files")
	require.Contains(t, text, "<title>./usr/lib: 120.0 KiB</title>")
	require.Contains(t, text, "<title>liba:amd64: 80.0 KiB</title>")
	require.Contains(t, text, "<title>conf: 30.0 KiB</title>", "what two list counts for the first")
	require.Contains(t, text, "40.0 KiB could be spared: contents of 16 KiB and more that several files have: 1")
	require.Contains(t, text, "./usr/lib/a<br>./usr/lib/b<")
	require.NotContains(t, text, "opt/small<br>")
}

package index

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/entry"
)

// linked is a plain tar of files and of links to them, and its MANIFEST with a frame every
// 2 KiB; contents are what the names lead to.
func linked(t *testing.T) (image []byte, text string, contents map[string]string) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	contents = map[string]string{}
	var entries strings.Builder
	next := int64(0)
	count := 0
	add := func(h tar.Header, words, extra string, content []byte) {
		h.Name, h.Mode, h.Format, h.Size = "./"+h.Name, 0o644, tar.FormatUSTAR, int64(len(content))
		at := int64(b.Len())
		require.NoError(t, w.WriteHeader(&h))
		_, err := w.Write(content)
		require.NoError(t, err)
		require.NoError(t, w.Flush())
		block := ""
		for ; next <= at; next += 2048 {
			fmt.Fprintf(&entries, "#: frame=%d,%d\n", next, next)
			block = fmt.Sprintf("#: block=%d\n", (at-next)/512)
		}
		name := strings.TrimSuffix(h.Name, "/")
		fmt.Fprintf(&entries, "%s %s\n%s%s", name, words, extra, block)
		count++
	}
	const own = "mode=0644 uid=0 gid=0"
	add(tar.Header{Typeflag: tar.TypeDir}, "type=dir "+own+" time=0.000000000", "", nil)
	file := func(name string, n int) string {
		content := bytes.Repeat([]byte(name[len(name)-1:]), n)
		words := fmt.Sprintf("type=file %s size=%d time=0.000000000 nlink=1 sha256digest=%x", own, n, sha256.Sum256(content))
		add(tar.Header{Name: name, Typeflag: tar.TypeReg}, words, "", content)
		contents[name] = string(content)
		return words
	}
	a := file("a", 700)
	file("b", 700)
	add(tar.Header{Name: "d/", Typeflag: tar.TypeDir}, "type=dir "+own+" time=0.000000000", "", nil)
	file("d/x", 3000)
	file("d/y", 10)
	add(tar.Header{Name: "e/", Typeflag: tar.TypeDir}, "type=dir "+own+" time=0.000000000", "", nil)
	file("e/x", 3000)
	add(tar.Header{Name: "h", Typeflag: tar.TypeLink, Linkname: "./a"}, a, "#: hardlink=./a\n", nil)
	contents["h"] = contents["a"]
	for _, l := range [][3]string{{"l", "b", "b"}, {"m", "d", ""}, {"n", "l", "b"}} {
		add(tar.Header{Name: l[0], Typeflag: tar.TypeSymlink, Linkname: l[1]}, "type=link "+own+" time=0.000000000 link="+l[1]+" nlink=1", "", nil)
		if l[2] != "" {
			contents[l[0]] = contents[l[2]]
		}
	}
	contents["m/x"], contents["m/y"] = contents["d/x"], contents["d/y"]
	file("z", 1)
	require.NoError(t, w.Close())
	return b.Bytes(), fmt.Sprintf("#mtree\n# size: %d\n# format: tar\n# unpacked size: %d\n# entries: %d\n%s# end\n", b.Len(), b.Len(), count, entries.String()), contents
}

var (
	numberWord = regexp.MustCompile(`\d+`)
	digestWord = regexp.MustCompile(`sha256digest=\w+`)
	targetWord = regexp.MustCompile(`( |hard)link=\S+`)
)

// mutated is a MANIFEST with some of its lines changed.
func mutated(r *rand.Rand, text string) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	head := slices.IndexFunc(lines, func(l string) bool { return !strings.HasPrefix(l, "# ") && l != "#mtree" })
	for range 1 + r.IntN(3) {
		end := len(lines) - 1 // "# end"
		i, j := head+r.IntN(end-head), head+r.IntN(end-head)
		switch r.IntN(8) {
		case 0:
			lines[i], lines[j] = lines[j], lines[i]
		case 1:
			lines = slices.Insert(lines, i, lines[j])
		case 2:
			lines = slices.Delete(lines, i, i+1)
		case 3: // another number in the index
			if !strings.HasPrefix(lines[i], "#: ") {
				continue
			}
			n := numberWord.FindAllString(lines[i], -1)
			if n != nil {
				lines[i] = strings.Replace(lines[i], n[r.IntN(len(n))], []string{"0", "1", "2", "512", "1024", "2048", "4096", "9223372036854774784"}[r.IntN(8)], 1)
			}
		case 4: // the digest of another
			if other := digestWord.FindString(lines[j]); other != "" {
				lines[i] = digestWord.ReplaceAllString(lines[i], other)
			}
		case 5: // the name of another
			a, rest, _ := strings.Cut(lines[i], " ")
			b, other, _ := strings.Cut(lines[j], " ")
			lines[i], lines[j] = b+" "+rest, a+" "+other
		case 6:
			lines[i] = targetWord.ReplaceAllString(lines[i], "${1}link="+[]string{"./a", "./b", "./z", "a", "b", "d", "e", "d/x"}[r.IntN(8)])
		case 7:
			lines[i] = regexp.MustCompile(` size=\d+`).ReplaceAllString(lines[i], []string{" size=1", " size=700", " size=3000"}[r.IntN(3)])
		}
		if len(lines) < head+2 {
			break
		}
	}
	n := 0
	for _, l := range lines {
		if strings.HasPrefix(l, ".") {
			n++
		}
	}
	for i, l := range lines {
		if strings.HasPrefix(l, "# entries: ") {
			lines[i] = fmt.Sprintf("# entries: %d", n)
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

// TestAnyManifest changes lines of a MANIFEST: whatever it says, what is found by it is the
// content that the image has under that name, or an error.
func TestAnyManifest(t *testing.T) {
	image, text, contents := linked(t)
	src := bytes.NewReader(image)
	require.Equal(t, len(contents), found(t, text, src, contents), "as it is written all are found")
	some := 0
	for seed := range uint64(250) {
		some += found(t, mutated(rand.New(rand.NewPCG(seed, 1)), text), src, contents)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	require.NotZero(t, some)
}

// found counts the names whose content is found, each of three ways.
func found(t *testing.T, text string, src Source, contents map[string]string) (n int) {
	ctx := context.Background()
	open := func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }
	names := make([]string, 0, len(contents))
	for name := range contents {
		names = append(names, name)
	}
	if x, err := New(ctx, open); err == nil {
		files, _, err := x.Files(names)
		if err == nil {
			for i, f := range files {
				if f == nil || !f.Known() {
					continue
				}
				c, err := f.Open(src)
				if err != nil {
					continue
				}
				b, err := io.ReadAll(c)
				c.Close()
				if err == nil {
					require.Equal(t, contents[names[i]], string(b), names[i]+" in\n"+text)
					n++
				}
			}
		}
	}
	for name, want := range contents {
		p, err := MakePlan(ctx, open, func(path string) bool { return path == "./"+name })
		if err != nil || p.Usable() != "" {
			continue
		}
		s, err := p.Read(ctx, src)
		if err != nil {
			continue
		}
		m, err := s.Next()
		for err == nil && m.Path != "./"+name { // directories
			m, err = s.Next()
		}
		got := ""
		for err == nil && m.Link == "" {
			var b []byte
			if _, b, err = s.Data(1 << 20); err == nil {
				got += string(b)
			}
		}
		s.Close()
		if err == io.EOF && m != nil && m.Type == entry.File && m.HardLink == "" {
			require.Equal(t, want, got, name+" of a plan of\n"+text)
		}
	}
	p, err := MakeContentPlan(ctx, open, func(m *entry.Member) bool { return m.Size == 700 || m.Size == 10 })
	if err != nil || p.Usable() != "" {
		return n
	}
	all, err := p.All(ctx, src)
	if err != nil {
		return n
	}
	defer all.Close()
	read := map[string]string{}
	for {
		m, err := all.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return n
		}
		if m.Type == entry.File && (m.Size == 700 || m.Size == 10) {
			b, err := io.ReadAll(all.Content())
			if err != nil {
				return n
			}
			read[strings.TrimPrefix(m.Path, "./")] = string(b)
		}
	}
	for name, b := range read {
		require.Equal(t, contents[name], b, name+" of all of\n"+text)
	}
	return n
}

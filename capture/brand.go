package capture

import (
	"bytes"
	"fmt"
	"io/fs"
	"strings"
	"time"
)

// Mark tells an image from all others.
type Mark struct {
	Ident string
	Date  time.Time
}

// banners are the texts that people see who log in; see issue(5) and motd(5).
var banners = []struct {
	path string
	mark func(m Mark, old []byte) []byte
}{
	{"etc/issue", Mark.after},
	{"etc/issue.net", Mark.after},
	{"etc/motd", func(m Mark, _ []byte) []byte { return m.text() }},
}

// The labels of a mark's lines, as Image Builder's own task writes them.
const (
	identLabel = "IMAGE IDENTITY:"
	dateLabel  = "BUILD DATE:"
)

// text is the mark for people. No character of it means something to agetty(8).
func (m Mark) text() []byte {
	return fmt.Appendf(nil, "%s %s\n    %s %s\n\n", identLabel, m.Ident, dateLabel, m.Date.UTC().Format(time.UnixDate))
}

// after puts the mark after a text. That of an earlier image, which this one was made
// from, is taken out.
func (m Mark) after(old []byte) []byte {
	var out []byte
	dated := false
	for line := range bytes.SplitAfterSeq(old, []byte("\n")) {
		word := strings.TrimSpace(string(line))
		switch {
		case strings.HasPrefix(word, identLabel), strings.HasPrefix(word, dateLabel):
		case dated && word == "": // the mark's own
		default:
			out = append(out, line...)
		}
		dated = strings.HasPrefix(word, dateLabel)
	}
	if len(out) > 0 && out[len(out)-1] != '\n' {
		out = append(out, '\n')
	}
	return append(out, m.text()...)
}

// brand plans the mark. A name that is a link is followed inside the root, as the shell
// does that appends to it; one that is not there is added.
func (s *Source) brand(m Mark) error {
	view := s.view()
	for _, b := range banners {
		if _, err := view.Lstat(b.path); err != nil {
			if err := s.plan.AddFile("./"+b.path, 0o644, b.mark(m, nil)); err != nil {
				return err
			}
			continue
		}
		name := b.path
		if _, err := fs.Stat(view, name); err == nil {
			if name, err = view.Real(name); err != nil {
				return err
			}
		}
		rewrite := func(old []byte) ([]byte, error) { return b.mark(m, old), nil }
		if err := s.plan.Rewrite("./"+name, "--brand", rewrite); err != nil {
			return err
		}
	}
	return nil
}

package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"image-capture/entry"
)

// terminal prints to stderr what is for people. The rules: "image-capture: " in
// front of each line, lower case, no period at the end; a hint is a line of its
// own that says what to type; file names are escaped, so that none of them can
// move the cursor or make a line of its own.
type terminal struct {
	mu     sync.Mutex
	w      io.Writer
	tty    bool
	quiet  bool
	inTask bool // flags are named by their Params
	colour bool
	json   bool // lines of JSON, see jsonlines.go
	redraw bool // a progress bar is on the last line
}

func newTerminal(w io.Writer, env func(string) string) *terminal {
	return &terminal{w: w, tty: isTerminal(w), colour: colours(w, env)}
}

// maxLine is the length in bytes from which the middle of a line for people is left out:
// names in images, trees and on endpoints may have megabytes.
const maxLine = 4000

func (t *terminal) line(s string) {
	if t.json {
		t.plainLine(s)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.redraw {
		fmt.Fprint(t.w, "\r\x1b[K")
	}
	s = middle(entry.Printable(s), maxLine)
	if t.colour {
		s = paint(s)
	}
	fmt.Fprintln(t.w, s)
}

// say says what goes on; --quiet drops it.
func (t *terminal) say(format string, args ...any) {
	if !t.quiet {
		t.line("image-capture: " + fmt.Sprintf(format, args...))
	}
}

// warn says what may be wrong.
func (t *terminal) warn(hint, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if t.json {
		t.emit("message", fields{"level": "warning", "text": text, "hint": t.words(hint)})
		return
	}
	t.line("image-capture: warning: " + text)
	t.hint(hint)
}

// fail reports why the program ends. Several errors joined are a line each.
func (t *terminal) fail(code int, err error, hint string) {
	texts := joined(err)
	if code == ExitUsage {
		for i, l := range texts {
			texts[i] = t.words(l)
		}
	}
	if t.json {
		t.failLines(code, texts, hint)
		return
	}
	for _, l := range texts {
		t.line("image-capture: " + l)
	}
	t.hint(hint)
}

// hint says what to type.
func (t *terminal) hint(hint string) {
	if hint != "" {
		t.line("hint: " + t.words(hint))
	}
}

// words names what to set: flags, or in a task the Params that are made flags of.
func (t *terminal) words(text string) string {
	if t.inTask {
		return nameParams(text)
	}
	return text
}

// joined takes errors.Join apart. A newline may also be in the name of a file, where
// it begins no line.
func joined(err error) []string {
	switch e := err.(type) {
	case *failure:
		return joined(e.err)
	case interface{ Unwrap() []error }:
		var lines, texts []string
		for _, inner := range e.Unwrap() {
			lines = append(lines, joined(inner)...)
			texts = append(texts, inner.Error())
		}
		if strings.Join(texts, "\n") == err.Error() {
			return lines
		}
	}
	return []string{err.Error()}
}

// warnUnprivileged comes first where not all of a tree can be read.
func (a *App) warnUnprivileged() {
	if os.Geteuid() == 0 {
		return
	}
	what := "what this user cannot read is not looked at, nor are trusted and security attributes"
	if a.command == "capture" {
		what = "files that this user cannot read will be missing, and so will trusted and security attributes"
	}
	a.term.warn("run it as root, as in sudo image-capture", "not run by root: %s", what)
}

// warnNotOwner comes first where not all can be written.
func (a *App) warnNotOwner() {
	if os.Geteuid() != 0 {
		a.term.warn("run it as root, as in sudo image-capture", "not run by root: what is extracted will belong to you, without set-id bits, and devices and trusted and security attributes will be missing")
	}
}

// middle cuts the middle out of a text that is longer than most bytes of it are wanted.
func middle(s string, most int) string {
	if len(s) <= most {
		return s
	}
	half := (most - len("...")) / 2
	return strings.ToValidUTF8(s[:half], "") + "..." + strings.ToValidUTF8(s[len(s)-half:], "")
}

// count writes a number of things: "1 problem", "2 problems".
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

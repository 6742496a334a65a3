package cli

import (
	"io"
	"os"
	"regexp"

	"golang.org/x/term"
)

// colours says whether a stream gets colours: only a terminal does, and not where
// NO_COLOR is set to anything (see no-color.org) or TERM is dumb.
func colours(w io.Writer, env func(string) string) bool {
	return isTerminal(w) && env("NO_COLOR") == "" && env("TERM") != "dumb"
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// level finds the word of a line that says how bad it is: that of a report, or of a
// message, which begin with it.
var level = regexp.MustCompile(`^(image-capture: (?:check )?)?(ok|warn|fail|warning)( |: )`)

// SGR parameters, see ECMA-48, 8.3.117.
var levelColour = map[string]string{"ok": "32", "warn": "33", "warning": "33", "fail": "31"}

// paint colours the level of a line whose control characters are escaped already.
func paint(line string) string {
	m := level.FindStringSubmatchIndex(line)
	if m == nil {
		return line
	}
	word := line[m[4]:m[5]]
	return line[:m[4]] + "\x1b[" + levelColour[word] + "m" + word + "\x1b[0m" + line[m[5]:]
}

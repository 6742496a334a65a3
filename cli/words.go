package cli

import (
	"os"
	"slices"
	"strings"

	"image-capture/entry"
)

// meant is the command that a word was probably meant to be, or "".
func meant(word string) string {
	var names []string
	for _, c := range commands() {
		names = append(names, c.name)
	}
	return nearest(word, names)
}

// nearest is the name that a word was probably meant to be, or "": one or two letters
// differ, or two stand the other way round.
func nearest(word string, names []string) string {
	best, least := "", 3
	for _, name := range names {
		if d := distance(word, name); d < least && d < len(name)/2+1 {
			best, least = name, d
		}
	}
	return best
}

// distance is how many letters must be added, taken away, replaced, or swapped with the
// next, to make one word of another (Damerau, "A technique for computer detection and
// correction of spelling errors", 1964).
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
		for j := range rows[i] {
			switch {
			case i == 0:
				rows[i][j] = j
			case j > 0:
				differ := 1
				if a[i-1] == b[j-1] {
					differ = 0
				}
				rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+differ)
				if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
					rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
				}
			}
		}
	}
	return rows[len(a)][len(b)]
}

// noCommand is what to say of a first word that looks like a command and is none, and
// names nothing that could be captured either.
func noCommand(word string) error {
	if word == "" || strings.HasPrefix(word, "-") || strings.ContainsAny(word, "/:") {
		return nil
	}
	if _, err := os.Lstat(word); err == nil {
		return nil
	}
	if c := meant(word); c != "" {
		return usagef("image-capture "+c+" --help", "%q is neither a command nor a directory; did you mean %s?", word, c)
	}
	return nil // the capture says that there is no such root
}

// helped are the arguments of "help WORD ...": the command's, and --help.
func helped(args []string) ([]string, error) {
	if len(args) == 0 {
		return []string{"--help"}, nil
	}
	if !slices.ContainsFunc(commands(), func(c command) bool { return c.name == args[0] }) {
		if c := meant(args[0]); c != "" {
			return nil, usagef("image-capture help "+c, "there is no command %q; did you mean %s?", args[0], c)
		}
		return nil, usagef("image-capture --help lists the commands", "there is no command %q", args[0])
	}
	return []string{args[0], "--help"}, nil
}

// words are arguments as a shell takes them, for hints that can be pasted.
func words(args ...string) string {
	var list []string
	for _, arg := range args {
		list = append(list, entry.ShellWord(arg))
	}
	return strings.Join(list, " ")
}

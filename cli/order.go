package cli

import (
	"os"
	"slices"
	"strings"

	"image-capture/entry"
)

// imageFirst refuses the arguments of a command that takes an image, and then names what is in
// it, where the image is another than the first: the hint is what to type. dir is the directory
// that extract was told.
func imageFirst(command, dir string, args []string) error {
	first := args[0]
	if first == "-" || isURL(first) {
		return nil
	}
	info, err := os.Stat(first)
	folder := err == nil && info.IsDir()
	if err == nil && !folder && (!info.Mode().IsRegular() || kindOfFile(first) != "") {
		return nil
	}
	i := 1 + slices.IndexFunc(args[1:], func(name string) bool { return kindOfFile(name) != "" })
	switch {
	case i == 0 && folder && command == "extract":
		return usagef("image-capture extract IMAGE -C "+entry.ShellWord(first), "%s is a directory, and no image", first)
	case i == 0 && folder:
		return usagef("image-capture "+command+" --help says what it takes", "%s is a directory, and no image", first)
	case i == 0:
		return nil // who opens it says what is wrong
	}
	image := args[i]
	others := slices.Delete(slices.Clone(args), i, i+1)
	if folder && command == "extract" && dir == here {
		return usagef(typed(command, append([]string{image}, others[1:]...), "-C", first), "%s is a directory, and %s the image: the image comes first, and the directory is given by -C", first, image)
	}
	var more []string
	if command == "extract" && dir != here {
		more = []string{"-C", dir}
	}
	return usagef(typed(command, append([]string{image}, others...), more...), "%s is the %s: it comes first, and then what is in it", image, kindOfFile(image))
}

// typed is a command to type.
func typed(command string, args []string, more ...string) string {
	return "image-capture " + command + " " + words(append(args, more...)...)
}

// here is the directory that extract writes to when it is told none.
const here = "."

const pathsHint = "patterns are paths from the root of the image, such as etc/ssh or 'var/log/*.log'"

// unmatchedHint is what may have been meant by patterns that match nothing: with extract also
// the directory to extract to.
func (e *extraction) unmatchedHint(patterns []string) string {
	if e.opt.dir != here || len(patterns) != 1 || strings.ContainsAny(patterns[0], `*?[\`) {
		return pathsHint
	}
	into := typed("extract", []string{e.image}, "-C", patterns[0])
	if info, err := os.Stat(patterns[0]); err == nil && info.IsDir() {
		return "to extract to the directory " + patterns[0] + ": " + into
	}
	return pathsHint + "; to extract to a directory: " + into
}

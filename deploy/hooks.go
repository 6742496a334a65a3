// Package deploy holds what the deployer needs to know, and what it runs: the curtin
// hooks that an image brings along, and the table of what the deployers of each
// generation do with which distribution.
//
// The hooks are one POSIX shell script of our own. curtin runs an executable
// /curtin/curtin-hooks of the image in the deployer's system, with
// TARGET_MOUNT_POINT, OUTPUT_FSTAB and OUTPUT_NETWORK_CONFIG in its environment, and
// then none of its built-in hooks (see curtin's curthooks). An operator can run the same
// script by hand after tar -x.
package deploy

import (
	"bytes"
	"embed"
	"io/fs"
	"slices"
	"strconv"
)

// Version is the version of the hooks in this program, larger with each change of what
// they do. It is the number on their second line.
const Version = 2

const (
	// HooksPath is where curtin looks for the hooks in an image.
	HooksPath = "curtin/curtin-hooks"
	// SettingsPath is where the hooks look for their settings.
	SettingsPath = "curtin/image-capture-hooks.conf"
)

// File is a regular file to add to an image.
type File struct {
	Path    string      // below the root, without a slash at the front
	Mode    fs.FileMode // permission bits
	Content []byte
}

//go:embed hooks/*.sh
var parts embed.FS

//go:embed image-capture-hooks.conf
var settings []byte

// Hooks returns the files that make an image deploy by itself: the script, executable,
// and its settings. Both belong to root, in a directory curtin of mode 0755.
func Hooks() []File {
	return []File{
		{Path: HooksPath, Mode: 0o755, Content: script()},
		{Path: SettingsPath, Mode: 0o644, Content: bytes.Clone(settings)},
	}
}

// script puts the parts together, in the order of their names.
func script() []byte {
	names, err := fs.Glob(parts, "hooks/*.sh")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	slices.Sort(names)
	var text []byte
	for _, name := range names {
		part, err := parts.ReadFile(name)
		if err != nil {
			panic(err) // it was embedded
		}
		text = append(text, part...)
	}
	return text
}

// mark begins the line that tells our hooks from others.
const mark = "# image-capture-hooks: "

// HooksVersion returns the version of the hooks in text, and whether they are ours. The
// first lines of a file are enough. Hooks of somebody else are never to be replaced.
func HooksVersion(text []byte) (int, bool) {
	for range 5 {
		line, rest, _ := bytes.Cut(text, []byte("\n"))
		if number, ok := bytes.CutPrefix(line, []byte(mark)); ok {
			n, err := strconv.Atoi(string(bytes.TrimSpace(number)))
			return n, err == nil && n > 0
		}
		text = rest
	}
	return 0, false
}

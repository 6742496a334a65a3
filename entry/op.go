package entry

// Op is what becomes of a path on its way from the tree into the image. Findings offer
// them, the plan of a capture makes them, MANIFEST and messages report them.
type Op string

// The operations.
const (
	Exclude  Op = "exclude"   // what a pattern matches, and all below it, is left out
	KeepOnly Op = "keep-only" // a directory stays, what it holds is left out
	// A directory stays with the names in it that mark it, what else it holds is left out.
	KeepTagged Op = "keep-tagged"
	Drop       Op = "drop"      // the path, and all below it, is left out
	Empty      Op = "empty"     // a file keeps its attributes and loses its content
	Rewrite    Op = "rewrite"   // a file keeps its attributes and gets another content
	AddDir     Op = "add-dir"   // a directory, mode 755
	AddFile    Op = "add-file"  // a file that the tree lacks
	AddHooks   Op = "add-hooks" // a directory with curtin's hooks in it, as files that the tree lacks
)

// words say the operations to people.
var words = map[Op]struct{ does, done string }{
	Exclude:    {"excludes", "excluded"},
	KeepOnly:   {"leaves out what is in", "kept without what is in it"},
	KeepTagged: {"leaves out what is beside the tag in", "kept with its tag only"},
	Drop:       {"leaves out", "left out"},
	Empty:      {"empties", "emptied"},
	Rewrite:    {"rewrites", "rewritten"},
	AddDir:     {"adds the directory", "added"},
	AddFile:    {"adds the file", "added"},
	AddHooks:   {"adds curtin hooks in", "added"},
}

// Does says what the operation does, before the path: "leaves out".
func (o Op) Does() string { return words[o].does }

// Done says what became of the path, after it: "left out".
func (o Op) Done() string { return words[o].done }

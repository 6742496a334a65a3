package entry

// Op is what becomes of a path on its way from the tree into the image. Findings offer
// them, the plan of a capture makes them, MANIFEST and messages report them.
type Op string

// The operations.
const (
	Exclude  Op = "exclude"   // what a pattern matches, and all below it, is left out
	KeepOnly Op = "keep-only" // a directory stays, what it holds is left out
	Drop     Op = "drop"      // the path, and all below it, is left out
	Empty    Op = "empty"     // a file keeps its attributes and loses its content
	Rewrite  Op = "rewrite"   // a file keeps its attributes and gets another content
	AddDir   Op = "add-dir"   // an empty directory, mode 755
	AddFile  Op = "add-file"  // a file that the tree lacks
)

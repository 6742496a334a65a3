package bootcheck

import (
	"fmt"

	"image-capture/entry"
)

// String is the finding in one line, as job log and MANIFEST have it.
func (f Finding) String() string {
	s := fmt.Sprintf("check %s: %s: %s", f.Level, f.Rule, f.Problem)
	if f.Path != "" {
		s += " (" + f.Path + ")"
	}
	return s
}

// String is the report in a few words.
func (c Counts) String() string { return fmt.Sprintf("%d failed, %d warnings", c.Fail, c.Warn) }

// String says in words what the fix does to the image.
func (f Fix) String() string {
	does := f.Op.Does()
	if f.Op == entry.AddFile {
		does = "adds the empty file" // it has no content to give
	}
	return does + " " + entry.Escape("/"+f.Path)
}

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
	does := map[entry.Op]string{
		entry.AddDir: "adds the directory", entry.AddFile: "adds the empty file",
		entry.Drop: "leaves out", entry.Empty: "empties", entry.Rewrite: "rewrites",
	}[f.Op]
	return does + " " + entry.Printable("/"+f.Path)
}

package bootcheck

import (
	"encoding/json"

	"image-capture/deploy"
	"image-capture/entry"
)

// Fix is an edit of the image that does away with a finding, and that is safe:
// nothing that the clone needs is lost by it. It is never for the source.
type Fix struct {
	Op entry.Op
	// Path is that of the edit, which need not be the finding's: no part of it is a
	// link, but the last may be one that is dropped. It is written as io/fs does, and
	// in bytes: it must be escaped to be shown.
	Path string
	// Rewrite makes the new content of the old, for the operation of that name. It may
	// be called with a content that changed since the check: it must do what is
	// right for that one.
	Rewrite func(old []byte) ([]byte, error)
	// Operation is the name of the one of package identity that it does; empty for all
	// other edits.
	Operation string
	// Files are added below the path, which is a directory, where the image lacks them;
	// hooks of ours of an older version are replaced.
	Files []deploy.File
}

// MarshalJSON gives the operation and the path, written like Finding's.
func (f Fix) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Op   entry.Op `json:"verb"`
		Path string   `json:"path"`
	}{f.Op, entry.Escape("/" + f.Path)})
}

// Fixes returns the edits that the findings offer, in their order. Of two for one path
// the first counts: the check of the result says whether the other is still wanted.
func (r Report) Fixes() []Fix {
	var list []Fix
	for _, f := range r.Findings {
		if f.Fix != nil && f.Level >= Warn {
			list = append(list, *f.Fix)
		}
	}
	return unique(list)
}

package entry

// Note is something that happened to one path.
type Note struct {
	Path   string // bytes, like Entry.Path
	Reason string // one sentence without a period, or one word
}

// Paths are those of notes.
func Paths(notes []Note) []string {
	var list []string
	for _, n := range notes {
		list = append(list, n.Path)
	}
	return list
}

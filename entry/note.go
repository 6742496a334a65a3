package entry

// Note is something that happened to one path.
type Note struct {
	Path   string // bytes, like Entry.Path
	Reason string // one sentence without a period, or one word
}

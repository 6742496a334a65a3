package cli

import (
	"fmt"

	"image-capture/capture"
	"image-capture/entry"
)

func (e events) Database(d capture.Database) {
	what := databaseText(d)
	if d.Held == capture.NotHeld || d.Held == capture.HeldFiles {
		e.term.warn(databaseHint(d), "%s", what)
		return
	}
	e.term.say("%s", what)
}

func (e jsonEvents) Database(d capture.Database) {
	f := fields{"name": d.Name, "path": entry.Escape(d.Path), "pid": d.PID, "unit": d.Unit, "held": string(d.Held), "text": databaseText(d)}
	if d.Held == capture.NotHeld || d.Held == capture.HeldFiles {
		f["hint"] = e.term.words(databaseHint(d))
	}
	e.term.emit("database", f)
}

func databaseText(d capture.Database) string {
	text := fmt.Sprintf("%s runs on %s (process %d): ", d.Name, entry.Escape(d.Path), d.PID)
	switch d.Held {
	case capture.HeldHooks:
		return text + "it is read between the hooks"
	case capture.HeldFiles:
		return text + "each of its files is read as it is at one moment, but not all at the same"
	case capture.HeldWhole:
		return text + "it is read from the snapshot, which a clone finds as after a power cut"
	}
	return text + "its files are read while it writes to them, and what a clone has of them may be of no use"
}

// databaseHint is what to type.
func databaseHint(d capture.Database) string {
	first := ""
	if d.Held == capture.NotHeld {
		first = "try --snapshot auto, or "
	}
	if d.Unit == "" {
		return first + "stop it meanwhile, by --pre-hook and --post-hook, or leave its files out: --exclude " + entry.ShellWord(d.Path+"/*")
	}
	unit := entry.ShellWord(d.Unit)
	return first + fmt.Sprintf("stop it meanwhile: --pre-hook %s --post-hook %s, or leave its files out: --exclude %s",
		entry.ShellWord("systemctl stop "+unit), entry.ShellWord("systemctl start "+unit), entry.ShellWord(d.Path+"/*"))
}

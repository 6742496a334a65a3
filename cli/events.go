package cli

import (
	"cmp"
	"strings"
	"time"

	"image-capture/bootcheck"
	"image-capture/capture"
	"image-capture/edit"
	"image-capture/entry"
	"image-capture/rootfs"
	"image-capture/snapshot"
)

// events prints what happens on the way.
type events struct {
	term     *terminal
	progress string // the mode of --progress
	verbose  bool
}

// events are what happens on the way, for people or for a program.
func (a *App) events(progress string, verbose bool) capture.Events {
	e := events{a.term, progress, verbose}
	if a.term.json {
		return jsonEvents{e}
	}
	return e
}

// Captured names entries, as tar -v does; the root is ./, as there.
func (e events) Captured(path string) {
	if e.verbose {
		if path == "." {
			path = "./"
		}
		e.term.line("image-capture: " + entry.Escape(path))
	}
}

func (e events) Mount(m rootfs.Mount) { e.term.say("mount point %s", m) }
func (e events) NotMounted(path string) {
	e.term.warn("", "--exclude-mount %s: nothing is mounted there", path)
}
func (e events) LittleRoom(folder string, free, used int64) {
	e.term.warn("an image takes a third to a half of it: free some space, or send it to the endpoint without --output",
		"%s has %s free, and %s are in use in the tree: the image may not fit", folder, bytesText(free), bytesText(used))
}
func (e events) LittleTempRoom(folder string, free, need int64) {
	e.term.warn("set TMPDIR to a folder with more room",
		"%s has %s free, and up to %s are needed there for the entries of the MANIFEST", folder, bytesText(free), bytesText(need))
}
func (e events) Fixed(f bootcheck.Fix, by capture.By) { e.term.say("%s: %s", by, f) }
func (e events) Unmatched(pattern string)             { e.term.warn("", "--exclude %s matched nothing", pattern) }
func (e events) Unapplied(u edit.Unapplied) {
	e.term.warn("", "edit not made: %s %s: %s", u.Op, u.Subject, u.Reason)
}

func (e events) Checked(r bootcheck.Report) {
	printFindings(e.term, r)
	e.term.say("check: %s", verdict(r))
}

func (e events) BaseAbsent(path string) {
	e.term.warn("give --base the URL that the endpoint has of its MANIFEST, or upload the base to there",
		"the endpoint has no %s, and the Profile says that the base is there", entry.Printable(path))
}

func (e events) Layered(l capture.Layer) {
	e.term.say("differs from the base: %d added, %d changed, %d gone", l.Added, l.Changed, l.Gone)
	if len(l.Replaced) > 0 {
		e.notes("delete before tar unpacks the layer", l.Replaced)
	}
	if len(l.Replaced) > 0 || l.Gone > 0 {
		hint := "(cd /mnt && xargs -0 rm -rf --) < " + entry.ShellWord(cmp.Or(l.Deletions, "FILE"))
		if l.Deletions == "" {
			hint = "write the names with --deletions FILE, and then " + hint
		}
		e.term.warn(hint, "tar cannot delete: what the layer deletes, as its MANIFEST says, has to be deleted from the unpacked base before the layer is unpacked; image-deploy does not: image-capture hooks --layer makes an archive that does")
	}
}

func (e events) NoManifest() {
	e.term.warn("add --manifest FILE", "no MANIFEST is written, because the image goes to stdout, a pipe or a device")
}

func (e events) Snapshot(c snapshot.Choice) {
	if text, warn := snapshotText(c); warn {
		e.term.warn("", "%s", text)
	} else {
		e.term.say("%s", text)
	}
}

func (e events) Removed(what string) {
	e.term.say("removed %s, which a capture that was killed had left", what)
}

func (e events) NotHeld(path, reason string) {
	e.term.warn("", "no snapshot of %s: %s", path, reason)
}

func (e events) NotCloned(path string, files int, reason string) {
	if files == 0 {
		e.term.warn("", "files of %s cannot be cloned, and are read as they are: %s", path, reason)
		return
	}
	e.term.warn("", "%s could not be cloned, and was read as it is: %s: %s", count(files, "file"), path, reason)
}

func (e events) Hook(which, command string) { e.term.say("%s: %s", which, command) }

func (e events) LeftBehind(what, command string) { e.term.warn(command, "%s", what) }

func (e events) Sending(estimate func() int64, compressed bool) {
	if e.term.quiet {
		return
	}
	size, n := "an image of unknown size", estimate()
	switch {
	case compressed:
		size = bytesText(n)
	case n > 0:
		size = "about " + bytesText(n) + " before compression"
	}
	e.term.say("sending %s; the endpoint does not report its free space", size)
}

func (e events) Walking(p capture.Progress) func() {
	return startProgress(e.term, e.progress, "captured", p.Done, p.Total).stop
}

func (e events) Walked(unreadable, changed, omitted []entry.Note) {
	e.notes("not captured", unreadable)
	e.notes("changed", changed)
	// One line for what is only as it should be: sockets would drown the rest.
	if n := len(omitted); n > 0 {
		e.term.say("left out %s (sockets, swap files, files of this capture); the MANIFEST lists them", count(n, "name"))
	}
}

// notes prints the first of a list.
func (e events) notes(what string, list []entry.Note) {
	const most = 20
	for i, n := range list {
		if i == most {
			e.term.warn("", "%s: %d more; the MANIFEST lists them", what, len(list)-most)
			return
		}
		e.term.warn("", "%s: %s: %s", what, entry.Escape(n.Path), n.Reason)
	}
}

func (e events) ProfileLeftOut(name string) {
	e.term.warn("if the image is good enough, store the printed Profile with drpcli profiles create", "the Profile %s is not stored, because the image is incomplete", name)
}

func (e events) ProfileWillFail(create, update string) {
	e.term.warn("", "the token lacks the claims %q and %q: the image will be stored, the Profile will not", create, update)
}

func (e events) Retry(n, most int, err error, wait time.Duration) {
	e.term.warn("", "attempt %d of %d failed: %v; next attempt in %s", n, most, err, wait.Round(100*time.Millisecond))
}

func (e events) Replace(path string) {
	e.term.warn("", "%s exists on the endpoint and will be replaced; if the upload breaks, the endpoint deletes the old file too", path)
}

func (e events) TokenEnds(at time.Time) {
	e.term.warn("use a token that lasts longer; in a task, ExtraDuration gives one", "the token ends at %s, in %s: the image may be stored by then, and its MANIFEST refused",
		at.UTC().Format(time.RFC3339), max(0, time.Until(at)).Round(time.Second))
}

func (e events) TokenEnded(path string) {
	e.term.warn("", "stored %s, but not verified: the token has ended", path)
}

func (e events) Confirmed(path string, verified bool) {
	if verified {
		e.term.say("stored %s; the endpoint reports the same SHA-256", path)
		return
	}
	e.term.say("stored %s, but not verified: the endpoint shows its SHA-256 only to tokens with the claim files get", path)
}

func (e events) AnswerLost(path string) {
	e.term.say("the connection broke before the endpoint confirmed %s, but the file is there", path)
}

func (e events) NamesOnly() {
	e.term.warn("", "this token may not read MANIFESTs (claim files get): images and MANIFESTs are matched by their names alone")
}

func (e events) OddName(name string) {
	// What was not UTF-8 is lost on the way.
	name = strings.ReplaceAll(entry.Printable(name), "\ufffd", "?")
	e.term.warn("", "the endpoint has a file with an odd name, which is left alone: %s", middle(name, 200))
}

func (e events) ProfileSaved(name string, created bool, before string) {
	switch {
	case created:
		e.term.say("created the Profile %s on the endpoint", name)
		return
	case before != "":
		e.term.say("updated the Profile %s on the endpoint: it deploys this image now, and deployed %s before", name, entry.Printable(before))
		return
	}
	e.term.say("updated the Profile %s on the endpoint: it deploys this image now", name)
}

package cli

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"image-capture/bootcheck"
	"image-capture/capture"
	"image-capture/edit"
	"image-capture/entry"
	"image-capture/rootfs"
	"image-capture/snapshot"
)

// fields are those of one line of --progress json, besides event and time.
type fields map[string]any

// emit writes an event as one line. Texts are escaped as they are for people: a name need
// not be UTF-8.
func (t *terminal) emit(event string, f fields) {
	line := fields{"event": event, "time": time.Now().UTC().Format("2006-01-02T15:04:05.000Z")}
	for k, v := range f {
		switch v := v.(type) {
		case string:
			v = entry.Printable(v)
			if k == "text" { // for people; the rest is data
				v = middle(v, maxLine)
			}
			if v != "" {
				line[k] = v
			}
		default:
			line[k] = v
		}
	}
	b, err := json.Marshal(map[string]any(line))
	if err != nil {
		b = fmt.Appendf(nil, `{"event":"message","level":"warning","text":%q}`, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(t.w, "%s\n", b)
}

// wantsJSONLines reads --progress json from arguments that may not be right otherwise: so
// that what is wrong with them is a line of JSON too.
func wantsJSONLines(args []string) bool {
	if end := slices.Index(args, "--"); end >= 0 {
		args = args[:end]
	}
	for i, a := range args {
		if a == "--progress=json" || a == "--progress" && i+1 < len(args) && args[i+1] == "json" {
			return true
		}
	}
	return false
}

// phases are what is going on, by the verb of a progress.
var phases = map[string]string{"captured": "capture", "sent": "send", "read": "read"}

// report is one line on how far a transfer is.
func (p *progress) report(bytes, entries, total int64) {
	f := fields{"phase": phases[p.verb], "bytes": bytes, "rate": int64(float64(bytes) / max(p.now().Sub(p.start).Seconds(), 0.001))}
	if p.verb == "captured" {
		f["entries"] = entries
	}
	if total > 0 {
		f["total"] = max(total, bytes)
	}
	p.term.emit("progress", f)
}

// jsonEvents are events as lines of JSON. Those that it has no method for are messages.
type jsonEvents struct{ events }

func (e jsonEvents) Mount(m rootfs.Mount) {
	e.term.emit("mount", fields{"path": entry.Escape(m.Path), "captured": m.Captured, "fstype": m.FSType, "source": entry.Escape(m.Source), "reason": m.Reason})
}

func (e jsonEvents) Snapshot(c snapshot.Choice) {
	text, _ := snapshotText(c)
	e.term.emit("snapshot", fields{"path": entry.Escape(c.Path), "mode": string(c.Mode), "fstype": c.FSType, "source": c.Source, "reason": c.Not, "text": text})
}

func (e jsonEvents) Hook(which, command string) {
	e.term.emit("hook", fields{"which": which, "command": command})
}

func (e jsonEvents) Fixed(f bootcheck.Fix, by capture.By) {
	e.term.emit("edit", fields{"by": string(by), "op": string(f.Op), "path": entry.Escape(f.Path), "text": f.String()})
}

func (e jsonEvents) Unapplied(u edit.Unapplied) {
	e.term.emit("unapplied", fields{"op": string(u.Op), "path": entry.Escape(u.Subject), "reason": u.Reason})
}

func (e jsonEvents) Checked(r bootcheck.Report) {
	for _, f := range byLevel(r.Findings) {
		if f.Level >= bootcheck.Warn {
			e.term.emit("finding", fields{"level": f.Level.String(), "rule": f.Rule, "path": f.Path, "text": f.Problem, "why": f.Why, "hint": e.term.words(f.Hint)})
		}
	}
	e.term.emit("check", fields{"counts": r.Counts(), "verdicts": verdictLines(r)})
}

func (e jsonEvents) Captured(path string) {
	if e.verbose {
		e.term.emit("entry", fields{"path": entry.Escape(path)})
	}
}

func (e jsonEvents) Walked(unreadable, changed, omitted []entry.Note) {
	for _, l := range []struct {
		event string
		list  []entry.Note
	}{{"unreadable", unreadable}, {"changed", changed}, {"omitted", omitted}} {
		for _, n := range l.list {
			e.term.emit(l.event, fields{"path": entry.Escape(n.Path), "reason": n.Reason})
		}
	}
}

func (e jsonEvents) Retry(n, most int, err error, wait time.Duration) {
	e.term.emit("retry", fields{"attempt": n, "attempts": most, "text": err.Error(), "wait_seconds": wait.Seconds()})
}

func (e jsonEvents) Confirmed(path string, verified bool) {
	e.term.emit("stored", fields{"path": path, "verified": verified})
}

func (e jsonEvents) ProfileSaved(name string, created bool, before string) {
	f := fields{"name": name, "created": created}
	if before != "" {
		f["before"] = before
	}
	e.term.emit("profile", f)
}

// failLines are the lines of an error: its hint and exit code are on the last.
func (t *terminal) failLines(code int, texts []string, hint string) {
	for i, text := range texts {
		f := fields{"text": text}
		if i == len(texts)-1 {
			f["exit_code"] = code
			f["hint"] = t.words(hint)
		}
		t.emit("error", f)
	}
}

// summary is the block of a capture as an event.
func (t *terminal) summary(res capture.Result) {
	f := res.Facts
	t.emit("result", fields{
		"filename": f.Filename, "ident": f.Ident, "size": f.Size, "md5sum": f.MD5, "sha256sum": f.SHA256, "format": f.Format.String(),
		"upload_tarball": f.UploadTarball, "upload_manifest": f.UploadManifest, "unpacked_size": f.UnpackedSize, "entries": f.Entries,
		"complete": res.Complete, "stored": res.Stored, "verified": res.Verified,
	})
}

// plainLine is what has no event of its own: its level is told by what it begins with.
func (t *terminal) plainLine(s string) {
	level := "info"
	s = strings.TrimPrefix(s, "image-capture: ")
	if rest, ok := strings.CutPrefix(s, "warning: "); ok {
		s, level = rest, "warning"
	}
	t.emit("message", fields{"level": level, "text": s})
}

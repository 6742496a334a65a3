package remote

import (
	"time"

	"image-capture/bootcheck"
	"image-capture/capture"
	"image-capture/edit"
	"image-capture/entry"
	"image-capture/rootfs"
	"image-capture/snapshot"
	"image-capture/upload"
)

// told are the methods of capture.Events that an Origin calls, and that a host may.
var told = []string{
	"Mount", "NotMounted", "Fixed", "Unmatched", "Unapplied", "Hook", "LeftBehind", "Database",
	"Snapshot", "Removed", "NotHeld", "NotCloned",
}

// relay tells events of an Origin to the other side. It has a method for each, so that a
// new one is not forgotten; those that only capture.Run tells do nothing here.
type relay struct {
	upload.Silent
	server *server
}

// tell sends a call of a method. A broken connection is noticed elsewhere.
func (r *relay) tell(method string, args ...any) {
	e := &event{Method: method}
	for _, a := range args {
		text, err := encoded(a)
		if err != nil {
			return
		}
		e.Args = append(e.Args, text)
	}
	_ = r.server.send.message(&report{Event: e})
}

func (r *relay) Mount(m rootfs.Mount)                 { r.tell("Mount", m) }
func (r *relay) NotMounted(path string)               { r.tell("NotMounted", path) }
func (r *relay) Fixed(f bootcheck.Fix, by capture.By) { r.tell("Fixed", f, by) }
func (r *relay) Unmatched(pattern string)             { r.tell("Unmatched", pattern) }
func (r *relay) Unapplied(u edit.Unapplied)           { r.tell("Unapplied", u) }
func (r *relay) Hook(which, command string)           { r.tell("Hook", which, command) }
func (r *relay) LeftBehind(what, command string)      { r.tell("LeftBehind", what, command) }
func (r *relay) LittleRoom(string, int64, int64)      {}
func (r *relay) LittleTempRoom(string, int64, int64)  {}
func (r *relay) Database(d capture.Database)          { r.tell("Database", d) }
func (r *relay) BaseAbsent(string)                    {}
func (r *relay) Layered(capture.Layer)                {}
func (r *relay) Checked(bootcheck.Report)             {}
func (r *relay) Secrets([]bootcheck.Secret)           {}
func (r *relay) Snapshot(c snapshot.Choice)           { r.tell("Snapshot", c) }
func (r *relay) Removed(what string)                  { r.tell("Removed", what) }
func (r *relay) NotHeld(path, reason string)          { r.tell("NotHeld", path, reason) }
func (r *relay) NotCloned(path string, files int, reason string) {
	r.tell("NotCloned", path, files, reason)
}
func (r *relay) NoManifest()                 {}
func (r *relay) Sending(func() int64, bool)  {}
func (r *relay) Captured(string)             {} // told with the entry, where that arrives
func (r *relay) Walked(_, _, _ []entry.Note) {}
func (r *relay) ProfileLeftOut(string)       {}
func (r *relay) ProfileWillFail(_, _ string) {}

// Walking sends how far a walk is, until it ends.
func (r *relay) Walking(p capture.Progress) func() {
	const interval = 500 * time.Millisecond
	send := func() bool {
		var m progress
		m.Bytes, m.Entries = p.Done()
		if r.server.total.Load() {
			m.Total = p.Total()
		}
		_ = r.server.send.message(&report{Progress: &m})
		return true
	}
	stop := every(interval, send)
	return func() {
		stop()
		send()
	}
}

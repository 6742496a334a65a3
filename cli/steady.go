package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"

	"image-capture/capture"
	"image-capture/entry"
	"image-capture/snapshot"
)

// steadyOptions say what is done so that the tree holds still.
type steadyOptions struct {
	hooks    snapshot.Hooks
	snapshot string
}

func (o *steadyOptions) add(g *groups) {
	s := g.group("Consistency (of a system that runs)")
	s.StringVar(&o.snapshot, "snapshot", "none", "read what does not change meanwhile, by `MODE`: btrfs (read-only snapshots of subvolumes), lvm (snapshots of logical volumes), reflink (files are cloned before they are read), auto (the first of these that each filesystem can have), or none: nothing is written to the source")
	g.oneOf("snapshot", &o.snapshot, snapshot.Modes()...)
	s.StringVar(&o.hooks.Pre, "pre-hook", "", "run `COMMAND` by sh -c before the tree is read, such as one that stops a database or has it write all down; when it fails nothing is captured")
	s.StringVar(&o.hooks.Post, "post-hook", "", "run `COMMAND` by sh -c after the tree was read: always, also when the capture fails or is killed")
}

func (o *steadyOptions) of(a *App) capture.Steady {
	w := capture.Watch{Watcher: []string{"/proc/self/exe", watchWord}, Secrets: secretVariables, Output: a.term.hookOutput()}
	if a.term.json {
		w.Watcher = append(w.Watcher, "--progress=json")
	}
	return capture.Steady{Hooks: o.hooks, Snapshot: snapshot.Mode(o.snapshot), Watch: w}
}

// snapshotText says what is done about a filesystem; it is a warning where nothing can be.
func snapshotText(c snapshot.Choice) (text string, warn bool) {
	switch {
	case c.Mode == snapshot.None:
		return fmt.Sprintf("snapshot of %s: none, it is read as it is: %s", c.Place, c.What), !c.ReadOnly
	case c.Not != "":
		return fmt.Sprintf("snapshot of %s: %s: %s (%s)", c.Place, c.Mode, c.What, c.Not), false
	}
	return fmt.Sprintf("snapshot of %s: %s: %s", c.Place, c.Mode, c.What), false
}

// roomHint says how to make room for a snapshot of LVM.
func roomHint(e *snapshot.RoomError) string {
	vg, _, _ := strings.Cut(e.Volume, "/")
	more := "add a disk to the volume group (vgextend " + entry.ShellWord(vg) + " /dev/DISK), or remove a volume that nobody needs"
	if e.Pool != "" {
		more = "make the pool larger (lvextend -L +SIZE " + entry.ShellWord(e.Pool) + ")"
	}
	return more + ", or use --snapshot auto, or none"
}

// overflowHint says how to have a snapshot of LVM last.
func overflowHint(e *snapshot.OverflowError) string {
	vg, _, _ := strings.Cut(e.Origin, "/")
	switch {
	case e.Gone:
		return "nothing was stored: capture again, and see that nobody removes it meanwhile"
	case e.Pool != "":
		return "nothing was stored: make the pool larger (lvextend -L +SIZE " + entry.ShellWord(e.Pool) + "), and capture again"
	}
	return "nothing was stored: capture again when less is written, or give the volume group more room (vgextend " + entry.ShellWord(vg) + " /dev/DISK)"
}

// secretVariables are the environment variables that hold tokens or passwords.
var secretVariables = []string{"RS_TOKEN", "RS_KEY"}

// hookOutput is where hooks print to: stderr itself, so that they can go on when this
// process is killed. In lines of JSON each of theirs is a message.
func (t *terminal) hookOutput() io.Writer {
	if t.json {
		return &hookLines{term: t}
	}
	return t.w
}

type hookLines struct {
	term *terminal
	part []byte // of a line
}

func (h *hookLines) Write(p []byte) (int, error) {
	h.part = append(h.part, p...)
	for {
		line, rest, ok := bytes.Cut(h.part, []byte("\n"))
		if !ok {
			return len(p), nil
		}
		h.term.emit("message", fields{"level": "info", "text": "hook: " + string(line)})
		h.part = rest
	}
}

// watchWord is the command of the watcher, which help does not list: captures start it.
const watchWord = "__watch"

// Watches says whether arguments are those of the watcher, which no signal ends.
func Watches(args []string) bool { return len(args) > 0 && args[0] == watchWord }

// watchOptions are those of the watcher: it undoes what a capture that is killed has left
// on the host.
type watchOptions struct{}

func (watchOptions) add(g *groups) { g.group("Messages").String("progress", "", "") }

func (watchOptions) run(ctx context.Context, a *App, _ *groups, _ []string) error {
	host := snapshot.Host{Output: a.term.hookOutput(), Drop: secretVariables}
	return snapshot.Watch(ctx, a.stdin, a.stdout, host, func(s string) { a.term.line("image-capture: " + s) })
}

// preHookHint says what a pre-hook that failed had for consequences.
func preHookHint(e *snapshot.HookError) string {
	if e.Followed {
		return "nothing was captured; the post-hook was run all the same"
	}
	return "nothing was captured: see what the hook says, or leave out --pre-hook"
}

package capture

import (
	"context"
	"io"
	"slices"
	"strings"

	"image-capture/rootfs"
	"image-capture/snapshot"
)

// Steady says what is done on the host so that the tree holds still while it is read.
type Steady struct {
	Hooks snapshot.Hooks
	// Snapshot is how filesystems are made to hold still; "" is snapshot.None.
	Snapshot snapshot.Mode
	Watch    Watch
}

// Watch says how the host is left as it was found. Nothing is done on the host without.
type Watch struct {
	// Watcher is the program, and its arguments, that calls snapshot.Watch; see
	// snapshot.NewGuard.
	Watcher []string
	// Output gets what hooks and the watcher print. When it is an *os.File, they do so
	// also after this process was killed.
	Output io.Writer
	// Secrets are the environment variables that no program gets.
	Secrets []string
	// Start is that of snapshot.Host.
	Start func(func() error) error
}

// held is what is done while the tree is read.
type held struct {
	// root is where the root is read from, and mounts the decisions that say so of the
	// rest; nil: where it is mounted.
	root   string
	mounts *rootfs.Mounts
	late   error // of a post-hook that was run early
	guard  *snapshot.Guard
	cloner *rootfs.Cloner              // nil: no files are cloned
	post   func(context.Context) error // runs the post-hook, once
}

// choose finds out what is done about each filesystem that is captured.
func (h *here) choose(ctx context.Context) (err error) {
	if m := h.opt.Snapshot; m == "" || m == snapshot.None {
		return nil
	}
	places, err := h.src.places()
	if err != nil {
		return err
	}
	if h.choices, err = h.host().Choose(ctx, h.opt.Snapshot, places); err != nil {
		return err
	}
	for _, c := range h.choices {
		h.events.Snapshot(c)
	}
	return nil
}

func (h *here) host() snapshot.Host {
	return snapshot.Host{Output: h.opt.Watch.Output, Drop: h.opt.Watch.Secrets, Start: h.opt.Watch.Start}
}

// choiceAt is the choice about the filesystem that a path of the tree is on.
func (h *here) choiceAt(path string) snapshot.Choice {
	var at snapshot.Choice
	for _, c := range h.choices {
		if (c.Path == "." || path == c.Path || strings.HasPrefix(path, c.Path+"/")) && len(c.Path) >= len(at.Path) {
			at = c
		}
	}
	return at
}

// chosen are the choices of a mode.
func (h *here) chosen(modes ...snapshot.Mode) []snapshot.Choice {
	return slices.DeleteFunc(slices.Clone(h.choices), func(c snapshot.Choice) bool { return !slices.Contains(modes, c.Mode) })
}

// Hold runs the pre-hook, and makes what the choices say.
func (h *here) Hold(ctx context.Context) error {
	s := h.opt.Steady
	if s.Hooks.Any() || len(h.chosen(snapshot.Btrfs, snapshot.LVM)) > 0 {
		if err := h.guard(ctx); err != nil {
			return err
		}
		if err := h.snapshots(ctx); err != nil {
			return err
		}
	}
	return h.cloneFiles()
}

// cloneFiles has files cloned where that was chosen.
func (h *here) cloneFiles() error {
	dirs := map[string]string{}
	for _, c := range h.chosen(snapshot.Reflink) {
		dirs[c.Path] = c.Dir
	}
	if len(dirs) == 0 {
		return nil
	}
	var failed map[string]error
	h.held.cloner, failed = rootfs.NewCloner(dirs, h.ofDatabase)
	for _, c := range h.chosen(snapshot.Reflink) {
		if err := failed[c.Path]; err != nil && len(failed) == len(dirs) && h.opt.Snapshot == snapshot.Reflink {
			return &snapshot.CannotError{Mode: snapshot.Reflink, Why: []string{c.Place.String() + ": " + err.Error()}}
		} else if err != nil {
			h.events.NotCloned(c.Path, 0, err.Error())
		}
	}
	return nil
}

// guard starts what cleans up, and runs the pre-hook.
func (h *here) guard(ctx context.Context) (err error) {
	s := h.opt.Steady
	h.held.guard, err = snapshot.NewGuard(s.Watch.Watcher, s.Watch.Output, h.host())
	if err != nil {
		return err
	}
	if s.Hooks.Pre != "" {
		h.events.Hook("pre-hook", s.Hooks.Pre)
	}
	h.held.post, err = h.held.guard.Pre(ctx, s.Hooks)
	return err
}

// Release runs the post-hook and removes what was made on the host.
func (h *here) Release(ctx context.Context) error {
	was := h.held
	h.held = held{}
	if c := was.cloner; c != nil {
		for _, f := range c.Failures() {
			h.events.NotCloned(f.First, f.Files, f.Err.Error())
		}
		c.Close()
	}
	if was.guard == nil {
		return nil
	}
	err := was.late
	if was.post != nil {
		err = h.runPost(ctx, was.post)
	}
	return joined(err, was.guard.Close(ctx, func(left *snapshot.LeftError) { h.events.LeftBehind(left.Error(), left.Command()) }))
}

func (h *here) runPost(ctx context.Context, post func(context.Context) error) error {
	if h.opt.Hooks.Post == "" {
		return nil
	}
	h.events.Hook("post-hook", h.opt.Hooks.Post)
	return post(ctx)
}

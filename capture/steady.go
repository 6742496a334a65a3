package capture

import (
	"context"
	"io"

	"image-capture/snapshot"
)

// Steady says what is done on the host so that the tree holds still while it is read.
type Steady struct {
	Hooks snapshot.Hooks
	Watch Watch
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

// any says whether anything is to be done.
func (s Steady) any() bool { return s.Hooks.Any() }

// held is what is done while the tree is read.
type held struct {
	guard *snapshot.Guard
	post  func(context.Context) error // runs the post-hook, once
}

// Hold runs the pre-hook.
func (h *here) Hold(ctx context.Context) error {
	s := h.opt.Steady
	if !s.any() {
		return nil
	}
	var err error
	h.held.guard, err = snapshot.NewGuard(s.Watch.Watcher, s.Watch.Output, snapshot.Host{Output: s.Watch.Output, Drop: s.Watch.Secrets, Start: s.Watch.Start})
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
	if was.guard == nil {
		return nil
	}
	err := h.runPost(ctx, was.post)
	return joined(err, was.guard.Close(ctx, func(left *snapshot.LeftError) { h.events.LeftBehind(left.Error(), left.Command()) }))
}

func (h *here) runPost(ctx context.Context, post func(context.Context) error) error {
	if post == nil || h.opt.Hooks.Post == "" {
		return nil
	}
	h.events.Hook("post-hook", h.opt.Hooks.Post)
	return post(ctx)
}

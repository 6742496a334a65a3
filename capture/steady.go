package capture

import (
	"context"
	"io"

	"image-capture/snapshot"
)

// Steady says what is done on the host so that the tree holds still while it is read.
type Steady struct {
	Hooks snapshot.Hooks
	// Watcher is the program, and its arguments, that calls snapshot.Watch; see
	// snapshot.NewGuard. Nothing is done on the host without.
	Watcher []string
	// Output gets what hooks and the watcher print. When it is an *os.File, they do so
	// also after this process was killed.
	Output io.Writer
	// Secrets are the environment variables that no program gets.
	Secrets []string
}

// any says whether anything is to be done.
func (s Steady) any() bool { return s.Hooks.Any() }

// hold is what is done while the tree is read.
type hold struct {
	guard *snapshot.Guard
	post  func(context.Context) error // runs the post-hook, once
}

// hold runs the pre-hook.
func (r *run) hold(ctx context.Context) error {
	s := r.opt.Steady
	if !s.any() {
		return nil
	}
	var err error
	r.held.guard, err = snapshot.NewGuard(s.Watcher, s.Output, snapshot.Host{Output: s.Output, Drop: s.Secrets})
	if err != nil {
		return err
	}
	if s.Hooks.Pre != "" {
		r.events.Hook("pre-hook", s.Hooks.Pre)
	}
	r.held.post, err = r.held.guard.Pre(ctx, s.Hooks)
	return err
}

// letGo runs the post-hook and removes what was made on the host. It is the end of all
// reading, also when ctx has ended.
func (r *run) letGo(ctx context.Context) error {
	h := r.held
	r.held = hold{}
	if h.guard == nil {
		return nil
	}
	err := r.runPost(ctx, h.post)
	return joined(err, h.guard.Close(ctx, r.events.LeftBehind))
}

func (r *run) runPost(ctx context.Context, post func(context.Context) error) error {
	if post == nil || r.opt.Hooks.Post == "" {
		return nil
	}
	r.events.Hook("post-hook", r.opt.Hooks.Post)
	return post(ctx)
}

// read makes the image of a tree that holds still, and brings it to where it belongs.
func (r *run) read(ctx context.Context) error {
	err := r.hold(ctx)
	if err == nil {
		if r.delivery == nil {
			err = r.walk(ctx, nil)
		} else {
			err = r.send(ctx)
		}
	}
	if r.late = r.letGo(ctx); r.image == nil && r.late != nil {
		err, r.late = joined(err, r.late), nil
	}
	return err
}

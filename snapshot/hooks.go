package snapshot

import (
	"context"
	"fmt"
)

// Hooks are commands of the user's, run on the host by sh -c.
type Hooks struct {
	// Pre is run before the snapshots are made, or before the tree is read, and Post
	// after they are made, or after the tree was read: always, also when Pre fails, and
	// also when the capture is killed. "" runs nothing.
	Pre, Post string
}

// Any says whether there is one.
func (h Hooks) Any() bool { return h.Pre != "" || h.Post != "" }

// HookError says that a hook failed.
type HookError struct {
	Post    bool // else it is the pre-hook
	Command string
	Reason  string // how it ended
	// Followed says that a post-hook was given, which is run also after a pre-hook that fails.
	Followed bool
}

func (e *HookError) Error() string {
	which := "pre-hook"
	if e.Post {
		which = "post-hook"
	}
	return fmt.Sprintf("%s %q: %s", which, e.Command, e.Reason)
}

// Pre runs the first hook. done runs the other one, once; it is owed from now on, also
// after an error.
func (g *Guard) Pre(ctx context.Context, h Hooks) (done func(context.Context) error, err error) {
	done = func(context.Context) error { return nil }
	if h.Post != "" {
		id, err := g.promise(Undo{Hook: h.Post})
		if err != nil {
			return done, err
		}
		done = func(ctx context.Context) error {
			if err := g.keep(context.WithoutCancel(ctx), id); err != nil {
				return &HookError{Post: true, Command: h.Post, Reason: err.Error()}
			}
			return nil
		}
	}
	if h.Pre == "" {
		return done, nil
	}
	if err := g.run(ctx, h.Pre); err != nil {
		if ctx.Err() != nil {
			return done, context.Cause(ctx)
		}
		return done, &HookError{Command: h.Pre, Reason: err.Error(), Followed: h.Post != ""}
	}
	return done, nil
}
